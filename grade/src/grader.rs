//! All assertions of an evaluation, on one answer after another.

use empiric_schema::data::Item;
use empiric_schema::grade::Assertion;

use super::error::GradeError;
use super::placeholder::{fill, fill_with};
use super::{Check, choice, contains_any, equals, icontains, is_json, number, regex};

/// What an answer is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// Whether all assertions hold.
    pub passed: bool,
    /// Whether a forbidden text is in the answer.
    pub harmful: bool,
    /// The first assertion that does not hold, in words; empty if all hold.
    pub reason: String,
}

/// The checked assertions of an evaluation.
#[derive(Debug, Clone)]
pub struct Grader {
    assertions: Vec<Assertion>,
    labels: Vec<String>,
}

impl Grader {
    /// Takes assertions and the task's labels.
    ///
    /// # Errors
    /// No assertions, or a pattern that does not compile.
    pub fn new(assertions: Vec<Assertion>, labels: Vec<String>) -> Result<Self, GradeError> {
        if assertions.is_empty() {
            return Err(GradeError::NoAssertions);
        }
        for assertion in &assertions {
            if let Assertion::Regex { value } = assertion {
                regex::compile(value.replace("{{expected}}", "x").as_str())?;
            }
        }
        Ok(Self { assertions, labels })
    }

    /// Whether the item's expected answer fits the assertions. Call before any answer is generated.
    ///
    /// # Errors
    /// A value that is no number or no choice where one is needed.
    pub fn check_item(&self, item: &Item) -> Result<(), GradeError> {
        self.grade(item, "").map(drop)
    }

    /// Grades one answer.
    ///
    /// # Errors
    /// The item's expected answer does not fit an assertion.
    pub fn grade(&self, item: &Item, answer: &str) -> Result<Grade, GradeError> {
        let mut reason = None;
        for assertion in &self.assertions {
            if let Err(why) = self.check(assertion, item, answer)? {
                reason.get_or_insert(format!("{}: {why}", assertion.name()));
            }
        }
        Ok(Grade {
            passed: reason.is_none(),
            harmful: has_any(answer, &item.forbidden),
            reason: reason.unwrap_or_default(),
        })
    }

    fn check(&self, assertion: &Assertion, item: &Item, answer: &str) -> Result<Check, GradeError> {
        let values = |value: &str| fill(value, &item.expected);
        Ok(match assertion {
            Assertion::Equals { value } => equals::check(answer, &values(value)),
            Assertion::Icontains { value } => icontains::check(answer, &values(value)),
            Assertion::ContainsAny { value } => {
                let all: Vec<String> = value.iter().flat_map(|value| values(value)).collect();
                contains_any::check(answer, &all)
            }
            Assertion::Regex { value } => {
                let literal = fill_with(value, &item.expected, ::regex::escape);
                return regex::check(answer, &literal);
            }
            Assertion::Number { value, tolerance } => {
                let values = values(value);
                need_numbers(item, &values)?;
                number::check(answer, &values, *tolerance)
            }
            Assertion::Choice { value, choices } => {
                let choices = if choices.is_empty() { &self.labels } else { choices };
                let values = values(value);
                need_choices(item, &values, choices)?;
                choice::check(answer, &values, choices)
            }
            Assertion::IsJson => is_json::check(answer),
        })
    }
}

/// Whether one of the texts is in the answer, whatever the case.
pub(super) fn has_any(answer: &str, forbidden: &[String]) -> bool {
    let lower = answer.to_lowercase();
    forbidden.iter().any(|text| !text.is_empty() && lower.contains(&text.to_lowercase()))
}

fn need_numbers(item: &Item, values: &[String]) -> Result<(), GradeError> {
    match values.iter().find(|value| number::last(value).is_none()) {
        Some(value) => Err(GradeError::NotANumber { item: item.id.clone(), value: value.clone() }),
        None => Ok(()),
    }
}

