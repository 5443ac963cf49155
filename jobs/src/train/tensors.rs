//! Between tensors, whose products the tensor library computes, and plain values, whose loops are ours.

use std::cell::RefCell;
use std::ops::Deref;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor, bail};
use rayon::prelude::*;

/// Values that one thread works on in one go.
const CHUNK: usize = 1 << 14;

/// The values of a contiguous 32-bit tensor in main memory, lent for reading.
pub(crate) struct Lent<'a> {
    storage: StorageRef<'a>,
    start: usize,
    end: usize,
}

impl Deref for Lent<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.end],
            // `lend` makes no such value.
            _ => &[],
        }
    }
}

/// Lends a tensor's values.
pub(crate) fn lend(tensor: &Tensor) -> Result<Lent<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(_)), Some((start, end))) => Ok(Lent { storage, start, end }),
        _ => bail!("expected contiguous 32-bit floats in main memory"),
    }
}

/// Changes a tensor's values where they lie. Tensors that share the memory change too.
pub(crate) fn change(tensor: &Tensor, work: impl FnMut(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Change(RefCell::new(work)))
}

struct Change<F>(RefCell<F>);

impl<F: FnMut(&mut [f32])> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(values) = storage else { bail!("expected 32-bit floats") };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
        (self.0.borrow_mut())(&mut values[start..end]);
        Ok(())
    }
}

/// A tensor of these values with rows of this width; nothing is copied.
pub(crate) fn matrix(values: Vec<f32>, width: usize) -> Result<Tensor> {
    let rows = values.len() / width.max(1);
    Tensor::from_vec(values, (rows, width), &Device::Cpu)
}

/// `target += delta`, where the target lies.
pub(crate) fn add(target: &Tensor, delta: &Tensor) -> Result<()> {
    let delta = lend(delta)?;
    change(target, |target| {
        let chunks = target.par_chunks_mut(CHUNK).zip(delta.par_chunks(CHUNK));
        chunks.for_each(|(target, delta)| target.iter_mut().zip(delta).for_each(|(t, d)| *t += d));
    })
}

/// `target *= factor`, where the target lies.
pub(crate) fn scale(target: &Tensor, factor: f32) -> Result<()> {
    change(target, |target| target.iter_mut().for_each(|value| *value *= factor))
}

/// The sum of all squares, summed in an order that does not depend on the threads.
pub(crate) fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let values = lend(tensor)?;
    let square = |value: &f32| f64::from(*value) * f64::from(*value);
    let sums: Vec<f64> = values.par_chunks(CHUNK).map(|chunk| chunk.iter().map(square).sum()).collect();
    Ok(sums.iter().sum())
}

/// Writes the transpose of `source` (`[rows, columns]`) into `target`, square by square for the cache.
pub(crate) fn turn(source: &Tensor, target: &Tensor) -> Result<()> {
    const SQUARE: usize = 16;
    let (rows, columns) = source.dims2()?;
    let source = lend(source)?;
    change(target, |target| {
        target.par_chunks_mut(SQUARE * rows).enumerate().for_each(|(block, target)| {
            for first in (0..rows).step_by(SQUARE) {
                let count = SQUARE.min(rows - first);
                for (line, target) in target.chunks_exact_mut(rows).enumerate() {
                    let values = source[first * columns + block * SQUARE + line..].iter().step_by(columns);
                    target[first..first + count].iter_mut().zip(values).for_each(|(t, value)| *t = *value);
                }
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_twice_gives_the_matrix_back() {
        for (rows, columns) in [(1, 5), (16, 16), (33, 20), (40, 65)] {
            let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let source = matrix(values.clone(), columns).unwrap();
            let turned = matrix(vec![0.0; rows * columns], rows).unwrap();
            turn(&source, &turned).unwrap();
            assert_eq!(lend(&turned).unwrap()[1 % rows], values[columns * (1 % rows)]);
            let again = matrix(vec![0.0; rows * columns], columns).unwrap();
            turn(&turned, &again).unwrap();
            assert_eq!(*lend(&again).unwrap(), *values);
        }
    }
}
