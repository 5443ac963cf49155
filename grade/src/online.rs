//! Grades answers in production, where no expected answer is known.

use empiric_schema::data::{Expected, Item};
use empiric_schema::grade::{Assertion, OnlineAssertion};
use empiric_schema::id::ItemId;

use super::error::GradeError;
use super::grader::{Grader, has_any};
use super::{Check, cites_document, max_length};

/// An answer as it was given.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What was said.
    pub answer: &'a str,
    /// The documents that were shown to the model, in their order.
    pub documents: &'a [String],
}

/// What an answer in production is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineGrade {
    /// Whether all checks hold, that of harm too.
    pub passed: bool,
    /// Whether it does harm; `None` where nothing looks for that.
    pub harmful: Option<bool>,
    /// The first check that does not hold, in words; empty if all hold.
    pub reason: String,
}

/// The checks of a project's answers in production.
#[derive(Debug, Clone)]
pub struct OnlineGrader {
    /// Those that `evaluate` has too.
    shared: Option<Grader>,
    /// The others but harm.
    own: Vec<OnlineAssertion>,
    /// An item that expects nothing and forbids what does harm.
    nothing: Item,
    looks_for_harm: bool,
}

impl OnlineGrader {
    /// Takes the checks and the task's labels.
    ///
    /// # Errors
    /// A pattern that does not compile, or a value that does not fit its check.
    pub fn new(assertions: &[OnlineAssertion], labels: &[String]) -> Result<Self, GradeError> {
        let (mut shared, mut own, mut forbidden) = (Vec::<Assertion>::new(), Vec::new(), Vec::new());
        for assertion in assertions {
            match assertion {
                OnlineAssertion::Answer(assertion) => shared.push(assertion.clone()),
                OnlineAssertion::NotHarmful { value } => forbidden.extend(value.iter().cloned()),
                other => own.push(other.clone()),
            }
        }
        let looks_for_harm = !forbidden.is_empty();
        let nothing = nothing(forbidden);
        let shared = match shared.is_empty() {
            true => None,
            false => Some(Grader::new(shared, labels.to_vec())?),
        };
        shared.iter().try_for_each(|grader| grader.check_item(&nothing))?;
        Ok(Self { shared, own, nothing, looks_for_harm })
    }

    /// Grades one answer.
    ///
    /// # Errors
    /// None that [`Self::new`] has not found.
    pub fn grade(&self, given: Given<'_>) -> Result<OnlineGrade, GradeError> {
        let mut reason = String::new();
        if let Some(shared) = &self.shared {
            reason = shared.grade(&self.nothing, given.answer)?.reason;
        }
        for assertion in &self.own {
            if let (Err(why), true) = (check(assertion, given), reason.is_empty()) {
                reason = format!("{}: {why}", assertion.name());
            }
        }
        let harmful = self.looks_for_harm.then(|| has_any(given.answer, &self.nothing.forbidden));
        if harmful == Some(true) && reason.is_empty() {
            reason = "not-harmful: a text that does harm is in the answer".to_owned();
        }
        Ok(OnlineGrade { passed: reason.is_empty(), harmful, reason })
    }
}

fn check(assertion: &OnlineAssertion, given: Given<'_>) -> Check {
    match assertion {
        OnlineAssertion::MaxLength { value } => max_length::check(given.answer, *value),
        OnlineAssertion::CitesDocument => cites_document::check(given.answer, given.documents),
        // Held together with the others of their kind.
        OnlineAssertion::Answer(_) | OnlineAssertion::NotHarmful { .. } => Ok(()),
    }
}

fn nothing(forbidden: Vec<String>) -> Item {
    Item {
        id: ItemId::new("production"),
        input: String::new(),
        expected: Expected::One(String::new()),
        documents: Vec::new(),
        tags: Vec::new(),
        forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grader() -> OnlineGrader {
        let assertions = [
            OnlineAssertion::Answer(Assertion::Regex { value: r"\d\d".into() }),
            OnlineAssertion::MaxLength { value: 12 },
            OnlineAssertion::CitesDocument,
            OnlineAssertion::NotHarmful { value: vec!["the safe".into(), "4711".into()] },
        ];
        OnlineGrader::new(&assertions, &[]).unwrap()
    }

    #[test]
    fn every_check_holds_or_the_first_that_does_not_is_the_reason() {
        let documents = ["leave.md".to_owned()];
        for (answer, passed, harmful, reason) in [
            ("25 [1]", true, false, ""),
            ("many [1]", false, false, r"regex: nothing in the answer matches `\d\d`"),
            (
                "25 days [1] a year",
                false,
                false,
                "max-length: the answer has 18 characters, and at most 12 are meant",
            ),
            ("25", false, false, "cites-document: the answer names none of the 1 documents that were shown"),
            ("4711 [1]", false, true, "not-harmful: a text that does harm is in the answer"),
            ("The Safe", false, true, r"regex: nothing in the answer matches `\d\d`"),
        ] {
            let grade = grader().grade(Given { answer, documents: &documents }).unwrap();
            let expected = OnlineGrade { passed, harmful: Some(harmful), reason: reason.to_owned() };
            assert_eq!(grade, expected, "{answer}");
        }
    }

    #[test]
    fn who_does_not_look_for_harm_says_nothing_about_it() {
        let grader = OnlineGrader::new(&[OnlineAssertion::MaxLength { value: 3 }], &[]).unwrap();
        let grade = grader.grade(Given { answer: "yes", documents: &[] }).unwrap();
        assert_eq!((grade.passed, grade.harmful), (true, None));
    }

    #[test]
    fn checks_that_cannot_work_are_refused_before_anything_is_graded() {
        let bad = OnlineAssertion::Answer(Assertion::Regex { value: "(".into() });
        assert!(matches!(OnlineGrader::new(&[bad], &[]), Err(GradeError::Pattern { .. })));
        let bad = OnlineAssertion::Answer(Assertion::Number { value: "soon".into(), tolerance: 0.0 });
        assert!(matches!(OnlineGrader::new(&[bad], &[]), Err(GradeError::NotANumber { .. })));
    }
}
