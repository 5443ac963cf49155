//! Thousands of damaged files: none may panic, hang, or reserve memory that the file does not warrant.

use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use tempfile::TempDir;

use super::fuzzing;
use super::tiny::TinyModel;
use super::tiny_adapter::TinyAdapter;

/// Far more than the rounds take, and far less than one lie that is believed would.
const LIMIT: Duration = Duration::from_secs(60);

/// Most address space that the process of all tests may ever have reserved, in kilobytes: they need a fraction,
/// and a size that is believed without a look at the file takes more.
const MOST_RESERVED: u64 = 12 << 20;

/// A small generator of our own, so that a seed means the same damage for ever.
struct Damage(u64);

impl Damage {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }

    /// A copy with one to three wounds within the first `header` bytes.
    fn wound(&mut self, whole: &[u8], header: usize) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.next(3) {
            let at = self.next(header.min(bytes.len()));
            self.wound_at(&mut bytes, at);
        }
        bytes
    }

    fn wound_at(&mut self, bytes: &mut Vec<u8>, at: usize) {
        const NUMBERS: [u64; 8] =
            [0, 1, 0x7f, 0xff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX, 0x0100_0000_0000];
        let end = (at + 1 + self.next(16)).min(bytes.len());
        match self.next(7) {
            0 => bytes[at] ^= 1 << self.next(8),
            1 => bytes[at] = self.next(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at),
            5 => bytes[at..end].fill(b"\x00\xff{}[]\"9"[self.next(8)]),
            _ => {
                let number = NUMBERS[self.next(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.next(4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

fn rounds(count: usize, mut round: impl FnMut(&mut Damage)) {
    let began = Instant::now();
    for seed in 0..count {
        round(&mut Damage(seed as u64 * 7_919 + 1));
        assert!(began.elapsed() < LIMIT, "round {seed} of {count} came after {:?}", began.elapsed());
    }
    let reserved = peak_kilobytes();
    assert!(reserved < MOST_RESERVED, "{reserved} kB were reserved");
}

/// The largest address space that the process had.
#[cfg(target_os = "linux")]
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn peak_kilobytes() -> u64 {
    0
}

#[test]
fn damaged_gguf_files_return() {
    let folder = TempDir::new().unwrap();
    let whole = std::fs::read(TinyModel::new(1, true).write_gguf(folder.path(), GgmlDType::Q8_0)).unwrap();
    rounds(1_500, |damage| fuzzing::gguf(&damage.wound(&whole, 9_000)));
}

#[test]
fn damaged_safetensors_files_and_configurations_return() {
    let folder = TempDir::new().unwrap();
    TinyModel::new(1, false).write_folder(folder.path());
    let whole = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let config = std::fs::read(folder.path().join("config.json")).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    rounds(1_500, |damage| fuzzing::safetensors(&damage.wound(&whole, 2_400), &text(&config)));
    rounds(1_500, |damage| fuzzing::safetensors(&whole, &text(&damage.wound(&config, config.len()))));
}

#[test]
fn damaged_adapters_return() {
    let model = TinyModel::new(1, true);
    let folder = TempDir::new().unwrap();
    let (config, weights) = TinyAdapter::new(1, &model, &["q_proj", "up_proj"]).write(folder.path(), &model);
    let (config, whole) = (std::fs::read(config).unwrap(), std::fs::read(weights).unwrap());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    rounds(2_000, |damage| fuzzing::adapter(&text(&damage.wound(&config, config.len())), &whole));
    rounds(2_000, |damage| fuzzing::adapter(&text(&config), &damage.wound(&whole, 1_200)));
}
