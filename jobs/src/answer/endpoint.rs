//! A model behind an OpenAI-compatible server.
//!
//! How it is asked, repeated and limited is left to [`empiric_endpoint`]; what answers cost to [`crate::meter`].

use std::ops::ControlFlow;
use std::sync::Arc;

use empiric_endpoint::{
    BlockingClient, ChatMessage, ChatObserver, ChatReply, ChatRequest, EndpointError, FinishReason, Patience,
};
use empiric_schema::spec::EndpointSpec;
use empiric_schema::version::Decoding;

use super::error::AnswerError;
use super::question::{Answer, AnswerObserver};
use crate::model::{Finish, Flow, Message, Role, Sampling, Totals};

/// A client of the server. Cheap to clone; clones share connections and rate limits.
#[derive(Debug, Clone)]
pub struct EndpointModel {
    client: Arc<BlockingClient>,
}

impl EndpointModel {
    /// Reads the key and prepares the client. Nothing is asked yet.
    ///
    /// # Errors
    /// The address is refused, or the key is not where the spec says.
    pub fn open(endpoint: &EndpointSpec) -> Result<Self, EndpointError> {
        let client = BlockingClient::new(endpoint, Patience::default())?;
        Ok(Self { client: Arc::new(client) })
    }

    /// Asks the chats, at most `batch` at a time, and gives what was used.
    pub(super) fn answer_each(
        &self,
        chats: &[Vec<Message>],
        decoding: &Decoding,
        sampling: Sampling,
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<(Flow, Totals), AnswerError> {
        let requests = requests(chats, decoding, sampling);
        let mut forward = Forward { decoding, totals: Totals::default(), observer };
        let flow = match self.client.chat_each(&requests, batch, &mut forward)? {
            ControlFlow::Continue(()) => Flow::Continue,
            ControlFlow::Break(()) => Flow::Stop,
        };
        Ok((flow, forward.totals))
    }

    /// Asks one chat.
    pub(super) fn answer(&self, chat: &[Message], decoding: &Decoding) -> Result<Answer, AnswerError> {
        let mut only = Only(None);
        self.answer_each(&[chat.to_vec()], decoding, Sampling::Greedy, 1, &mut only)?;
        let none = || AnswerError::Unsupported("a question was left without an answer".to_owned());
        only.0.ok_or_else(none)
    }
}

/// Keeps one answer.
struct Only(Option<Answer>);

impl AnswerObserver for Only {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn answered(&mut self, _: usize, answer: Answer) -> Flow {
        self.0 = Some(answer);
        Flow::Continue
    }
}

/// One request a chat. Equal chats get seeds of their own, so that their samples differ.
fn requests(chats: &[Vec<Message>], decoding: &Decoding, sampling: Sampling) -> Vec<ChatRequest> {
    let requests = chats.iter().map(|chat| request(chat, decoding));
    let Sampling::Seeded { temperature, seed, .. } = sampling else {
        return requests.collect();
    };
    let seeded = |(index, request)| ChatRequest {
        temperature: f64::from(temperature),
        // Servers read seeds as signed numbers, and JSON readers as floats.
        seed: (seed % (1 << 31)).wrapping_add(index as u64),
        ..request
    };
    requests.enumerate().map(seeded).collect()
}

fn request(chat: &[Message], decoding: &Decoding) -> ChatRequest {
    let message = |message: &Message| ChatMessage {
        role: match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        content: message.content.clone(),
    };
    ChatRequest {
        messages: chat.iter().map(message).collect(),
        max_tokens: decoding.max_tokens,
        stop: decoding.stop.clone(),
        ..ChatRequest::default()
    }
}

/// Turns replies into answers.
struct Forward<'a> {
    decoding: &'a Decoding,
    totals: Totals,
    observer: &'a mut dyn AnswerObserver,
}

impl Forward<'_> {
    fn answer(&self, index: usize, reply: ChatReply) -> Answer {
        let mut text = reply.text;
        let finish = match (cut(&mut text, &self.decoding.stop), reply.finish) {
            (true, _) => Finish::Stop,
            (false, FinishReason::Length) => Finish::Length,
            (false, FinishReason::Stop) => Finish::End,
            (false, reason) => {
                tracing::warn!(question = index, ?reason, "the server ended an answer in a way of its own");
                Finish::End
            }
        };
        Answer {
            text: text.trim().to_owned(),
            calls: Vec::new(),
            prompt_tokens: u32::try_from(reply.prompt_tokens).unwrap_or(u32::MAX),
            completion_tokens: u32::try_from(reply.completion_tokens).unwrap_or(u32::MAX),
            finish,
            passages: Vec::new(),
        }
    }
}

/// Cuts at the first stop text. Servers take only a few of them, and some take none.
fn cut(text: &mut String, stop: &[String]) -> bool {
    let found = stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
    if let Some(at) = found {
        text.truncate(at);
    }
    found.is_some()
}

impl ChatObserver for Forward<'_> {
    fn keep_going(&mut self) -> ControlFlow<()> {
        control(self.observer.before_pass(self.totals))
    }

    fn replied(&mut self, index: usize, reply: ChatReply) -> ControlFlow<()> {
        self.totals.prompt_tokens += reply.prompt_tokens;
        self.totals.completion_tokens += reply.completion_tokens;
        self.observer.used(self.totals);
        let answer = self.answer(index, reply);
        control(self.observer.answered(index, answer))?;
        self.keep_going()
    }
}

fn control(flow: Flow) -> ControlFlow<()> {
    match flow {
        Flow::Continue => ControlFlow::Continue(()),
        Flow::Stop => ControlFlow::Break(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_cut_at_the_first_stop_text() {
        let stop = ["\n", "", "END"].map(str::to_owned);
        let cut = |text: &str| {
            let mut text = text.to_owned();
            (cut(&mut text, &stop), text)
        };
        assert_eq!(cut("one END two\nthree"), (true, "one ".to_owned()));
        assert_eq!(cut("one\nEND"), (true, "one".to_owned()));
        assert_eq!(cut("one two"), (false, "one two".to_owned()));
    }
}
