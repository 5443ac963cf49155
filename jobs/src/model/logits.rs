//! What a row of logits says. Loops over a whole vocabulary, compiled for the machine's widest vectors.

use pulp::{Arch, Simd, WithSimd};

use super::error::ModelError;
use super::kernels::exp;

/// Running sums side by side, so that they fill a register.
const WIDTH: usize = 16;

/// Refuses rows with NaN or infinite values.
pub(crate) fn check(logits: &[f32]) -> Result<(), ModelError> {
    match Arch::new().dispatch(Finite(logits)) {
        true => Ok(()),
        false => Err(ModelError::Diverged),
    }
}

/// The place of the largest; the first of equals.
pub(crate) fn most_likely(logits: &[f32]) -> usize {
    let top = Arch::new().dispatch(Top(logits));
    logits.iter().position(|value| *value == top).unwrap_or(0)
}

/// The natural logarithm of the sum of exponentials; minus infinity for no logits.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f64 {
    if logits.is_empty() {
        return f64::NEG_INFINITY;
    }
    let top = Arch::new().dispatch(Top(logits));
    f64::from(top) + Arch::new().dispatch(ExpSum { logits, top }).ln()
}

/// Probabilities up to a common factor, at this temperature (above 0). The largest is 1.
pub(crate) fn weights(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = Arch::new().dispatch(Top(logits));
    let mut weights = logits.to_vec();
    Arch::new().dispatch(Exp { values: &mut weights, top, scale: 1.0 / temperature });
    weights
}

struct Finite<'a>(&'a [f32]);

impl WithSimd for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        // Zero times a finite number is zero; times anything else it is NaN, which every sum keeps.
        let mut sums = [0.0f32; WIDTH];
        let (blocks, rest) = self.0.as_chunks::<WIDTH>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += value * 0.0;
            }
        }
        sums.iter().chain(rest).all(|value| value.is_finite())
    }
}

struct Top<'a>(&'a [f32]);

impl WithSimd for Top<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        let mut tops = [f32::NEG_INFINITY; WIDTH];
        let (blocks, rest) = self.0.as_chunks::<WIDTH>();
        for block in blocks {
            for (top, value) in tops.iter_mut().zip(block) {
                *top = larger(*top, *value);
            }
        }
        tops.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
    }
}

struct ExpSum<'a> {
    logits: &'a [f32],
    top: f32,
}

impl WithSimd for ExpSum<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0f32; WIDTH];
        let (blocks, rest) = self.logits.as_chunks::<WIDTH>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += exp::<S>(value - self.top);
            }
        }
        let rest = rest.iter().map(|value| f64::from(exp::<S>(value - self.top)));
        sums.iter().map(|sum| f64::from(*sum)).chain(rest).sum()
    }
}

struct Exp<'a> {
    values: &'a mut [f32],
    top: f32,
    scale: f32,
}

impl WithSimd for Exp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.values {
            *value = exp::<S>((*value - self.top) * self.scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 12.9898).sin() * 20.0).collect()
    }

    #[test]
    fn the_logarithm_of_the_sum_agrees_with_the_formula() {
        for count in [1, 7, 16, 49_152] {
            let logits = noise(count);
            let exact = logits.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
            assert!((log_sum_exp(&logits) - exact).abs() < 2e-6, "{count}");
        }
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }

    #[test]
    fn the_first_of_equals_is_most_likely() {
        let mut logits = noise(100);
        logits[17] = 50.0;
        logits[60] = 50.0;
        assert_eq!(most_likely(&logits), 17);
    }

    #[test]
    fn numbers_that_are_none_are_seen_wherever_they_are() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 15, 16, 98, 99] {
                let mut logits = noise(100);
                assert!(check(&logits).is_ok());
                logits[place] = bad;
                assert!(matches!(check(&logits), Err(ModelError::Diverged)), "{bad} at {place}");
            }
        }
    }

    #[test]
    fn weights_follow_the_temperature() {
        let weights = weights(&[1.0, 3.0, 2.0], 0.5);
        let expected = [(-4.0f32).exp(), 1.0, (-2.0f32).exp()];
        assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{weights:?}");
    }
}
