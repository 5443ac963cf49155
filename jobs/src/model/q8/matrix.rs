//! Where the runs of a matrix lie in memory.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};
use half::f16;
use rayon::prelude::*;

use super::product;
use super::run::{RUN, Run};
use crate::model::config::field;
use crate::model::error::ModelError;

/// Outputs side by side.
pub(super) const TILE: usize = 32;

/// [`RUN`] inputs times [`TILE`] outputs: 17 cache lines.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Square {
    /// Bits of the half-precision scale of each output.
    pub(super) scales: [u16; TILE],
    pub(super) weights: [[i8; TILE]; RUN],
}

/// Bits of the half-precision shift of each output of a square.
pub(super) type Shifts = [u16; TILE];

/// `[in, out]`, the outputs filled up with zeros to whole tiles.
#[derive(Debug)]
pub(crate) struct Q8Matrix {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// The squares of the first tile of outputs, then those of the next.
    squares: Vec<Square>,
    /// One for each square, or none where all are zero.
    shifts: Vec<Shifts>,
}

impl Q8Matrix {
    /// From rows of `[out, in]`, each `inputs / RUN` runs.
    ///
    /// # Errors
    /// `inputs` is no multiple of [`RUN`].
    pub(crate) fn new(runs: &[Run], inputs: usize) -> Result<Self, ModelError> {
        if !inputs.is_multiple_of(RUN) || inputs == 0 {
            let expected = format!("a multiple of {RUN} for 8-bit weights");
            return Err(field("the width of a matrix", inputs, expected));
        }
        let per_tile = inputs / RUN;
        let outputs = runs.len() / per_tile;
        let count = per_tile * outputs.div_ceil(TILE);
        let mut squares = vec![Square { scales: [0; TILE], weights: [[0; TILE]; RUN] }; count];
        let shifted = runs.iter().any(|run| run.shift != 0);
        let mut shifts = vec![[0; TILE]; if shifted { count } else { 0 }];
        let by_tile = squares.par_chunks_exact_mut(per_tile).zip(runs.par_chunks(TILE * per_tile));
        by_tile.for_each(|(squares, runs)| set_tile(squares, runs));
        let by_tile = shifts.par_chunks_exact_mut(per_tile).zip(runs.par_chunks(TILE * per_tile));
        by_tile.for_each(|(shifts, runs)| set_shifts(shifts, runs));
        Ok(Self { inputs, outputs, squares, shifts })
    }

    /// `[rows, in]` to `[rows, out]`.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        Ok(input.apply_op1_no_bwd(&Product(self))?)
    }

    /// Some outputs' weights as 32-bit floats: `[columns, in]`.
    ///
    /// # Errors
    /// A column outside the matrix.
    pub(crate) fn columns(&self, columns: &[u32]) -> Result<Tensor, ModelError> {
        let mut values = Vec::with_capacity(columns.len() * self.inputs);
        for column in columns {
            let column = *column as usize;
            if column >= self.outputs {
                return Err(candle_core::Error::Msg(format!("token {column} of {}", self.outputs)).into());
            }
            self.add_column(column, &mut values);
        }
        Ok(Tensor::from_vec(values, (columns.len(), self.inputs), &Device::Cpu)?)
    }

    /// All weights as 32-bit floats: `[out, in]`.
    pub(crate) fn widened(&self) -> Result<Tensor, ModelError> {
        self.columns(&(0..self.outputs as u32).collect::<Vec<_>>())
    }

    fn add_column(&self, column: usize, values: &mut Vec<f32>) {
        let (squares, shifts) = self.tile(column / TILE);
        let lane = column % TILE;
        for (place, square) in squares.iter().enumerate() {
            let scale = f16::from_bits(square.scales[lane]).to_f32();
            let shift = shifts.get(place).map_or(0.0, |shifts| f16::from_bits(shifts[lane]).to_f32());
            values.extend(square.weights.iter().map(|line| scale * f32::from(line[lane]) + shift));
        }
    }

    /// Tiles of outputs.
    pub(super) fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    /// The squares of a tile, from the first input on, and their shifts if there are any.
    #[inline(always)]
    pub(super) fn tile(&self, index: usize) -> (&[Square], &[Shifts]) {
        let per_tile = self.inputs / RUN;
        let range = index * per_tile..(index + 1) * per_tile;
        (&self.squares[range.clone()], self.shifts.get(range).unwrap_or_default())
    }

    /// Whether runs have shifts.
    pub(super) fn is_shifted(&self) -> bool {
        !self.shifts.is_empty()
    }
}

