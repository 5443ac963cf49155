//! The product of 32-bit rows with 8-bit weights, in loops that the compiler turns into wide vectors.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::matrix::{Q8Matrix, Shifts, Square, TILE};
use super::run::RUN;
use crate::model::kernels::multiply_add;

/// Tiles that one task works on for a single row.
const TASK: usize = 4;
/// Rows that one task works on where there are many: their inputs stay in the second cache.
const CHUNK: usize = 32;

/// `[rows, in]` to `[rows, out]`.
pub(super) fn multiply(matrix: &Q8Matrix, input: &[f32]) -> Vec<f32> {
    let rows = input.len() / matrix.inputs;
    let run_sums = if matrix.is_shifted() { run_sums(input) } else { Vec::new() };
    let input = Input { values: input, run_sums: &run_sums, width: matrix.inputs };
    let mut output = vec![0.0; rows * matrix.outputs];
    if rows == 1 {
        let tasks = output.par_chunks_mut(TASK * TILE).enumerate();
        tasks.for_each(|(task, output)| {
            let first = task * TASK;
            let tiles = first..first + output.len().div_ceil(TILE);
            Arch::new().dispatch(Work { matrix, input, tiles, output, stride: 0 });
        });
    } else if rows >= 2 * CHUNK * rayon::current_num_threads() {
        let tasks = output.par_chunks_mut(CHUNK * matrix.outputs).enumerate();
        tasks.for_each(|(task, output)| {
            let input = input.rows(task * CHUNK..rows.min((task + 1) * CHUNK));
            let tiles = 0..matrix.tiles();
            Arch::new().dispatch(Work { matrix, input, tiles, output, stride: matrix.outputs });
        });
    } else {
        by_tile(matrix, input, rows, &mut output);
    }
    output
}

/// Tiles of several rows lie apart in the output: they are made together, and put in their places after.
fn by_tile(matrix: &Q8Matrix, input: Input<'_>, rows: usize, output: &mut [f32]) {
    let mut made = vec![0.0; matrix.tiles() * TILE * rows];
    made.par_chunks_exact_mut(TILE * rows).enumerate().for_each(|(tile, output)| {
        Arch::new().dispatch(Work { matrix, input, tiles: tile..tile + 1, output, stride: TILE });
    });
    output.par_chunks_exact_mut(matrix.outputs).enumerate().for_each(|(row, output)| {
        for (tile, output) in output.chunks_mut(TILE).enumerate() {
            output.copy_from_slice(&made[(tile * rows + row) * TILE..][..output.len()]);
        }
    });
}

/// The sum of each run of inputs, which a shift is multiplied with.
fn run_sums(input: &[f32]) -> Vec<f32> {
    let sum = |run: &[f32]| {
        let mut lanes = [0.0f32; 8];
        for part in run.chunks_exact(8) {
            lanes.iter_mut().zip(part).for_each(|(lane, value)| *lane += value);
        }
        lanes.iter().sum()
    };
    input.chunks_exact(RUN).map(sum).collect()
}

/// Rows of inputs.
#[derive(Clone, Copy)]
struct Input<'a> {
    /// `[rows, width]`
    values: &'a [f32],
    /// `[rows, width / RUN]`, or nothing where no run has a shift.
    run_sums: &'a [f32],
    width: usize,
}

impl<'a> Input<'a> {
    #[inline(always)]
    fn rows(self, rows: Range<usize>) -> Self {
        let runs = if self.run_sums.is_empty() { 0 } else { self.width / RUN };
        Self {
            values: &self.values[rows.start * self.width..rows.end * self.width],
            run_sums: &self.run_sums[rows.start * runs..rows.end * runs],
            width: self.width,
        }
    }
}

/// Some rows times neighbouring tiles.
struct Work<'a> {
    matrix: &'a Q8Matrix,
    input: Input<'a>,
    tiles: Range<usize>,
    /// The first tile's outputs of the first row, then those of the next tile.
    output: &'a mut [f32],
    /// From one row's outputs to the next one's.
    stride: usize,
}

