//! Matrices of 8-bit weights in blocks of 32 inputs with a 16-bit scale (ggml's Q8_0), times 32-bit inputs.
//!
//! Weights are widened in registers, so inputs need not be rounded, and a row's result does not depend on
//! its neighbours. Outputs lie side by side in tiles, so the inner loop runs along contiguous bytes.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};
use half::f16;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::error::ModelError;
use super::kernels::multiply_add;

/// Inputs that share a scale.
const BLOCK: usize = 32;
/// Outputs side by side.
const TILE: usize = 32;
/// Tiles that one task works on.
const TASK: usize = 4;
/// Largest magnitude of a weight.
const STEPS: f32 = 127.0;

/// A square of the matrix: [`BLOCK`] inputs times [`TILE`] outputs. 17 cache lines.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Square {
    /// Bits of the half-precision scale of each output.
    scales: [u16; TILE],
    weights: [[i8; TILE]; BLOCK],
}

/// `[in, out]`, the outputs filled up with zeros to whole tiles.
#[derive(Debug)]
pub(crate) struct Q8Matrix {
    inputs: usize,
    outputs: usize,
    /// The squares of the first tile, then those of the next.
    squares: Vec<Square>,
}

impl Q8Matrix {
    /// Quantises rows of `[out, in]`, side by side in order.
    ///
    /// # Errors
    /// `inputs` is no multiple of 32.
    pub(crate) fn from_rows(rows: &[f32], inputs: usize) -> Result<Self, ModelError> {
        if !inputs.is_multiple_of(BLOCK) || inputs == 0 {
            return Err(super::config::field(
                "the width of a matrix",
                inputs,
                "a multiple of 32 for 8-bit weights",
            ));
        }
        let outputs = rows.len() / inputs;
        let (per_tile, tiles) = (inputs / BLOCK, outputs.div_ceil(TILE));
        let empty = Square { scales: [0; TILE], weights: [[0; TILE]; BLOCK] };
        let mut squares = vec![empty; per_tile * tiles];
        let by_tile = squares.par_chunks_exact_mut(per_tile).zip(rows.par_chunks(TILE * inputs));
        by_tile.for_each(|(squares, rows)| {
            for (lane, row) in rows.chunks_exact(inputs).enumerate() {
                row.chunks_exact(BLOCK).zip(&mut *squares).for_each(|(run, square)| square.set(lane, run));
            }
        });
        Ok(Self { inputs, outputs, squares })
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
            for square in self.tile(column / TILE) {
                let scale = f16::from_bits(square.scales[column % TILE]).to_f32();
                values.extend(square.weights.iter().map(|line| scale * f32::from(line[column % TILE])));
            }
        }
        Ok(Tensor::from_vec(values, (columns.len(), self.inputs), &Device::Cpu)?)
    }

    fn tile(&self, index: usize) -> &[Square] {
        let per_tile = self.inputs / BLOCK;
        &self.squares[index * per_tile..][..per_tile]
    }

    /// `[rows, in]` to `[rows, out]`, tiles in parallel.
    fn multiply(&self, input: &[f32], output: &mut [f32]) {
        let rows = input.len() / self.inputs;
        if rows == 1 {
            let tasks = output.par_chunks_mut(TASK * TILE).enumerate();
            return tasks.for_each(|(task, output)| self.task(input, task * TASK, output));
        }
        // Tiles of many rows lie apart in the output: they are made together and put in their places after.
        let tiles = self.outputs.div_ceil(TILE);
        let mut made = vec![0.0; tiles * TILE * rows];
        let tasks = made.par_chunks_mut(TILE * rows).enumerate();
        tasks.for_each(|(tile, made)| {
            for (input, made) in input.chunks_exact(self.inputs).zip(made.chunks_exact_mut(TILE)) {
                self.task(input, tile, made);
            }
        });
        output.par_chunks_exact_mut(self.outputs).enumerate().for_each(|(row, output)| {
            for (tile, output) in output.chunks_mut(TILE).enumerate() {
                output.copy_from_slice(&made[(tile * rows + row) * TILE..][..output.len()]);
            }
        });
    }

    /// One input row times neighbouring tiles.
    fn task(&self, input: &[f32], first: usize, output: &mut [f32]) {
        for (index, output) in output.chunks_mut(TILE).enumerate() {
            let mut sums = [0.0; TILE];
            Arch::new().dispatch(TileWork { squares: self.tile(first + index), input, sums: &mut sums });
            output.copy_from_slice(&sums[..output.len()]);
        }
    }
}

