//! `cites-document`: the answer names one of the documents that were shown to the model, or its number.

use super::Check;

/// Letters that a file's name without its ending needs before it counts as named: `a.md` is in every sentence.
const SHORTEST_NAME: usize = 4;

pub(super) fn check(answer: &str, documents: &[String]) -> Check {
    if documents.is_empty() {
        return Err("no document was shown to the model".to_owned());
    }
    let lower = answer.to_lowercase();
    match documents.iter().any(|document| is_named(&lower, document)) || has_number(answer, documents.len()) {
        true => Ok(()),
        false => Err(format!("the answer names none of the {} documents that were shown", documents.len())),
    }
}

/// The whole reference, its file name, or that without its ending.
fn is_named(lower: &str, document: &str) -> bool {
    let document = document.to_lowercase();
    let file = document.rsplit('/').next().unwrap_or(&document);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    lower.contains(&document)
        || (!file.is_empty() && file != stem && lower.contains(file))
        || (stem.chars().count() >= SHORTEST_NAME && lower.contains(stem))
}

/// A mark such as `[2]`, of one of the passages in their order.
fn has_number(answer: &str, shown: usize) -> bool {
    (1..=shown).any(|number| answer.contains(&format!("[{number}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_named_by_reference_file_name_or_number() {
        let shown = ["handbook/annual-leave.md".to_owned(), "a.md".to_owned()];
        let holds = |answer: &str| check(answer, &shown).is_ok();
        assert!(holds("25 days (Annual-Leave.md)"));
        assert!(holds("See annual-leave: 25 days."));
        assert!(holds("25 days [2]"));
        assert!(holds("It is in a.md."));
        assert!(!holds("25 days"));
        assert!(!holds("25 days [3]"));
        assert_eq!(check("25 days [1]", &[]), Err("no document was shown to the model".to_owned()));
    }
}