impl WithSimd for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        // Rows share the widening of the weights; more than these do not fit the registers.
        match S::F32_LANES {
            16.. => self.run::<S, 4>(),
            8.. => self.run::<S, 2>(),
            _ => self.run::<S, 1>(),
        }
    }
}

impl Work<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(&mut self) {
        let rows = self.input.values.len() / self.input.width;
        for (place, tile) in self.tiles.clone().enumerate() {
            let mut row = 0;
            while row + ROWS <= rows {
                self.rows::<S, ROWS>(place, tile, row);
                row += ROWS;
            }
            while row < rows {
                self.rows::<S, 1>(place, tile, row);
                row += 1;
            }
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(&mut self, place: usize, tile: usize, row: usize) {
        let (squares, shifts) = self.matrix.tile(tile);
        let mut totals = [[0.0f32; TILE]; ROWS];
        let input = self.input.rows(row..row + ROWS);
        add_squares::<S, ROWS>(squares, input.values, &mut totals);
        if !shifts.is_empty() {
            add_shifts::<S, ROWS>(shifts, input.run_sums, &mut totals);
        }
        for (i, totals) in totals.iter().enumerate() {
            let output = &mut self.output[(row + i) * self.stride + place * TILE..];
            let count = TILE.min(self.matrix.outputs - tile * TILE);
            output[..count].copy_from_slice(&totals[..count]);
        }
    }
}

/// `totals[row] += input[row] * squares`, without the shifts.
#[inline(always)]
fn add_squares<S: Simd, const ROWS: usize>(
    squares: &[Square],
    input: &[f32],
    totals: &mut [[f32; TILE]; ROWS],
) {
    let rows: [&[[f32; RUN]]; ROWS] =
        std::array::from_fn(|row| input[row * squares.len() * RUN..].as_chunks().0);
    for (place, square) in squares.iter().enumerate() {
        let runs: [&[f32; RUN]; ROWS] = std::array::from_fn(|row| &rows[row][place]);
        let mut sums = [[0.0f32; TILE]; ROWS];
        for (at, line) in square.weights.iter().enumerate() {
            let mut weights = [0.0f32; TILE];
            weights.iter_mut().zip(line).for_each(|(wide, weight)| *wide = f32::from(*weight));
            for (sums, run) in sums.iter_mut().zip(&runs) {
                add::<S>(sums, &weights, run[at]);
            }
        }
        let mut scales = [0.0f32; TILE];
        scales.iter_mut().zip(&square.scales).for_each(|(wide, bits)| *wide = widen(*bits));
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            for ((total, sum), scale) in totals.iter_mut().zip(sums).zip(&scales) {
                *total = multiply_add::<S>(*sum, *scale, *total);
            }
        }
    }
}

/// `totals[row] += run_sums[row] * shifts`.
#[inline(always)]
fn add_shifts<S: Simd, const ROWS: usize>(
    shifts: &[Shifts],
    run_sums: &[f32],
    totals: &mut [[f32; TILE]; ROWS],
) {
    let per_row = shifts.len();
    for (place, shifts) in shifts.iter().enumerate() {
        let mut wide = [0.0f32; TILE];
        wide.iter_mut().zip(shifts).for_each(|(wide, bits)| *wide = widen(*bits));
        for (row, totals) in totals.iter_mut().enumerate() {
            add::<S>(totals, &wide, run_sums[row * per_row + place]);
        }
    }
}

/// `sums += weights * factor`.
#[inline(always)]
fn add<S: Simd>(sums: &mut [f32; TILE], weights: &[f32; TILE], factor: f32) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = multiply_add::<S>(*weight, factor, *sum);
    }
}

/// A finite half-precision number as a 32-bit float, without branches.
///
/// Its bits shifted into place are the number over 2^112, subnormal ones too.
#[inline(always)]
fn widen(bits: u16) -> f32 {
    const UP: f32 = f32::from_bits((127 + 112) << 23);
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    f32::from_bits(sign | rest) * UP
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn half_precision_is_widened_exactly() {
        for bits in (0..0x7c00).chain(0x8000..0xfc00) {
            assert_eq!(widen(bits).to_bits(), f16::from_bits(bits).to_f32().to_bits());
        }
    }
}
