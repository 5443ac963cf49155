//! When people are asked.

use super::Checker;
use crate::spec::diagnostic::ErrorCode;
use crate::spec::people::{Approval, PeopleSpec};
use crate::spec::raw::RawPeople;

/// Longest deadline in seconds: a year. Nobody waits longer for an answer, and timers have an end.
const LONGEST_DEADLINE: f64 = 366.0 * 86_400.0;

impl Checker<'_> {
    pub(super) fn people(&mut self, raw: RawPeople) -> PeopleSpec {
        let listed = raw.approve.unwrap_or_default();
        let name = |approval: &Option<Approval>| Some((*approval)?.name().to_owned());
        let names: Vec<Option<String>> = listed.iter().map(name).collect();
        self.unique("/people/approve/#", "kind of approval", &names);
        let deadline = raw.deadline.and_then(|text| self.duration("/people/deadline", &text));
        if deadline.is_some_and(|seconds| seconds > LONGEST_DEADLINE) {
            let message = "the deadline is more than a year away";
            let problem = self.problem(ErrorCode::OutOfRange, "/people/deadline", message);
            self.report(problem.expected("at most `366d`"));
        }
        PeopleSpec {
            approve: listed.into_iter().flatten().collect(),
            deadline_seconds: deadline.unwrap_or(PeopleSpec::default().deadline_seconds),
        }
    }
}
