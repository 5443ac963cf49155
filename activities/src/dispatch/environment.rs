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

/// The variables with the keys of the endpoints that a job asks. Only that job sees them, and no worker reads
/// them.
pub(super) fn key_variables(job: &JobSpec) -> Vec<&str> {
    let keys = job.endpoints().into_iter().filter_map(|endpoint| endpoint.api_key.as_ref());
    let variables = keys.filter_map(|key| match key {
        SecretRef::Env(name) => Some(name.as_str()),
        SecretRef::File(_) => None,
    });
    variables.collect()
}

/// Those of the variables that a job may see; `keys` are some that it needs besides.
pub(super) fn allowed(
    variables: impl Iterator<Item = (OsString, OsString)>,
    keys: &[&str],
) -> impl Iterator<Item = (OsString, OsString)> {
    variables
        .filter(move |(name, _)| name.to_str().is_some_and(|name| is_allowed(name) || keys.contains(&name)))
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
        let seen = |keys: &[&str]| -> Vec<OsString> {
            allowed(variables.clone().into_iter(), keys).map(|(name, _)| name).collect()
        };
        assert_eq!(seen(&[]), ["PATH", "OTEL_SERVICE_NAME"]);
        assert_eq!(seen(&["BIG_KEY"]), ["PATH", "OTEL_SERVICE_NAME", "BIG_KEY"]);
    }
}
