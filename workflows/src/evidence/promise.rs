//! A promised rate watched for as long as it is promised.
//!
//! Two e-processes over one stream of judged answers: one bets that more of them fail than was promised, the
//! other that fewer do. Each is a uniform mixture over the failure rates on its side of the promise, against the
//! promise itself (the mixture method, Robbins 1970). Where the promise holds, the first does not grow on average
//! and reaches `1 / alpha` with probability `alpha` at most, however long and however often one looks (Ville
//! 1939; Ramdas, Gruenwald, Vovk and Shafer 2023). The same holds for the second where the promise is broken.
//!
//! A system that was good for long and turns bad would have to use up what it has earned. So the bet against it is
//! also begun anew with each window. The sum of all of them, weighted by weights that sum to one, is an e-process
//! as well (a mixture over the moment of change; Shin, Ramdas and Rinaldo 2023, "E-detectors").

use empiric_schema::evidence::{Alpha, Verdict};
use serde::{Deserialize, Serialize};
use statrs::function::beta::{beta_reg, ln_beta};

/// Beginnings that are kept. Leaving one out makes the sum smaller, which errs on the side of silence.
const MOST_BEGINNINGS: usize = 24;
/// Trials of a beginning up to which the incomplete beta function is exact enough.
const MOST_TRIALS: u64 = 10_000;

/// The stream of judged answers, as counts since each kept beginning. Limits are given when it is asked, so that
/// nothing here can disagree with the spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseStream {
    /// Windows with at least one judged answer.
    windows: u32,
    /// The first one is since the start.
    beginnings: Vec<Beginning>,
}

/// What was counted since the beginning of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Beginning {
    window: u32,
    failed: u64,
    passed: u64,
}

impl PromiseStream {
    /// Counts a window. One without a judged answer says nothing and leaves no trace.
    pub fn observe(&mut self, failed: u64, passed: u64) {
        if failed + passed == 0 {
            return;
        }
        self.beginnings.push(Beginning { window: self.windows, failed: 0, passed: 0 });
        self.windows += 1;
        for beginning in &mut self.beginnings {
            if beginning.trials() < MOST_TRIALS {
                beginning.failed += failed;
                beginning.passed += passed;
            }
        }
        if self.beginnings.len() > MOST_BEGINNINGS {
            self.beginnings.remove(1);
        }
    }

    /// Failures that were none after all: they were passes. From which window they came is not kept, so that later
    /// beginnings may lose one too many, which errs on the side of silence.
    pub fn overturn(&mut self, count: u64) {
        for beginning in &mut self.beginnings {
            let wrong = count.min(beginning.failed);
            beginning.failed -= wrong;
            beginning.passed += wrong;
        }
    }

    /// Judged answers since the start, as far as they are counted.
    pub fn trials(&self) -> u64 {
        self.beginnings.first().map_or(0, Beginning::trials)
    }

    /// Failed answers since the start, as far as they are counted.
    pub fn failed(&self) -> u64 {
        self.beginnings.first().map_or(0, |first| first.failed)
    }

