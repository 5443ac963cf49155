//! Assertions: each kind with the keys and values that it takes.

use regex::Regex;

use super::{Checker, texts};
use crate::grade::{Assertion, EXPECTED};
use crate::spec::diagnostic::{ErrorCode, Problem};
use crate::spec::loop_rules::EvaluateSpec;
use crate::spec::raw::{AssertionType, OneOrMany, RawAssertion, RawEvaluate, RawTask};

impl Checker<'_> {
    pub(super) fn evaluate(
        &mut self,
        raw: Option<RawEvaluate>,
        task: Option<RawTask>,
    ) -> Option<EvaluateSpec> {
        let raw = raw?.assert?;
        let count = raw.len();
        let mut assertions = Vec::new();
        for (at, assertion) in raw.into_iter().enumerate() {
            let place = format!("/evaluate/assert/{at}");
            let assertion = assertion.and_then(|raw| self.assertion(&place, raw, task));
            assertions.extend(assertion);
        }
        (assertions.len() == count).then_some(EvaluateSpec { assertions })
    }

    pub(super) fn assertion(
        &mut self,
        place: &str,
        raw: RawAssertion,
        task: Option<RawTask>,
    ) -> Option<Assertion> {
        let kind = raw.r#type?;
        self.foreign_keys(place, kind, &raw);
        let tolerance = raw.tolerance.unwrap_or(0.0);
        let choices = raw.choices.map(texts).unwrap_or_default();
        Some(match kind {
            AssertionType::IsJson => Assertion::IsJson,
            AssertionType::ContainsAny => Assertion::ContainsAny { value: self.many(place, raw.value)? },
            AssertionType::Equals => Assertion::Equals { value: self.one(place, raw.value)? },
            AssertionType::Icontains => Assertion::Icontains { value: self.one(place, raw.value)? },
            AssertionType::Regex => Assertion::Regex { value: self.regex(place, raw.value)? },
            AssertionType::Number => Assertion::Number { value: self.number(place, raw.value)?, tolerance },
            AssertionType::Choice => {
                let value = self.choice(place, raw.value, &choices, task)?;
                Assertion::Choice { value, choices }
            }
        })
    }

    /// Keys that another kind of assertion takes.
    fn foreign_keys(&mut self, place: &str, kind: AssertionType, raw: &RawAssertion) {
        let keys = [
            ("value", raw.value.is_some(), kind != AssertionType::IsJson),
            ("tolerance", raw.tolerance.is_some(), kind == AssertionType::Number),
            ("choices", raw.choices.is_some(), kind == AssertionType::Choice),
        ];
        for (key, _, _) in keys.into_iter().filter(|(_, given, taken)| *given && !taken) {
            let message = format!("the assertion `{}` takes no `{key}`", name(kind));
            self.refuse(place, key, &message, "only the keys that this kind takes");
        }
    }

    pub(super) fn refuse(&mut self, place: &str, key: &str, message: &str, expected: &str) {
        let problem = self.at(place, key, message).expected(expected);
        self.report(problem);
    }

    fn at(&self, place: &str, key: &str, message: &str) -> Problem {
        self.problem(ErrorCode::Assertion, &format!("{place}/{key}"), message)
    }

    /// A missing value is reported here, unless the reader has refused one.
    fn value(&mut self, place: &str, value: Option<OneOrMany>, expected: &str) -> Option<OneOrMany> {
        if value.is_none() && !self.has_key(place, "value") {
            self.refuse(place, "type", "the assertion has no `value`", expected);
        }
        value
    }

    pub(super) fn one(&mut self, place: &str, value: Option<OneOrMany>) -> Option<String> {
        let expected = format!("`value: \"{EXPECTED}\"` or another text");
        match self.value(place, value, &expected)? {
            OneOrMany::One(text) if text.0.is_empty() => {
                self.refuse(place, "value", "the value is empty: every answer would pass", &expected);
                None
            }
            OneOrMany::One(text) => self.template(place, text.0),
            OneOrMany::Many(_) => {
                let problem = self.at(place, "value", "the value is a list").expected("one text");
                self.report(problem.help("for one of several texts use `type: contains-any`"));
                None
            }
        }
    }

    pub(super) fn many(&mut self, place: &str, value: Option<OneOrMany>) -> Option<Vec<String>> {
        let expected = "`value: [first text, second text]`";
        let value = match self.value(place, value, expected)? {
            OneOrMany::One(text) => vec![text.0],
            OneOrMany::Many(listed) => texts(listed),
        };
        if value.is_empty() || value.iter().any(String::is_empty) {
            self.refuse(place, "value", "the list is empty or has an empty text", expected);
            return None;
        }
        value.into_iter().map(|text| self.template(place, text)).collect()
    }

    /// A regular expression is checked with a sample answer in place of the placeholder.
    fn regex(&mut self, place: &str, value: Option<OneOrMany>) -> Option<String> {
        let text = self.one(place, value)?;
        let Err(error) = Regex::new(&text.replace(EXPECTED, "x")) else {
            return Some(text);
        };
        let reason = error.to_string();
        let reason = reason.lines().next_back().unwrap_or("").trim_start_matches("error: ");
        let message = format!("the regular expression is wrong: {reason}");
        let problem = self.at(place, "value", &message);
        let help = "in YAML, single quotes keep backslashes: '\\d+'";
        self.report(problem.expected("an expression in the syntax of Rust's regex").help(help));
        None
    }

    fn number(&mut self, place: &str, value: Option<OneOrMany>) -> Option<String> {
        let text = self.one(place, value)?;
        let finite = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        if text == EXPECTED || finite {
            return Some(text);
        }
        let message = format!("`{text}` is not a number");
        self.refuse(place, "value", &message, &format!("a number or `{EXPECTED}`"));
        None
    }

    fn choice(
        &mut self,
        place: &str,
        value: Option<OneOrMany>,
        choices: &[String],
        task: Option<RawTask>,
    ) -> Option<String> {
        let text = self.one(place, value)?;
        if choices.is_empty() && task.is_some_and(|task| task != RawTask::Classify) {
            let expected = "`choices: [yes, no]`, or a task with labels";
            self.refuse(place, "type", "`choice` has no choices", expected);
            return None;
        }
        if choices.is_empty() || text.contains(EXPECTED) || choices.contains(&text) {
            return Some(text);
        }
        let message = format!("`{text}` is not one of the choices");
        let problem = self.at(place, "value", &message);
        let expected = format!("one of: {}", choices.join(", "));
        let problem = problem.expected(expected);
        self.report(problem.nearest(&text, choices.iter().map(String::as_str)));
        None
    }

    /// A value may hold `{{expected}}` and no other placeholder.
    fn template(&mut self, place: &str, text: String) -> Option<String> {
        let rest = text.replace(EXPECTED, "");
        let Some(start) = rest.find("{{").filter(|start| rest[*start..].contains("}}")) else {
            return Some(text);
        };
        let end = rest[start..].find("}}").map_or(rest.len(), |at| start + at + 2);
        let message = format!("the placeholder `{}` is unknown", &rest[start..end]);
        let problem = self.problem(ErrorCode::Template, &format!("{place}/value"), message);
        self.report(problem.expected(format!("`{EXPECTED}`")));
        None
    }
}

fn name(kind: AssertionType) -> &'static str {
    match kind {
        AssertionType::Equals => "equals",
        AssertionType::Icontains => "icontains",
        AssertionType::ContainsAny => "contains-any",
        AssertionType::Regex => "regex",
        AssertionType::Number => "number",
        AssertionType::Choice => "choice",
        AssertionType::IsJson => "is-json",
    }
}
