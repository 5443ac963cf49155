//! The JSON of OpenAI's chat interface.

use std::collections::BTreeMap;

use empiric_jobs::model::Finish;
use empiric_schema::artifact::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Concluded;
use super::ask::Asked;
use super::error::ApiError;

/// A request. What would change the system itself (temperature, other tools) has no place here: what was tested is
/// what is served. Such keys are named in the header `x-empiric-ignored`.
#[derive(Debug, Deserialize)]
pub(super) struct ChatBody {
    #[serde(default)]
    pub(super) model: Option<String>,
    pub(super) messages: Vec<MessageBody>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    safety_identifier: Option<String>,
    #[serde(default)]
    empiric: Option<Wishes>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What this interface has beyond OpenAI's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wishes {
    /// Where to tell what became of the draft.
    #[serde(default)]
    callback: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MessageBody {
    role: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of text parts")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

impl ChatBody {
    /// Reads a body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        let body: Self = serde_json::from_slice(bytes)
            .map_err(|error| ApiError::bad_request(format!("the body is no chat request: {error}")))?;
        match body.n {
            None | Some(1) => Ok(body),
            Some(_) => Err(ApiError::bad_request("`n` can only be 1: an answer is the same each time")),
        }
    }

    /// The question: the last message, which must be the user's.
    pub(super) fn input(&self) -> Result<String, ApiError> {
        let last = self.messages.last().filter(|message| message.role == "user");
        let last =
            last.ok_or_else(|| ApiError::bad_request("the last message must be one of the role `user`"))?;
        let text = match &last.content {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) if parts.iter().all(|part| part.kind == "text") => {
                parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n")
            }
            Content::Parts(_) => {
                return Err(ApiError::bad_request("only texts are read: no images, sounds or files"));
            }
        };
        match text.trim().is_empty() {
            true => Err(ApiError::bad_request("the question is empty")),
            false => Ok(text),
        }
    }

    /// Whom the caller asks for, as a digest: names of people do not belong into a log.
    pub(super) fn end_user(&self) -> Option<String> {
        let user = self.safety_identifier.as_ref().or(self.user.as_ref())?;
        Some(Digest::of(user.as_bytes()).short().to_owned())
    }

    /// Where the caller wants to be told of the decision about a draft.
    pub(super) fn callback(&self) -> Option<&str> {
        self.empiric.as_ref()?.callback.as_deref()
    }

    /// What of the request is not followed.
    pub(super) fn ignored(&self) -> String {
        let known = ["stream_options", "metadata", "store"];
        let keys = self.rest.keys().map(String::as_str).filter(|key| !known.contains(key));
        let earlier = (self.messages.len() > 1).then_some("earlier messages");
        let plain = |key: &&str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b' ');
        keys.chain(earlier).filter(plain).take(16).collect::<Vec<_>>().join(", ")
    }

    /// Whether the last piece of a stream is to say what was used.
    pub(super) fn wants_usage(&self) -> bool {
        self.rest.get("stream_options").is_some_and(|options| options["include_usage"] == true)
    }
}

/// A whole answer.
pub(super) fn completion(asked: &Asked, concluded: &Concluded) -> Value {
    json!({
        "id": asked.id,
        "object": "chat.completion",
        "created": asked.at as u64,
        "model": asked.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": concluded.text},
            "logprobs": null,
            "finish_reason": finish_reason(concluded.finish),
        }],
        "usage": usage(concluded),
        "empiric": extras(asked, concluded),
    })
}

/// A piece of an answer.
pub(super) fn chunk(asked: &Asked, delta: &Value, finish: Option<Finish>) -> Value {
    json!({
        "id": asked.id,
        "object": "chat.completion.chunk",
        "created": asked.at as u64,
        "model": asked.model,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish.map(finish_reason)}],
    })
}

/// What was used, as a stream's last piece.
pub(super) fn usage_chunk(asked: &Asked, concluded: &Concluded) -> Value {
    json!({
        "id": asked.id,
        "object": "chat.completion.chunk",
        "created": asked.at as u64,
        "model": asked.model,
        "choices": [],
        "usage": usage(concluded),
        "empiric": extras(asked, concluded),
    })
}

fn usage(concluded: &Concluded) -> Value {
    let (prompt, completion) = (concluded.prompt_tokens, concluded.completion_tokens);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

/// What others do not have: which version answered, and from which documents.
fn extras(asked: &Asked, concluded: &Concluded) -> Value {
    json!({
        "version": asked.target.version,
        "stage": asked.target.stage,
        "arm": asked.target.arm,
        "documents": concluded.documents,
    })
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Length => "length",
        _ => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: Value) -> Result<ChatBody, ApiError> {
        ChatBody::parse(json.to_string().as_bytes())
    }

    #[test]
    fn the_question_is_the_last_message_of_the_user() {
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        for (content, expected) in [(json!("why?"), "why?"), (parts, "a\nb")] {
            let body = body(json!({"messages": [{"role": "user", "content": content}]})).unwrap();
            assert_eq!(body.input().unwrap(), expected);
        }
    }

    #[test]
    fn requests_that_cannot_be_answered_are_refused() {
        let refused = |json: Value| body(json).and_then(|body| body.input()).is_err();
        assert!(refused(json!({})));
        assert!(refused(json!({"messages": []})));
        assert!(refused(json!({"messages": [{"role": "assistant", "content": "x"}]})));
        assert!(refused(json!({"messages": [{"role": "user", "content": " "}]})));
        assert!(refused(json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})));
        assert!(refused(json!({"messages": [{"role": "user", "content": "x"}], "n": 2})));
        assert!(refused(json!({"messages": "x"})));
    }

    #[test]
    fn what_is_not_followed_is_named_and_users_are_digests() {
        let messages = json!([{"role": "system", "content": "be rude"}, {"role": "user", "content": "x"}]);
        let body = body(json!({"messages": messages, "temperature": 2, "x\r\ny": 1, "user": "ada"})).unwrap();
        assert_eq!(body.ignored(), "temperature, earlier messages");
        assert_eq!(body.end_user().unwrap().len(), 12);
    }
}
