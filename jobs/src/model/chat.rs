//! Chat messages to the text that the model was trained on.

use minijinja::{Environment, ErrorKind, Value, context};
use serde::Serialize;

use super::error::ModelError;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets the task.
    System,
    /// Asks.
    User,
    /// Answers.
    Assistant,
}

/// One turn of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A turn.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

const NAME: &str = "chat";

/// Where a rendered chat ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Where the assistant's answer begins.
    OpenAnswer,
    /// After the last turn.
    LastTurn,
}

/// A model's own chat template (Jinja, as Hugging Face's `apply_chat_template` reads it).
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Compiles the template. `bos` and `eos` are the texts of the tokens that begin and end a document.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned(NAME, source.to_owned()).map_err(broken)?;
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned() })
    }

    /// The prompt up to where the assistant's answer begins.
    ///
    /// # Errors
    /// The template refuses the messages, for instance two user turns in a row.
    pub fn render(&self, messages: &[Message]) -> Result<String, ModelError> {
        self.render_as(messages, Ending::OpenAnswer)
    }

    /// The chat up to the end of its last turn: what a model learns from.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_closed(&self, messages: &[Message]) -> Result<String, ModelError> {
        self.render_as(messages, Ending::LastTurn)
    }

    fn render_as(&self, messages: &[Message], ending: Ending) -> Result<String, ModelError> {
        let template = self.environment.get_template(NAME).map_err(broken)?;
        let values = context! {
            messages => messages,
            add_generation_prompt => ending == Ending::OpenAnswer,
            bos_token => self.bos,
            eos_token => self.eos,
        };
        template.render(values).map_err(broken)
    }
}

fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

fn broken(error: minijinja::Error) -> ModelError {
    ModelError::Template(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_and_the_answer_is_opened() {
        let source = "{% for m in messages %}\n<{{ m['role'] }}>{{ m['content'].strip() }}\n{% endfor %}\n\
                      {% if add_generation_prompt %}<assistant>{% endif %}";
        let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
        let messages = [Message::new(Role::System, "be brief "), Message::new(Role::User, "why?")];
        assert_eq!(template.render(&messages).unwrap(), "<system>be brief\n<user>why?\n<assistant>");
        assert_eq!(template.render_closed(&messages).unwrap(), "<system>be brief\n<user>why?\n");
    }

    #[test]
    fn the_templates_own_refusal_is_passed_on() {
        let template = ChatTemplate::new("{{ raise_exception('no system turn') }}", "", "").unwrap();
        let error = template.render(&[]).unwrap_err().to_string();
        assert!(error.contains("no system turn"), "{error}");
    }
}
