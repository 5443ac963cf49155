//! Runs the job in a folder under the file contract, as the command `empiric job` does, without telemetry.
//!
//! Usage: `run_job FOLDER`

fn main() {
    let Some(folder) = std::env::args_os().nth(1) else {
        std::process::exit(64);
    };
    std::process::exit(empiric_jobs::runner::run(std::path::Path::new(&folder)).code());
}
