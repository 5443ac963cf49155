//! The parts of `benches/gateway/run.py`: a model server that answers at once, a gateway before it, and callers.
//!
//! `bench_gateway mock`, `bench_gateway serve MODEL_URL`, `bench_gateway load URL RATE SECONDS`.

mod load;
mod mock;
mod serve;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["mock"] => mock::run().await,
        ["serve", model] => serve::run(model).await,
        ["load", url, rate, seconds] => match (rate.parse(), seconds.parse()) {
            (Ok(rate), Ok(seconds)) => load::run(url, rate, seconds).await,
            _ => return ExitCode::from(64),
        },
        _ => return ExitCode::from(64),
    }
    ExitCode::SUCCESS
}
