//! Any bytes as a safetensors file, and before a zero byte as its `config.json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    let config = String::from_utf8_lossy(&bytes[..at]);
    empiric_jobs::model::fuzzing::safetensors(bytes.get(at + 1..).unwrap_or_default(), &config);
});