impl Square {
    /// Quantises a run of weights of one output as ggml does.
    fn set(&mut self, lane: usize, run: &[f32]) {
        let largest = run.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / STEPS;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        // A scale beyond half precision would be infinite.
        self.scales[lane] = f16::from_f32(scale.min(f16::MAX.to_f32())).to_bits();
        for (line, value) in self.weights.iter_mut().zip(run) {
            line[lane] = (value * inverse).round() as i8;
        }
    }
}

/// A positive half-precision number, or zero, as a 32-bit float.
///
/// Its bits shifted into place are the number over 2^112, subnormal ones too.
#[inline(always)]
fn widen(bits: u16) -> f32 {
    const UP: f32 = f32::from_bits((127 + 112) << 23);
    f32::from_bits(u32::from(bits) << 13) * UP
}

/// One input row times one tile.
struct TileWork<'a> {
    squares: &'a [Square],
    input: &'a [f32],
    sums: &'a mut [f32; TILE],
}

impl WithSimd for TileWork<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut total = [0.0f32; TILE];
        let (runs, _) = self.input.as_chunks::<BLOCK>();
        for (square, run) in self.squares.iter().zip(runs) {
            let mut sums = [0.0f32; TILE];
            for (line, input) in square.weights.iter().zip(run) {
                for (sum, weight) in sums.iter_mut().zip(line) {
                    *sum = multiply_add::<S>(f32::from(*weight), *input, *sum);
                }
            }
            for ((total, sum), scale) in total.iter_mut().zip(sums).zip(square.scales) {
                *total = multiply_add::<S>(sum, widen(scale), *total);
            }
        }
        *self.sums = total;
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
        let mut output = vec![0.0f32; rows * self.0.outputs];
        self.0.multiply(&storage.as_slice::<f32>()?[start..end], &mut output);
        Ok((CpuStorage::F32(output), Shape::from((rows, self.0.outputs))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::{GgmlDType, QTensor};

    fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i as f32) * 12.9898).sin() * (1.0 + (i % 7) as f32)).collect()
    }

    #[test]
    fn weights_are_those_of_the_ggml_format() {
        let rows = Tensor::from_vec(noise(70 * 96), (70, 96), &Device::Cpu).unwrap();
        let expected = QTensor::quantize(&rows, GgmlDType::Q8_0).unwrap().dequantize(&Device::Cpu).unwrap();
        let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        for source in [noise(70 * 96), expected.clone()] {
            let matrix = Q8Matrix::from_rows(&source, 96).unwrap();
            let all: Vec<u32> = (0..70).collect();
            let found: Vec<f32> = matrix.columns(&all).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn products_agree_with_the_widened_matrix_for_any_number_of_rows() {
        let matrix = Q8Matrix::from_rows(&noise(70 * 96), 96).unwrap();
        let all: Vec<u32> = (0..70).collect();
        let wide = matrix.columns(&all).unwrap().t().unwrap();
        let input = Tensor::from_vec(noise(5 * 96), (5, 96), &Device::Cpu).unwrap();
        let together = matrix.forward(&input).unwrap();
        let difference = (&together - input.matmul(&wide).unwrap()).unwrap().abs().unwrap();
        assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-2);
        for row in 0..5 {
            let alone = matrix.forward(&input.narrow(0, row, 1).unwrap()).unwrap();
            let expected = together.narrow(0, row, 1).unwrap();
            assert_eq!(alone.to_vec2::<f32>().unwrap(), expected.to_vec2::<f32>().unwrap());
        }
    }

    #[test]
    fn half_precision_is_widened_exactly() {
        for bits in 0..0x7c00 {
            assert_eq!(widen(bits), f16::from_bits(bits).to_f32());
        }
    }

    #[test]
    fn wrong_widths_and_tokens_are_refused() {
        let error = Q8Matrix::from_rows(&[0.0; 80], 40).unwrap_err().to_string();
        assert!(error.contains("a multiple of 32"), "{error}");
        assert!(Q8Matrix::from_rows(&noise(64), 32).unwrap().columns(&[2]).is_err());
    }
}
