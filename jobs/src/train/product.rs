//! Products of small matrices on one thread: what attention and low-rank matrices need.
//!
//! Large products are left to the tensor library.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::model::LANES;
use crate::model::kernels::multiply_add;

/// Rows of a tile, so that its sums fit into the registers of all instruction sets.
const ROWS: usize = 6;
/// Rows that one thread works on in one go.
const CHUNK: usize = 8 * ROWS;

/// A matrix that is read: element `(i, k)` lies at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> Grid<'a> {
    /// Rows of this width, one after another.
    pub(crate) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values, row: width, column: 1 }
    }

    /// The transpose of [`Self::new`].
    pub(crate) fn turned(values: &'a [f32], width: usize) -> Self {
        Self { values, row: 1, column: width }
    }
}

/// The extents of a product.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Rows of the left factor and the target.
    pub(crate) rows: usize,
    /// Columns of the left factor, rows of the right one.
    pub(crate) depth: usize,
    /// Columns of the right factor and the target.
    pub(crate) columns: usize,
}

/// `target += left * right`. The right factor's and the target's rows are `right_width` and `target_width`
/// values apart.
#[inline(always)]
pub(crate) fn add_product<S: Simd>(
    size: Size,
    left: Grid<'_>,
    right: &[f32],
    right_width: usize,
    target: &mut [f32],
    target_width: usize,
) {
    let mut packed = vec![[0.0f32; ROWS]; size.depth];
    let mut row = 0;
    while row < size.rows {
        let count = ROWS.min(size.rows - row);
        pack(left, row, count, &mut packed);
        let target = &mut target[row * target_width..];
        let mut at = 0;
        while at + LANES <= size.columns {
            tile::<S>(&packed, &right[at..], right_width, &mut target[at..], target_width, count);
            at += LANES;
        }
        for column in at..size.columns {
            single_column(&packed, &right[column..], right_width, &mut target[column..], target_width, count);
        }
        row += count;
    }
}

/// Some rows of the left factor, turned. What was there of rows beyond `count` is never read.
#[inline(always)]
fn pack(left: Grid<'_>, row: usize, count: usize, packed: &mut [[f32; ROWS]]) {
    for i in 0..count {
        let line = &left.values[(row + i) * left.row..];
        for (factors, value) in packed.iter_mut().zip(line.iter().step_by(left.column)) {
            factors[i] = *value;
        }
    }
}

/// [`LANES`] columns, sums held in registers.
#[inline(always)]
fn tile<S: Simd>(
    packed: &[[f32; ROWS]],
    right: &[f32],
    right_width: usize,
    target: &mut [f32],
    target_width: usize,
    count: usize,
) {
    let mut sums = [[0.0f32; LANES]; ROWS];
    for (factors, line) in packed.iter().zip(right.chunks(right_width)) {
        let line = &line[..LANES];
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum = multiply_add::<S>(*factor, *value, *sum);
            }
        }
    }
    for (sums, target) in sums.iter().zip(target.chunks_mut(target_width)).take(count) {
        for (target, sum) in target[..LANES].iter_mut().zip(sums) {
            *target += sum;
        }
    }
}

#[inline(always)]
fn single_column(
    packed: &[[f32; ROWS]],
    right: &[f32],
    right_width: usize,
    target: &mut [f32],
    target_width: usize,
    count: usize,
) {
    let mut sums = [0.0f32; ROWS];
    for (factors, value) in packed.iter().zip(right.iter().step_by(right_width)) {
        for (sum, factor) in sums.iter_mut().zip(factors) {
            *sum += factor * value;
        }
    }
    for (target, sum) in target.iter_mut().step_by(target_width).zip(&sums).take(count) {
        *target += sum;
    }
}

/// The sum of the products of two vectors' values.
#[inline(always)]
pub(crate) fn dot<S: Simd>(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = multiply_add::<S>(*left, *right, *sum);
        }
    }
    let mut total: f32 = sums.iter().sum();
    for (left, right) in left_rest.iter().zip(right_rest) {
        total += left * right;
    }
    total
}

/// `target += left * right` where both have few columns in common: `left` is `[rows, parts * rank]`,
/// `right` is `[rank, width]`, and the columns of each part meet their own `rank` columns of `left`.
pub(crate) fn add_low_rank(left: &[f32], right: &[f32], rank: usize, parts: &[usize], target: &mut [f32]) {
    let width: usize = parts.iter().sum();
    let left_width = rank * parts.len();
    let chunks = target.par_chunks_mut(CHUNK * width).zip(left.par_chunks(CHUNK * left_width));
    chunks.for_each(|(target, left)| {
        Arch::new().dispatch(LowRank { left, left_width, right, rank, parts, target, width });
    });
}

struct LowRank<'a> {
    left: &'a [f32],
    left_width: usize,
    right: &'a [f32],
    rank: usize,
    parts: &'a [usize],
    target: &'a mut [f32],
    width: usize,
}

impl WithSimd for LowRank<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.left.len() / self.left_width;
        let mut start = 0;
        for (part, columns) in self.parts.iter().enumerate() {
            let size = Size { rows, depth: self.rank, columns: *columns };
            let left = Grid::new(&self.left[part * self.rank..], self.left_width);
            let target = &mut self.target[start..];
            add_product::<S>(size, left, &self.right[start..], self.width, target, self.width);
            start += columns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + seed) * 12.9898).sin()).collect()
    }

    struct Work<'a>(Size, Grid<'a>, &'a [f32], &'a mut [f32]);

    impl WithSimd for Work<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Size { columns, .. } = self.0;
            add_product::<S>(self.0, self.1, self.2, columns, self.3, columns);
        }
    }

    #[test]
    fn products_of_all_sizes_agree_with_the_formula() {
        for (rows, depth, columns) in [(1, 1, 1), (5, 3, 16), (6, 7, 33), (13, 40, 48), (50, 16, 20)] {
            let (left, right) = (noise(rows * depth, 1.0), noise(depth * columns, 5.0));
            let mut turned = vec![0.0; rows * depth];
            for i in 0..rows {
                (0..depth).for_each(|k| turned[k * rows + i] = left[i * depth + k]);
            }
            let expected: Vec<f32> = (0..rows * columns)
                .map(|at| {
                    let (i, j) = (at / columns, at % columns);
                    2.0 + (0..depth).map(|k| left[i * depth + k] * right[k * columns + j]).sum::<f32>()
                })
                .collect();
            for grid in [Grid::new(&left, depth), Grid::turned(&turned, rows)] {
                let mut target = vec![2.0; rows * columns];
                Arch::new().dispatch(Work(Size { rows, depth, columns }, grid, &right, &mut target));
                for (ours, expected) in target.iter().zip(&expected) {
                    assert!((ours - expected).abs() < 1e-5, "{rows} {depth} {columns}: {ours} {expected}");
                }
            }
        }
    }

    #[test]
    fn each_part_meets_its_own_columns() {
        let (rank, parts, rows) = (2, [16, 5], 3);
        let (left, right) = (noise(rows * 4, 1.0), noise(rank * 21, 2.0));
        let mut target = vec![0.0; rows * 21];
        add_low_rank(&left, &right, rank, &parts, &mut target);
        for row in 0..rows {
            for column in 0..21 {
                let part = usize::from(column >= 16);
                let expected: f32 =
                    (0..rank).map(|k| left[row * 4 + part * rank + k] * right[k * 21 + column]).sum();
                assert!((target[row * 21 + column] - expected).abs() < 1e-6);
            }
        }
    }
}
