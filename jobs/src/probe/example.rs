//! The example project's data, for tests.

use std::path::{Path, PathBuf};

use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::grade::Assertion;

use super::passages::Passages;
use crate::items::read_items;

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/staff-handbook").join(name)
}

/// The items of a split.
pub(super) fn items(split: &str) -> Vec<Item> {
    read_items(&place(&format!("data/{split}.jsonl"))).unwrap()
}

/// One chunk a section.
pub(super) fn passages() -> Passages {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(place("handbook")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    Passages::new(files.iter().flat_map(|file| sections(file)).collect())
}

fn sections(file: &Path) -> Vec<Chunk> {
    let text = std::fs::read_to_string(file).unwrap();
    let document = format!("handbook/{}", file.file_name().unwrap().to_string_lossy());
    let mut parts = text.split("\n## ");
    let title = parts.next().unwrap().trim().trim_start_matches("# ").to_owned();
    let section = |part: &str| {
        let (heading, text) = part.split_once('\n').unwrap();
        Chunk { document: document.clone(), title: format!("{title} > {heading}"), text: text.trim().into() }
    };
    parts.map(section).collect()
}

/// As the project's file has them.
pub(super) fn assertions() -> Vec<Assertion> {
    vec![Assertion::Icontains { value: "{{expected}}".into() }]
}
