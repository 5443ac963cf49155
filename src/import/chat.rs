//! Chats of OpenAI's and TRL's fine-tuning files as one question with its answer.

use serde_json::Value;

/// What a chat comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chat {
    /// The first system message.
    pub(super) system: Option<String>,
    /// The last message of the user.
    pub(super) input: String,
    /// The last message, which is the assistant's.
    pub(super) answer: String,
    /// Turns before the last question, which the item does not have.
    pub(super) earlier: usize,
}

/// Reads `[{"role": .., "content": ..}, ..]`.
///
/// # Errors
/// Why it is no chat that ends with an answer, in words.
pub(super) fn read(messages: &Value) -> Result<Chat, &'static str> {
    let messages = messages.as_array().ok_or("`messages` is not a list")?;
    let turns: Vec<(&str, String)> =
        messages.iter().map(turn).collect::<Option<_>>().ok_or("a message lacks a role or a text")?;
    let Some((("assistant", answer), before)) =
        turns.split_last().map(|(last, rest)| ((last.0, &last.1), rest))
    else {
        return Err("the last message is not the assistant's");
    };
    let question = before.iter().rposition(|(role, _)| *role == "user").ok_or("no message is the user's")?;
    let is_talk = |(role, _): &&(&str, String)| *role != "system" && *role != "developer";
    let system = turns.iter().find(|(role, _)| *role == "system" || *role == "developer");
    Ok(Chat {
        system: system.map(|(_, text)| text.clone()),
        input: before[question].1.clone(),
        answer: answer.clone(),
        earlier: before[..question].iter().filter(is_talk).count(),
    })
}

fn turn(message: &Value) -> Option<(&str, String)> {
    Some((message.get("role")?.as_str()?, content(message.get("content")?)?))
}

/// A text, or the texts of a list of parts.
fn content(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> = parts.iter().map(|part| part.get("text")?.as_str()).collect();
            texts.map(|texts| texts.join("\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(role: &str, content: impl Into<Value>) -> Value {
        json!({"role": role, "content": content.into()})
    }

    #[test]
    fn the_last_question_and_its_answer_are_the_item() {
        let chat = json!([
            message("system", "Be brief."),
            message("user", "Hello"),
            message("assistant", "Hi"),
            message("user", json!([{"type": "text", "text": "When is tea?"}])),
            message("assistant", "At four."),
        ]);
        let expected = Chat {
            system: Some("Be brief.".to_owned()),
            input: "When is tea?".to_owned(),
            answer: "At four.".to_owned(),
            earlier: 2,
        };
        assert_eq!(read(&chat), Ok(expected));
    }

    #[test]
    fn what_has_no_question_or_no_answer_is_no_item() {
        let told = |chat: Value| read(&chat).unwrap_err();
        assert_eq!(told(json!([message("user", "Hello")])), "the last message is not the assistant's");
        assert_eq!(told(json!([message("assistant", "Hi")])), "no message is the user's");
        assert_eq!(told(json!([{"role": "assistant"}])), "a message lacks a role or a text");
        assert_eq!(told(json!("Hello")), "`messages` is not a list");
    }
}
