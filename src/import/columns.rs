//! Which column is what, by the names that people and tools give them.

use std::fmt;

use super::error::ImportError;
use super::table::Table;

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What the user asks.
    Input,
    /// What a right answer says.
    Expected,
}

impl Role {
    /// The flag that names the column.
    pub(super) fn flag(self) -> &'static str {
        match self {
            Self::Input => "--input",
            Self::Expected => "--expected",
        }
    }

    /// Usual names, the most telling first. The last ones are those of promptfoo and of TRL.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Input => &INPUT,
            Self::Expected => &EXPECTED,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "the input",
            Self::Expected => "the expected answer",
        })
    }
}

const INPUT: [&str; 10] =
    ["input", "question", "prompt", "query", "text", "message", "instruction", "sentence", "content", "body"];
const EXPECTED: [&str; 14] = [
    "expected",
    "expected_answer",
    "expected_output",
    "answer",
    "answers",
    "output",
    "label",
    "target",
    "completion",
    "response",
    "category",
    "class",
    "__expected",
    "reference",
];
const ID: [&str; 1] = ["id"];
const DOCUMENTS: [&str; 2] = ["documents", "document"];
const TAGS: [&str; 2] = ["tags", "tag"];
const FORBIDDEN: [&str; 1] = ["forbidden"];

/// Names that flags give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// `--input`
    pub input: Option<String>,
    /// `--expected`
    pub expected: Option<String>,
}

/// The columns of a table that are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) input: String,
    pub(super) expected: String,
    pub(super) id: Option<String>,
    pub(super) documents: Option<String>,
    pub(super) tags: Option<String>,
    pub(super) forbidden: Option<String>,
}

impl Columns {
    /// Finds the columns: those that flags name, else those with usual names.
    pub(super) fn find(table: &Table, names: &ColumnNames) -> Result<Self, ImportError> {
        let optional = |usual: &[&str]| usual_column(table, usual, &[]);
        let input = column(table, Role::Input, names.input.as_deref(), names.expected.as_deref())?;
        let expected = column(table, Role::Expected, names.expected.as_deref(), Some(&input))?;
        Ok(Self {
            input,
            expected,
            id: optional(&ID),
            documents: optional(&DOCUMENTS),
            tags: optional(&TAGS),
            forbidden: optional(&FORBIDDEN),
        })
    }

    /// Columns of the table that nothing is taken from.
    pub(super) fn unused(&self, table: &Table) -> Vec<String> {
        let optional = [&self.id, &self.documents, &self.tags, &self.forbidden].into_iter().flatten();
        let used: Vec<&String> = [&self.input, &self.expected].into_iter().chain(optional).collect();
        table.columns.iter().filter(|column| !used.contains(column)).cloned().collect()
    }
}

/// `taken` is a column that another role has already.
fn column(
    table: &Table,
    role: Role,
    named: Option<&str>,
    taken: Option<&str>,
) -> Result<String, ImportError> {
    let (file, columns) = (table.file.clone(), table.columns.join(", "));
    match named {
        Some(name) if table.columns.iter().any(|column| column == name) => Ok(name.to_owned()),
        Some(name) => Err(ImportError::UnknownColumn { file, role, name: name.to_owned(), columns }),
        None => {
            let found = usual_column(table, role.usual(), taken.as_slice());
            found.ok_or(ImportError::NoColumn { file, role, columns })
        }
    }
}

fn usual_column(table: &Table, usual: &[&str], taken: &[&str]) -> Option<String> {
    let free = |column: &&String| !taken.contains(&column.as_str());
    let called = |name: &&str| table.columns.iter().filter(free).find(|column| plain(column) == **name);
    usual.iter().find_map(called).cloned()
}

/// `Expected Answer` and `expected-answer` are `expected_answer`.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str]) -> Table {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Table { file: "q.csv".to_owned(), columns, rows: Vec::new() }
    }

    fn names(input: Option<&str>, expected: Option<&str>) -> ColumnNames {
        ColumnNames { input: input.map(str::to_owned), expected: expected.map(str::to_owned) }
    }

    #[test]
    fn usual_names_are_found_whatever_their_case_and_place() {
        for (columns, input, expected) in [
            (vec!["Answer", "Question", "nr"], "Question", "Answer"),
            (vec!["prompt", "completion"], "prompt", "completion"),
            (vec!["text", "label"], "text", "label"),
            (vec!["Expected Answer", "query", "answer"], "query", "Expected Answer"),
        ] {
            let found = Columns::find(&table(&columns), &ColumnNames::default()).unwrap();
            assert_eq!((found.input.as_str(), found.expected.as_str()), (input, expected));
        }
    }

    #[test]
    fn flags_win_and_free_the_usual_name_for_the_other_role() {
        let table = table(&["text", "answer", "mail"]);
        let found = Columns::find(&table, &names(Some("mail"), Some("text"))).unwrap();
        assert_eq!((found.input.as_str(), found.expected.as_str()), ("mail", "text"));
        assert_eq!(found.unused(&table), ["answer"]);
        let found = Columns::find(&table, &names(None, Some("answer"))).unwrap();
        assert_eq!(found.input, "text");
    }

    #[test]
    fn what_is_not_found_is_told_with_the_columns_that_are_there_and_the_flag() {
        let told =
            Columns::find(&table(&["Frage", "Antwort"]), &ColumnNames::default()).unwrap_err().to_string();
        assert!(told.contains("it has: Frage, Antwort; name the right one with `--input COLUMN`"), "{told}");
        let told = Columns::find(&table(&["text", "b"]), &names(None, Some("c"))).unwrap_err().to_string();
        assert!(
            told.contains("there is no column `c`, which `--expected` asks for; it has: text, b"),
            "{told}"
        );
    }
}
