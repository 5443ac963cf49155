//! What a strong model is asked about failures, and what is read from its answer.
//!
//! The form is that of GEPA (Agrawal et al. 2025, "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement
//! Learning"): the instructions, what was answered under them and why it was wrong, then new instructions between
//! fences.

use empiric_schema::data::Item;
use empiric_schema::job::ItemResult;
use empiric_schema::version::Prompt;

/// Longest instructions that are taken, in bytes.
const LONGEST: usize = 2000;
/// Longest text of an item or an answer that is shown, in characters.
const LONGEST_SHOWN: usize = 600;
/// What stands before and after new instructions.
const FENCE: &str = "```";

/// A question that was answered wrongly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure<'a> {
    pub(crate) item: &'a Item,
    pub(crate) result: &'a ItemResult,
}

/// What the model is asked.
pub(crate) fn ask(prompt: &Prompt, failures: &[Failure<'_>]) -> String {
    let shown: Vec<String> = failures.iter().map(|failure| failure.shown()).collect();
    format!(
        "You improve the instructions of a small language model. It is given these instructions:\n{FENCE}\n{}\n{FENCE}\n\
         It failed on these questions:\n\n{}\n\n\
         Find out what the failures have in common. Write instructions under which they would have been right: keep \
         what is good, be short and concrete, give rules and never the answers to these questions. Write nothing but \
         the new instructions, between {FENCE} and {FENCE}.",
        prompt.system.trim(),
        shown.join("\n\n")
    )
}

impl Failure<'_> {
    fn shown(&self) -> String {
        format!(
            "Question: {}\nIt answered: {}\nA right answer: {}\nWhy it is wrong: {}",
            cut(&self.item.input),
            cut(&self.result.answer),
            cut(self.item.expected.shown()),
            cut(&self.result.reason)
        )
    }
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SHOWN) {
        Some((at, _)) => format!("{} ..", &line[..at]),
        None => line,
    }
}

/// The instructions in an answer: what stands between the last two fences, or all of it where there are none.
/// Nothing where they are empty, too long, or those that were there before.
pub(crate) fn read(answer: &str, before: &Prompt) -> Option<String> {
    let parts: Vec<&str> = answer.split(FENCE).collect();
    let text = match parts.len() {
        0..=2 => parts.last().copied().unwrap_or_default(),
        // An answer that was cut off has no fence at its end.
        n if n % 2 == 0 => parts[n - 1],
        n => parts[n - 2],
    };
    let text = without_language(text).trim();
    let is_new = !text.is_empty() && text.len() <= LONGEST && text != before.system.trim();
    is_new.then(|| text.to_owned())
}

/// Fences are often opened with the name of a language.
fn without_language(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if ["text", "markdown", "md", "plaintext"].contains(&first.trim()) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(system: &str) -> Prompt {
        Prompt { system: system.to_owned(), user: "{{input}}".to_owned(), answer_cue: String::new() }
    }

    #[test]
    fn instructions_are_read_from_between_the_fences() {
        for answer in [
            "```\nAnswer with a number.\n```",
            "The failures are about numbers.\n```text\nAnswer with a number.\n```\nThat will help.",
            "Answer with a number.",
            "Before:\n```\nold\n```\nAfter:\n```markdown\nAnswer with a number.\n```",
            "```\nAnswer with a number.",
        ] {
            assert_eq!(read(answer, &prompt("old")).as_deref(), Some("Answer with a number."), "{answer}");
        }
    }

    #[test]
    fn nothing_new_is_nothing() {
        for answer in ["", "``````", "```\nold\n```", &"x".repeat(LONGEST + 1)] {
            assert_eq!(read(answer, &prompt(" old ")), None, "{answer}");
        }
    }

    #[test]
    fn a_question_shows_the_failure_on_one_line_each() {
        let item: Item =
            serde_json::from_str(r#"{"id": "a", "input": "How\nmany?", "expected": "12"}"#).unwrap();
        let result: ItemResult = serde_json::from_str(
            r#"{"id": "a", "position": 0, "answer": "a dozen", "passed": false, "harmful": false,
                "reason": "no `12` in it", "prompt_tokens": 1, "completion_tokens": 1}"#,
        )
        .unwrap();
        let text = ask(&prompt("Be brief."), &[Failure { item: &item, result: &result }]);
        let wanted =
            "Question: How many?\nIt answered: a dozen\nA right answer: 12\nWhy it is wrong: no `12` in it";
        assert!(text.contains(wanted) && text.contains("Be brief."), "{text}");
    }
}
