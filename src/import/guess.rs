//! What kind of task the answers look like.

use std::collections::BTreeMap;

use empiric_schema::data::{Expected, Item};
use empiric_schema::grade::Assertion;

use super::found::Check;

/// Most labels of a classification, and the items for each that make it believable.
const MOST_LABELS: usize = 20;
const ITEMS_PER_LABEL: usize = 5;
/// Longest label and longest short answer, in characters.
const LONGEST_LABEL: usize = 40;
const LONGEST_SHORT: usize = 120;

/// A task with how its answers are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Labels of a classification; empty for short answers.
    pub labels: Vec<String>,
    /// How answers are graded.
    pub assertion: Assertion,
    /// Most new tokens in an answer.
    pub max_tokens: usize,
    /// What made it look so, in words.
    pub because: String,
}

/// Guesses from the expected answers. `check` is what another tool asked for.
pub fn guess(items: &[Item], check: Option<Check>) -> Guess {
    let value = "{{expected}}".to_owned();
    let labels = labels(items);
    let (assertion, because) = if labels.is_empty() {
        match check {
            Some(Check::Equals) => {
                (Assertion::Equals { value }, "every test asks for equal answers".to_owned())
            }
            Some(Check::Contains) => {
                (Assertion::Icontains { value }, "the tests ask for contained texts".to_owned())
            }
            None if items.iter().all(is_number) => {
                (Assertion::Number { value, tolerance: 0.0 }, "all answers are numbers".to_owned())
            }
            None => (Assertion::Icontains { value }, "the answers are texts of their own".to_owned()),
        }
    } else {
        let because = format!("there are {} different answers in {} items", labels.len(), items.len());
        (Assertion::Choice { value, choices: Vec::new() }, because)
    };
    Guess { labels, assertion, max_tokens: max_tokens(items), because }
}

/// The different answers in the order of their frequency, if they are few enough to be labels.
fn labels(items: &[Item]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        match &item.expected {
            Expected::One(answer) if answer.chars().count() <= LONGEST_LABEL => {
                *counts.entry(answer).or_default() += 1;
            }
            _ => return Vec::new(),
        }
    }
    let few = (2..=MOST_LABELS).contains(&counts.len()) && counts.len() * ITEMS_PER_LABEL <= items.len();
    if !few {
        return Vec::new();
    }
    let mut labels: Vec<(&str, usize)> = counts.into_iter().collect();
    labels.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    labels.into_iter().map(|(label, _)| label.to_owned()).collect()
}

fn is_number(item: &Item) -> bool {
    item.expected.alternatives().iter().all(|answer| answer.parse::<f64>().is_ok_and(f64::is_finite))
}

/// Room for the longest answer that is shown, at about three characters a token, and a little more.
fn max_tokens(items: &[Item]) -> usize {
    let longest = items.iter().map(|item| item.expected.shown().chars().count()).max().unwrap_or(0);
    (longest / 3 + 12).clamp(16, 512)
}

/// Items whose answers are too long to be found word by word in another answer.
pub fn long_answers(items: &[Item]) -> usize {
    let long = |item: &&Item| item.expected.shown().chars().count() > LONGEST_SHORT;
    items.iter().filter(long).count()
}

#[cfg(test)]
mod tests {
    use empiric_schema::id::ItemId;

    use super::*;

    fn items(answers: &[&str]) -> Vec<Item> {
        let item = |(at, answer): (usize, &&str)| Item {
            id: ItemId::new(at.to_string()),
            input: format!("question {at}"),
            expected: Expected::One((*answer).to_owned()),
            documents: Vec::new(),
            tags: Vec::new(),
            forbidden: Vec::new(),
        };
        answers.iter().enumerate().map(item).collect()
    }

    #[test]
    fn few_different_answers_are_labels_the_most_frequent_first() {
        let answers: Vec<&str> = (0..12).map(|at| if at % 3 == 0 { "spam" } else { "ham" }).collect();
        let guess = guess(&items(&answers), None);
        assert_eq!(guess.labels, ["ham", "spam"]);
        assert_eq!(guess.assertion.name(), "choice");
        assert_eq!(guess.because, "there are 2 different answers in 12 items");
    }

    #[test]
    fn answers_of_their_own_are_numbers_or_texts() {
        for (answers, check, name) in [
            (["1", "2.5", "-3"], None, "number"),
            (["1", "two", "3"], None, "icontains"),
            (["a", "b", "c"], Some(Check::Equals), "equals"),
            (["1", "2", "3"], Some(Check::Contains), "icontains"),
            (["yes", "no", "yes"], None, "icontains"),
        ] {
            let guess = guess(&items(&answers), check);
            assert_eq!((guess.assertion.name(), guess.labels.len()), (name, 0), "{answers:?}");
        }
    }

    #[test]
    fn the_longest_answer_has_room() {
        assert_eq!(guess(&items(&["a", "b"]), None).max_tokens, 16);
        assert_eq!(guess(&items(&["a", &"b".repeat(300)]), None).max_tokens, 112);
        assert_eq!(long_answers(&items(&["a", &"b".repeat(300)])), 1);
    }
}
