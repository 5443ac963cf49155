//! Wrong project files and data files, each with the whole text that a person reads.
//!
//! A fixture's expected text stands beside it. `EMPIRIC_BLESS=1` writes the texts anew.

use std::path::{Path, PathBuf};

use empiric_schema::data::read_items;
use empiric_schema::spec::{Diagnostics, ErrorCode, ProjectSpec};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// The fixtures with this ending that are not among the good ones, by file stem.
fn fixtures(folder: &Path, ending: &str, good: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        path.extension().is_some_and(|found| found == ending) && !good.contains(&stem)
    };
    let mut paths: Vec<PathBuf> = entries.filter(wanted).collect();
    paths.sort();
    paths
}

/// Compares with the expected text; gives what differs.
fn difference(fixture: &Path, text: &str) -> Option<String> {
    let expected = fixture.with_extension("expected.txt");
    let text = format!("{text}\n");
    if std::env::var_os("EMPIRIC_BLESS").is_some() {
        std::fs::write(&expected, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    (wanted != text).then(|| format!("{}\n--- expected\n{wanted}--- got\n{text}", fixture.display()))
}

/// Every problem stands inside the file, and its excerpt is the text of that line.
fn places_are_inside(text: &str, found: &Diagnostics) {
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &found.problems {
        let (line, column) = (problem.position.line, problem.position.column);
        assert!((1..=lines.len()).contains(&line), "{found}");
        let length = lines[line - 1].chars().count();
        assert!((1..=length.max(1)).contains(&column), "{found}");
        let shown = problem.excerpt.text.chars().count();
        assert!(problem.excerpt.start + problem.excerpt.width <= shown.max(1), "{found}");
    }
}

const GOOD_SPECS: [&str; 4] = ["good", "minimal", "every-key", "byte-order-mark-is-read"];

#[test]
fn every_bad_spec_is_answered_with_the_expected_text() {
    let fixtures = fixtures(&folder("specs"), "yaml", &GOOD_SPECS);
    assert!(fixtures.len() >= 30, "{}", fixtures.len());
    let mut differences = Vec::new();
    for fixture in fixtures {
        let text = std::fs::read_to_string(&fixture).unwrap();
        let found = ProjectSpec::parse("project.yaml", &text)
            .expect_err(&format!("{} was accepted", fixture.display()));
        places_are_inside(&text, &found);
        differences.extend(difference(&fixture, &found.to_string()));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_bad_data_file_is_answered_with_the_expected_text() {
    let mut differences = Vec::new();
    for fixture in fixtures(&folder("data"), "jsonl", &[]) {
        let bytes = std::fs::read(&fixture).unwrap();
        let found =
            read_items("data/dev.jsonl", &bytes).expect_err(&format!("{} was accepted", fixture.display()));
        places_are_inside(&String::from_utf8_lossy(&bytes), &found);
        differences.extend(difference(&fixture, &found.to_string()));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_error_code_is_shown_by_a_fixture_and_has_a_page() {
    let mut texts = String::new();
    for (name, ending) in [("specs", "yaml"), ("data", "jsonl")] {
        for fixture in fixtures(&folder(name), ending, &GOOD_SPECS) {
            let expected = fixture.with_extension("expected.txt");
            texts += &std::fs::read_to_string(expected).unwrap_or_default();
        }
    }
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    for code in ErrorCode::ALL {
        // A line of more than ten megabytes is no fixture; a test in the crate makes one.
        let shown = texts.contains(&format!("error[{code}]")) || *code == ErrorCode::DataSize;
        assert!(shown, "{code} is in no fixture");
        let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# {code}: ")), "docs/errors/{code}.md");
        assert!(page.contains("## Cause") && page.contains("## Cure"), "{code}");
    }
}

#[test]
fn no_message_repeats_a_secret() {
    for fixture in fixtures(&folder("specs"), "yaml", &GOOD_SPECS) {
        let text = std::fs::read_to_string(&fixture).unwrap();
        if text.contains("hunter2") {
            let found = ProjectSpec::parse("project.yaml", &text).unwrap_err();
            assert!(!found.to_string().contains("hunter2"), "{found}");
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
    }
}
