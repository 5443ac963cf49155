//! The binomial distribution, as the tests here need it.
//!
//! Tails come from the regularised incomplete beta function of `statrs`, whose continued
//! fraction converges for up to about ten thousand trials.

use statrs::function::beta::beta_reg;
use statrs::function::factorial::ln_binomial;

/// Probability of at least `successes` in `trials` with success probability `rate`:
/// `I_rate(successes, trials - successes + 1)`.
pub(super) fn upper_tail(successes: u64, trials: u64, rate: f64) -> f64 {
    if successes == 0 {
        return 1.0;
    }
    if successes > trials || rate <= 0.0 {
        return 0.0;
    }
    if rate >= 1.0 {
        return 1.0;
    }
    let (a, b) = (successes as f64, (trials - successes + 1) as f64);
    beta_reg(a, b, rate).clamp(0.0, 1.0)
}

/// Probability of exactly `successes` in `trials` with success probability `rate`.
pub(super) fn probability(successes: u64, trials: u64, rate: f64) -> f64 {
    if successes > trials {
        return 0.0;
    }
    if rate <= 0.0 {
        return f64::from(successes == 0);
    }
    if rate >= 1.0 {
        return f64::from(successes == trials);
    }
    let failures = (trials - successes) as f64;
    let log = ln_binomial(trials, successes) + successes as f64 * rate.ln() + failures * (-rate).ln_1p();
    log.exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_the_sum_of_the_probabilities() {
        for trials in [1, 5, 30, 200] {
            for rate in [0.02, 0.3, 0.5, 0.97] {
                let mut sum = 0.0;
                for successes in (0..=trials).rev() {
                    sum += probability(successes, trials, rate);
                    let tail = upper_tail(successes, trials, rate);
                    assert!((tail - sum).abs() < 1e-10, "{successes} of {trials} at {rate}");
                }
            }
        }
    }

    #[test]
    fn certain_and_impossible_rates_are_exact() {
        assert_eq!(probability(0, 10, 0.0), 1.0);
        assert_eq!(probability(10, 10, 1.0), 1.0);
        assert_eq!(probability(9, 10, 1.0), 0.0);
        assert_eq!(upper_tail(1, 10, 0.0), 0.0);
        assert_eq!(upper_tail(10, 10, 1.0), 1.0);
        assert_eq!(upper_tail(11, 10, 0.5), 0.0);
    }
}
