//! Whether an answer says what was accepted, whatever its form.
//!
//! In doubt it does not: a wrong answer that is taken for a matter of form would send the loop the wrong way.

use super::token::{Gap, Token, Value, tokens};
use super::unit;

/// Numbers closer together than this are equal.
const ROUNDING: f64 = 1e-9;

/// Whether the answer to the question says the same as the accepted one: other case, punctuation, articles,
/// number words, units and surroundings do not matter, other numbers and denials do.
pub(crate) fn says(answer: &str, accepted: &str, question: &str) -> bool {
    let (said, wanted) = (tokens(answer), tokens(accepted));
    match quantity(&wanted) {
        Some(wanted) => says_quantity(&said, wanted, &tokens(question)),
        None => says_phrase(&said, &wanted),
    }
}

/// Whether a text holds the tokens of the phrase one after another, as they stand.
pub(crate) fn holds(text: &[Token], phrase: &[Token]) -> bool {
    !phrase.is_empty() && windows(text, phrase).next().is_some()
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) number: f64,
    pub(crate) unit: Option<&'static str>,
}

impl Quantity {
    /// Whether it is this number, whatever its unit.
    pub(crate) fn is(&self, number: f64) -> bool {
        is_equal(self.number, number)
    }
}

/// The quantity that the text is, where it is nothing else.
pub(crate) fn quantity(text: &[Token]) -> Option<Quantity> {
    match text {
        [Token { value: Value::Number(number), .. }] => Some(Quantity { number: *number, unit: None }),
        [Token { value: Value::Number(number), .. }, Token { value: Value::Unit(unit), .. }]
        | [Token { value: Value::Unit(unit), .. }, Token { value: Value::Number(number), .. }] => {
            Some(Quantity { number: *number, unit: Some(unit) })
        }
        _ => None,
    }
}

/// A quantity in an answer, and whether another word stands where its unit would.
#[derive(Debug, Clone, Copy)]
struct Mention {
    quantity: Quantity,
    of_something: bool,
    is_result: bool,
}

/// All quantities of a text that are neither denied, nor an end of a range, nor a part of a larger number.
pub(crate) fn quantities(text: &[Token]) -> impl Iterator<Item = Quantity> + '_ {
    mentions(text).map(|mention| mention.quantity)
}

fn mentions(text: &[Token]) -> impl Iterator<Item = Mention> + '_ {
    (0..text.len()).filter_map(|place| mention(text, place))
}

fn mention(text: &[Token], place: usize) -> Option<Mention> {
    let number = number_at(text, place)?;
    let next = text.get(place + 1).filter(|next| next.gap < Gap::Clause);
    let before = place.checked_sub(1).filter(|_| text[place].gap == Gap::Space).map(|before| &text[before]);
    let unit = match (before.map(|token| &token.value), next.map(|token| &token.value)) {
        // A sign after a number is that number's.
        (Some(Value::Unit(unit)), _) if place < 2 || number_at(text, place - 2).is_none() => Some(*unit),
        (_, Some(Value::Unit(unit))) => Some(*unit),
        _ => None,
    };
    let of_something = unit.is_none() && matches!(next, Some(Token { value: Value::Word(_), .. }));
    let is_range = begins_range(text, place) || ends_range(text, place);
    let is_clear = !is_range && !is_denied(text, place) && !goes_on(text, place + 1);
    is_clear.then_some(Mention {
        quantity: Quantity { number, unit },
        of_something,
        is_result: text[place].gap == Gap::Equals,
    })
}

fn says_quantity(said: &[Token], wanted: Quantity, question: &[Token]) -> bool {
    let all: Vec<Mention> = mentions(said).collect();
    let fits = |mention: &&Mention| {
        is_equal(mention.quantity.number, wanted.number)
            && match (wanted.unit, mention.quantity.unit) {
                (None, _) => true,
                (Some(_), None) => !mention.of_something,
                (Some(wanted), Some(said)) => wanted == said,
            }
    };
    let asked: Vec<Quantity> = quantities(question).collect();
    let results: Vec<&Mention> = all.iter().filter(|mention| mention.is_result).collect();
    if let Some(last) = results.last() {
        return fits(last);
    }
    let Some(right) = all.iter().find(fits) else {
        return false;
    };
    !all.iter().any(|other| contradicts(other, right) && !is_in(&asked, other.quantity))
}

