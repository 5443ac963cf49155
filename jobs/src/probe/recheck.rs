//! Is the item wrong, or its grader? Only what is certain enough to show to a person.

use std::collections::HashMap;

use empiric_schema::data::Item;
use empiric_schema::grade::Assertion;

use super::lenient::{Token, Value, holds, on_keyboard, quantity, tokens};
use super::passages::Passages;
use super::work::Work;
use crate::grade::{SET_PHRASE, WITHHOLD};

/// What an assertion's value is when it compares with the accepted answer and nothing else.
const EXPECTED: &str = "{{expected}}";

/// The data that an item is held against.
#[derive(Debug)]
pub(crate) struct Recheck<'a> {
    passages: &'a Passages,
    assertions: &'a [Assertion],
    /// Whether answers are labels, which stand in no document.
    has_labels: bool,
    most_name_documents: bool,
    /// How many items have the same first accepted answer.
    uses: HashMap<&'a str, usize>,
}

impl<'a> Recheck<'a> {
    /// Takes all items of the file, those that passed too.
    pub(crate) fn new(
        items: &'a [Item],
        passages: &'a Passages,
        assertions: &'a [Assertion],
        labels: &[String],
    ) -> Self {
        let mut uses = HashMap::new();
        items.iter().for_each(|item| *uses.entry(item.expected.shown()).or_default() += 1);
        let chooses = |assertion: &Assertion| matches!(assertion, Assertion::Choice { .. });
        let has_labels = !labels.is_empty() || assertions.iter().any(chooses);
        let naming = items.iter().filter(|item| !item.documents.is_empty()).count();
        let most_name_documents = !passages.is_empty() && 2 * naming > items.len();
        Self { passages, assertions, has_labels, most_name_documents, uses }
    }

    /// What is wrong with the item or its grader, in words; nothing where both may be right.
    pub(crate) fn defect(&self, item: &Item, answer: &str) -> Option<String> {
        self.refused_though_accepted(item, answer)
            .or_else(|| exclusive(item))
            .or_else(|| self.stands_nowhere(item))
    }

    /// Whether the documents do not say what the item asks: it names none where most others do, and its
    /// accepted answer stands in no chunk.
    pub(crate) fn must_be_abstained_from(&self, item: &Item) -> bool {
        item.documents.is_empty() && self.most_name_documents && !self.passages.any_says(item)
    }

    /// Whether the item asks for something that must not be told: it says so, or it forbids texts and its
    /// accepted answer is a set phrase.
    pub(crate) fn must_be_withheld(&self, item: &Item) -> bool {
        let is_marked = item.tags.iter().any(|tag| tag == WITHHOLD);
        is_marked || !item.forbidden.is_empty() && self.is_set_phrase(item)
    }

    fn is_set_phrase(&self, item: &Item) -> bool {
        self.uses.get(item.expected.shown()).is_some_and(|uses| *uses >= SET_PHRASE)
    }

    /// An answer that is an accepted one, but for typographic signs, failed.
    fn refused_though_accepted(&self, item: &Item, answer: &str) -> Option<String> {
        let compares = |assertion: &Assertion| match assertion {
            Assertion::Equals { value }
            | Assertion::Icontains { value }
            | Assertion::Number { value, .. }
            | Assertion::Choice { value, .. } => value == EXPECTED,
            Assertion::ContainsAny { value } => value.iter().any(|value| value == EXPECTED),
            Assertion::Regex { .. } | Assertion::IsJson => false,
        };
        if !self.assertions.iter().all(compares) {
            return None;
        }
        let said = spaced(answer);
        let accepted = item.expected.alternatives().iter().find(|accepted| spaced(accepted) == said)?;
        Some(format!("the answer is the accepted `{accepted}`, and yet it failed"))
    }

    /// No accepted answer can be made of the words of the named documents.
    fn stands_nowhere(&self, item: &Item) -> Option<String> {
        let named = self.passages.named(item);
        let is_unknown = named.is_empty() || !self.passages.knows_all_of(item);
        if is_unknown || self.has_labels || self.is_set_phrase(item) || self.must_be_withheld(item) {
            return None;
        }
        let texts: Vec<String> = named.iter().map(|chunk| chunk.passage()).collect();
        let has_work =
            || Work::tagged(item).is_some() || texts.iter().any(|text| Work::searched(item, text).is_some());
        let words = tokens(&texts.join("\n"));
        let is_there = |answer: &String| {
            let answer = tokens(answer);
            is_verdict(&answer) || answer.iter().all(|token| holds(&words, std::slice::from_ref(token)))
        };
        if item.expected.alternatives().iter().any(is_there) || has_work() {
            return None;
        }
        Some(format!("`{}` stands nowhere in {}", item.expected.shown(), item.documents.join(", ")))
    }
}

/// The text as the grader reads it, with signs as on a keyboard and single spaces.
fn spaced(text: &str) -> String {
    on_keyboard(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Yes and no are judged from a text and do not stand there.
fn is_verdict(answer: &[Token]) -> bool {
    let verdict = |token: &Token| matches!(&token.value, Value::Word(word) if word == "yes" || word == "no");
    answer.first().is_some_and(verdict)
}

/// Two accepted answers that cannot both be right.
fn exclusive(item: &Item) -> Option<String> {
    let answers = item.expected.alternatives();
    let read: Vec<Vec<Token>> = answers.iter().map(|answer| tokens(answer)).collect();
    let pairs = (0..read.len()).flat_map(|one| (one + 1..read.len()).map(move |other| (one, other)));
    let (one, other) = pairs.into_iter().find(|(one, other)| exclude(&read[*one], &read[*other]))?;
    Some(format!("the accepted answers `{}` and `{}` exclude each other", answers[one], answers[other]))
}

/// Two amounts of the same unit, or yes and no.
fn exclude(one: &[Token], other: &[Token]) -> bool {
    if let (Some(one), Some(other)) = (quantity(one), quantity(other)) {
        // Without units it may be another way to count, such as 6 and 18 o'clock.
        let halves = [Some("am"), Some("pm")];
        let is_other_half =
            one.unit != other.unit && halves.contains(&one.unit) && halves.contains(&other.unit);
        return is_other_half || one.unit.is_some() && one.unit == other.unit && !one.is(other.number);
    }
    let says = |tokens: &[Token], wanted: &str| matches!(tokens.first(), Some(Token { value: Value::Word(word), .. }) if word == wanted);
    says(one, "yes") && says(other, "no") || says(one, "no") && says(other, "yes")
}

#[cfg(test)]
#[path = "recheck_tests.rs"]
mod tests;
