//! From a question to a chat.

use empiric_schema::data::Item;

use super::answerer::Answerer;
use super::question::Question;
use crate::model::{Message, Role};
use crate::tools::shown_answer;

/// What the user template's place for the input looks like.
pub(super) const INPUT_PLACE: &str = "{{input}}";

impl Answerer {
    /// The chat for a question: system, demonstrations as earlier turns, the question.
    pub fn messages(&self, question: &Question<'_>) -> Vec<Message> {
        let prompt = &self.version().prompt;
        let user = |input: &str| Message::new(Role::User, prompt.user.replace(INPUT_PLACE, input));
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(Message::new(Role::System, prompt.system.as_str()));
        }
        for item in self.demonstrations().choose(question) {
            messages.push(user(&item.input));
            messages.push(Message::new(Role::Assistant, self.shown(item)));
        }
        messages.push(user(question.input));
        messages
    }

    /// What the assistant says to an item in a demonstration, and in an example to learn from.
    pub(crate) fn shown(&self, item: &Item) -> String {
        let version = self.version();
        format!("{}{}", version.prompt.answer_cue, shown_answer(version, item))
    }
}
