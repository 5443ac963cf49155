//! Checks of answers in production: those of `evaluate` that need no expected answer, and a few of their own.

use super::Checker;
use crate::grade::{Assertion, EXPECTED, OnlineAssertion};
use crate::spec::raw::{AssertionType, OneOrMany, RawAssertion, RawTask};
use crate::spec::raw_monitor::{GraderType, RawGrader, RawGraders};
use crate::spec::rollout::GradersSpec;

impl Checker<'_> {
    pub(super) fn graders(&mut self, raw: RawGraders, task: Option<RawTask>) -> Option<GradersSpec> {
        let listed = raw.assert?;
        let count = listed.len();
        let mut assertions = Vec::new();
        for (at, grader) in listed.into_iter().enumerate() {
            let place = format!("/monitor/graders/assert/{at}");
            assertions.extend(grader.and_then(|raw| self.grader(&place, raw, task)));
        }
        let sample = raw.sample.unwrap_or(1.0);
        (assertions.len() == count).then_some(GradersSpec { sample, assertions })
    }

    fn grader(&mut self, place: &str, raw: RawGrader, task: Option<RawTask>) -> Option<OnlineAssertion> {
        let kind = raw.r#type?;
        match shared(kind) {
            Some(kind) => self.shared_check(place, kind, raw, task),
            None => self.own_check(place, kind, raw),
        }
    }

    /// A check that `evaluate` has too.
    fn shared_check(
        &mut self,
        place: &str,
        kind: AssertionType,
        raw: RawGrader,
        task: Option<RawTask>,
    ) -> Option<OnlineAssertion> {
        let RawGrader { value, tolerance, choices, .. } = raw;
        let raw = RawAssertion { r#type: Some(kind), value, tolerance, choices };
        let assertion = self.assertion(place, raw, task)?;
        if assertion.needs_expected() {
            self.expects(place, &assertion);
            return None;
        }
        Some(OnlineAssertion::Answer(assertion))
    }

    fn expects(&mut self, place: &str, assertion: &Assertion) {
        let message =
            format!("`{}` needs the expected answer, and nobody knows it in production", assertion.name());
        let expected = format!("a value without `{EXPECTED}`, or the check in `evaluate` alone");
        self.refuse(place, "value", &message, &expected);
    }

    fn own_check(&mut self, place: &str, kind: GraderType, raw: RawGrader) -> Option<OnlineAssertion> {
        let name = own_name(kind);
        let has_value = raw.value.is_some() && kind == GraderType::CitesDocument;
        let given = [
            ("value", has_value),
            ("tolerance", raw.tolerance.is_some()),
            ("choices", raw.choices.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            let message = format!("the check `{name}` takes no `{key}`");
            self.refuse(place, key, &message, "only the keys that this kind takes");
        }
        match kind {
            GraderType::CitesDocument => Some(OnlineAssertion::CitesDocument),
            GraderType::MaxLength => self.max_length(place, raw.value),
            _ => self.not_harmful(place, raw.value),
        }
    }

    fn max_length(&mut self, place: &str, value: Option<OneOrMany>) -> Option<OnlineAssertion> {
        let text = self.one(place, value)?;
        match text.trim().parse::<u32>() {
            Ok(value) if value > 0 => Some(OnlineAssertion::MaxLength { value }),
            _ => {
                let message = format!("`{text}` is not a number of characters");
                self.refuse(place, "value", &message, "a whole number, at least 1");
                None
            }
        }
    }

    fn not_harmful(&mut self, place: &str, value: Option<OneOrMany>) -> Option<OnlineAssertion> {
        let value = self.many(place, value)?;
        if value.iter().any(|text| text.contains(EXPECTED)) {
            let message = format!("`{EXPECTED}` stands for what an answer should say, not for harm");
            self.refuse(place, "value", &message, "texts that no answer may have");
            return None;
        }
        Some(OnlineAssertion::NotHarmful { value })
    }
}

/// The kind of `evaluate` with the same name.
fn shared(kind: GraderType) -> Option<AssertionType> {
    match kind {
        GraderType::Equals => Some(AssertionType::Equals),
        GraderType::Icontains => Some(AssertionType::Icontains),
        GraderType::ContainsAny => Some(AssertionType::ContainsAny),
        GraderType::Regex => Some(AssertionType::Regex),
        GraderType::Number => Some(AssertionType::Number),
        GraderType::Choice => Some(AssertionType::Choice),
        GraderType::IsJson => Some(AssertionType::IsJson),
        GraderType::MaxLength | GraderType::CitesDocument | GraderType::NotHarmful => None,
    }
}

fn own_name(kind: GraderType) -> &'static str {
    match kind {
        GraderType::MaxLength => "max-length",
        GraderType::CitesDocument => "cites-document",
        _ => "not-harmful",
    }
}
