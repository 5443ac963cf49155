//! How likely a version finds given texts as the whole answer to a question.

use super::answerer::Answerer;
use super::error::AnswerError;
use super::question::Question;
use crate::model::{
    Candidates, Flow, Likelihood, LoadedModel, ModelError, Observer, ScoreOptions, Totals, TurnEnd, score,
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
    /// each result over as soon as it is there. Returns whether all were scored or the observer stopped the work.
    ///
    /// # Errors
    /// A prompt that with a text is too long for the model, numbers that are none, or a model behind an
    /// endpoint.
    #[tracing::instrument(skip_all, fields(model = %self.version().model.id(), questions = questions.len()))]
    pub fn score_each(
        &self,
        questions: &[ScoredQuestion<'_>],
        batch: usize,
        observer: &mut dyn Observer<TextScores>,
    ) -> Result<Flow, AnswerError> {
        let model = self.local()?;
        let candidates: Result<Vec<Candidates>, ModelError> =
            questions.iter().map(|scored| self.candidates(model, scored)).collect();
        let candidates = candidates?;
        let options = ScoreOptions { batch, end: TurnEnd::Scored };
        let mut forward = Forward { candidates: &candidates, observer };
        Ok(score(model, &candidates, &options, &mut forward)?)
    }

    fn candidates(&self, model: &LoadedModel, scored: &ScoredQuestion<'_>) -> Result<Candidates, ModelError> {
        let prompt = self.prompt(model, &scored.question)?;
        let continuation = |text: &String| model.tokenizer.continuation(&prompt, text);
        let continuations: Result<Vec<Vec<u32>>, ModelError> =
            scored.texts.iter().map(continuation).collect();
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
