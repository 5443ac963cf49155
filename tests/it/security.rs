//! The table of risks in `docs/security.md`: complete, in order, and each test that it names is there.

use crate::program::root;

/// Rows of the table of risks, by their cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    let table = text.split("## OWASP").nth(1).expect("the table of risks");
    let rows = table.lines().filter(|line| line.starts_with("| LLM"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// A function of the file, or the text of why there is none.
fn missing(tests: &str) -> Vec<String> {
    let (mut file, mut content, mut found) = (String::new(), String::new(), Vec::new());
    for word in quoted(tests) {
        if word.contains('/') {
            content = std::fs::read_to_string(root().join(word)).unwrap_or_default();
            file = word.to_owned();
        } else if !content.contains(&format!("fn {word}(")) {
            found.push(format!("{file} has no {word}"));
        }
    }
    found
}

#[test]
fn each_risk_is_listed_in_order_with_tests_that_are_there() {
    let text = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let rows = rows(&text);
    let numbers: Vec<&str> = rows.iter().map(|row| &row[0][..5]).collect();
    let expected: Vec<String> = (1..=10).map(|number| format!("LLM{number:02}")).collect();
    assert_eq!(numbers, expected);
    for row in &rows {
        assert!(row.len() == 4 && quoted(&row[3]).len() >= 2, "{row:?}");
        assert!(missing(&row[3]).is_empty(), "{}: {:?}", row[0], missing(&row[3]));
    }
}
