//! The `empiric` program: command line, composition, telemetry.

mod cli;
mod commands;
mod compose;
mod courier;
mod error;
mod follow;
mod gateway_client;
mod import;
mod live;
mod output;
mod place;
mod report;
mod rollout;
mod serving;
mod steering;
mod telemetry;
mod temporal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // Only one TLS provider is compiled in; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::dispatch(&cli) {
        Ok(code) => code,
        Err(error) => output::fail(&error),
    }
}
