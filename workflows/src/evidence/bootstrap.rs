//! Bootstrap intervals of a mean difference, for graded scores that McNemar's test cannot take.
//!
//! The percentile bootstrap (Efron 1979; Efron and Tibshirani 1993, chapter 13) resamples items.
//! Items about one document rise and fall together, and resampling them one by one then claims
//! far too much; the cluster bootstrap resamples whole clusters (Davison and Hinkley 1997,
//! section 3.8; Cameron, Gelbach and Miller 2008). With fewer than about 30 clusters even that
//! interval is somewhat too narrow.

use std::collections::BTreeMap;

use empiric_schema::evidence::{Alpha, BootstrapEstimate, Interval};

use super::random::SplitMix64;

/// Resamples and their seed. The same plan over the same data always gives the same interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResamplingPlan {
    /// How many resamples to draw; 2000 settle the second digit of a 95 % interval.
    pub resamples: u32,
    /// Seed of the generator.
    pub seed: u64,
}

/// Sum and number of the differences that are resampled together.
#[derive(Debug, Clone, Copy, Default)]
struct Unit {
    sum: f64,
    items: f64,
}

impl Unit {
    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.items += other.items;
    }
}

/// Mean of independent differences (candidate minus incumbent, one per item) with its percentile
/// interval at level `1 - alpha`. `None` without items or resamples, or if a difference is not finite.
pub fn mean_difference(differences: &[f64], alpha: Alpha, plan: ResamplingPlan) -> Option<BootstrapEstimate> {
    let unit = |&sum: &f64| Unit { sum, items: 1.0 };
    let units: Vec<Unit> = differences.iter().map(unit).collect();
    estimate(&units, alpha, plan)
}

/// The same for differences in clusters, such as the document that a question is about. Whole
/// clusters are drawn; each item weighs the same. `None` as in [`mean_difference`].
pub fn clustered_mean_difference<C: Ord>(
    differences: &[(C, f64)],
    alpha: Alpha,
    plan: ResamplingPlan,
) -> Option<BootstrapEstimate> {
    let mut clusters: BTreeMap<&C, Unit> = BTreeMap::new();
    for (cluster, sum) in differences {
        let unit = Unit { sum: *sum, items: 1.0 };
        clusters.entry(cluster).or_default().add(unit);
    }
    let units: Vec<Unit> = clusters.into_values().collect();
    estimate(&units, alpha, plan)
}

fn estimate(units: &[Unit], alpha: Alpha, plan: ResamplingPlan) -> Option<BootstrapEstimate> {
    let mean = mean_of(units.iter().copied());
    if plan.resamples == 0 || !mean.is_finite() {
        return None;
    }
    let mut random = SplitMix64::new(plan.seed);
    let mut means: Vec<f64> = (0..plan.resamples)
        .map(|_| mean_of((0..units.len()).map(|_| units[random.below(units.len())])))
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = alpha.get() / 2.0;
    Some(BootstrapEstimate {
        mean,
        interval: Interval {
            low: quantile(&means, tail),
            high: quantile(&means, 1.0 - tail),
            level: 1.0 - alpha.get(),
        },
        units: units.len() as u64,
        resamples: plan.resamples,
    })
}

/// Mean over all items of the units; not a number without any.
fn mean_of(units: impl Iterator<Item = Unit>) -> f64 {
    let mut total = Unit::default();
    for unit in units {
        total.add(unit);
    }
    total.sum / total.items
}

