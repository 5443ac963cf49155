//! One line of a data file: from JSON text to an item.

use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::item::{Expected, Item};
use super::scan::{self, Entry};
use crate::id::ItemId;
use crate::spec::{ErrorCode, Problem};

/// Keys of an item, as messages list them.
const KEYS: [&str; 7] = ["id", "input", "expected", "messages", "documents", "tags", "forbidden"];
/// Longest id, in bytes.
const LONGEST_ID: usize = 200;

/// Reads a line. `default_id` names an item that brings no id of its own.
///
/// # Errors
/// The problems of this line; their ranges are bytes of the line.
pub(super) fn read(line: &str, default_id: &str) -> Result<Item, Vec<Problem>> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(line) {
        return Err(vec![syntax(line, &error)]);
    }
    let start = line.len() - line.trim_start().len();
    if !line[start..].starts_with('{') {
        let message = "the line is not an object";
        let problem = Problem::new(ErrorCode::DataWrongType, start..line.len(), message);
        return Err(vec![problem.expected(r#"`{"id": .., "input": .., "expected": ..}`"#)]);
    }
    let mut reader = Reader { line, entries: Vec::new(), problems: Vec::new() };
    reader.keys();
    match reader.item(default_id) {
        Some(item) if reader.problems.is_empty() => Ok(item),
        _ => Err(reader.problems),
    }
}

fn syntax(line: &str, error: &serde_json::Error) -> Problem {
    // Columns of serde_json count bytes from 1, and are 0 before the first one.
    let at = error.column().saturating_sub(1).min(line.len());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text).to_lowercase();
    let problem = Problem::new(ErrorCode::DataSyntax, at..at, format!("not JSON: {reason}"));
    let problem = problem.expected("one JSON object on the line");
    match line.trim_start().starts_with(['[', '{']) && error.is_eof() {
        true => problem.help("JSONL has one whole object on each line, without line breaks in it"),
        false => problem,
    }
}

struct Reader<'a> {
    line: &'a str,
    /// The known keys, each once.
    entries: Vec<(String, Entry)>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn keys(&mut self) {
        for entry in scan::entries(self.line) {
            let key: String = serde_json::from_str(&self.line[entry.key.clone()]).unwrap_or_default();
            if !KEYS.contains(&key.as_str()) {
                let message = format!("unknown key `{key}`");
                let problem = Problem::new(ErrorCode::DataUnknownKey, entry.key, message);
                let problem = problem.expected(format!("one of: {}", KEYS.join(", ")));
                self.report(problem.nearest(&key, KEYS));
            } else if self.place(&key).is_some() {
                let message = format!("the key `{key}` is given twice");
                let problem = Problem::new(ErrorCode::DataDuplicateKey, entry.key, message);
                self.report(problem.expected("each key once"));
            } else {
                self.entries.push((key, entry));
            }
        }
    }

    fn place(&self, key: &str) -> Option<Range<usize>> {
        let found = self.entries.iter().find(|(name, _)| name == key);
        found.map(|(_, entry)| entry.value.clone())
    }

    fn item(&mut self, default_id: &str) -> Option<Item> {
        let id = match self.place("id") {
            Some(_) => self.id(),
            None => Some(default_id.to_owned()),
        };
        let asked = match self.place("messages") {
            Some(place) => self.chat(place),
            None => self.question(),
        };
        let documents = self.list("documents");
        let tags = self.list("tags");
        let forbidden = self.list("forbidden");
        let (input, expected) = asked?;
        Some(Item {
            id: ItemId::new(id?),
            input,
            expected,
            documents: documents?,
            tags: tags?,
            forbidden: forbidden?,
        })
    }

    /// The value of a key that is there; a value of another type is reported.
    fn value<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Option<T> {
        let place = self.place(key)?;
        let text = &self.line[place.clone()];
        let value = serde_json::from_str(text).ok();
        if value.is_none() {
            let message = format!("`{key}` has the wrong type");
            let problem = Problem::new(ErrorCode::DataWrongType, place, message);
            let scalar = !text.starts_with(['{', '[', '"']) && text != "null";
            let problem = problem.expected(expected);
            self.report(match scalar {
                true => problem.help(format!("put it in quotes: \"{text}\"")),
                false => problem,
            });
        }
        value
    }

    fn id(&mut self) -> Option<String> {
        let id: String = self.value("id", "a text")?;
        let wrong = id.trim().is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control);
        if wrong {
            let place = self.place("id")?;
            let problem = Problem::new(ErrorCode::DataEmptyValue, place, "`id` cannot name an item");
            let expected = format!("1 to {LONGEST_ID} bytes without control characters");
            self.report(problem.expected(expected));
        }
        (!wrong).then_some(id)
    }

    fn list(&mut self, key: &str) -> Option<Vec<String>> {
        match self.place(key) {
            Some(_) => self.value(key, "a list of texts"),
            None => Some(Vec::new()),
        }
    }

    fn question(&mut self) -> Option<(String, Expected)> {
        for key in ["input", "expected"] {
            if self.place(key).is_none() {
                self.missing(key);
            }
        }
        let input: Option<String> = self.value("input", "a text");
        let expected: Option<Expected> = self.value("expected", "a text or a list of texts");
        self.not_empty("input", input.as_deref().is_some_and(is_blank));
        let blank = |expected: &Expected| {
            let answers = expected.alternatives();
            answers.is_empty() || answers.iter().any(|answer| is_blank(answer))
        };
        self.not_empty("expected", expected.as_ref().is_some_and(blank));
        Some((input?, expected?))
    }

    /// A key that stands there under a wrong name is no second problem.
    fn missing(&mut self, key: &str) {
        let misspelt = |problem: &Problem| {
            let meant = format!("did you mean `{key}`?");
            problem.help.contains(&meant)
        };
        if self.problems.iter().any(misspelt) {
            return;
        }
        let start = self.line.len() - self.line.trim_start().len();
        let message = format!("the item lacks the key `{key}`");
        let problem = Problem::new(ErrorCode::DataMissingKey, start..start + 1, message);
        self.report(problem.expected("`input` and `expected`, or `messages`"));
    }

    fn not_empty(&mut self, key: &str, empty: bool) {
        if let Some(place) = self.place(key).filter(|_| empty) {
            let message = format!("`{key}` is empty");
            let problem = Problem::new(ErrorCode::DataEmptyValue, place, message);
            self.report(problem.expected("a text with at least one visible character"));
        }
    }

    /// A chat: its last message is the expected answer, the last one of the user the input.
    fn chat(&mut self, place: Range<usize>) -> Option<(String, Expected)> {
        for key in ["input", "expected"] {
            if let Some(place) = self.place(key) {
                let message = format!("an item with `messages` has no `{key}`");
                let problem = Problem::new(ErrorCode::DataMessages, place, message);
                self.report(problem.expected("either `messages` or `input` with `expected`"));
            }
        }
        let result = serde_json::from_str::<Vec<Message>>(&self.line[place.clone()])
            .map_err(|error| {
                let text = error.to_string();
                text.split(" at line ").next().unwrap_or(&text).to_owned()
            })
            .and_then(|messages| turns(&messages).map_err(str::to_owned));
        match result {
            Ok((input, answer)) => Some((input, Expected::One(answer))),
            Err(reason) => {
                let message = format!("`messages` is not a chat: {reason}");
                let problem = Problem::new(ErrorCode::DataMessages, place, message);
                let expected = r#"`[{"role": "user", "content": ..}, {"role": "assistant", "content": ..}]`"#;
                self.report(problem.expected(expected));
                None
            }
        }
    }
}

/// A turn of a chat, as OpenAI's fine-tuning files have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: Role,
    content: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

fn turns(messages: &[Message]) -> Result<(String, String), &'static str> {
    let answer = messages.last().filter(|message| message.role == Role::Assistant);
    let answer = answer.ok_or("its last message is not the assistant's")?;
    let question = messages.iter().rev().find(|message| message.role == Role::User);
    let question = question.ok_or("it has no message of the user")?;
    if is_blank(&answer.content) || is_blank(&question.content) {
        return Err("the last question or answer is empty");
    }
    Ok((question.content.clone(), answer.content.clone()))
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