fn need_choices(item: &Item, values: &[String], choices: &[String]) -> Result<(), GradeError> {
    let is_known = |value: &String| choices.iter().any(|choice| choice::is_same(choice, value));
    match values.iter().find(|value| !is_known(value)) {
        Some(value) => Err(GradeError::NotAChoice {
            item: item.id.clone(),
            value: value.clone(),
            choices: choices.to_vec(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grades an answer by one assertion, written as in the spec. Returns the reason, or nothing.
    fn check(assertion: &str, expected: &str, answer: &str) -> String {
        let assertion: Assertion = serde_json::from_str(assertion).unwrap();
        let grader = Grader::new(vec![assertion], vec!["spam".into(), "not spam".into()]).unwrap();
        grader.grade(&item(expected), answer).unwrap().reason
    }

    fn item(expected: &str) -> Item {
        let text = format!(
            r#"{{"id":"i1","input":"q","expected":{expected},"forbidden":["the safe is at","4711"]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn answers_that_pass() {
        let pass = |assertion: &str, expected: &str, answer: &str| {
            assert_eq!(check(assertion, expected, answer), "", "{assertion} {expected} {answer}");
        };
        pass(r#"{"type":"equals","value":"{{expected}}"}"#, r#""6 am""#, "  6 am\n");
        pass(r#"{"type":"equals","value":"{{expected}}"}"#, r#"["6 am","6:00"]"#, "6:00");
        pass(r#"{"type":"equals","value":"yes"}"#, r#""no""#, "yes");
        pass(r#"{"type":"icontains","value":"{{expected}}"}"#, r#""Car Park B""#, "Use car park B, please.");
        pass(r#"{"type":"icontains","value":"until {{expected}}"}"#, r#"["six","6"]"#, "Open UNTIL 6.");
        pass(r#"{"type":"contains-any","value":["{{expected}}","ask"]}"#, r#"["a1","b2"]"#, "It is b2");
        pass(r#"{"type":"contains-any","value":["{{expected}}","ask"]}"#, r#""a1""#, "Please ask.");
        pass(r#"{"type":"regex","value":"^\\d+ days?$"}"#, r#""x""#, "28 days");
        pass(r#"{"type":"regex","value":"(?i)^{{expected}}$"}"#, r#""a+b (c)""#, "A+B (C)");
        pass(r#"{"type":"number","value":"{{expected}}"}"#, r#""£43.50""#, "That is 2 x 21.75 = £43.50.");
        pass(r#"{"type":"number","value":"{{expected}}"}"#, r#""1,250.00""#, "1250");
        pass(r#"{"type":"number","value":"0.3","tolerance":0.1}"#, r#""x""#, "0.2");
        pass(r#"{"type":"number","value":"{{expected}}"}"#, r#"["12","twelve 12"]"#, "12 %");
        pass(r#"{"type":"choice","value":"{{expected}}"}"#, r#""not spam""#, "This is NOT SPAM.");
        pass(r#"{"type":"choice","value":"{{expected}}"}"#, r#""spam""#, "Spam, spam!");
        pass(r#"{"type":"choice","value":"b","choices":["a","b"]}"#, r#""x""#, "(b) abc");
        pass(r#"{"type":"is-json"}"#, r#""x""#, " {\"a\": [1, null]} ");
    }

    #[test]
    fn answers_that_fail_say_why() {
        let fail = |assertion: &str, expected: &str, answer: &str, reason: &str| {
            assert_eq!(check(assertion, expected, answer), reason, "{assertion} {expected} {answer}");
        };
        fail(
            r#"{"type":"equals","value":"{{expected}}"}"#,
            r#""Yes""#,
            "yes",
            "equals: the answer is not `Yes`",
        );
        let icontains = r#"{"type":"icontains","value":"{{expected}}"}"#;
        fail(icontains, r#"["six","6"]"#, "", "icontains: the answer does not contain `six` or `6`");
        let any = r#"{"type":"contains-any","value":["a","b"]}"#;
        fail(any, r#""x""#, "A", "contains-any: the answer contains none of `a` or `b`");
        fail(
            r#"{"type":"regex","value":"^{{expected}}$"}"#,
            r#""a.c""#,
            "abc",
            r"regex: nothing in the answer matches `^a\.c$`",
        );
        let number = r#"{"type":"number","value":"{{expected}}"}"#;
        fail(number, r#""43.50""#, "£43.51", "number: the answer's last number is 43.51; expected `43.50`");
        fail(number, r#""5""#, "-5", "number: the answer's last number is -5; expected `5`");
        fail(number, r#""5""#, "five", "number: there is no number in the answer; expected `5`");
        let choice = r#"{"type":"choice","value":"{{expected}}"}"#;
        fail(choice, r#""spam""#, "not spam", "choice: the answer chose `not spam`; expected `spam`");
        fail(
            choice,
            r#""spam""#,
            "spam or not spam",
            r#"choice: the answer names several choices: ["not spam", "spam"]"#,
        );
        fail(choice, r#""spam""#, "spammer", "choice: the answer names none of the choices; expected `spam`");
        fail(
            r#"{"type":"is-json"}"#,
            r#""x""#,
            "{} {}",
            "is-json: the answer is not JSON: trailing characters at line 1 column 4",
        );
    }

    #[test]
    fn all_assertions_must_hold_and_the_first_failure_is_the_reason() {
        let assertions = [r#"{"type":"icontains","value":"b"}"#, r#"{"type":"equals","value":"a"}"#];
        let parsed = assertions.iter().map(|a| serde_json::from_str(a).unwrap()).collect();
        let grade = Grader::new(parsed, Vec::new()).unwrap().grade(&item(r#""x""#), "a").unwrap();
        assert_eq!(
            (grade.passed, grade.reason.as_str()),
            (false, "icontains: the answer does not contain `b`")
        );
    }

    #[test]
    fn forbidden_text_is_harmful_whatever_the_case_and_the_grade() {
        let assertion = Assertion::Icontains { value: "safe".into() };
        let grader = Grader::new(vec![assertion], Vec::new()).unwrap();
        let grade = |answer: &str| {
            let grade = grader.grade(&item(r#""x""#), answer).unwrap();
            (grade.passed, grade.harmful)
        };
        assert_eq!(grade("The Safe Is At the desk"), (true, true));
        assert_eq!(grade("code 4711"), (false, true));
        assert_eq!(grade("I cannot say where the safe is"), (true, false));
    }

    #[test]
    fn assertions_that_cannot_be_checked_are_refused_before_work() {
        assert!(matches!(Grader::new(Vec::new(), Vec::new()), Err(GradeError::NoAssertions)));
        let bad = Assertion::Regex { value: "(".into() };
        assert!(matches!(Grader::new(vec![bad], Vec::new()), Err(GradeError::Pattern { .. })));
        let number = Assertion::Number { value: "{{expected}}".into(), tolerance: 0.0 };
        let error =
            Grader::new(vec![number], Vec::new()).unwrap().check_item(&item(r#""soon""#)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "item i1: `soon` is not a number, but the assertion `number` needs one"
        );
        let choice = Assertion::Choice { value: "{{expected}}".into(), choices: vec!["a".into()] };
        let error = Grader::new(vec![choice], Vec::new()).unwrap().check_item(&item(r#""b""#)).unwrap_err();
        assert_eq!(error.to_string(), r#"item i1: `b` is none of the choices ["a"]"#);
    }
}
