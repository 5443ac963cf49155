//! A whole project in memory: items in their splits, the project file, and what it would show.

use empiric_schema::data::{Item, write_items};
use empiric_schema::spec::{ProjectSpec, json_schema};

use super::error::ImportError;
use super::found::Found;
use super::group::{Bond, groups};
use super::guess::{Guess, guess};
use super::outlook::Outlook;
use super::publish::NewFile;
use super::split::{SPLITS, split, targets};
use super::{folder, project};
use crate::error::CliError;
use crate::place::PROJECT_FILE;

/// What the person wants beside what the data says.
#[derive(Debug, Clone, PartialEq)]
pub struct Wishes {
    /// Name of the project.
    pub name: String,
    /// One sentence; may be empty.
    pub description: String,
    /// The promise.
    pub accuracy: f64,
    /// Seed of the splits.
    pub seed: u64,
}

/// A project that is not written yet.
#[derive(Debug)]
pub struct Draft {
    /// What was read.
    pub found: Found,
    /// What the task looks like.
    pub guess: Guess,
    /// How the items are split.
    pub arrangement: Arrangement,
    /// What the splits could show, and what is missing.
    pub outlook: Outlook,
    /// Seed of the splits.
    pub seed: u64,
    /// Every file of the project.
    pub files: Vec<NewFile>,
}

/// Items in their splits.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrangement {
    /// Positions of train, dev and test items.
    pub splits: [Vec<usize>; 3],
    /// Groups that were kept together.
    pub groups: usize,
    /// What kept them together.
    pub bond: Bond,
}

impl Draft {
    /// Splits the items, guesses the task and writes the files in memory.
    ///
    /// # Errors
    /// Too few items to split, or a promise that makes no project.
    pub fn new(found: Found, wishes: &Wishes) -> Result<Self, CliError> {
        let guess = guess(&found.items, found.check);
        let arrangement = Arrangement::of(&found, &guess, wishes.seed)?;
        let text = project::text(&found, &guess, &arrangement, wishes);
        let spec = ProjectSpec::parse(PROJECT_FILE, &text).map_err(CliError::Spec)?;
        let outlook = Outlook::of(&spec, &found, &guess, &arrangement);
        let files = files(&found, &guess, &arrangement, text);
        Ok(Self { found, guess, arrangement, outlook, seed: wishes.seed, files })
    }
}

impl Arrangement {
    /// Families are kept together unless that leaves a split without half of what it should have.
    fn of(found: &Found, guess: &Guess, seed: u64) -> Result<Self, ImportError> {
        let items = &found.items;
        let stratum: Vec<usize> = items.iter().map(|item| stratum(item, &guess.labels)).collect();
        let arranged = |bond| {
            let groups = groups(items, bond);
            Self { splits: split(&groups, &stratum, seed), groups: groups.len(), bond }
        };
        let families = arranged(Bond::Families);
        if families.is_fair(items.len()) {
            return Ok(families);
        }
        let copies = arranged(Bond::NearCopies);
        match copies.can_be_measured() {
            true => Ok(copies),
            false => Err(too_few(found, copies.groups)),
        }
    }

    /// Items in train, dev and test.
    pub fn sizes(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    fn can_be_measured(&self) -> bool {
        let [_, dev, test] = self.sizes();
        dev >= 2 && test >= 2
    }

    fn is_fair(&self, items: usize) -> bool {
        let mut pairs = self.sizes().into_iter().zip(targets(items));
        self.can_be_measured() && pairs.all(|(size, target)| 2 * size >= target)
    }

    /// The items of a split, in the order of the file.
    pub fn items<'a>(&self, split: usize, items: &'a [Item]) -> Vec<&'a Item> {
        self.splits[split].iter().map(|&at| &items[at]).collect()
    }
}

fn stratum(item: &Item, labels: &[String]) -> usize {
    labels.iter().position(|label| label == item.expected.shown()).unwrap_or(0)
}

fn too_few(found: &Found, groups: usize) -> ImportError {
    let left_out = match found.left_out_words() {
        words if words.is_empty() => String::new(),
        words => format!("; {}", words.join("; ")),
    };
    ImportError::TooFew { file: found.file.clone(), items: found.items.len(), groups, left_out }
}

fn files(found: &Found, guess: &Guess, arrangement: &Arrangement, text: String) -> Vec<NewFile> {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
    let mut files = vec![
        NewFile::text(PROJECT_FILE, text),
        NewFile::text("project.schema.json", schema),
        NewFile::text("prompts/system.txt", project::prompt(found, guess) + "\n"),
        NewFile::text(".gitignore", ".empiric/\n".to_owned()),
    ];
    for (at, name) in SPLITS.into_iter().enumerate().filter(|(at, _)| !arrangement.splits[*at].is_empty()) {
        let items: Vec<Item> = arrangement.items(at, &found.items).into_iter().cloned().collect();
        files.push(NewFile::bytes(&format!("data/{name}.jsonl"), write_items(&items)));
    }
    let copy = |document: &super::found::DocumentFile| {
        NewFile::copy(&format!("{}/{}", folder::DOCUMENTS, document.name), &document.path)
    };
    files.extend(found.documents.iter().map(copy));
    files
}

/// A promise that is worth something: above the most frequent label, else the usual one.
pub fn suggested_accuracy(found: &Found) -> f64 {
    let labels = guess(&found.items, found.check).labels;
    let first = |label: &String| found.items.iter().filter(|item| item.expected.shown() == label).count();
    match labels.first().map(first) {
        Some(most) => {
            let share = most as f64 / found.items.len() as f64;
            (50.0 * (1.0 + share)).round() / 100.0
        }
        None => 0.7,
    }
}
