//! From a question to a chat.

use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::version::{CONTEXT_PLACE, PassageOrder, Prompt};

use super::answerer::Answerer;
use super::error::AnswerError;
use super::question::Question;
use crate::model::{Message, Role};
use crate::tools::shown_answer;

/// What the user template's place for the input looks like.
pub(super) const INPUT_PLACE: &str = "{{input}}";

impl Answerer {
    /// The chat for a question: system, demonstrations as earlier turns, the question with its passages.
    ///
    /// # Errors
    /// Passages cannot be looked up. Without retrieval this does not fail.
    pub fn messages(&self, question: &Question<'_>) -> Result<Vec<Message>, AnswerError> {
        Ok(self.look_up(&[*question])?.chat(0))
    }

    /// The chat with these passages, the best first.
    pub(super) fn chat(&self, question: &Question<'_>, passages: &[&Chunk]) -> Vec<Message> {
        let prompt = &self.version().prompt;
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(Message::new(Role::System, prompt.system.as_str()));
        }
        for item in self.demonstrations().choose(question) {
            messages.push(user(prompt, &item.input, ""));
            messages.push(Message::new(Role::Assistant, self.shown(item)));
        }
        messages.push(user(prompt, question.input, &self.context(passages)));
        messages
    }

    /// What the assistant says to an item in a demonstration, and in an example to learn from.
    pub(crate) fn shown(&self, item: &Item) -> String {
        let version = self.version();
        format!("{}{}", version.prompt.answer_cue, shown_answer(version, item))
    }

    /// The passages in the version's order, a blank line between them.
    fn context(&self, passages: &[&Chunk]) -> String {
        let mut texts: Vec<String> = passages.iter().map(|chunk| chunk.passage()).collect();
        let order = self.version().retrieval.as_ref().map(|retrieval| retrieval.order);
        if order == Some(PassageOrder::BestLast) {
            texts.reverse();
        }
        texts.join("\n\n")
    }
}

/// A user message. Passages stand at their place in the template, or before the message.
fn user(prompt: &Prompt, input: &str, context: &str) -> Message {
    let has_place = prompt.user.contains(CONTEXT_PLACE);
    let template = if context.is_empty() { without_context(&prompt.user) } else { prompt.user.clone() };
    let message = fill(&template, &[(INPUT_PLACE, input), (CONTEXT_PLACE, context)]);
    Message::new(
        Role::User,
        match has_place || context.is_empty() {
            true => message,
            false => format!("{context}\n\n{message}"),
        },
    )
}

/// The template without its place for passages, and without the lines that this would leave empty.
fn without_context(template: &str) -> String {
    let mut parts = template.split(CONTEXT_PLACE);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let begins_line = whole.is_empty() || whole.ends_with('\n');
        whole.push_str(if begins_line { part.trim_start_matches(['\n', '\r']) } else { part });
    }
    if template.ends_with(CONTEXT_PLACE) { whole.trim_end().to_owned() } else { whole }
}

/// Puts texts at their places. What is put in is not looked at again: a document may speak of places.
fn fill(template: &str, places: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    let first = |rest: &str| {
        let found = places.iter().filter_map(|(place, text)| Some((rest.find(place)?, *place, *text)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, place, text)) = first(rest) {
        filled.push_str(&rest[..at]);
        filled.push_str(text);
        rest = &rest[at + place.len()..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(template: &str, context: &str) -> String {
        let prompt = Prompt { system: String::new(), user: template.to_owned(), answer_cue: String::new() };
        user(&prompt, "why?", context).content
    }

    #[test]
    fn passages_stand_at_their_place_or_before_the_message() {
        assert_eq!(shown("Read:\n{{context}}\n\nQ: {{input}}", "a\n\nb"), "Read:\na\n\nb\n\nQ: why?");
        assert_eq!(shown("Q: {{input}}", "a"), "a\n\nQ: why?");
    }

    #[test]
    fn without_passages_their_place_vanishes_with_its_lines() {
        assert_eq!(shown("{{context}}\n\nQ: {{input}}", ""), "Q: why?");
        assert_eq!(shown("Read.\n\n{{context}}\n\nQ: {{input}}", ""), "Read.\n\nQ: why?");
        assert_eq!(shown("Q: {{input}}\n\n{{context}}", ""), "Q: why?");
        assert_eq!(shown("With {{context}} say {{input}}", ""), "With  say why?");
        assert_eq!(shown("Q: {{input}}", ""), "Q: why?");
    }

    #[test]
    fn places_inside_documents_and_questions_are_text() {
        assert_eq!(shown("{{context}} {{input}}", "say {{input}}"), "say {{input}} why?");
    }
}
