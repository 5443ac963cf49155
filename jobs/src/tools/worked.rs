//! The answer that teaches the calculator: an item's expected answer with the call in the place of its number.
//!
//! An item says its expression in a tag, `work: 6 * 102.50 = 615`.

use empiric_schema::data::Item;
use empiric_schema::version::{CALL_BEGIN, CALL_END, SystemVersion, Tool};

use super::calculator::{calculate, numbers};

/// Begins the tag with an item's expression.
const WORK_TAG: &str = "work:";

/// The expression of an item, without its result.
fn expression(item: &Item) -> Option<&str> {
    let work = item.tags.iter().find_map(|tag| tag.strip_prefix(WORK_TAG))?;
    Some(work.split('=').next().unwrap_or_default().trim())
}

/// The numbers of an item's expression that its question does not say: those that a document must say.
pub(crate) fn expression_numbers(item: &Item) -> Vec<String> {
    let asked: Vec<_> = numbers(&item.input).into_iter().map(|(_, value)| value).collect();
    let expression = expression(item).unwrap_or_default();
    let unsaid = numbers(expression).into_iter().filter(|(_, value)| !asked.contains(value));
    unsaid.map(|(place, _)| expression[place].to_owned()).collect()
}

/// Whether the version can calculate.
pub(crate) fn has_calculator(version: &SystemVersion) -> bool {
    version.tools.as_ref().is_some_and(|tools| tools.tools.contains(&Tool::Calculator))
}

/// The first accepted answer in the form of which the call gives an accepted answer: `£<<6 * 102.50>>` for
/// `£615`. Nothing for items without an expression, or whose expression does not lead to an accepted answer.
pub(crate) fn worked_answer(item: &Item) -> Option<String> {
    let expression = expression(item)?;
    let result = calculate(expression).ok()?;
    let (_, value) = *numbers(&result).first()?;
    let is_accepted = |text: &str| {
        let text = text.to_lowercase();
        item.expected.alternatives().iter().any(|answer| text.contains(&answer.to_lowercase()))
    };
    item.expected.alternatives().iter().find_map(|answer| {
        let (place, _) = numbers(answer).into_iter().find(|(_, number)| *number == value)?;
        let with = |text: &str| format!("{}{text}{}", &answer[..place.start], &answer[place.end..]);
        is_accepted(&with(&result)).then(|| with(&format!("{CALL_BEGIN}{expression}{CALL_END}")))
    })
}

/// The answer to an item that a demonstration or an example shows to this version: a call where the version
/// calculates and the item says how, else the first accepted answer.
pub(crate) fn shown_answer(version: &SystemVersion, item: &Item) -> String {
    let worked = has_calculator(version).then(|| worked_answer(item)).flatten();
    worked.unwrap_or_else(|| item.expected.shown().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(expected: &str, work: &str) -> Item {
        let line =
            format!(r#"{{"id":"a","input":"?","expected":{expected},"tags":["arithmetic","{work}"]}}"#);
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn the_call_takes_the_unit_of_an_accepted_answer() {
        let check = |expected: &str, work: &str, form: Option<&str>| {
            assert_eq!(worked_answer(&item(expected, work)).as_deref(), form, "{work}");
        };
        check(r#"["£615","615 pounds"]"#, "work: 6 * 102.50 = 615", Some("£<<6 * 102.50>>"));
        check(r#"["£5.40"]"#, "work: 45 * 12 / 100 = 5.40", Some("£<<45 * 12 / 100>>"));
        check(r#""133""#, "work: 7 * 19 = 133", Some("<<7 * 19>>"));
        check(r#"["1,860","1860"]"#, "work: 310 * 6 = 1860", Some("<<310 * 6>>"));
        check(r#"["two at £4, £8"]"#, "work: 2 * 4 = 8", Some("two at £4, £<<2 * 4>>"));
        // 615.00 pounds is not 615 pounds to a grader that looks for the text.
        check(r#""615 pounds""#, "work: 6 * 102.50 = 615", None);
        check(r#""£41""#, "work: 6 * 7 = 41", None);
        check(r#""42""#, "lookup", None);
        check(r#""42""#, "work: six times seven", None);
    }

    #[test]
    fn all_expressions_of_the_hotel_lead_to_accepted_answers() {
        let data = [
            include_str!("../../../examples/staff-handbook/data/train.jsonl"),
            include_str!("../../../examples/staff-handbook/data/dev.jsonl"),
            include_str!("../../../examples/staff-handbook/data/test.jsonl"),
        ];
        let items = data.iter().flat_map(|file| file.lines());
        let items: Vec<Item> = items.map(|line| serde_json::from_str(line).unwrap()).collect();
        let with_work: Vec<&Item> = items.iter().filter(|item| expression(item).is_some()).collect();
        assert_eq!(with_work.len(), 74);
        for item in with_work {
            assert!(worked_answer(item).is_some(), "{}", item.id);
        }
    }
}
