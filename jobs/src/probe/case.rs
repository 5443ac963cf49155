//! A failing item on its way through the probes.

use empiric_schema::data::Item;
use empiric_schema::diagnosis::{Category, ItemDiagnosis, Probe, Trial};
use empiric_schema::document::Chunk;
use empiric_schema::job::ItemResult;

use super::work::Work;

/// Tokens that a shorter context saves, above which the length itself is blamed and not the company.
const LONG_CONTEXT: u32 = 1000;

/// The passage that holds an item's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gold {
    /// What is shown.
    pub(crate) chunk: Chunk,
    /// Where it was when the item failed.
    pub(crate) shown: Shown,
}

/// Where the gold passage was when the item failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The version looks nothing up.
    NeverLookedUp,
    /// Not among the passages that were shown.
    Missed,
    /// Among others.
    Among,
    /// It was the only one.
    Alone,
}

/// What the failure is put down to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) category: Category,
    pub(crate) repaired_by: Option<Probe>,
    /// In words, for people.
    pub(crate) why: String,
}

/// What came of one rerun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    pub(crate) answer: String,
    /// Length of the prompt in tokens.
    pub(crate) prompt_tokens: u32,
}

/// A failing item, what was tried, and what it came to.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) item: &'a Item,
    pub(crate) recorded: &'a ItemResult,
    pub(crate) gold: Option<Gold>,
    pub(crate) work: Option<Work>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) verdict: Option<Verdict>,
}

impl<'a> Case<'a> {
    /// Nothing is tried yet.
    pub(crate) fn new(item: &'a Item, recorded: &'a ItemResult) -> Self {
        Self { item, recorded, gold: None, work: None, trials: Vec::new(), verdict: None }
    }

    /// Whether more is to be tried.
    pub(crate) fn is_open(&self) -> bool {
        self.verdict.is_none()
    }

    /// Puts the failure down to this.
    pub(crate) fn close(&mut self, category: Category, repaired_by: Option<Probe>, why: String) {
        self.verdict = Some(Verdict { category, repaired_by, why });
    }

    /// The passages that the probe shows in place of the version's own; none where the probe has nothing to
    /// show for this item.
    pub(crate) fn passages(&self, probe: Probe) -> Option<Vec<Chunk>> {
        let gold = self.gold.as_ref();
        match probe {
            Probe::ShorterContext => gold.filter(|gold| gold.shown == Shown::Among).map(alone),
            Probe::GoldPassage => {
                let is_new = |gold: &&Gold| matches!(gold.shown, Shown::NeverLookedUp | Shown::Missed);
                gold.filter(is_new).map(alone)
            }
            Probe::ToolResult => self.work.as_ref().map(|work| vec![with_work(gold, work)]),
            Probe::Recheck | Probe::LenientGrader | Probe::Samples | Probe::OtherModel => None,
        }
    }

    /// Notes what came of a probe's reruns, and closes the case if one of them passed.
    pub(crate) fn take(&mut self, probe: Probe, outcomes: &[Outcome], changed: &str) {
        for Outcome { passed, answer, .. } in outcomes {
            self.trials.push(Trial { probe, passed: *passed, answer: answer.clone() });
        }
        let Some(repaired) = outcomes.iter().find(|outcome| outcome.passed) else {
            return;
        };
        let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
        let (category, why) = match probe {
            Probe::ShorterContext => self.clutter(repaired),
            Probe::GoldPassage => self.missing(),
            Probe::ToolResult => (Category::Tool, "right once the reckoning is done for it".to_owned()),
            Probe::Samples => {
                (Category::Unreliable, format!("{passed} of {} samples are right", outcomes.len()))
            }
            Probe::OtherModel => (Category::Capability, format!("the model {changed} answers it")),
            // What was recorded is read again by the desk, which closes cases itself.
            Probe::Recheck | Probe::LenientGrader => return,
        };
        self.close(category, Some(probe), why);
    }

    fn clutter(&self, repaired: &Outcome) -> (Category, String) {
        let saved = self.recorded.prompt_tokens.saturating_sub(repaired.prompt_tokens);
        match saved > LONG_CONTEXT {
            true => (Category::LongContext, format!("right with {saved} tokens of context less")),
            false => {
                (Category::ContextClutter, "right with the gold passage alone, shown among others".to_owned())
            }
        }
    }

    fn missing(&self) -> (Category, String) {
        let document = self.gold.as_ref().map_or("", |gold| gold.chunk.document.as_str());
        match self.gold.as_ref().map(|gold| gold.shown) {
            Some(Shown::Missed) => {
                (Category::RetrievalMiss, format!("right with a passage of {document}, which was not found"))
            }
            _ => {
                (Category::Knowledge, format!("right with a passage of {document}, and nothing is looked up"))
            }
        }
    }

    /// Closes a case that nothing repaired.
    pub(crate) fn give_up(&mut self) {
        match &self.gold {
            Some(gold) => {
                let why = format!("wrong even with the gold passage of {}", gold.chunk.document);
                self.close(Category::GenerationMiss, None, why);
            }
            None => self.close(Category::Plateau, None, "no probe repaired it".to_owned()),
        }
    }

    /// The line of the output; nothing while the case is open.
    pub(crate) fn diagnosis(self) -> Option<ItemDiagnosis> {
        let Verdict { category, repaired_by, why } = self.verdict?;
        let (id, position) = (self.item.id.clone(), self.recorded.position);
        Some(ItemDiagnosis { id, position, category, repaired_by, why, trials: self.trials })
    }
}

fn alone(gold: &Gold) -> Vec<Chunk> {
    vec![gold.chunk.clone()]
}

/// The gold passage, where there is one, and a line with the reckoning.
fn with_work(gold: Option<&Gold>, work: &Work) -> Chunk {
    let line = format!("Calculation: {}", work.text);
    match gold {
        Some(Gold { chunk, .. }) => Chunk { text: format!("{}\n\n{line}", chunk.text), ..chunk.clone() },
        None => Chunk { document: String::new(), title: String::new(), text: line },
    }
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
