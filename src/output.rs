//! The one place that prints: standard output is data, standard error is talk.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::error::CliError;

/// Prints data. A closed pipe is the reader's right.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints a part of a line of data at once. Control characters are left out: a terminal would obey them.
pub fn piece(text: &str) {
    let shown: String = text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect();
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
}

/// Prints data as JSON.
pub fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => data(&text),
        Err(error) => talk(&format!("cannot write JSON: {error}")),
    }
}

/// Says something to the person at the terminal.
pub fn talk(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{text}");
}

/// Asks a question on the terminal; an empty answer takes the default.
pub fn ask(question: &str, default: &str) -> String {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{question} [{default}]: ");
    let _ = err.flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim()) {
        (Err(_), _) | (_, "") => default.to_owned(),
        (Ok(_), answer) => answer.to_owned(),
    }
}

/// Prints an error with its causes and what to do next.
pub fn fail(error: &CliError) -> ExitCode {
    match error.code() {
        Some(code) => talk(&format!("error[{code}]: {error}")),
        None => talk(&error.to_string()),
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        talk(&format!("  because: {inner}"));
        cause = inner.source();
    }
    if let Some(help) = error.help() {
        talk(&format!("  help: {help}"));
    }
    ExitCode::from(error.exit_code())
}