fn is_in(quantities: &[Quantity], wanted: Quantity) -> bool {
    quantities.iter().any(|quantity| quantity.is(wanted.number))
}

/// Whether the other is another amount of what may be the same thing.
fn contradicts(other: &Mention, right: &Mention) -> bool {
    !is_equal(other.quantity.number, right.quantity.number)
        && match (other.quantity.unit, right.quantity.unit) {
            (Some(other), Some(right)) => other == right,
            _ => !other.of_something || right.of_something,
        }
}

fn says_phrase(said: &[Token], wanted: &[Token]) -> bool {
    if wanted.is_empty() {
        return false;
    }
    let is_yes_or_no =
        matches!(wanted, [Token { value: Value::Word(word), .. }] if word == "yes" || word == "no");
    windows(said, wanted).any(|place| {
        let end = place + wanted.len();
        let is_whole = !ends_range(said, place) && !begins_range(said, end - 1) && !goes_on(said, end);
        let is_sure = !is_denied(said, place) && !is_alternative(said, place, end);
        is_whole && is_sure && (!is_yes_or_no || place == 0 || end == said.len())
    })
}

/// Where the phrase stands in the text.
fn windows<'a>(text: &'a [Token], phrase: &'a [Token]) -> impl Iterator<Item = usize> + 'a {
    let is_same = move |window: &[Token]| window.iter().zip(phrase).all(|(one, other)| is_alike(one, other));
    text.windows(phrase.len().max(1)).enumerate().filter(move |(_, window)| is_same(window)).map(|(at, _)| at)
}

fn is_alike(one: &Token, other: &Token) -> bool {
    match (&one.value, &other.value) {
        (Value::Number(one), Value::Number(other)) => is_equal(*one, *other),
        // A unit that stands beside no number is a word.
        (Value::Unit(unit), Value::Word(word)) | (Value::Word(word), Value::Unit(unit)) => {
            unit::of_word(word) == Some(*unit)
        }
        (one, other) => one == other,
    }
}

fn is_equal(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(1.0)
}

