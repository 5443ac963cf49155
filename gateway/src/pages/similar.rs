//! Questions like one that waits, which people have decided about already.

use std::collections::BTreeSet;

use empiric_schema::db::entity::draft;

/// Shared words that make two questions alike.
const ENOUGH: f64 = 0.3;

/// The drafts whose questions share most words with this one (Jaccard), the best first.
pub(super) fn similar(input: &str, decided: Vec<draft::Model>, most: usize) -> Vec<draft::Model> {
    let asked = words(input);
    let mut scored: Vec<(f64, draft::Model)> =
        decided.into_iter().map(|draft| (likeness(&asked, &words(&draft.input)), draft)).collect();
    scored.retain(|(score, _)| *score >= ENOUGH);
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.into_iter().take(most).map(|(_, draft)| draft).collect()
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2);
    words.map(str::to_lowercase).collect()
}

fn likeness(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let shared = one.intersection(other).count();
    let all = one.len() + other.len() - shared;
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_share_of_shared_words() {
        let alike = likeness(&words("When is pay day?"), &words("Is the pay day early?"));
        assert!((alike - 0.4).abs() < 1e-9, "{alike}");
        assert_eq!(likeness(&words(""), &words("")), 0.0);
    }
}
