//! The environment that a job sees: nothing but what is allowed here.

use std::ffi::OsString;

use empiric_schema::job::{DEVICE_VARIABLE, JobSpec};
use empiric_schema::spec::SecretRef;

/// Variables that pass from the worker to its jobs.
const ALLOWED: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NO_COLOR",
    "CUDA_VISIBLE_DEVICES",
];
/// Variables of the OpenTelemetry specification begin so.
const TELEMETRY: &str = "OTEL_";

/// Tells a job that its standard input closes when its worker is gone, and that it should end then.
pub(super) const LIFELINE: (&str, &str) = ("EMPIRIC_LIFELINE", "stdin");
/// Bounds the threads of Rust's data-parallel library.
pub(super) const THREADS: &str = "RAYON_NUM_THREADS";
/// The job's folder, for programs that are not given it as an argument.
pub(super) const FOLDER: &str = "EMPIRIC_JOB_DIR";

/// The variable that names the device, for jobs that compute on one.
pub(super) fn device(name: Option<&str>) -> Option<(String, OsString)> {
    name.map(|name| (DEVICE_VARIABLE.to_owned(), name.into()))
}

/// The variable with the key of the endpoint that a job asks. Only that job sees it, and no worker reads it.
pub(super) fn key_variable(job: &JobSpec) -> Option<&str> {
    match job.endpoint()?.api_key.as_ref()? {
        SecretRef::Env(name) => Some(name),
        SecretRef::File(_) => None,
    }
}

/// Those of the variables that a job may see; `key` is one that it needs besides.
pub(super) fn allowed(
    variables: impl Iterator<Item = (OsString, OsString)>,
    key: Option<&str>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(move |(name, _)| name.to_str().is_some_and(|name| is_allowed(name) || Some(name) == key))
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || name.starts_with(TELEMETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_loader_settings_stay_behind() {
        let names = ["PATH", "OTEL_SERVICE_NAME", "AWS_SECRET_ACCESS_KEY", "BIG_KEY", "LD_PRELOAD", "path"];
        let variables = names.map(|name| (OsString::from(name), OsString::from("x")));
        let seen = |key| -> Vec<OsString> {
            allowed(variables.clone().into_iter(), key).map(|(name, _)| name).collect()
        };
        assert_eq!(seen(None), ["PATH", "OTEL_SERVICE_NAME"]);
        assert_eq!(seen(Some("BIG_KEY")), ["PATH", "OTEL_SERVICE_NAME", "BIG_KEY"]);
    }
}
