//! From items to chats.

use std::collections::BTreeMap;

use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::id::ItemId;
use empiric_schema::job::{ChatExample, Turn};

use super::gold::GoldFinder;
use super::passages::{depth, random, variants};
use super::split::{held_out, share};
use super::verified::{Verified, Verifier};
use crate::answer::{AnswerError, Answerer, Question};
use crate::model::{Message, Role};
use crate::tools::{has_calculator, worked_answer};

/// Makes chats for one version.
#[derive(Debug, Clone, Copy)]
pub struct Crafter<'a> {
    /// The version as it will answer.
    pub answerer: &'a Answerer,
    /// Chats of each item with a gold passage.
    pub variants: usize,
    /// Passages that every second item has beyond what the version shows.
    pub distractors: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// What is learned in place of the data's answer, by item; `None` for the data's.
    pub answers: Option<&'a BTreeMap<ItemId, String>>,
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Crafted {
    /// Chats to learn from.
    pub train: Vec<ChatExample>,
    /// Chats that only decide when to stop.
    pub dev: Vec<ChatExample>,
    /// What was counted.
    pub tally: Tally,
}

/// Counts of items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Chosen.
    pub items: usize,
    /// Of them without anything that speaks for their answer.
    pub left_out: usize,
    /// Of them saying that no document tells.
    pub abstentions: usize,
    /// Of them keeping something back.
    pub refusals: usize,
    /// Of them with a call of a tool in the answer.
    pub tool_calls: usize,
    /// Of them with a gold passage that retrieval would not have shown.
    pub gold_missed: usize,
}

impl Crafter<'_> {
    /// Chats of a share of the items, some of them held out.
    ///
    /// # Errors
    /// Passages cannot be looked up.
    pub fn craft(&self, items: &[Item], part: f64, held: f64) -> Result<Crafted, AnswerError> {
        let chunks = self.answerer.chunks();
        let finder = (!chunks.is_empty()).then(|| GoldFinder::new(chunks));
        let verifier = Verifier::new(finder, items);
        let places = if items.is_empty() { Vec::new() } else { share(items.len(), part, self.seed) };
        let chosen: Vec<&Item> = places.iter().map(|place| &items[*place]).collect();
        let marks = held_out(&chosen, held, self.seed);
        let ranked = self.ranked(&chosen)?;
        let mut crafted = Crafted::default();
        crafted.tally.items = chosen.len();
        for (index, item) in chosen.iter().enumerate() {
            let Some(verified) = verifier.verify(item) else {
                crafted.tally.left_out += 1;
                continue;
            };
            let chats = self.chats(item, places[index], verified, &ranked[index])?;
            crafted.tally.count(self.answerer, item, verified, &ranked[index]);
            if marks[index] { &mut crafted.dev } else { &mut crafted.train }.extend(chats);
        }
        Ok(crafted)
    }

    /// Places of the chunks that are like each item's question, the best first; none without retrieval.
    fn ranked(&self, items: &[&Item]) -> Result<Vec<Vec<usize>>, AnswerError> {
        let questions: Vec<Question<'_>> = items.iter().map(|item| Question::from(*item)).collect();
        let found = self.answerer.passages(&questions, depth(self.passages(1), self.variants))?;
        let places = found.iter().map(|found| found.iter().map(|passage| passage.place as usize).collect());
        Ok(places.collect())
    }

    /// Passages in the chats of the item at this place.
    fn passages(&self, place: usize) -> usize {
        match shown(self.answerer) {
            0 => 0,
            shown => shown + self.distractors * (place % 2),
        }
    }

    fn chats(
        &self,
        item: &Item,
        place: usize,
        verified: Verified,
        ranked: &[usize],
    ) -> Result<Vec<ChatExample>, AnswerError> {
        let mut random = random(self.seed, place);
        let k = self.passages(place);
        let variants = variants(ranked, verified.gold(), k, self.variants, &mut random);
        let chat = |(variant, places): (usize, &Vec<usize>)| self.chat(item, variant, places);
        variants.iter().enumerate().map(chat).collect()
    }

    fn learned(&self, item: &Item) -> String {
        match self.answers.and_then(|answers| answers.get(&item.id)) {
            Some(answer) => format!("{}{answer}", self.answerer.version().prompt.answer_cue),
            None => self.answerer.shown(item),
        }
    }

    fn chat(&self, item: &Item, variant: usize, places: &[usize]) -> Result<ChatExample, AnswerError> {
        let chunks = self.answerer.chunks();
        let passages: Vec<Chunk> = places.iter().map(|place| chunks[*place].clone()).collect();
        let mut messages =
            self.answerer.messages(&Question { passages: Some(&passages), ..Question::from(item) })?;
        messages.push(Message::new(Role::Assistant, self.learned(item)));
        let id = format!("{}#{}", item.id, variant + 1);
        Ok(ChatExample { id, messages: messages.into_iter().map(turn).collect() })
    }
}

impl Verified {
    fn gold(self) -> Option<usize> {
        match self {
            Self::Fact { gold } | Self::Refusal { gold } => Some(gold),
            Self::Unchecked | Self::Abstention => None,
        }
    }
}

impl Tally {
    fn count(&mut self, answerer: &Answerer, item: &Item, verified: Verified, ranked: &[usize]) {
        let is_call = has_calculator(answerer.version()) && worked_answer(item).is_some();
        let is_missed =
            verified.gold().is_some_and(|gold| !ranked.iter().take(shown(answerer)).any(|p| *p == gold));
        self.abstentions += usize::from(verified == Verified::Abstention);
        self.refusals += usize::from(matches!(verified, Verified::Refusal { .. }));
        self.tool_calls += usize::from(is_call);
        self.gold_missed += usize::from(is_missed);
    }
}

/// How many passages the version shows.
fn shown(answerer: &Answerer) -> usize {
    answerer.version().retrieval.as_ref().map_or(0, |retrieval| retrieval.k as usize)
}

fn turn(message: Message) -> Turn {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    Turn { role: role.to_owned(), content: message.content }
}
