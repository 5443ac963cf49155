//! Why no project can be made from a file.

use std::path::PathBuf;

use empiric_schema::spec::Diagnostics;

use super::columns::Role;

/// What stands in the way. Each message names the place, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is of no kind that is known.
    #[error(
        "{} is no kind of file that a project can be made from; expected .csv, .tsv, .jsonl, a promptfoo \
         configuration (.yaml), or a folder with questions.csv or questions.jsonl", path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// A line is wrong.
    #[error("{file}:{line}: {what}; expected {expected}")]
    Line {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What would be right.
        expected: String,
    },
    /// Something of the whole file is wrong.
    #[error("{file}: {what}; expected {expected}")]
    Whole {
        /// The file or folder.
        file: String,
        /// What is wrong.
        what: String,
        /// What would be right.
        expected: String,
    },
    /// No column looks like what is needed.
    #[error(
        "{file}: no column is called as one with {role} usually is; it has: {columns}; name the right one \
         with `{} COLUMN`", role.flag()
    )]
    NoColumn {
        /// The file.
        file: String,
        /// What is missing.
        role: Role,
        /// The columns that are there.
        columns: String,
    },
    /// The column that a flag names is not there.
    #[error("{file}: there is no column `{name}`, which `{}` asks for; it has: {columns}", role.flag())]
    UnknownColumn {
        /// The file.
        file: String,
        /// What the flag is for.
        role: Role,
        /// The flag's value.
        name: String,
        /// The columns that are there.
        columns: String,
    },
    /// A YAML file is wrong. The text has its own codes.
    #[error("{0}")]
    Yaml(Diagnostics),
    /// The items cannot be split.
    #[error(
        "{file}: {items} usable items in {groups} groups of near-copies cannot be split; expected at least \
         two different items each to choose on and to test on{left_out}"
    )]
    TooFew {
        /// The file.
        file: String,
        /// Items that can be used.
        items: usize,
        /// Groups that must not be parted.
        groups: usize,
        /// What was left out, in words; may be empty.
        left_out: String,
    },
}
