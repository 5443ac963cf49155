//! Picks the worked examples that are shown before a question.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::data::Item;
use empiric_schema::version::Demonstrations;

use super::error::AnswerError;
use super::question::Question;
use crate::items::read_items;
use crate::retrieve::{Bm25, words};

/// A pool of examples and the way to choose from it.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    None,
    Fixed(Vec<Item>, usize),
    Nearest(Vec<Item>, usize, Box<Bm25>),
}

impl Selector {
    /// Reads the pool from the inputs.
    pub(crate) fn load(
        spec: &Demonstrations,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        Ok(match spec {
            Demonstrations::None => Self::None,
            Demonstrations::Fixed { k, pool } => Self::Fixed(read_pool(pool, inputs)?, *k as usize),
            Demonstrations::Nearest { k, pool } => Self::nearest(read_pool(pool, inputs)?, *k as usize),
        })
    }

    pub(crate) fn nearest(pool: Vec<Item>, k: usize) -> Self {
        let index = Bm25::new(pool.iter().map(|item| item.input.as_str()));
        Self::Nearest(pool, k, Box::new(index))
    }

    /// The examples in the order in which they are shown. The question itself is never among them.
    pub(crate) fn choose(&self, question: &Question<'_>) -> Vec<&Item> {
        match self {
            Self::None => Vec::new(),
            Self::Fixed(pool, k) => {
                let others = pool.iter().filter(|item| !is_same(item, question));
                others.take(*k).collect()
            }
            Self::Nearest(pool, k, index) => {
                let ranked = index.ranked(question.input).into_iter().map(|scored| &pool[scored.place]);
                let mut chosen: Vec<&Item> =
                    ranked.filter(|item| !is_same(item, question)).take(*k).collect();
                chosen.reverse();
                chosen
            }
        }
    }
}

fn is_same(item: &Item, question: &Question<'_>) -> bool {
    question.id == Some(&item.id) || words(&item.input).eq(words(question.input))
}

fn read_pool(pool: &ArtifactRef, inputs: &BTreeMap<Digest, PathBuf>) -> Result<Vec<Item>, AnswerError> {
    let missing = || AnswerError::MissingInput { what: "the demonstrations", digest: pool.digest.clone() };
    let path = inputs.get(&pool.digest).ok_or_else(missing)?;
    read_items(path).map_err(AnswerError::Pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use empiric_schema::data::Expected;
    use empiric_schema::id::ItemId;

    fn pool() -> Vec<Item> {
        let inputs = ["Where do I park my car?", "When is pay day?", "Where is the car park for guests?"];
        let item = |(i, input): (usize, &&str)| Item {
            id: ItemId::new(format!("t{i}")),
            input: (*input).to_owned(),
            expected: Expected::One(format!("answer {i}")),
            documents: Vec::new(),
            tags: Vec::new(),
            forbidden: Vec::new(),
        };
        inputs.iter().enumerate().map(item).collect()
    }

    fn ids(chosen: Vec<&Item>) -> Vec<&str> {
        chosen.into_iter().map(|item| item.id.as_str()).collect()
    }

    #[test]
    fn the_nearest_comes_last() {
        let chosen = Selector::nearest(pool(), 2);
        assert_eq!(ids(chosen.choose(&Question::from("is there a car park for guests"))), ["t0", "t2"]);
    }

    #[test]
    fn the_question_itself_is_never_shown() {
        let chosen = Selector::nearest(pool(), 2);
        assert_eq!(ids(chosen.choose(&Question::from("when is PAY day"))).len(), 2);
        assert!(!ids(chosen.choose(&Question::from("when is PAY day"))).contains(&"t1"));
        let id = ItemId::new("t2");
        let same_id = Question { id: Some(&id), ..Question::from("the car park") };
        assert_eq!(ids(chosen.choose(&same_id)), ["t1", "t0"]);
    }

    #[test]
    fn fixed_examples_are_the_first_of_the_pool() {
        assert_eq!(ids(Selector::Fixed(pool(), 2).choose(&Question::from("anything"))), ["t0", "t1"]);
    }

    #[test]
    fn a_small_pool_gives_what_it_has() {
        assert_eq!(Selector::nearest(pool(), 9).choose(&Question::from("car")).len(), 3);
    }
}
