//! The JSON of chat completions and of the list of models, read leniently: compatible servers differ in what
//! they add, and leave out what they do not offer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TryError;
use crate::secret::Secret;

/// Sent with each request. Answers are greedy, so it matters only to servers that break ties by chance.
/// OpenAI takes no more stop texts; the caller cuts at the others.
const MOST_STOPS: usize = 4;
/// Fewer bytes of a prompt make no token, on average, in any language that is common.
const BYTES_PER_TOKEN: usize = 3;
/// Tokens that a chat template puts around a message.
const TOKENS_PER_MESSAGE: u64 = 8;

/// One turn of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// What is said.
    pub content: String,
}

/// What to answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatRequest {
    /// The chat so far.
    pub messages: Vec<ChatMessage>,
    /// Most new tokens.
    pub max_tokens: u32,
    /// Texts that end the answer. A server may miss some: the caller cuts at them too.
    pub stop: Vec<String>,
    /// Asks for the log-probabilities of the answer's tokens, and of so many alternatives to each.
    pub log_probabilities: Option<u32>,
    /// How random the answer is; 0 for the likeliest one.
    pub temperature: f64,
    /// Told to servers that draw: the same seed gives the same answer where they keep to it.
    pub seed: u64,
}

impl ChatRequest {
    /// About how many tokens the request may take, for rate limits alone. Nothing is paid by it.
    pub(crate) fn estimated_tokens(&self) -> u64 {
        let bytes: usize = self.messages.iter().map(|message| message.content.len()).sum();
        let around = self.messages.len() as u64 * TOKENS_PER_MESSAGE;
        (bytes / BYTES_PER_TOKEN) as u64 + around + u64::from(self.max_tokens)
    }

    pub(crate) fn body(&self, model: &str) -> Vec<u8> {
        let stop: Vec<&str> =
            self.stop.iter().map(String::as_str).filter(|stop| !stop.is_empty()).take(MOST_STOPS).collect();
        let body = Body {
            model,
            messages: &self.messages,
            temperature: self.temperature,
            seed: self.seed,
            max_tokens: self.max_tokens,
            stop,
            stream: false,
            logprobs: self.log_probabilities.map(|_| true),
            top_logprobs: self.log_probabilities,
        };
        // The struct holds nothing that JSON cannot say.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [ChatMessage],
    temperature: f64,
    seed: u64,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its turn, or a stop text came: servers do not tell the two apart.
    Stop,
    /// The limit on new tokens was reached.
    Length,
    /// The server held something back.
    ContentFilter,
    /// Something else, in the server's word.
    Other(String),
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    /// The answer's text.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// Tokens read, as the server counts and bills them.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Where they were asked for and the server offers them.
    pub log_probabilities: Option<Vec<TokenLogProbability>>,
}

/// A token of the answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TokenLogProbability {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability.
    #[serde(rename = "logprob")]
    pub log_probability: f64,
    /// The likeliest tokens at its place, this one normally among them.
    #[serde(rename = "top_logprobs", default)]
    pub top: Vec<LikelyToken>,
}

/// An alternative to a token.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LikelyToken {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability.
    #[serde(rename = "logprob")]
    pub log_probability: f64,
}

