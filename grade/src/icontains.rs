//! `icontains`: the answer contains the value, whatever the case.

use super::Check;
use super::placeholder::any_of;

pub(super) fn check(answer: &str, values: &[String]) -> Check {
    let answer = answer.to_lowercase();
    match values.iter().any(|value| answer.contains(&value.to_lowercase())) {
        true => Ok(()),
        false => Err(format!("the answer does not contain {}", any_of(values))),
    }
}
