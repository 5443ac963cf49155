//! `equals`: the whole answer, trimmed, is the value.

use super::Check;
use super::placeholder::any_of;

pub(super) fn check(answer: &str, values: &[String]) -> Check {
    match values.iter().any(|value| value.trim() == answer.trim()) {
        true => Ok(()),
        false => Err(format!("the answer is not {}", any_of(values))),
    }
}
