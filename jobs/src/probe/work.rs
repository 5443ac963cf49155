//! The reckoning behind an item: as its tag says, or found between the question and a passage.

use std::sync::LazyLock;

use empiric_schema::data::Item;
use regex::Regex;

use super::lenient::{Quantity, quantities, quantity, tokens};

/// The mark of a tag that says how the answer is reckoned: `work: 6 * 35 = 210`.
const TAG: &str = "work:";

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d[\d,]*(?:\.\d+)?").ok());

/// A reckoning with its result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// In words that a model is shown: `6 * 35 = 210`.
    pub(crate) text: String,
    /// Its numbers that the question does not give.
    pub(crate) from_passage: Vec<f64>,
}

impl Work {
    /// What the item's tag says.
    pub(crate) fn tagged(item: &Item) -> Option<Self> {
        let text = item.tags.iter().find_map(|tag| tag.strip_prefix(TAG))?.trim().to_owned();
        let operands = text.split('=').next().unwrap_or_default();
        let asked: Vec<Quantity> = quantities(&tokens(&item.input)).collect();
        let is_asked = |number: &f64| asked.iter().any(|quantity| quantity.is(*number));
        // A hundred is there to reckon with percent.
        let from_passage = numbers(operands).filter(|number| *number != 100.0 && !is_asked(number)).collect();
        Some(Self { text, from_passage })
    }

    /// An expression of a number of the question and one of the passage that gives the expected number. None
    /// where that number already stands in the question or the passage: then it is looked up, not reckoned.
    pub(crate) fn searched(item: &Item, passage: &str) -> Option<Self> {
        let (question, passage) = (tokens(&item.input), tokens(passage));
        let answers = item.expected.alternatives();
        let (answer, wanted) = answers.iter().find_map(|text| Some((text, quantity(&tokens(text))?)))?;
        let given: Vec<Quantity> = quantities(&question).collect();
        let stated: Vec<Quantity> = quantities(&passage).collect();
        if given.iter().chain(&stated).any(|quantity| quantity.is(wanted.number)) {
            return None;
        }
        let pairs = given.iter().flat_map(|given| stated.iter().map(move |stated| (*given, *stated)));
        let (expression, stated) = pairs
            .into_iter()
            .find_map(|(given, stated)| Some((expression(given, stated, wanted)?, stated)))?;
        let result = NUMBER.as_ref().and_then(|number| number.find(answer)).map(|found| found.as_str());
        let result = result.map_or_else(|| wanted.number.to_string(), str::to_owned);
        Some(Self { text: format!("{expression} = {result}"), from_passage: vec![stated.number] })
    }
}

fn numbers(text: &str) -> impl Iterator<Item = f64> + '_ {
    let found = NUMBER.as_ref().into_iter().flat_map(|number| number.find_iter(text));
    found.filter_map(|found| found.as_str().replace(',', "").parse().ok())
}

/// The first of the four operations, both ways round, that gives the number.
fn expression(given: Quantity, stated: Quantity, wanted: Quantity) -> Option<String> {
    // Reckoning with nothing or once gives what was there before.
    if [given.number, stated.number].iter().any(|number| [0.0, 1.0].contains(number)) {
        return None;
    }
    let (a, b) = (Operand::of(given, wanted), Operand::of(stated, wanted));
    let ways = [
        (&a, '*', &b, a.value * b.value),
        (&a, '/', &b, a.value / b.value),
        (&b, '/', &a, b.value / a.value),
        (&a, '+', &b, a.value + b.value),
        (&b, '-', &a, b.value - a.value),
        (&a, '-', &b, a.value - b.value),
    ];
    let is_result = |value: f64| (value - wanted.number).abs() <= 1e-9 * wanted.number.abs().max(1.0);
    let (left, sign, right, _) = ways.into_iter().find(|(.., value)| is_result(*value))?;
    Some(format!("{} {sign} {}", left.text, right.text))
}

/// A number as it enters a reckoning.
struct Operand {
    value: f64,
    text: String,
}

impl Operand {
    /// Percent are hundredths, and so are pence where pounds are wanted.
    fn of(quantity: Quantity, wanted: Quantity) -> Self {
        let number = quantity.number;
        match (quantity.unit, wanted.unit) {
            (Some("percent"), unit) if unit != Some("percent") => {
                Self { value: number / 100.0, text: format!("{number} / 100") }
            }
            (Some("pence"), unit) if unit != Some("pence") => {
                let value = number / 100.0;
                Self { value, text: format!("{value:.2}") }
            }
            (Some("pound"), _) if number.fract() != 0.0 => {
                Self { value: number, text: format!("{number:.2}") }
            }
            _ => Self { value: number, text: number.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(input: &str, expected: &str, tags: &str) -> Item {
        let json = format!(r#"{{"id":"i","input":"{input}","expected":{expected},"tags":{tags}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_tag_says_the_work_and_which_numbers_the_question_does_not_give() {
        let work =
            Work::tagged(&item("Deposit for £1,450?", r#""435""#, r#"["x","work: 1450 * 30 / 100 = 435"]"#));
        let work = work.unwrap();
        assert_eq!((work.text.as_str(), work.from_passage), ("1450 * 30 / 100 = 435", vec![30.0]));
        assert_eq!(Work::tagged(&item("q", r#""435""#, r#"["x"]"#)), None);
    }

    #[test]
    fn expressions_are_found_between_question_and_passage() {
        let check = |input: &str, passage: &str, expected: &str, work: Option<&str>| {
            let found = Work::searched(&item(input, expected, "[]"), passage).map(|work| work.text);
            assert_eq!(found.as_deref(), work, "{input} {passage} {expected}");
        };
        check("8 litres of water?", "35 millilitres to each litre", r#""280""#, Some("8 * 35 = 280"));
        check("six guests more", "A guest costs £71.", r#"["£426","426.00"]"#, Some("6 * 71 = 426"));
        check("7 crates short", "£3.80 each", r#"["£26.60","26.60"]"#, Some("7 * 3.80 = 26.60"));
        check("for 20 kWh", "31 pence a kilowatt-hour", r#""£6.20""#, Some("20 * 0.31 = 6.20"));
        check("a day at £1,450", "a deposit of 30 %", r#""£435""#, Some("1450 * 30 / 100 = 435"));
        check("the full loan of £780", "in 15 payments", r#""£52""#, Some("780 / 15 = 52"));
        check("after 3 days", "14 days in all", r#""11 days""#, Some("14 - 3 = 11"));
        // Nothing to reckon: the number is there, or is no number, or comes of nothing.
        check("for 2 days?", "30 hours, 15 minutes", r#""30 hours""#, None);
        check("for 6 days?", "7 hours", r#""Channel 42""#, None);
        check("for 6 days?", "7 hours", r#""41""#, None);
        check("for 1 day?", "40 hours", r#""40""#, None);
    }
}
