//! Whether an answer gives none.

/// Characters of the beginning in which a refusal is looked for.
const BEGINNING: usize = 200;

/// How answers begin or sound that give none. Lower case.
const REFUSALS: &[&str] = &[
    "i'm sorry, but",
    "i am sorry, but",
    "i cannot help",
    "i can't help",
    "i cannot answer",
    "i can't answer",
    "i'm unable to",
    "i am unable to",
    "as an ai",
    "i'm not able to",
    "i am not able to",
    "i don't know",
    "i do not know",
];

/// Whether an answer reads like a refusal. It goes by words, and misses those that it does not know.
pub fn reads_like_refusal(answer: &str) -> bool {
    let beginning: String =
        answer.chars().take(BEGINNING).collect::<String>().to_lowercase().replace('\u{2019}', "'");
    REFUSALS.iter().any(|words| beginning.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_found_by_their_words() {
        assert!(reads_like_refusal("I\u{2019}m sorry, but that is secret."));
        assert!(reads_like_refusal("Well, I don't know."));
        assert!(!reads_like_refusal("Behind the hotel."));
        assert!(!reads_like_refusal(""));
    }
}