/// A whole answer of the server as it comes.
#[derive(Debug, Deserialize)]
pub(crate) struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counts>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: Content,
    finish_reason: Option<String>,
    logprobs: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Content {
    content: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Counts {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Completion {
    /// The answer, without the key in it.
    pub(crate) fn reply(self, secret: Option<&Secret>) -> Result<ChatReply, TryError> {
        if let Some(error) = self.error.filter(|error| !error.is_null()) {
            return Err(refusal(&error, None, secret));
        }
        let choice = self.choices.into_iter().next();
        let choice =
            choice.ok_or_else(|| TryError::Malformed { reason: "it has no `choices`".to_owned() })?;
        let usage = self.usage.ok_or(TryError::NoUsage)?;
        let text = choice.message.content.unwrap_or_default();
        Ok(ChatReply {
            text: scrubbed(&text, secret),
            finish: finish(choice.finish_reason),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            log_probabilities: choice.logprobs.and_then(log_probabilities),
        })
    }
}

fn finish(reason: Option<String>) -> FinishReason {
    match reason.as_deref() {
        None | Some("stop") => FinishReason::Stop,
        Some("length") => FinishReason::Length,
        Some("content_filter") => FinishReason::ContentFilter,
        Some(other) => FinishReason::Other(other.chars().take(40).collect()),
    }
}

/// A form that is not the chat interface's counts as none offered.
fn log_probabilities(value: Value) -> Option<Vec<TokenLogProbability>> {
    #[derive(Deserialize)]
    struct Tokens {
        content: Option<Vec<TokenLogProbability>>,
    }
    serde_json::from_value::<Tokens>(value).ok()?.content
}

/// The list of models.
#[derive(Debug, Deserialize)]
pub(crate) struct Models {
    pub(crate) data: Vec<ModelEntry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelEntry {
    pub(crate) id: String,
}

/// What a server says that it cannot do. `status` is that of HTTP; without one it is inside the answer.
pub(crate) fn refusal(error: &Value, status: Option<u16>, secret: Option<&Secret>) -> TryError {
    let inner = error.get("error").unwrap_or(error);
    let text = |key: &str| inner.get(key).and_then(Value::as_str);
    let said = text("message").or_else(|| text("detail")).or_else(|| inner.as_str());
    let said = said.map_or_else(|| inner.to_string(), str::to_owned);
    let number = inner.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    TryError::Status {
        // A server that answers 200 with an error and no number has failed.
        status: status.or(number).unwrap_or(500),
        message: message(&said, secret),
        code: text("code").map(|code| message(code, secret)),
    }
}

/// A server's words on one short line, without the key.
pub(crate) fn message(text: &str, secret: Option<&Secret>) -> String {
    const LONGEST: usize = 300;
    let text = scrubbed(text, secret);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn scrubbed(text: &str, secret: Option<&Secret>) -> String {
    secret.map_or_else(|| text.to_owned(), |secret| secret.scrub(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(value: Value) -> Result<ChatReply, TryError> {
        serde_json::from_value::<Completion>(value).unwrap().reply(None)
    }

    #[test]
    fn a_request_is_greedy_and_says_only_what_is_wanted() {
        let stop = ["a", "", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let messages = vec![ChatMessage { role: "user", content: "Hi".to_owned() }];
        let request = ChatRequest { messages, max_tokens: 5, stop, ..ChatRequest::default() };
        let body: Value = serde_json::from_slice(&request.body("m")).unwrap();
        let expected = json!({
            "model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.0, "seed": 0,
            "max_tokens": 5, "stop": ["a", "b", "c", "d"], "stream": false,
        });
        assert_eq!(body, expected);
        let request = ChatRequest { log_probabilities: Some(2), stop: Vec::new(), ..request };
        let body: Value = serde_json::from_slice(&request.body("m")).unwrap();
        assert_eq!((&body["logprobs"], &body["top_logprobs"]), (&json!(true), &json!(2)));
        assert!(body.get("stop").is_none());
    }

    #[test]
    fn answers_are_read_whatever_else_stands_in_them() {
        let answer = reply(json!({
            "id": "x", "object": "chat.completion", "system_fingerprint": null,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null},
                "logprobs": {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105],
                    "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": null}]}]},
                "finish_reason": "length"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 0}},
        }));
        let token = LikelyToken { token: "Hi".to_owned(), log_probability: -0.5 };
        let top = vec![token.clone()];
        let first = TokenLogProbability { token: token.token, log_probability: token.log_probability, top };
        let expected = ChatReply {
            text: "Hi".to_owned(),
            finish: FinishReason::Length,
            prompt_tokens: 7,
            completion_tokens: 1,
            log_probabilities: Some(vec![first]),
        };
        assert_eq!(answer.unwrap(), expected);
    }

    #[test]
    fn what_servers_leave_out_is_taken_as_it_is_meant() {
        let usage = json!({"prompt_tokens": 7});
        let choice = json!({"message": {"content": null}, "logprobs": {"tokens": ["old form"]}});
        let answer = reply(json!({"choices": [choice], "usage": usage, "error": null})).unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish, answer.completion_tokens),
            ("", FinishReason::Stop, 0)
        );
        assert_eq!(answer.log_probabilities, None);
        let filtered = json!({"message": {}, "finish_reason": "content_filter"});
        let answer = reply(json!({"choices": [filtered], "usage": usage})).unwrap();
        assert_eq!(answer.finish, FinishReason::ContentFilter);
    }

    #[test]
    fn answers_that_cannot_be_counted_or_read_are_errors() {
        let choice = json!({"message": {"content": "Hi"}});
        assert!(matches!(reply(json!({"choices": [choice]})), Err(TryError::NoUsage)));
        assert!(reply(json!({"choices": []})).unwrap_err().to_string().contains("no `choices`"));
        let error = reply(json!({"error": {"code": 429, "message": "slow\n\u{1b}[31m down"}})).unwrap_err();
        assert_eq!(error.to_string(), "status 429: slow [31m down");
    }

    #[test]
    fn errors_come_in_many_forms_and_leave_short() {
        let said = |value: Value| refusal(&value, Some(400), None).to_string();
        assert_eq!(said(json!({"error": {"message": "too long", "code": "x"}})), "status 400: too long");
        assert_eq!(said(json!({"detail": "no such route"})), "status 400: no such route");
        assert_eq!(said(json!({"error": "plain"})), "status 400: plain");
        assert_eq!(said(json!([1])), "status 400: [1]");
        assert_eq!(said(json!({"message": "é".repeat(400)})).chars().count(), "status 400: ".len() + 303);
    }
}
