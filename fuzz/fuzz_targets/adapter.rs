//! Any bytes as an adapter's configuration, and after a zero byte as its weights.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let config = String::from_utf8_lossy(&bytes[..at]);
    empiric_jobs::model::fuzzing::adapter(&config, bytes.get(at + 1..).unwrap_or_default());
});