    /// What the stream says of "at most `limit` of the answers fail". A promise shown to be broken is broken,
    /// whatever it was before.
    pub fn verdict(&self, limit: f64, alpha: Alpha) -> Verdict {
        let bar = -alpha.get().ln();
        if self.log_e_broken(limit) >= bar {
            Verdict::Fail
        } else if self.log_e_kept(limit) >= bar {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    }

    /// Logarithm of the evidence that more than `limit` fail, now or since some window.
    pub fn log_e_broken(&self, limit: f64) -> f64 {
        let terms = self.beginnings.iter().map(|beginning| {
            let at = f64::from(beginning.window);
            let log_weight = -(at + 1.0).ln() - (at + 2.0).ln();
            log_weight + log_e_above(beginning.failed, beginning.passed, limit)
        });
        log_sum(&terms.collect::<Vec<_>>())
    }

    /// Logarithm of the evidence that fewer than `limit` fail, over everything since the start.
    pub fn log_e_kept(&self, limit: f64) -> f64 {
        self.beginnings.first().map_or(0.0, |first| log_e_below(first.failed, first.passed, limit))
    }
}

impl Beginning {
    fn trials(&self) -> u64 {
        self.failed + self.passed
    }
}

/// Logarithm of the e-value for "more than `limit` fail":
/// `integral over (limit, 1) of t^failed (1-t)^passed dt / ((1-limit) limit^failed (1-limit)^passed)`.
pub fn log_e_above(failed: u64, passed: u64, limit: f64) -> f64 {
    if limit <= 0.0 {
        return if failed > 0 { f64::INFINITY } else { 0.0 };
    }
    if limit >= 1.0 {
        return 0.0;
    }
    let (a, b) = shape(failed, passed);
    ln_beta(a, b) + beta_reg(b, a, 1.0 - limit).ln()
        - (-limit).ln_1p()
        - log_likelihood(failed, passed, limit)
}

/// Logarithm of the e-value for "fewer than `limit` fail", the mirror image. That nothing ever fails cannot be
/// shown.
pub fn log_e_below(failed: u64, passed: u64, limit: f64) -> f64 {
    if limit <= 0.0 {
        return 0.0;
    }
    if limit >= 1.0 {
        return if failed + passed > 0 { f64::INFINITY } else { 0.0 };
    }
    let (a, b) = shape(failed, passed);
    ln_beta(a, b) + beta_reg(a, b, limit).ln() - limit.ln() - log_likelihood(failed, passed, limit)
}

fn shape(failed: u64, passed: u64) -> (f64, f64) {
    (failed as f64 + 1.0, passed as f64 + 1.0)
}

fn log_likelihood(failed: u64, passed: u64, rate: f64) -> f64 {
    failed as f64 * rate.ln() + passed as f64 * (-rate).ln_1p()
}

/// The logarithm of the sum of what these are logarithms of; 0, which is no evidence, of nothing.
fn log_sum(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if logs.is_empty() {
        return 0.0;
    }
    if !largest.is_finite() {
        return largest;
    }
    largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::super::distribution::probability;
    use super::super::random::SplitMix64;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_values_are_those_of_the_integral() {
        // One failure at a promise of one half: the mean of t over (1/2, 1), over one half.
        assert!((log_e_above(1, 0, 0.5).exp() - 1.5).abs() < 1e-12);
        assert!((log_e_above(0, 1, 0.5).exp() - 0.5).abs() < 1e-12);
        assert!((log_e_below(0, 1, 0.5).exp() - 1.5).abs() < 1e-12);
        assert!((log_e_above(0, 0, 0.3).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn neither_grows_on_average_where_its_claim_is_at_the_border() {
        for limit in [0.02, 0.25, 0.5, 0.9] {
            for n in [1, 7, 40] {
                let mean = |log_e: fn(u64, u64, f64) -> f64| -> f64 {
                    (0..=n).map(|f| probability(f, n, limit) * log_e(f, n - f, limit).exp()).sum()
                };
                assert!((mean(log_e_above) - 1.0).abs() < 1e-9, "above {limit} {n}");
                assert!((mean(log_e_below) - 1.0).abs() < 1e-9, "below {limit} {n}");
            }
        }
    }

    #[test]
    fn limits_at_the_ends_have_their_own_answers() {
        assert_eq!(log_e_above(1, 99, 0.0), f64::INFINITY);
        assert_eq!(log_e_above(0, 99, 0.0), 0.0);
        assert_eq!(log_e_below(0, 99, 0.0), 0.0);
        assert_eq!(log_e_above(99, 0, 1.0), 0.0);
        assert_eq!(log_e_below(99, 0, 1.0), f64::INFINITY);
    }

    #[test]
    fn what_was_no_failure_counts_as_a_pass() {
        let mut stream = stream(&[(6, 0), (2, 2)]);
        assert_eq!(stream.verdict(0.25, Alpha::FIVE_PERCENT), Verdict::Fail);
        stream.overturn(6);
        assert_eq!((stream.failed(), stream.trials()), (2, 10));
        assert_eq!(stream.verdict(0.25, Alpha::FIVE_PERCENT), Verdict::Inconclusive);
        stream.overturn(6);
        assert_eq!((stream.failed(), stream.trials()), (0, 10), "there is nothing more to overturn");
    }

    fn stream(windows: &[(u64, u64)]) -> PromiseStream {
        let mut stream = PromiseStream::default();
        windows.iter().for_each(|(failed, passed)| stream.observe(*failed, *passed));
        stream
    }

    #[test]
    fn verdicts_of_a_promise_of_a_quarter() {
        for (windows, expected) in [
            (&[][..], Verdict::Inconclusive),
            (&[(0, 0), (0, 0)], Verdict::Inconclusive),
            (&[(0, 10)], Verdict::Inconclusive),
            (&[(0, 20)], Verdict::Pass),
            (&[(1, 29)], Verdict::Pass),
            (&[(5, 15)], Verdict::Inconclusive),
            (&[(3, 0)], Verdict::Inconclusive),
            (&[(4, 0)], Verdict::Fail),
            (&[(12, 8)], Verdict::Fail),
        ] {
            assert_eq!(stream(windows).verdict(0.25, Alpha::FIVE_PERCENT), expected, "{windows:?}");
        }
    }

    #[test]
    fn a_system_that_was_good_for_long_is_found_out_soon() {
        let mut stream = stream(&[(1, 19); 40]);
        assert_eq!(stream.verdict(0.25, Alpha::FIVE_PERCENT), Verdict::Pass);
        stream.observe(16, 4);
        assert_eq!(stream.verdict(0.25, Alpha::FIVE_PERCENT), Verdict::Fail);
        assert!(stream.failed() * 4 < stream.trials(), "over all time it keeps its promise");
    }

    #[test]
    fn memory_is_bounded_and_survives_serialisation() {
        let stream = stream(&[(1, 99); 5000]);
        assert!(stream.beginnings.len() <= MOST_BEGINNINGS);
        assert!(stream.trials() < MOST_TRIALS + 100);
        let text = serde_json::to_string(&stream).unwrap();
        assert_eq!(serde_json::from_str::<PromiseStream>(&text).unwrap(), stream);
    }

    /// Share of streams at the promised rate that are ever called broken, looked at after every window.
    #[test]
    fn watching_for_long_keeps_the_error() {
        let mut random = SplitMix64::new(20_261_123);
        let mut alarms = 0;
        for _ in 0..400 {
            let mut stream = PromiseStream::default();
            for _ in 0..60 {
                let failed = (0..10).filter(|_| random.unit() < 0.25).count() as u64;
                stream.observe(failed, 10 - failed);
                if stream.verdict(0.25, Alpha::FIVE_PERCENT) == Verdict::Fail {
                    alarms += 1;
                    break;
                }
            }
        }
        assert!(alarms <= 20, "{alarms} of 400");
    }

    proptest! {
        #[test]
        fn failures_raise_and_successes_lower_the_case_against(f in 0_u64..200, p in 0_u64..200, limit in 0.01_f64..0.9) {
            prop_assert!(log_e_above(f + 1, p, limit) >= log_e_above(f, p, limit));
            prop_assert!(log_e_above(f, p + 1, limit) <= log_e_above(f, p, limit));
            prop_assert!(log_e_below(f, p, limit) <= log_e_below(f, p + 1, limit));
        }
    }
}
