//! How likely a version finds given texts as the whole answer to a question.

use super::answerer::Answerer;
use super::error::AnswerError;
use super::question::Question;
use crate::model::{
    Candidates, Flow, Likelihood, LoadedModel, Message, ModelError, Observer, ScoreOptions, Totals, TurnEnd,
    score,
};

/// A question and what may be said to it.
#[derive(Debug, Clone, Copy)]
pub struct ScoredQuestion<'a> {
    /// The question.
    pub question: Question<'a>,
    /// The texts to score. Each stands right after the version's answer cue.
    pub texts: &'a [String],
}

/// What a version thinks of the texts for one question.
#[derive(Debug, Clone, PartialEq)]
pub struct TextScores {
    /// In the order of the texts.
    pub likelihoods: Vec<Likelihood>,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
}

impl Answerer {
    /// Scores each question's texts with the end of the turn, at most `batch` questions at a time, and hands
    /// each result over as soon as it is there. A version that abstains is scored as if it did not. Returns
    /// whether all were scored or the observer stopped the work.
    ///
    /// # Errors
    /// A prompt that with a text is too long for the model, numbers that are none, passages that cannot be
    /// looked up, or a model behind an endpoint.
    #[tracing::instrument(skip_all, fields(model = %self.version().model.id(), questions = questions.len()))]
    pub fn score_each(
        &self,
        questions: &[ScoredQuestion<'_>],
        batch: usize,
        observer: &mut dyn Observer<TextScores>,
    ) -> Result<Flow, AnswerError> {
        let asked: Vec<Question<'_>> = questions.iter().map(|scored| scored.question).collect();
        let looked_up = self.look_up(&asked)?;
        let chats = (0..asked.len()).map(|index| looked_up.chat(index));
        let scored: Vec<_> = chats.zip(questions.iter().map(|scored| scored.texts)).collect();
        self.score_chats(&scored, batch, observer)
    }

    /// As [`Self::score_each`], for chats with the texts that may end them.
    pub(super) fn score_chats(
        &self,
        chats: &[(Vec<Message>, &[String])],
        batch: usize,
        observer: &mut dyn Observer<TextScores>,
    ) -> Result<Flow, AnswerError> {
        let model = self.local()?;
        let candidates: Result<Vec<Candidates>, ModelError> =
            chats.iter().map(|(chat, texts)| self.candidates(model, chat, texts)).collect();
        let candidates = candidates?;
        let options = ScoreOptions { batch, end: TurnEnd::Scored };
        let mut forward = Forward { candidates: &candidates, observer };
        Ok(score(model, &candidates, &options, &mut forward)?)
    }

    fn candidates(
        &self,
        model: &LoadedModel,
        chat: &[Message],
        texts: &[String],
    ) -> Result<Candidates, ModelError> {
        let prompt = self.prompt(model, chat)?;
        let continuation = |text: &String| model.tokenizer.continuation(&prompt, text);
        let continuations: Result<Vec<Vec<u32>>, ModelError> = texts.iter().map(continuation).collect();
        Ok(Candidates { continuations: continuations?, prompt })
    }
}

/// Adds the prompt's length to what the model found.
struct Forward<'a> {
    candidates: &'a [Candidates],
    observer: &'a mut dyn Observer<TextScores>,
}

impl Observer<Vec<Likelihood>> for Forward<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.observer.before_pass(totals)
    }

    fn finished(&mut self, index: usize, likelihoods: Vec<Likelihood>) -> Flow {
        let prompt_tokens = self.candidates[index].prompt.len() as u32;
        self.observer.finished(index, TextScores { likelihoods, prompt_tokens })
    }
}
