//! The assertions of an evaluation, read leniently.

use empiric_schema::data::Item;
use empiric_schema::grade::Assertion;

use super::says::{quantities, quantity, says};
use super::token::tokens;
use crate::grade::{GradeError, Grader};

/// Stands for the item's accepted answers in an assertion's value.
const EXPECTED: &str = "{{expected}}";

/// Grades what an answer says and not how.
#[derive(Debug)]
pub(crate) struct LenientGrader<'a> {
    assertions: &'a [Assertion],
    labels: &'a [String],
}

impl<'a> LenientGrader<'a> {
    /// Reads the same assertions as the strict grader.
    pub(crate) fn new(assertions: &'a [Assertion], labels: &'a [String]) -> Self {
        Self { assertions, labels }
    }

    /// Whether the answer says what all assertions ask for, and nothing forbidden.
    ///
    /// # Errors
    /// The item's expected answer does not fit an assertion.
    pub(crate) fn passes(&self, item: &Item, answer: &str) -> Result<bool, GradeError> {
        for assertion in self.assertions {
            if !self.holds(assertion, item, answer)? {
                return Ok(false);
            }
        }
        let lower = answer.to_lowercase();
        let is_in = |text: &String| !text.is_empty() && lower.contains(&text.to_lowercase());
        Ok(!item.forbidden.iter().any(is_in))
    }

    fn holds(&self, assertion: &Assertion, item: &Item, answer: &str) -> Result<bool, GradeError> {
        let said = |value: &String| {
            let accepted = item.expected.alternatives().iter().map(|answer| value.replace(EXPECTED, answer));
            accepted.into_iter().any(|accepted| says(answer, &accepted, &item.input))
        };
        Ok(match assertion {
            Assertion::Equals { value } | Assertion::Icontains { value } => said(value),
            Assertion::ContainsAny { value } => value.iter().any(said),
            Assertion::Number { value, tolerance } => item
                .expected
                .alternatives()
                .iter()
                .any(|accepted| is_near(answer, &value.replace(EXPECTED, accepted), *tolerance)),
            Assertion::Choice { .. } | Assertion::Regex { .. } => {
                let strict = Grader::new(vec![assertion.clone()], self.labels.to_vec())?;
                any_part(&strict, item, answer)?
            }
            Assertion::IsJson => inner_json(answer).is_some(),
        })
    }
}

/// Whether the only number of the answer is near the value's.
fn is_near(answer: &str, value: &str, tolerance: f64) -> bool {
    let answer = tokens(answer);
    let mut said = quantities(&answer);
    let (Some(only), None, Some(wanted)) = (said.next(), said.next(), quantity(&tokens(value))) else {
        return false;
    };
    let same_unit = only.unit.is_none() || wanted.unit.is_none() || only.unit == wanted.unit;
    same_unit && (only.number - wanted.number).abs() <= tolerance + 1e-9
}

/// Whether the first sentence passes alone, or the last: what stands around it is talk.
fn any_part(strict: &Grader, item: &Item, answer: &str) -> Result<bool, GradeError> {
    let mut sentences = answer.split(['.', '\n', '!', ';']).map(bare).filter(|part| !part.is_empty());
    let first = sentences.next();
    for part in first.into_iter().chain(sentences.next_back()) {
        if strict.grade(item, part)?.passed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Without spaces, quotes and marks around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation() && !"$%(){}[]".contains(c))
}

/// The JSON object or list that talk or a code fence surrounds.
fn inner_json(answer: &str) -> Option<serde_json::Value> {
    let pairs = [('{', '}'), ('[', ']')];
    pairs.into_iter().find_map(|(open, close)| {
        let inner = answer.get(answer.find(open)?..=answer.rfind(close)?)?;
        serde_json::from_str(inner).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(assertion: &str, expected: &str, answer: &str) -> bool {
        let assertions = [serde_json::from_str(assertion).unwrap()];
        let item = format!(r#"{{"id":"i","input":"What?","expected":{expected},"forbidden":["4711"]}}"#);
        let item: Item = serde_json::from_str(&item).unwrap();
        let labels = ["spam".to_owned(), "ham".to_owned()];
        LenientGrader::new(&assertions, &labels).passes(&item, answer).unwrap()
    }

    #[test]
    fn every_assertion_has_a_lenient_reading() {
        let check = |assertion: &str, expected: &str, answer: &str, passed: bool| {
            assert_eq!(passes(assertion, expected, answer), passed, "{assertion} {expected} {answer}");
        };
        let equals = r#"{"type":"equals","value":"{{expected}}"}"#;
        check(equals, r#""6 am""#, "It opens at six AM.", true);
        check(equals, r#""6 am""#, "It opens at six PM.", false);
        let icontains = r#"{"type":"icontains","value":"until {{expected}}"}"#;
        check(icontains, r#"["10 days","ten"]"#, "Until ten days.", true);
        check(icontains, r#""10 days""#, "ten days", false);
        let any = r#"{"type":"contains-any","value":["{{expected}}","ask"]}"#;
        check(any, r#""x""#, "ASK!", true);
        check(any, r#""x""#, "why", false);
        let number = r#"{"type":"number","value":"{{expected}}","tolerance":0.5}"#;
        check(number, r#""25 days""#, "twenty-five days.", true);
        check(number, r#""25 days""#, "twenty-five hours", false);
        check(number, r#""25""#, "25 or 26", false);
        let choice = r#"{"type":"choice","value":"{{expected}}"}"#;
        check(choice, r#""spam""#, "Spam. It is not ham.", true);
        check(choice, r#""spam""#, "spam or ham", false);
        check(choice, r#""spam""#, "ham. Surely not a mail of other kinds.", false);
        let regex = r#"{"type":"regex","value":"^\\d+ days$"}"#;
        check(regex, r#""x""#, "\"28 days\".", true);
        check(regex, r#""x""#, "28 hours", false);
        let json = r#"{"type":"is-json"}"#;
        check(json, r#""x""#, "Here: ```json\n{\"a\": 1}\n```", true);
        check(json, r#""x""#, "{a: 1}", false);
    }

    #[test]
    fn forbidden_text_is_never_a_matter_of_form() {
        let equals = r#"{"type":"equals","value":"{{expected}}"}"#;
        assert!(passes(equals, r#""yes""#, "Yes, it is."));
        assert!(!passes(equals, r#""yes""#, "Yes, it is 4711."));
    }
}
