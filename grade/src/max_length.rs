//! `max-length`: the answer, trimmed, has at most so many characters.

use super::Check;

pub(super) fn check(answer: &str, most: u32) -> Check {
    let length = answer.trim().chars().count();
    match length <= most as usize {
        true => Ok(()),
        false => Err(format!("the answer has {length} characters, and at most {most} are meant")),
    }
}
