//! `regex`: the expression matches somewhere in the answer.

use ::regex::Regex;

use super::Check;
use super::error::GradeError;
use super::placeholder::any_of;

pub(super) fn check(answer: &str, patterns: &[String]) -> Result<Check, GradeError> {
    for pattern in patterns {
        if compile(pattern)?.is_match(answer) {
            return Ok(Ok(()));
        }
    }
    Ok(Err(format!("nothing in the answer matches {}", any_of(patterns))))
}

pub(super) fn compile(pattern: &str) -> Result<Regex, GradeError> {
    Regex::new(pattern)
        .map_err(|error| GradeError::Pattern { pattern: pattern.to_owned(), source: Box::new(error) })
}