/// Quantile of sorted values with linear interpolation (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAN: ResamplingPlan = ResamplingPlan { resamples: 400, seed: 11 };

    /// Twelve unit deviates summed: near enough to normal, and portable.
    fn noise(random: &mut SplitMix64) -> f64 {
        (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
    }

    /// 40 documents with 8 questions each, whose differences share most of their noise; the true mean is 0.
    fn clustered_data(random: &mut SplitMix64) -> Vec<(u32, f64)> {
        let mut data = Vec::new();
        for document in 0..40 {
            let shared = noise(random);
            data.extend((0..8).map(|_| (document, shared + 0.7 * noise(random))));
        }
        data
    }

    fn misses(estimate: BootstrapEstimate) -> bool {
        estimate.interval.low > 0.0 || estimate.interval.high < 0.0
    }

    #[test]
    fn clusters_are_resampled_whole_or_the_error_explodes() {
        let mut random = SplitMix64::new(5);
        let (mut naive_wrong, mut cluster_wrong) = (0, 0);
        for _ in 0..200 {
            let data = clustered_data(&mut random);
            let differences: Vec<f64> = data.iter().map(|d| d.1).collect();
            let naive = mean_difference(&differences, Alpha::FIVE_PERCENT, PLAN).unwrap();
            let cluster = clustered_mean_difference(&data, Alpha::FIVE_PERCENT, PLAN).unwrap();
            naive_wrong += u32::from(misses(naive));
            cluster_wrong += u32::from(misses(cluster));
        }
        assert!(naive_wrong > 60, "naive wrong {naive_wrong} of 200");
        assert!(cluster_wrong < 22, "cluster wrong {cluster_wrong} of 200");
    }

    #[test]
    fn independent_items_are_covered_as_stated() {
        let mut random = SplitMix64::new(6);
        let mut wrong = 0;
        for _ in 0..300 {
            let data: Vec<f64> = (0..60).map(|_| noise(&mut random)).collect();
            let estimate = mean_difference(&data, Alpha::FIVE_PERCENT, PLAN).unwrap();
            wrong += u32::from(misses(estimate));
        }
        assert!((4..33).contains(&wrong), "wrong {wrong} of 300");
    }

    #[test]
    fn nothing_measured_gives_nothing() {
        assert_eq!(mean_difference(&[], Alpha::FIVE_PERCENT, PLAN), None);
        assert_eq!(mean_difference(&[0.1, f64::NAN], Alpha::FIVE_PERCENT, PLAN), None);
        let no_draws = ResamplingPlan { resamples: 0, seed: 1 };
        assert_eq!(mean_difference(&[0.1], Alpha::FIVE_PERCENT, no_draws), None);
        assert_eq!(clustered_mean_difference::<u8>(&[], Alpha::FIVE_PERCENT, PLAN), None);
    }

    #[test]
    fn a_seed_gives_the_same_interval_for_ever() {
        let data: Vec<f64> = (0..50).map(|i| f64::from(i % 7) / 7.0 - 0.3).collect();
        let first = mean_difference(&data, Alpha::FIVE_PERCENT, PLAN);
        assert_eq!(first, mean_difference(&data, Alpha::FIVE_PERCENT, PLAN));
        let other = ResamplingPlan { seed: 12, ..PLAN };
        assert_ne!(first, mean_difference(&data, Alpha::FIVE_PERCENT, other));
    }

    #[test]
    fn clusters_of_one_item_are_plain_items() {
        let data: Vec<f64> = (0..50).map(|i| f64::from(i % 7) / 7.0).collect();
        let clustered: Vec<(usize, f64)> = data.iter().copied().enumerate().collect();
        assert_eq!(
            mean_difference(&data, Alpha::FIVE_PERCENT, PLAN),
            clustered_mean_difference(&clustered, Alpha::FIVE_PERCENT, PLAN)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn interval_lies_within_the_data(data in prop::collection::vec(-1.0..1.0, 1..40), seed: u64) {
            let plan = ResamplingPlan { resamples: 100, seed };
            let estimate = mean_difference(&data, Alpha::FIVE_PERCENT, plan).unwrap();
            let least = data.iter().copied().fold(f64::INFINITY, f64::min);
            let most = data.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(estimate.interval.low <= estimate.interval.high);
            prop_assert!(least - 1e-12 <= estimate.interval.low && estimate.interval.high <= most + 1e-12);
        }
    }
}
