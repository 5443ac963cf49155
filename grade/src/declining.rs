//! Does an answer decline a question that the data has an answer to?

use std::collections::HashMap;

use empiric_schema::data::Item;

/// An accepted answer of so many items is a set phrase, whatever they ask.
pub const SET_PHRASE: usize = 3;
/// Tag of an item whose answer must not be given.
pub const WITHHOLD: &str = "withhold";

/// The phrases with which the project declines.
#[derive(Debug)]
pub struct Declining {
    phrases: Vec<String>,
}

impl Declining {
    /// What items without an answer accept as one, all items of the file taken together, and what a version says
    /// where it finds too little.
    pub fn of(items: &[Item], says: Option<&str>) -> Self {
        let naming = items.iter().filter(|item| !item.documents.is_empty()).count();
        let most_name_documents = 2 * naming > items.len();
        let unanswered = |item: &&Item| {
            let is_withheld = item.tags.iter().any(|tag| tag == WITHHOLD) || !item.forbidden.is_empty();
            is_withheld || most_name_documents && item.documents.is_empty()
        };
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for item in items.iter().filter(unanswered) {
            item.expected.alternatives().iter().for_each(|phrase| *uses.entry(phrase).or_default() += 1);
        }
        let set = uses.into_iter().filter(|(_, uses)| *uses >= SET_PHRASE).map(|(phrase, _)| phrase);
        let phrases = set.chain(says).map(str::to_lowercase);
        Self { phrases: phrases.filter(|phrase| !phrase.is_empty()).collect() }
    }

    /// Whether the answer declines, and the item accepts no such answer.
    pub fn is_wrong(&self, item: &Item, answer: &str) -> bool {
        let (accepted, answer) = (item.expected.alternatives(), answer.to_lowercase());
        let declines = |text: &str| self.phrases.iter().any(|phrase| text.contains(phrase.as_str()));
        declines(&answer) && !accepted.iter().any(|accepted| declines(&accepted.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: usize, expected: &str, document: Option<&str>) -> Item {
        let documents: Vec<&str> = document.into_iter().collect();
        serde_json::from_value(serde_json::json!({
            "id": format!("i{id}"), "input": "?", "expected": expected, "documents": documents,
        }))
        .unwrap()
    }

    fn items() -> Vec<Item> {
        let known = (0..8).map(|id| item(id, "ten days", Some("leave.md")));
        known.chain((8..11).map(|id| item(id, "does not say", None))).collect()
    }

    #[test]
    fn a_set_phrase_declines_where_an_answer_is_known_and_nowhere_else() {
        let items = items();
        let declining = Declining::of(&items, None);
        assert!(declining.is_wrong(&items[0], "The handbook Does Not Say."));
        assert!(!declining.is_wrong(&items[0], "nine days"));
        assert!(!declining.is_wrong(&items[9], "The handbook does not say."));
    }

    #[test]
    fn what_many_answerable_items_accept_is_no_phrase() {
        let declining = Declining::of(&items(), None);
        assert!(!declining.is_wrong(&item(1, "nine days", Some("leave.md")), "ten days"));
    }
}
