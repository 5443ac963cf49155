//! `is-json`: the answer is one JSON value.

use super::Check;

pub(super) fn check(answer: &str) -> Check {
    match serde_json::from_str::<serde::de::IgnoredAny>(answer.trim()) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the answer is not JSON: {error}")),
    }
}
