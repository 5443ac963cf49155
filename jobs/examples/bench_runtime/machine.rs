//! The machine's limits: 32-bit matrix products through the tensor library, and reading memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use crate::contract::{Arguments, Failure, Report};

/// Rows, inner size and columns: a pass over SmolLM2's gate and up projections, and a square for its size.
const SHAPES: [(usize, usize, usize); 3] = [(512, 576, 3072), (1024, 1024, 1024), (2048, 2048, 2048)];
/// How long each of them is repeated.
const AT_LEAST: Duration = Duration::from_millis(1500);
/// Far larger than any cache: half a gigabyte.
const WORDS: usize = 64 << 20;
/// Numbers that one thread sums at a time.
const CHUNK: usize = 1 << 20;

/// `gflops` is the best shape's, `bandwidth` is bytes a second of the best pass.
pub fn run(_: &Arguments) -> Result<Report, Failure> {
    let started = Instant::now();
    let mut gflops = 0.0f64;
    for shape in SHAPES {
        gflops = gflops.max(matrix_products(shape)?);
    }
    let bandwidth = reading();
    Ok(Report::new(started, 0).with("gflops", gflops).with("bandwidth", bandwidth))
}

/// Billions of operations a second, a multiplication and an addition being two.
fn matrix_products((rows, inner, columns): (usize, usize, usize)) -> Result<f64, Failure> {
    let left = Tensor::ones((rows, inner), DType::F32, &Device::Cpu)?;
    let right = Tensor::ones((inner, columns), DType::F32, &Device::Cpu)?;
    black_box(left.matmul(&right)?);
    let started = Instant::now();
    let mut products = 0;
    while started.elapsed() < AT_LEAST {
        black_box(left.matmul(&right)?);
        products += 1;
    }
    let operations = 2.0 * (rows * inner * columns) as f64 * f64::from(products);
    Ok(operations / started.elapsed().as_secs_f64() / 1e9)
}

/// Bytes a second when all threads read.
fn reading() -> f64 {
    let words = vec![1u64; WORDS];
    let started = Instant::now();
    let mut best = f64::INFINITY;
    while started.elapsed() < AT_LEAST {
        let pass = Instant::now();
        black_box(words.par_chunks(CHUNK).map(sum).reduce(|| 0, u64::wrapping_add));
        best = best.min(pass.elapsed().as_secs_f64());
    }
    size_of_val(words.as_slice()) as f64 / best
}

/// Sums in as many lanes as keep the loads coming.
fn sum(words: &[u64]) -> u64 {
    let mut lanes = [0u64; 32];
    for block in words.as_chunks::<32>().0 {
        for (lane, word) in lanes.iter_mut().zip(block) {
            *lane = lane.wrapping_add(*word);
        }
    }
    lanes.iter().fold(0, |total, lane| total.wrapping_add(*lane))
}
