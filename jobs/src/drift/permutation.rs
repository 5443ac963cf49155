//! Whether two samples differ: the permutation test (Fisher 1935), exact for any statistic.

use super::DRAWS;
use crate::train::Random;

/// Two samples in one order by value, with where each value is from.
pub(super) struct Pooled {
    /// Rising.
    values: Vec<f64>,
    is_here: Vec<bool>,
    here: usize,
}

impl Pooled {
    pub(super) fn of(here: &[f64], before: &[f64]) -> Self {
        let mut all: Vec<(f64, bool)> = here.iter().map(|value| (*value, true)).collect();
        all.extend(before.iter().map(|value| (*value, false)));
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (values, is_here) = all.into_iter().unzip();
        Self { values, is_here, here: here.len() }
    }

    /// Probability of a difference at least as large where both samples are of one distribution. Never 0: the
    /// samples as they are count as one of the draws.
    pub(super) fn p_value(mut self, statistic: fn(&Self) -> f64, seed: u64) -> f64 {
        let observed = statistic(&self);
        let mut random = Random::new(seed, 2);
        let mut as_large = 1;
        for _ in 0..DRAWS {
            random.shuffle(&mut self.is_here);
            as_large += usize::from(statistic(&self) >= observed - 1e-12);
        }
        as_large as f64 / (DRAWS + 1) as f64
    }

    /// Largest difference of the two distribution functions (Kolmogorov and Smirnov).
    pub(super) fn kolmogorov_smirnov(&self) -> f64 {
        let before = self.values.len() - self.here;
        let (mut at, mut largest) = ([0.0, 0.0], 0.0_f64);
        for (place, value) in self.values.iter().enumerate() {
            let (sample, size) = if self.is_here[place] { (0, self.here) } else { (1, before) };
            at[sample] += 1.0 / size as f64;
            if self.values.get(place + 1) != Some(value) {
                largest = largest.max((at[0] - at[1]).abs());
            }
        }
        largest
    }

    /// Sum over the different values of the squared difference of their shares over the pooled share: chi-square up
    /// to a factor that no permutation changes (Pearson 1900).
    pub(super) fn chi_square(&self) -> f64 {
        let before = self.values.len() - self.here;
        let (mut counts, mut sum) = ([0_usize; 2], 0.0);
        for (place, value) in self.values.iter().enumerate() {
            counts[usize::from(!self.is_here[place])] += 1;
            if self.values.get(place + 1) != Some(value) {
                let shares = [counts[0] as f64 / self.here as f64, counts[1] as f64 / before as f64];
                sum += (shares[0] - shares[1]).powi(2) / (counts[0] + counts[1]) as f64;
                counts = [0; 2];
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: usize, seed: u64, shift: f64) -> Vec<f64> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| f64::from(random.symmetric(1.0)) + shift).collect()
    }

    #[test]
    fn statistics_are_those_of_the_books() {
        let pooled = Pooled::of(&[1.0, 2.0, 3.0], &[2.0, 4.0]);
        // F(2) is 2/3 here and 1/2 before, F(3) is 1 and 1/2.
        assert!((pooled.kolmogorov_smirnov() - 0.5).abs() < 1e-12);
        assert_eq!(Pooled::of(&[1.0, 1.0], &[1.0]).kolmogorov_smirnov(), 0.0);
        let pooled = Pooled::of(&[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 1.0, 1.0]);
        // Shares differ by 1/4 twice; the values come 3 and 5 times.
        assert!((pooled.chi_square() - (1.0 / 16.0) * (1.0 / 3.0 + 1.0 / 5.0)).abs() < 1e-12);
    }

    #[test]
    fn only_a_difference_has_a_small_probability() {
        let p = |shift: f64, seed: u64| {
            let (here, before) = (sample(60, seed, shift), sample(80, seed + 1, 0.0));
            Pooled::of(&here, &before).p_value(Pooled::kolmogorov_smirnov, 1)
        };
        assert!(p(0.8, 1) < 0.001);
        assert!(p(0.0, 3) > 0.02);
        assert_eq!(Pooled::of(&[1.0; 9], &[1.0; 9]).p_value(Pooled::kolmogorov_smirnov, 1), 1.0);
    }
}