/// Lays up to [`TILE`] rows of runs side by side.
fn set_tile(squares: &mut [Square], runs: &[Run]) {
    for (lane, row) in runs.chunks_exact(squares.len()).enumerate() {
        for (square, run) in squares.iter_mut().zip(row) {
            square.scales[lane] = run.scale;
            square.weights.iter_mut().zip(run.weights).for_each(|(line, weight)| line[lane] = weight);
        }
    }
}

fn set_shifts(shifts: &mut [Shifts], runs: &[Run]) {
    for (lane, row) in runs.chunks_exact(shifts.len()).enumerate() {
        shifts.iter_mut().zip(row).for_each(|(shifts, run)| shifts[lane] = run.shift);
    }
}

struct Product<'a>(&'a Q8Matrix);

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "q8-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("a product with 8-bit weights needs a contiguous input");
        };
        if width != self.0.inputs {
            candle_core::bail!("{width} inputs for a matrix of {}", self.0.inputs);
        }
        let output = product::multiply(self.0, &storage.as_slice::<f32>()?[start..end]);
        Ok((CpuStorage::F32(output), Shape::from((rows, self.0.outputs))))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};

    use super::*;
    use crate::model::q8::from_ggml;

    const SHAPE: (usize, usize) = (70, 96);

    fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i as f32) * 12.9898).sin() * (1.0 + (i % 7) as f32)).collect()
    }

    fn rounded(values: &[f32], inputs: usize) -> Result<Q8Matrix, ModelError> {
        Q8Matrix::new(&values.chunks(RUN).map(Run::rounded).collect::<Vec<_>>(), inputs)
    }

    fn quantized(dtype: GgmlDType) -> QTensor {
        QTensor::quantize(&Tensor::from_vec(noise(70 * 96), SHAPE, &Device::Cpu).unwrap(), dtype).unwrap()
    }

    fn difference(left: &Tensor, right: &Tensor) -> f32 {
        let difference = (left - right).unwrap().abs().unwrap();
        difference.max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn floats_are_rounded_as_ggml_rounds_them() {
        let expected = quantized(GgmlDType::Q8_0).dequantize(&Device::Cpu).unwrap();
        let again: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        for values in [noise(70 * 96), again] {
            let matrix = rounded(&values, 96).unwrap();
            assert_eq!(difference(&matrix.widened().unwrap(), &expected), 0.0);
        }
    }

    #[test]
    fn blocks_of_ggml_are_taken_over_without_rounding() {
        for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1, GgmlDType::Q8_0] {
            let tensor = quantized(dtype);
            let runs = from_ggml(dtype, &tensor.data().unwrap()).unwrap();
            let matrix = Q8Matrix::new(&runs, 96).unwrap();
            let expected = tensor.dequantize(&Device::Cpu).unwrap();
            assert_eq!(difference(&matrix.widened().unwrap(), &expected), 0.0, "{dtype:?}");
        }
        assert_eq!(from_ggml(GgmlDType::F16, &[0; 64]), None);
    }

    #[test]
    fn products_agree_with_the_widened_matrix_for_any_number_of_rows() {
        for dtype in [GgmlDType::Q4_1, GgmlDType::Q8_0] {
            let runs = from_ggml(dtype, &quantized(dtype).data().unwrap()).unwrap();
            let matrix = Q8Matrix::new(&runs, 96).unwrap();
            let wide = matrix.widened().unwrap().t().unwrap();
            for rows in [1, 2, 5, 16, 70, 131] {
                let input = Tensor::from_vec(noise(rows * 96), (rows, 96), &Device::Cpu).unwrap();
                let together = matrix.forward(&input).unwrap();
                assert!(difference(&together, &input.matmul(&wide).unwrap()) < 5e-3);
                for row in [0, rows / 2, rows - 1] {
                    let alone = matrix.forward(&input.narrow(0, row, 1).unwrap()).unwrap();
                    assert_eq!(difference(&alone, &together.narrow(0, row, 1).unwrap()), 0.0, "{rows} rows");
                }
            }
        }
    }

    #[test]
    fn wrong_widths_and_tokens_are_refused() {
        let error = rounded(&[0.0; 80], 40).unwrap_err().to_string();
        assert!(error.contains("a multiple of 32"), "{error}");
        assert!(rounded(&noise(64), 32).unwrap().columns(&[2]).is_err());
    }
}