fn number_at(text: &[Token], place: usize) -> Option<f64> {
    match text.get(place)?.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn word_at(text: &[Token], place: usize) -> Option<&str> {
    match &text.get(place)?.value {
        Value::Word(word) => Some(word),
        _ => None,
    }
}

/// Whether one of the three words before, in the same clause, denies what stands here.
fn is_denied(text: &[Token], place: usize) -> bool {
    const DENIALS: [&str; 9] =
        ["not", "no", "never", "nor", "neither", "without", "except", "unlike", "instead"];
    let from = (0..place).rev().take_while(|before| text[before + 1].gap != Gap::Clause).take(3);
    from.into_iter().any(|before| word_at(text, before).is_some_and(|word| DENIALS.contains(&word)))
}

/// Whether the number here ends a range, or is the second of two to choose from: `2-3`, `2 to 3`, `2 or 3`.
fn ends_range(text: &[Token], place: usize) -> bool {
    let number = |by: usize| place.checked_sub(by).is_some_and(|place| number_at(text, place).is_some());
    let joins = |by: usize| place.checked_sub(by).is_some_and(|place| is_join(text, place));
    // A unit may stand between: `2 days to 3 days`, `£2 to £3`.
    let joined = joins(1) && (number(2) || number(3)) || joins(2) && (number(3) || number(4));
    number_at(text, place).is_some() && (text[place].gap == Gap::Dash && number(1) || joined)
}

/// Whether the number here begins a range, or is the first of two to choose from.
fn begins_range(text: &[Token], place: usize) -> bool {
    let number = |by: usize| number_at(text, place + by).is_some();
    let joins = |by: usize| is_join(text, place + by);
    let joined = joins(1) && (number(2) || number(3)) || joins(2) && (number(3) || number(4));
    let dash = text.get(place + 1).is_some_and(|next| next.gap == Gap::Dash);
    number_at(text, place).is_some() && (dash && number(1) || joined)
}

fn is_join(text: &[Token], place: usize) -> bool {
    matches!(word_at(text, place), Some("to" | "or"))
}

/// Whether a number that ends before this place goes on: `4 1/2`, `4 and a half`.
fn goes_on(text: &[Token], place: usize) -> bool {
    if place == 0 || number_at(text, place - 1).is_none() {
        return false;
    }
    let is_part = |place| matches!(word_at(text, place), Some("half" | "quarter" | "third"));
    let fraction = number_at(text, place).is_some() && text[place].gap == Gap::Space;
    is_part(place) || word_at(text, place) == Some("and") && is_part(place + 1) || fraction
}

/// Whether the phrase is offered with another: `Monday or Tuesday`.
fn is_alternative(text: &[Token], place: usize, end: usize) -> bool {
    let or = |place: usize| matches!(word_at(text, place), Some("or"));
    place > 0 && or(place - 1) || or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_another_form_is_said() {
        let check = |answer: &str, accepted: &str| {
            assert!(says(answer, accepted, "How much for 8 of them?"), "{answer} / {accepted}");
        };
        check("10 months", "ten months");
        check("The permit lasts TEN months, no longer.", "10 months");
        check("It costs 16 pounds.", "£16");
        check("£16.00", "16 pounds");
        check("4.4", "£4.40");
        check("About £4.40 per day is refunded", "4.40");
        check("280 ml", "280");
        check("You need 280 millilitres for 8 litres.", "280 ml");
        check("8 * 35 = 280", "280 ml");
        check("I'd say 8 times 35 ml = 280 ml", "280");
        check("the Green Enamel Pins", "green enamel pin");
        check("SM 3", "SM-3");
        check("room B1.31", "b1.31");
        check("A pay day is the 28th.", "28th");
        check("I can’t share that", "cannot share");
        check("The handbook doesn't say", "handbook does not say");
        check("1250 euros", "€1,250");
        check("twenty five per day", "25");
        check("Yes, it is.", "yes");
        check("at 06:30.", "6:30");
        check("6:30am", "6:30 am");
        check("4-day notice", "4 days");
    }

    #[test]
    fn what_says_something_else_is_not_accepted() {
        let check = |answer: &str, accepted: &str| {
            assert!(!says(answer, accepted, "How long, and for 8 of them?"), "{answer} / {accepted}");
        };
        check("14 days", "4 days");
        check("4 hours", "4 days");
        check("4 people", "4 days");
        check("4.5 days", "4 days");
        check("four and a half days", "4 days");
        check("4 1/2 days", "4 days");
        check("4 thousand days", "4 days");
        check("2-4 days", "4 days");
        check("4 to 6 days", "4 days");
        check("4 days or 6 days", "4 days");
        check("between 4 days and 14 days", "4 days");
        check("not 4 days but 14 days", "4 days");
        check("It isn't 4 days.", "4 days");
        check("14", "4");
        check("-4", "4");
        check("$16", "£16");
        check("£1.60", "£16");
        check("115 minutes", "15 minutes");
        check("8 * 35 = 270, not 280", "280");
        check("B4.40", "4.40");
        check("room 12a", "12");
        check("not on Monday", "Monday");
        check("Monday or Tuesday", "Monday");
        check("every day except Monday", "Monday");
        check("SM-31", "SM-3");
        check("6:30 pm", "6:30 am");
        check("16:30", "6:30");
        check("I know yes men", "yes");
        check("I can share", "cannot share");
        check("The handbook does say", "handbook does not say");
        check("", "4 days");
        check("anything", "...");
        check("", "");
    }
}
