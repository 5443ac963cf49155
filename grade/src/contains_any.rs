//! `contains-any`: the answer contains at least one of the values, in their case.

use super::Check;
use super::placeholder::any_of;

pub(super) fn check(answer: &str, values: &[String]) -> Check {
    match values.iter().any(|value| answer.contains(value.as_str())) {
        true => Ok(()),
        false => Err(format!("the answer contains none of {}", any_of(values))),
    }
}
