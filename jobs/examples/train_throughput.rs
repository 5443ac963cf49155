//! Measures LoRA training: rank 16 beside all linear layers, steps of 4 sequences of 128 tokens.
//!
//! Usage: `train_throughput MODEL [STEPS]`. Prints one JSON object: tokens per second (median of the steps,
//! and their best; and per second that all processors together computed, which other load on the machine
//! changes less), peak memory, and the share of the machine's matrix product that the arithmetic reaches.
//! Twice: with the loss on all tokens, as a plain language model has it, and on a quarter of them.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use candle_core::{Device, Tensor};
use empiric_jobs::model::{Flow, LlamaConfig, load};
use empiric_jobs::train::{Sample, StepReport, Trainer, Training, TrainingObserver};
use empiric_schema::artifact::Digest;
use empiric_schema::job::{Lora, Method, Optimisation};

const BATCH: usize = 4;
const LENGTH: usize = 128;
const RANK: u32 = 16;

/// Times of all steps, in seconds.
struct Clock {
    last: Instant,
    steps: Vec<f64>,
}

impl TrainingObserver for Clock {
    fn before_pass(&mut self, _: u64) -> Flow {
        Flow::Continue
    }

    fn after_step(&mut self, _: StepReport<'_>) -> Flow {
        self.steps.push(self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
        Flow::Continue
    }
}

/// Made-up tokens, the last `learned` of which are learned.
fn sample(index: usize, learned: usize) -> Sample {
    let token = |place: usize| (1_000 + (index * 7_919 + place * place * 31) % 40_000) as u32;
    Sample {
        id: index.to_string(),
        tokens: (0..=LENGTH).map(token).collect(),
        learned: (0..=LENGTH).map(|place| place > LENGTH - learned).collect(),
    }
}

fn training(steps: u32) -> Training {
    let optimisation = Optimisation {
        learning_rate: 5e-4,
        epochs: steps,
        max_steps: steps,
        batch: BATCH as u32,
        micro_batch: BATCH as u32,
        warmup: 0.05,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: LENGTH as u32 + 1,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 0,
    };
    let method = Method::Lora(Lora { r: RANK, alpha: 32.0, frozen: 0.0 });
    Training { method, optimisation, seed: 1, identity: Digest::of(b"throughput") }
}

/// Arithmetic of one step: products with frozen weights forward and back, the low-rank ones forward and
/// twice back, and the head on learned tokens forward and back.
fn flops(config: &LlamaConfig, learned: usize) -> f64 {
    let (hidden, inner) = (config.hidden, config.intermediate);
    let (query, kv) = (config.query_width(), config.kv_width());
    let linears =
        [(hidden, query), (hidden, kv), (hidden, kv), (query, hidden), (hidden, inner), (hidden, inner)];
    let linears = linears.into_iter().chain([(inner, hidden)]);
    let (mut frozen, mut low) = (0, 0);
    for (inputs, outputs) in linears {
        frozen += inputs * outputs;
        low += RANK as usize * (inputs + outputs);
    }
    let tokens = (BATCH * LENGTH) as f64;
    let head = (config.vocabulary * hidden * learned * BATCH) as f64;
    tokens * (config.layers * (4 * frozen + 6 * low)) as f64 + 4.0 * head
}

/// 32-bit products of the machine, in operations per second.
fn product_speed() -> candle_core::Result<f64> {
    let (rows, depth, columns) = (512, 576, 3_072);
    let left = Tensor::rand(-1f32, 1f32, (rows, depth), &Device::Cpu)?;
    let right = Tensor::rand(-1f32, 1f32, (depth, columns), &Device::Cpu)?;
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let started = Instant::now();
        left.matmul(&right)?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok((2 * rows * depth * columns) as f64 / best)
}

fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Seconds that all threads of this process have computed.
fn processor_seconds() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name, which may hold blanks: user and system time are fields 14 and 15 of the line.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}

fn measure(path: &Path, steps: u32, learned: usize) -> Result<serde_json::Value, Box<dyn Error>> {
    let model = load(path)?;
    let work = flops(model.llama.config(), learned);
    let samples = (0..BATCH).map(|index| sample(index, learned)).collect();
    let mut trainer = Trainer::new(model.llama, training(steps), samples, Vec::new(), None)?;
    let before = processor_seconds();
    let mut clock = Clock { last: Instant::now(), steps: Vec::new() };
    trainer.run(&mut clock)?;
    let computed = before.and_then(|before| Some(processor_seconds()? - before));
    clock.steps.sort_unstable_by(f64::total_cmp);
    let (best, median) = (clock.steps[0], clock.steps[clock.steps.len() / 2]);
    let tokens = (BATCH * LENGTH) as f64;
    Ok(serde_json::json!({
        "tokens_per_second": tokens / median,
        "best_tokens_per_second": tokens / best,
        "tokens_per_processor_second": computed.map(|seconds| tokens * f64::from(steps) / seconds),
        "gflops": work / median / 1e9,
        "loss": [trainer.history()[0].loss, trainer.summary().loss],
        "peak_memory": peak_memory(),
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: train_throughput MODEL [STEPS]")?;
    let steps = arguments.next().map_or(Ok(8), |steps| steps.parse())?;
    let speed = product_speed()?;
    let report = serde_json::json!({
        "product_gflops": speed / 1e9,
        "loss_on_a_quarter": measure(Path::new(&path), steps, LENGTH / 4)?,
        "loss_on_all": measure(Path::new(&path), steps, LENGTH)?,
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}
