//! From rows to items. Every row becomes one or is left out with its line and a reason.

use std::collections::{BTreeMap, BTreeSet};

use empiric_schema::data::{Expected, Item};
use empiric_schema::id::ItemId;
use serde_json::Value;

use super::chat::{self, Chat};
use super::columns::{ColumnNames, Columns};
use super::error::ImportError;
use super::found::{Found, Kind, Reasons};
use super::table::{Row, Table};

/// The column of a chat.
const MESSAGES: &str = "messages";

/// The items of a table.
pub(super) fn read(table: &Table, kind: Kind, names: &ColumnNames) -> Result<Found, ImportError> {
    let is_chat = table.columns.iter().any(|column| column == MESSAGES) && *names == ColumnNames::default();
    let found = if is_chat { chats(table) } else { plain(table, kind, names)? };
    unique_ids(table, &found)?;
    Ok(found)
}

fn plain(table: &Table, kind: Kind, names: &ColumnNames) -> Result<Found, ImportError> {
    let columns = Columns::find(table, names)?;
    let mut found = empty(table, kind);
    for row in &table.rows {
        match item(table, &columns, row) {
            Ok(item) => found.items.push(item),
            Err(reason) => leave_out(&mut found.left_out, reason, row.line),
        }
    }
    found.taken =
        vec![format!("input from `{}`", columns.input), format!("expected from `{}`", columns.expected)];
    let optional = [("id", &columns.id), ("documents", &columns.documents), ("tags", &columns.tags)];
    let optional = optional.into_iter().chain([("forbidden", &columns.forbidden)]);
    found
        .taken
        .extend(optional.filter_map(|(role, column)| Some(format!("{role} from `{}`", column.as_ref()?))));
    found.unused = columns.unused(table).iter().map(|column| format!("column `{column}`")).collect();
    Ok(found)
}

fn empty(table: &Table, kind: Kind) -> Found {
    Found {
        file: table.file.clone(),
        kind,
        items: Vec::new(),
        left_out: Reasons::new(),
        taken: Vec::new(),
        unused: Vec::new(),
        system: None,
        user: None,
        check: None,
        documents: Vec::new(),
    }
}

fn leave_out(left_out: &mut Reasons, reason: &str, line: usize) {
    left_out.entry(reason.to_owned()).or_default().push(line);
}

fn item(table: &Table, columns: &Columns, row: &Row) -> Result<Item, &'static str> {
    let cell = |column: &Option<String>| row.cells.get(column.as_ref()?);
    let input = row.cells.get(&columns.input).and_then(question).ok_or("no input")?;
    let expected = row.cells.get(&columns.expected).and_then(answers).ok_or("no expected answer")?;
    Ok(Item {
        id: id(table, cell(&columns.id), row.line),
        input,
        expected,
        // A comma may be part of a file's name, and hardly of a tag.
        documents: list(cell(&columns.documents), &[';', '|']),
        tags: list(cell(&columns.tags), &[';', '|', ',']),
        forbidden: list(cell(&columns.forbidden), &[';', '|']),
    })
}

fn id(table: &Table, given: Option<&Value>, line: usize) -> ItemId {
    let given = given.and_then(text).map(|text| text.chars().filter(|c| !c.is_control()).take(60).collect());
    ItemId::new(given.unwrap_or_else(|| format!("{}-{line}", table.stem())))
}

/// A scalar as a text with something in it.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A text, or TRL's list of messages whose last one counts.
fn question(value: &Value) -> Option<String> {
    text(value).or_else(|| text(value.as_array()?.last()?.get("content")?))
}

/// One answer or several accepted ones.
fn answers(value: &Value) -> Option<Expected> {
    let Value::Array(parts) = value else {
        return text(value).map(Expected::One);
    };
    if parts.iter().any(Value::is_object) {
        return question(value).map(Expected::One);
    }
    let mut answers: Vec<String> = parts.iter().map(text).collect::<Option<_>>()?;
    match answers.len() {
        0 => None,
        1 => answers.pop().map(Expected::One),
        _ => Some(Expected::Any(answers)),
    }
}

