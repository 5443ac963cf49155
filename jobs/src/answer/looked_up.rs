//! What is looked up before a version answers.

use empiric_schema::document::Chunk;
use empiric_schema::job::ShownPassage;
use empiric_schema::version::Retrieval;

use super::answerer::Answerer;
use super::error::AnswerError;
use super::question::{Answer, AnswerObserver, Question};
use crate::model::{Finish, Flow, Message, Totals};
use crate::retrieve::{Found, Passage};

/// Passages that are looked up at least, so that finding them can be measured where fewer are shown.
const MEASURED: usize = 10;

/// Questions with the passages that were found for them.
pub(super) struct LookedUp<'a> {
    answerer: &'a Answerer,
    questions: &'a [Question<'a>],
    /// One for each question where the version retrieves; none for a question with given passages.
    pub(super) found: Vec<Option<Found<'a>>>,
}

impl Answerer {
    /// The best `k` passages for each question under the version's ranking, the best first; passages that a
    /// question brings are not looked at. Nothing is found where the version does not retrieve.
    ///
    /// # Errors
    /// A question that the encoder cannot embed.
    pub fn passages(
        &self,
        questions: &[Question<'_>],
        k: usize,
    ) -> Result<Vec<Vec<Passage<'_>>>, AnswerError> {
        let Some(retriever) = self.retriever() else {
            return Ok(vec![Vec::new(); questions.len()]);
        };
        let inputs: Vec<&str> = questions.iter().map(|question| question.input).collect();
        Ok(retriever.find(&inputs, k)?.into_iter().map(|found| found.passages).collect())
    }

    /// All chunks of the version's index; none where it does not retrieve.
    pub fn chunks(&self) -> &[Chunk] {
        self.retriever().map(|retriever| retriever.chunks()).unwrap_or_default()
    }

    /// Looks up passages for all questions that bring none.
    pub(super) fn look_up<'a>(&'a self, questions: &'a [Question<'a>]) -> Result<LookedUp<'a>, AnswerError> {
        let found = match (self.retriever(), &self.version().retrieval) {
            (Some(retriever), Some(retrieval)) => {
                let open = questions.iter().filter(|question| question.passages.is_none());
                let inputs: Vec<&str> = open.map(|question| question.input).collect();
                let mut found = retriever.find(&inputs, MEASURED.max(retrieval.k as usize))?.into_iter();
                let mut next = |question: &Question<'_>| match question.passages {
                    None => found.next(),
                    Some(_) => None,
                };
                questions.iter().map(&mut next).collect()
            }
            _ => vec![None; questions.len()],
        };
        Ok(LookedUp { answerer: self, questions, found })
    }
}

impl LookedUp<'_> {
    fn retrieval(&self) -> Option<&Retrieval> {
        self.answerer.version().retrieval.as_ref()
    }

    /// The chat of the question at `index`.
    pub(super) fn chat(&self, index: usize) -> Vec<Message> {
        let question = &self.questions[index];
        let passages: Vec<&Chunk> = match question.passages {
            Some(given) => given.iter().collect(),
            None => self.shown(index).iter().map(|passage| passage.chunk).collect(),
        };
        self.answerer.chat(question, &passages)
    }

    /// The found passages that the version shows.
    fn shown(&self, index: usize) -> &[Passage<'_>] {
        let k = self.retrieval().map_or(0, |retrieval| retrieval.k as usize);
        let found = self.found[index].as_ref().map(|found| found.passages.as_slice()).unwrap_or_default();
        &found[..found.len().min(k)]
    }

    /// What results keep of the shown passages.
    pub(super) fn shown_passages(&self, index: usize) -> Vec<ShownPassage> {
        self.shown(index).iter().map(Passage::shown).collect()
    }

    /// What is said without asking the model, where no passage fits well enough.
    pub(super) fn abstention(&self, index: usize) -> Option<Answer> {
        let abstain = self.retrieval()?.abstain.as_ref()?;
        let found = self.found[index].as_ref()?;
        (found.confidence < abstain.below).then(|| Answer {
            text: abstain.say.clone(),
            prompt_tokens: 0,
            completion_tokens: 0,
            finish: Finish::End,
            passages: Vec::new(),
            calls: Vec::new(),
        })
    }
}

/// Hands answers to some of the questions on under the places of all, with the passages that were shown.
pub(super) struct WithPassages<'a> {
    pub(super) looked_up: &'a LookedUp<'a>,
    /// Place among all questions of each question that is asked.
    pub(super) places: &'a [usize],
    pub(super) observer: &'a mut dyn AnswerObserver,
}

impl AnswerObserver for WithPassages<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.observer.before_pass(totals)
    }

    fn used(&mut self, totals: Totals) {
        self.observer.used(totals);
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        let place = self.places[index];
        let passages = self.looked_up.shown_passages(place);
        self.observer.answered(place, Answer { passages, ..answer })
    }
}
