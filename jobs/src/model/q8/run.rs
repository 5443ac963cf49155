//! Runs of 32 weights of one output, from floats and from ggml's blocks.

use candle_core::quantized::GgmlDType;
use half::f16;

/// Weights that share a scale.
pub(crate) const RUN: usize = 32;
/// Largest magnitude of a rounded weight.
const STEPS: f32 = 127.0;

/// Neighbouring weights of one output: each is `scale * weight + shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Bits of a half-precision number.
    pub(super) scale: u16,
    /// Bits of a half-precision number.
    pub(super) shift: u16,
    pub(super) weights: [i8; RUN],
}

impl Run {
    /// Rounds [`RUN`] weights as ggml does for its Q8_0.
    pub(crate) fn rounded(values: &[f32]) -> Self {
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // A scale beyond half precision would be infinite.
        let scale = (largest / STEPS).min(f16::MAX.to_f32());
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        let mut weights = [0; RUN];
        for (weight, value) in weights.iter_mut().zip(values) {
            *weight = (value * inverse).round() as i8;
        }
        Self { scale: f16::from_f32(scale).to_bits(), shift: 0, weights }
    }

    /// Whether scale and shift are numbers.
    pub(crate) fn is_finite(&self) -> bool {
        f16::from_bits(self.scale).is_finite() && f16::from_bits(self.shift).is_finite()
    }
}

/// The runs of a tensor in one of ggml's formats up to 8 bits, without any rounding; nothing for other formats.
///
/// The layouts are those of ggml's `block_q4_0` and its kin (`ggml-common.h`).
pub(crate) fn from_ggml(dtype: GgmlDType, bytes: &[u8]) -> Option<Vec<Run>> {
    let run: fn(&[u8]) -> Run = match dtype {
        GgmlDType::Q4_0 => |block| four_bits(&block[2..], None, 8).scaled(block),
        GgmlDType::Q4_1 => |block| four_bits(&block[4..], None, 0).scaled(block).shifted(block),
        GgmlDType::Q5_0 => |block| four_bits(&block[6..], Some(&block[2..6]), 16).scaled(block),
        GgmlDType::Q5_1 => |block| four_bits(&block[8..], Some(&block[4..8]), 0).scaled(block).shifted(block),
        GgmlDType::Q8_0 => |block| eight_bits(&block[2..]).scaled(block),
        _ => return None,
    };
    Some(bytes.chunks_exact(dtype.type_size()).map(run).collect())
}

/// Low halves of the bytes, then high halves, each with a fifth bit where there are such, less an offset.
fn four_bits(halves: &[u8], fifths: Option<&[u8]>, offset: i8) -> Run {
    let fifths =
        fifths.map_or(0, |bytes| bytes.iter().rev().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)));
    let mut weights = [0; RUN];
    for (i, weight) in weights.iter_mut().enumerate() {
        let half = halves[i % (RUN / 2)] >> (4 * (i / (RUN / 2))) & 0xf;
        let fifth = (fifths >> i & 1) as u8;
        *weight = (half | fifth << 4) as i8 - offset;
    }
    Run { scale: 0, shift: 0, weights }
}

fn eight_bits(bytes: &[u8]) -> Run {
    let mut weights = [0; RUN];
    weights.iter_mut().zip(bytes).for_each(|(weight, byte)| *weight = *byte as i8);
    Run { scale: 0, shift: 0, weights }
}

impl Run {
    fn scaled(self, block: &[u8]) -> Self {
        Self { scale: u16::from_le_bytes([block[0], block[1]]), ..self }
    }

    fn shifted(self, block: &[u8]) -> Self {
        Self { shift: u16::from_le_bytes([block[2], block[3]]), ..self }
    }
}
