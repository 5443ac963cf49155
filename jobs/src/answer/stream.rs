//! One answer, piece by piece.

use super::answerer::{Answerer, Collect};
use super::engine::Engine;
use super::error::AnswerError;
use super::question::{Answer, Question};
use super::trimmed::Trimmed;
use crate::model::{Flow, LoadedModel, Message, stream};
use crate::telemetry_names as names;

impl Answerer {
    /// Answers one question and hands over the answer's text piece by piece; the pieces together are the
    /// answer's text. Returns nothing where the receiver stopped it. An endpoint's answer is one piece, and so is
    /// one that is chosen among labels or may call tools.
    ///
    /// # Errors
    /// A prompt that is too long for the model, numbers that are none, or an endpoint that does not answer.
    pub fn answer_stream(
        &self,
        question: &Question<'_>,
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        if self.answers_whole() {
            return self.answer_whole(question, on_text);
        }
        let questions = [*question];
        let looked_up = self.look_up(&questions)?;
        if let Some(answer) = looked_up.abstention(0) {
            return Ok((on_text(&answer.text) == Flow::Continue).then_some(answer));
        }
        let answer = self.stream_chat(&looked_up.chat(0), on_text)?;
        Ok(answer.map(|answer| Answer { passages: looked_up.shown_passages(0), ..answer }))
    }

    fn stream_chat(
        &self,
        chat: &[Message],
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let span = self.span(1);
        let _entered = span.enter();
        let answer = match self.engine() {
            Engine::Local(model) => self.stream_locally(model, chat, on_text)?,
            Engine::Endpoint(model) => {
                let answer = model.answer(chat, &self.version().decoding)?;
                (on_text(&answer.text) == Flow::Continue).then_some(answer)
            }
        };
        if let Some(answer) = &answer {
            span.record(names::GEN_AI_USAGE_INPUT_TOKENS, answer.prompt_tokens);
            span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, answer.completion_tokens);
        }
        Ok(answer)
    }

    fn answer_whole(
        &self,
        question: &Question<'_>,
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let mut collect = Collect { answers: vec![None] };
        self.answer_each(&[*question], 1, &mut collect)?;
        let answer = collect.answers.pop().flatten();
        Ok(answer.filter(|answer| on_text(&answer.text) == Flow::Continue))
    }

    fn stream_locally(
        &self,
        model: &LoadedModel,
        chat: &[Message],
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let prompt = self.prompt(model, chat)?;
        let mut trimmed = Trimmed::default();
        let mut on_piece = |piece: &str| trimmed.hand_over(piece, on_text);
        let answer = stream(model, &prompt, &self.options(), &mut on_piece)?;
        Ok(answer.map(|answer| Answer::new(prompt.len(), answer)))
    }
}
