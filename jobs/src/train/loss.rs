//! The output head with its loss, forward and backward in one pass.
//!
//! Logits exist for some rows at a time: for all rows at once they would take more memory than the model.

use candle_core::{Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::gradients::{Gradients, Weight};
use super::tensors::change;
use crate::model::LANES;
use crate::model::kernels::exp;

/// Rows whose logits exist together. Fewer would read the head's weights too often.
const ROWS: usize = 512;

/// The summed negative log-likelihood, in nats, of `targets` after `normed` (`[targets, hidden]`).
pub(crate) fn loss(normed: &Tensor, targets: &[u32], head: &Tensor) -> Result<f64> {
    let mut sum = 0.0;
    for (index, targets) in targets.chunks(ROWS).enumerate() {
        let rows = normed.narrow(0, index * ROWS, targets.len())?;
        let logits = rows.matmul(&head.t()?)?;
        sum += to_gradient(&logits, targets, 0.0)?;
    }
    Ok(sum)
}

/// As [`loss`], with the gradient of `factor` times the sum: that of `normed` is returned, that of the head
/// goes to `gradients` where it is trained.
pub(crate) fn learn(
    normed: &Tensor,
    targets: &[u32],
    head: &Weight,
    factor: f32,
    gradients: &mut Gradients,
) -> Result<(f64, Tensor)> {
    let mut sum = 0.0;
    let mut to_normed = Vec::new();
    for (index, targets) in targets.chunks(ROWS).enumerate() {
        let rows = normed.narrow(0, index * ROWS, targets.len())?;
        let logits = rows.matmul(&head.value.t()?)?;
        sum += to_gradient(&logits, targets, factor)?;
        to_normed.push(logits.matmul(&head.value)?);
        if let Some(slot) = head.slot {
            gradients.add(slot, logits.t()?.matmul(&rows)?)?;
        }
    }
    match <[Tensor; 1]>::try_from(to_normed) {
        Ok([only]) => Ok((sum, only)),
        Err(several) => Ok((sum, Tensor::cat(&several, 0)?)),
    }
}

/// Turns logits into `factor` times the gradient of their loss, and returns the summed loss.
fn to_gradient(logits: &Tensor, targets: &[u32], factor: f32) -> Result<f64> {
    let width = logits.dim(1)?;
    let mut losses = Vec::new();
    change(logits, |logits| {
        let rows = logits.par_chunks_exact_mut(width).zip(targets);
        let loss = |(logits, target): (&mut [f32], &u32)| {
            Arch::new().dispatch(Row { logits, target: *target as usize, factor })
        };
        losses = rows.map(loss).collect();
    })?;
    Ok(losses.iter().sum())
}

struct Row<'a> {
    logits: &'a mut [f32],
    target: usize,
    factor: f32,
}

impl WithSimd for Row<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let own = self.logits[self.target];
        let top = maximum(self.logits);
        let sum = exponentials::<S>(self.logits, top);
        let loss = sum.ln() + f64::from(top) - f64::from(own);
        let scale = (f64::from(self.factor) / sum) as f32;
        self.logits.iter_mut().for_each(|value| *value *= scale);
        self.logits[self.target] -= self.factor;
        loss
    }
}

/// The largest value. One that is NaN is passed over here; the exponentials' sum shows it.
#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let mut tops = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (top, value) in tops.iter_mut().zip(block) {
            *top = if *value > *top { *value } else { *top };
        }
    }
    tops.iter().chain(rest).fold(f32::NEG_INFINITY, |top, value| if *value > top { *value } else { top })
}

/// Replaces values by the exponentials of their distance from `top`, and sums them in a fixed order.
#[inline(always)]
fn exponentials<S: Simd>(values: &mut [f32], top: f32) -> f64 {
    let mut sums = [0.0f32; LANES];
    let (blocks, rest) = values.as_chunks_mut::<LANES>();
    let mut total = 0.0;
    for blocks in blocks.chunks_mut(256) {
        for block in blocks {
            for (value, sum) in block.iter_mut().zip(&mut sums) {
                *value = exp::<S>(*value - top);
                *sum += *value;
            }
        }
        total += sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        sums = [0.0; LANES];
    }
    for value in rest {
        *value = exp::<S>(*value - top);
        total += f64::from(*value);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tensors::{add, lend, matrix};

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + seed) * 12.9898).sin() * 3.0).collect()
    }

    #[test]
    fn loss_and_gradient_agree_with_the_formula() {
        let (rows, width) = (5, 37);
        let values = noise(rows * width, 1.0);
        let targets = [0u32, 36, 7, 7, 20];
        let logits = matrix(values.clone(), width).unwrap();
        let sum = to_gradient(&logits, &targets, 0.5).unwrap();
        let gradient = lend(&logits).unwrap();
        let mut expected = 0.0;
        for (row, target) in targets.iter().enumerate() {
            let line: Vec<f64> = values[row * width..][..width].iter().map(|v| f64::from(*v)).collect();
            let total: f64 = line.iter().map(|v| v.exp()).sum();
            expected -= (line[*target as usize].exp() / total).ln();
            for (column, value) in line.iter().enumerate() {
                let own = f64::from(u8::from(column == *target as usize));
                let slope = 0.5 * (value.exp() / total - own);
                assert!((slope - f64::from(gradient[row * width + column])).abs() < 1e-6);
            }
        }
        assert!((sum - expected).abs() < 1e-5, "{sum} {expected}");
    }

    #[test]
    fn a_logit_that_is_no_number_makes_the_loss_none() {
        let mut values = noise(2 * 32, 1.0);
        values[40] = f32::NAN;
        let logits = matrix(values, 32).unwrap();
        assert!(to_gradient(&logits, &[1, 2], 1.0).unwrap().is_nan());
    }

    #[test]
    fn many_rows_are_taken_in_pieces() {
        let (rows, hidden, width) = (ROWS + 3, 16, 20);
        let normed = matrix(noise(rows * hidden, 1.0), hidden).unwrap();
        let head = Weight { value: matrix(noise(width * hidden, 4.0), hidden).unwrap(), slot: Some(0) };
        let targets: Vec<u32> = (0..rows as u32).map(|i| i % width as u32).collect();
        let mut gradients = Gradients::new(1);
        let (sum, gradient) = learn(&normed, &targets, &head, 1.0, &mut gradients).unwrap();
        assert!((sum - loss(&normed, &targets, &head.value).unwrap()).abs() < 1e-9);
        let mut alone = Gradients::new(1);
        let last = normed.narrow(0, ROWS, 3).unwrap();
        let (_, rest) = learn(&last, &targets[ROWS..], &head, 1.0, &mut alone).unwrap();
        assert_eq!(&lend(&gradient).unwrap()[ROWS * hidden..], &*lend(&rest).unwrap());
        add(alone.get(0).unwrap(), &{
            let mut first = Gradients::new(1);
            learn(&normed.narrow(0, 0, ROWS).unwrap(), &targets[..ROWS], &head, 1.0, &mut first).unwrap();
            first.get(0).unwrap().clone()
        })
        .unwrap();
        let (whole, parts) = (gradients.get(0).unwrap(), alone.get(0).unwrap());
        for (a, b) in lend(whole).unwrap().iter().zip(&*lend(parts).unwrap()) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}