fn list(value: Option<&Value>, separators: &[char]) -> Vec<String> {
    match value {
        Some(Value::Array(parts)) => parts.iter().filter_map(text).collect(),
        Some(value) => {
            let text = text(value).unwrap_or_default();
            text.split(separators).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        None => Vec::new(),
    }
}

fn chats(table: &Table) -> Found {
    let mut found = empty(table, Kind::Chats);
    let mut read = Vec::new();
    for row in &table.rows {
        match row.cells.get(MESSAGES).ok_or("no `messages`").and_then(chat::read) {
            Ok(chat) if chat.input.trim().is_empty() => leave_out(&mut found.left_out, "no input", row.line),
            Ok(chat) if chat.answer.trim().is_empty() => {
                leave_out(&mut found.left_out, "no expected answer", row.line);
            }
            Ok(chat) => read.push((row, chat)),
            Err(reason) => leave_out(&mut found.left_out, reason, row.line),
        }
    }
    found.items = read.iter().map(|(row, chat)| chat_item(table, row, chat)).collect();
    found.taken =
        vec!["input from the user's last message".to_owned(), "expected from the last message".to_owned()];
    found.system = common_system(&read);
    found.unused = unused_of_chats(table, &read, found.system.as_deref());
    found
}

fn chat_item(table: &Table, row: &Row, chat: &Chat) -> Item {
    Item {
        id: id(table, row.cells.get("id"), row.line),
        input: chat.input.clone(),
        expected: Expected::One(chat.answer.clone()),
        documents: list(row.cells.get("documents"), &[';', '|']),
        tags: list(row.cells.get("tags"), &[';', '|', ',']),
        forbidden: Vec::new(),
    }
}

/// The system message that most chats have.
fn common_system(read: &[(&Row, Chat)]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in read.iter().filter_map(|(_, chat)| chat.system.as_deref()) {
        *counts.entry(text).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(text, _)| text.to_owned())
}

fn unused_of_chats(table: &Table, read: &[(&Row, Chat)], system: Option<&str>) -> Vec<String> {
    let others = read.iter().filter(|(_, chat)| chat.system.as_deref() != system && chat.system.is_some());
    let earlier = read.iter().filter(|(_, chat)| chat.earlier > 0).count();
    let mut unused = Vec::new();
    match others.count() {
        0 => {}
        others => unused.push(format!("the system message of {others} chats that have another one")),
    }
    if earlier > 0 {
        unused.push(format!("turns before the last question, in {earlier} chats"));
    }
    let known = [MESSAGES, "id", "documents", "tags"];
    let columns = table.columns.iter().filter(|column| !known.contains(&column.as_str()));
    unused.extend(columns.map(|column| format!("key `{column}`")));
    unused
}

fn unique_ids(table: &Table, found: &Found) -> Result<(), ImportError> {
    let mut seen = BTreeSet::new();
    match found.items.iter().find(|item| !seen.insert(item.id.as_str())) {
        None => Ok(()),
        Some(item) => Err(ImportError::Whole {
            file: table.file.clone(),
            what: format!("the id `{}` is used twice", item.id),
            expected: "an id of its own for each item, or no column `id`".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(rows: &[Value]) -> Table {
        let row = |(at, row): (usize, &Value)| Row { line: at + 1, cells: row.as_object().unwrap().clone() };
        Table::of_rows("data/q.jsonl", rows.iter().enumerate().map(row).collect())
    }

    fn found(rows: &[Value]) -> Found {
        read(&table(rows), Kind::Jsonl, &ColumnNames::default()).unwrap()
    }

    #[test]
    fn every_row_is_an_item_or_is_left_out_with_its_line() {
        let found = found(&[
            json!({"question": "How many?", "answer": 3, "tags": "a, b", "note": "x"}),
            json!({"question": " ", "answer": "3"}),
            json!({"question": "Why?", "answer": ""}),
            json!({"question": "Who?", "answer": ["me", "I"], "document": "a, b.md; c.md"}),
            json!({"answer": "you"}),
        ]);
        assert_eq!((found.items.len(), found.rows()), (2, 5));
        assert_eq!(
            found.left_out_words(),
            ["1 left out: no expected answer (line 3)", "2 left out: no input (lines 2, 5)",]
        );
        let [first, second] = found.items.as_slice() else { panic!() };
        assert_eq!((first.id.as_str(), first.expected.shown(), first.tags.len()), ("q-1", "3", 2));
        assert_eq!(second.expected, Expected::Any(vec!["me".to_owned(), "I".to_owned()]));
        assert_eq!(second.documents, ["a, b.md", "c.md"]);
        assert_eq!(found.unused, ["column `note`"]);
    }

    #[test]
    fn chats_become_items_and_say_what_they_lose() {
        let chat = |system: &str, question: &str| {
            json!({"messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": question},
                {"role": "assistant", "content": "Yes."},
            ], "weight": 1})
        };
        let unfinished = json!({"messages": [{"role": "user", "content": "Hello?"}]});
        let found = found(&[
            chat("Be brief.", "Tea?"),
            chat("Be brief.", "Milk?"),
            chat("Sing.", "Now?"),
            unfinished,
        ]);
        assert_eq!((found.kind, found.items.len(), found.rows()), (Kind::Chats, 3, 4));
        assert_eq!(found.system.as_deref(), Some("Be brief."));
        assert_eq!(found.unused, ["the system message of 1 chats that have another one", "key `weight`"]);
    }

    #[test]
    fn prompts_and_completions_of_trl_may_be_messages() {
        let found = found(&[json!({
            "prompt": [{"role": "user", "content": "Tea?"}],
            "completion": [{"role": "assistant", "content": "Yes."}],
        })]);
        assert_eq!((found.items[0].input.as_str(), found.items[0].expected.shown()), ("Tea?", "Yes."));
    }

    #[test]
    fn an_id_that_is_used_twice_is_named() {
        let rows =
            [json!({"id": 7, "text": "a", "label": "b"}), json!({"id": "7", "text": "c", "label": "d"})];
        let error = read(&table(&rows), Kind::Jsonl, &ColumnNames::default()).unwrap_err().to_string();
        assert!(error.contains("the id `7` is used twice"), "{error}");
    }
}
