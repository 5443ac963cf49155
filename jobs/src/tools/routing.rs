//! Which questions may use tools under [`ToolRouting::Rules`](empiric_schema::version::ToolRouting).

use crate::retrieve::words;

/// Words of reckoning, alone or two in a row.
const RECKONING: &[&str] = &[
    "how much",
    "how many",
    "how long",
    "how far",
    "how heavy",
    "in all",
    "in total",
    "add up",
    "adds up",
    "comes to",
    "come to",
    "all together",
    "per cent",
    "total",
    "totals",
    "altogether",
    "together",
    "sum",
    "cost",
    "costs",
    "price",
    "pay",
    "paid",
    "charge",
    "charged",
    "charges",
    "bill",
    "owe",
    "owes",
    "due",
    "earn",
    "earns",
    "spend",
    "spent",
    "worth",
    "claim",
    "quote",
    "percent",
    "percentage",
    "plus",
    "minus",
    "times",
    "difference",
    "average",
    "calculate",
    "allowance",
    "deposit",
    "fee",
    "refund",
    "receive",
];
const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "twenty", "thirty", "fifty", "hundred", "thousand", "half", "double", "twice", "dozen",
];

/// Whether a question has a number and a word of reckoning.
pub(super) fn asks_for_reckoning(question: &str) -> bool {
    let words: Vec<String> = words(question).collect();
    let is_number =
        |word: &String| word.bytes().any(|byte| byte.is_ascii_digit()) || NUMBERS.contains(&word.as_str());
    let is_reckoning = |text: &str| RECKONING.contains(&text);
    words.iter().any(is_number)
        && (words.iter().any(|word| is_reckoning(word))
            || words.windows(2).any(|pair| is_reckoning(&pair.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_word_of_reckoning_are_needed() {
        let check = |question: &str, expected: bool| {
            assert_eq!(asks_for_reckoning(question), expected, "{question}");
        };
        check("How much are 7 crates?", true);
        check("I want to sell three unused days of leave. What would I get in total?", true);
        check("Guest took 2 beers and 1 packet of almonds. Total?", true);
        check("How MANY ml of degreaser for 5 litres of water?", true);
        check("How much is a crate?", false);
        check("Who is in room 318?", false);
        check("Is there parking for employees?", false);
        check("", false);
    }
}
