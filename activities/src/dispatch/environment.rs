//! The environment that a job sees: nothing but what is allowed here.

use std::ffi::OsString;

/// Variables that pass from the worker to its jobs.
const ALLOWED: [&str; 9] =
    ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE", "NO_COLOR"];
/// Variables of the OpenTelemetry specification begin so.
const TELEMETRY: &str = "OTEL_";

/// Tells a job that its standard input closes when its worker is gone, and that it should end then.
pub(super) const LIFELINE: (&str, &str) = ("EMPIRIC_LIFELINE", "stdin");
/// Bounds the threads of Rust's data-parallel library.
pub(super) const THREADS: &str = "RAYON_NUM_THREADS";
/// The job's folder, for programs that are not given it as an argument.
pub(super) const FOLDER: &str = "EMPIRIC_JOB_DIR";

/// Those of the variables that a job may see.
pub(super) fn allowed(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| name.to_str().is_some_and(is_allowed))
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || name.starts_with(TELEMETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_loader_settings_stay_behind() {
        let names = ["PATH", "OTEL_SERVICE_NAME", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "path"];
        let variables = names.map(|name| (OsString::from(name), OsString::from("x")));
        let seen: Vec<_> = allowed(variables.into_iter()).map(|(name, _)| name).collect();
        assert_eq!(seen, ["PATH", "OTEL_SERVICE_NAME"]);
    }
}
