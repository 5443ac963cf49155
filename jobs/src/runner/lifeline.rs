//! Ends the job when its parent dies.
//!
//! The parent holds the other end of the job's standard input. When the parent dies, however suddenly, the
//! system closes it, and the job sees the end of the stream.

use std::io::Read;

use empiric_schema::job::ExitClass;

/// Set to `stdin` by a parent that keeps the job's standard input open.
const VARIABLE: &str = "EMPIRIC_LIFELINE";

/// Starts the watch if the parent asked for it.
pub(crate) fn watch() {
    if std::env::var(VARIABLE).is_ok_and(|value| value == "stdin") {
        std::thread::spawn(wait);
    }
}

fn wait() {
    let mut buffer = [0; 256];
    let mut input = std::io::stdin().lock();
    // Bytes mean nothing here; the end of the stream, or its failure, means that nobody waits any more.
    while input.read(&mut buffer).is_ok_and(|count| count > 0) {}
    std::process::exit(ExitClass::Killed.code());
}
