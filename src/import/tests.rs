//! From files on disk to whole projects.

use std::fs;
use std::path::Path;

use empiric_schema::data::read_items;
use empiric_schema::data::splits::{NearCopyRule, TextItem, find_overlaps};
use empiric_schema::spec::ProjectSpec;
use tempfile::TempDir;

use super::*;
use crate::error::CliError;

fn wishes(seed: u64) -> Wishes {
    Wishes { name: "mine".to_owned(), description: "Says \"yes\"".to_owned(), accuracy: 0.8, seed }
}

fn draft(path: &Path) -> Result<Draft, CliError> {
    Draft::new(read(path, &ColumnNames::default())?, &wishes(1))
}

fn file(name: &str, text: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// Questions that are no near-copies of each other, with one of `labels` as answer.
fn csv(count: usize, labels: &[&str]) -> String {
    const THINGS: [&str; 7] = ["kettle", "ladder", "violin", "harbour", "blanket", "compass", "orchard"];
    const DEEDS: [&str; 11] = [
        "polished by",
        "lent to",
        "painted for",
        "hidden from",
        "sold before",
        "mended after",
        "weighed with",
        "carried over",
        "found under",
        "named after",
        "kept without",
    ];
    let row = |at: usize| {
        let (thing, deed, number) = (THINGS[at % 7], DEEDS[at % 11], at * 7919 % 10_007);
        format!(
            "\"the {thing} {deed} {number:x} {}\",{}\n",
            "pqrstuv".repeat(at % 5 + 1),
            labels[at % labels.len()]
        )
    };
    format!("text,label\n{}", (0..count).map(row).collect::<String>())
}

fn written(draft: &Draft) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &draft.files).unwrap();
    folder
}

#[test]
fn every_item_is_in_one_split_and_no_split_leaks_into_another() {
    let copies = "Where is the boiler?,cellar\nwhere is the BOILER,cellar\nWhere is the boiler ?,cellar\n";
    let (_folder, path) = file("q.csv", &format!("{}{copies}", csv(117, &["cellar", "attic"])));
    let project = written(&draft(&path).unwrap());
    let splits = ["train", "dev", "test"].map(|name| {
        let path = project.path().join(format!("data/{name}.jsonl"));
        read_items(name, &fs::read(path).unwrap()).unwrap()
    });
    assert_eq!(splits.iter().map(Vec::len).sum::<usize>(), 120);
    let texts = splits.each_ref().map(|items| {
        items.iter().map(|item| TextItem { id: item.id.as_str(), text: &item.input }).collect::<Vec<_>>()
    });
    for (left, right) in [(0, 1), (0, 2), (1, 2)] {
        assert_eq!(find_overlaps(&texts[left], &texts[right], &NearCopyRule::default()), []);
    }
    let text = fs::read_to_string(project.path().join("project.yaml")).unwrap();
    let spec = ProjectSpec::parse("project.yaml", &text).unwrap();
    assert_eq!(spec.scope.task.labels(), ["cellar", "attic"]);
    assert_eq!(spec.description, "Says \"yes\"");
}

#[test]
fn a_seed_gives_the_same_files_and_another_one_others() {
    let (_folder, path) = file("q.csv", &csv(60, &["a", "b", "c"]));
    let of = |seed| Draft::new(read(&path, &ColumnNames::default()).unwrap(), &wishes(seed)).unwrap().files;
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn a_folder_brings_its_documents_and_keeps_their_questions_together() {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    fs::create_dir(&book).unwrap();
    let mut questions = "question,answer,document\n".to_owned();
    for (at, line) in csv(60, &["x"]).lines().skip(1).enumerate() {
        let (text, _) = line.rsplit_once(',').unwrap();
        questions += &format!("{text},answer {at},doc{}.md\n", at % 20);
        fs::write(book.join(format!("doc{}.md", at % 20)), "# A page\n").unwrap();
    }
    fs::write(book.join("questions.csv"), questions).unwrap();
    let draft = draft(&book).unwrap();
    assert_eq!((draft.found.documents.len(), draft.arrangement.sizes().iter().sum::<usize>()), (20, 60));
    let project = written(&draft);
    assert!(project.path().join("documents/doc7.md").is_file());
    let documents = |name: &str| {
        let bytes = fs::read(project.path().join(format!("data/{name}.jsonl"))).unwrap();
        let items = read_items(name, &bytes).unwrap();
        items.into_iter().flat_map(|item| item.documents).collect::<std::collections::BTreeSet<_>>()
    };
    let (dev, test) = (documents("dev"), documents("test"));
    assert!(dev.is_disjoint(&test) && dev.iter().all(|name| project.path().join(name).is_file()), "{dev:?}");
}

#[test]
fn items_of_one_document_are_parted_rather_than_lost_and_that_is_told() {
    let lines = csv(40, &["x"]);
    let rows = lines.lines().skip(1).enumerate().map(|(at, line)| {
        let (text, _) = line.rsplit_once(',').unwrap();
        format!("{text},answer {at},one.md\n")
    });
    let (_folder, path) = file("q.csv", &format!("question,answer,document\n{}", rows.collect::<String>()));
    let draft = draft(&path).unwrap();
    assert_eq!(draft.arrangement.sizes(), [8, 16, 16]);
    assert!(draft.outlook.missing.iter().any(|words| words.contains("too good")), "{:?}", draft.outlook);
}

#[test]
fn what_is_missing_is_told_with_numbers() {
    let (_folder, path) = file("q.csv", &csv(60, &["a", "b"]));
    let outlook = draft(&path).unwrap().outlook;
    let more = outlook.more_items.unwrap();
    assert!(outlook.detectable_gain.unwrap() > 0.1 && more > 100, "{outlook:?}");
    assert!(outlook.missing[0].starts_with(&format!("about {more} more items")), "{outlook:?}");
    assert!(
        outlook.missing.iter().any(|words| words.contains("fine-tuning wants at least 50")),
        "{outlook:?}"
    );
}

#[test]
fn too_few_different_items_are_refused_with_what_was_left_out() {
    let (_folder, path) = file("q.csv", "text,label\nsame text here,a\nSame text here!,a\nother,\n");
    let told = draft(&path).unwrap_err().to_string();
    assert!(told.contains("2 usable items in 1 groups"), "{told}");
    assert!(told.contains("1 left out: no expected answer (line 4)"), "{told}");
}

#[test]
fn a_file_that_is_none_of_the_kinds_or_is_not_there_is_told() {
    let (folder, path) = file("q.xlsx", "x");
    let told = |path: &Path| read(path, &ColumnNames::default()).unwrap_err().to_string();
    assert!(told(&path).contains("expected .csv, .tsv, .jsonl"));
    assert!(told(&folder.path().join("none.csv")).starts_with("cannot read "));
    let (_folder, path) = file("q.csv", "");
    fs::write(&path, b"text,label\nok,a\ncaf\xe9,b\n").unwrap();
    assert!(told(&path).contains(":3: the line is not UTF-8"));
}
