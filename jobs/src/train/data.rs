//! Example chats to tokens, with a mask of what the model learns to write.

use std::path::Path;

use empiric_schema::job::{ChatExample, Turn};
use rayon::prelude::*;

use super::batch::Sample;
use super::error::TrainError;
use crate::items::{ItemsError, read_lines};
use crate::model::{ChatTemplate, ChatTokenizer, Message, ModelError, Role};

const SHAPE: &str =
    "{\"id\", \"messages\": [{\"role\", \"content\"}, ..]} with at least one turn of the assistant";
/// Ids that a message names at most.
const NAMED: usize = 10;

/// The examples of a file in their order.
///
/// # Errors
/// The file cannot be read, or a line is no example, has an unknown role or no turn of the assistant: the
/// first such line is named.
pub fn read_examples(path: &Path) -> Result<Vec<ChatExample>, ItemsError> {
    read_lines(path, SHAPE, check)
}

fn check(example: &ChatExample) -> Result<(), String> {
    let roles: Vec<Role> = example.messages.iter().map(role).collect::<Result<_, _>>()?;
    match roles.contains(&Role::Assistant) {
        true => Ok(()),
        false => Err(format!("the example `{}` has no turn of the assistant", example.id)),
    }
}

fn role(turn: &Turn) -> Result<Role, String> {
    match turn.role.as_str() {
        "system" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        other => Err(format!("`role` is `{other}`, which is none of `system`, `user` and `assistant`")),
    }
}

/// Turns examples into tokens by the model's own chat template. Learned are the assistant's turns with the
/// token that ends them; turns after the last of these are left out.
///
/// # Errors
/// Examples with more than `limit` tokens, named by their ids, or an example whose turns cannot be told
/// apart in the template's text.
pub fn samples(
    tokenizer: &ChatTokenizer,
    chat: &ChatTemplate,
    examples: &[ChatExample],
    limit: usize,
) -> Result<Vec<Sample>, TrainError> {
    let turn = |example: &ChatExample| {
        sample(tokenizer, chat, example)
            .map_err(|reason| TrainError::Example { id: example.id.clone(), reason })
    };
    let samples: Vec<Sample> = examples.par_iter().map(turn).collect::<Result<_, _>>()?;
    refuse_long(&samples, limit)?;
    Ok(samples)
}

fn refuse_long(samples: &[Sample], limit: usize) -> Result<(), TrainError> {
    let long: Vec<&Sample> = samples.iter().filter(|sample| sample.tokens.len() > limit).collect();
    if long.is_empty() {
        return Ok(());
    }
    let name = |sample: &&Sample| format!("`{}` ({})", sample.id, sample.tokens.len());
    let mut ids = long.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    if long.len() > NAMED {
        ids = format!("{ids} and {} more", long.len() - NAMED);
    }
    Err(TrainError::TooLong { count: long.len(), limit, ids })
}

/// An answer is tokenised apart from what comes before it, as it is when the model writes it.
fn sample(tokenizer: &ChatTokenizer, chat: &ChatTemplate, example: &ChatExample) -> Result<Sample, String> {
    let roles: Vec<Role> = example.messages.iter().map(role).collect::<Result<_, _>>()?;
    let turns = roles.iter().zip(&example.messages);
    let messages: Vec<Message> =
        turns.map(|(role, turn)| Message::new(*role, turn.content.as_str())).collect();
    let mut sample = Sample { id: example.id.clone(), tokens: Vec::new(), learned: Vec::new() };
    let mut done = String::new();
    for (index, _) in roles.iter().enumerate().filter(|(_, role)| **role == Role::Assistant) {
        let prompt = chat.render(&messages[..index]).map_err(said)?;
        let closed = chat.render_closed(&messages[..=index]).map_err(said)?;
        let context = continuation(&prompt, &done)?;
        let answer = continuation(&closed, &prompt)?;
        push(&mut sample, &tokenizer.encode(context).map_err(said)?, 0);
        let answer = tokenizer.encode(answer).map_err(said)?;
        let end = answer.iter().rposition(|token| tokenizer.is_end(*token));
        let end = end.ok_or("the chat template ends the assistant's turn without an end token")?;
        push(&mut sample, &answer, end + 1);
        done = closed;
    }
    let last = sample.learned.iter().rposition(|learned| *learned).map_or(0, |last| last + 1);
    sample.tokens.truncate(last);
    sample.learned.truncate(last);
    match sample.targets() {
        0 => Err("the chat template puts nothing before the only token that could be learned".to_owned()),
        _ => Ok(sample),
    }
}

/// Adds tokens, the first `learned` of which are learned.
fn push(sample: &mut Sample, tokens: &[u32], learned: usize) {
    sample.tokens.extend(tokens);
    sample.learned.extend((0..tokens.len()).map(|index| index < learned));
}

fn continuation<'a>(text: &'a str, beginning: &str) -> Result<&'a str, String> {
    let reason = "the chat template writes earlier turns in another way when the chat goes on";
    text.strip_prefix(beginning).ok_or_else(|| reason.to_owned())
}

fn said(error: ModelError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::{example, model};

    #[test]
    fn answers_and_their_ends_are_learned_and_nothing_else() {
        let model = model(1);
        let turns =
            [("system", "Be brief."), ("user", "Where?"), ("assistant", "in the den"), ("user", "When?")];
        let turns = [&turns[..], &[("assistant", "9"), ("user", "Thanks.")]].concat();
        let samples = samples(&model.tokenizer, &model.chat, &[example("a", &turns)], 500).unwrap().remove(0);
        let text = |learned: bool| {
            let tokens = samples.tokens.iter().zip(&samples.learned).filter(|(_, l)| **l == learned);
            let words: Vec<String> =
                tokens.map(|(token, _)| model.tokenizer.token(*token).unwrap()).collect();
            words.concat()
        };
        assert_eq!(text(true), "inĠtheĠden<|im_end|>9<|im_end|>");
        let rest = "<|im_start|>systemĊBeĠbrief.<|im_end|>Ċ<|im_start|>userĊWhere?<|im_end|>Ċ<|im_start|>assistantĊ\
                    Ċ<|im_start|>userĊWhen?<|im_end|>Ċ<|im_start|>assistantĊ";
        assert_eq!(text(false), rest);
        assert!(*samples.learned.last().unwrap());
    }

    #[test]
    fn prompts_are_those_of_generation() {
        let model = model(1);
        let turns = [("user", "Where do I park?"), ("assistant", " \n by the gate")];
        let sample = samples(&model.tokenizer, &model.chat, &[example("a", &turns)], 500).unwrap().remove(0);
        let prompt = model.prompt(&[Message::new(Role::User, "Where do I park?")], "").unwrap();
        assert_eq!(sample.tokens[..prompt.len()], prompt);
        assert!(!sample.learned[prompt.len() - 1] && sample.learned[prompt.len()]);
    }

    #[test]
    fn long_examples_are_refused_with_their_ids() {
        let model = model(1);
        let turns = |count: usize| vec![("user", "x"), ("assistant", &"yyyyyyyyyyyyyyyyyyyyyyyyy"[..count])];
        let examples = [example("short", &turns(1)), example("long", &turns(20)), example("b", &turns(25))];
        let error = samples(&model.tokenizer, &model.chat, &examples, 40).unwrap_err().to_string();
        assert_eq!(error, "2 examples have more than 40 tokens: `long` (41), `b` (46)");
    }

    #[test]
    fn lines_that_teach_nothing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let check = |second: &str, expected: &str| {
            let good = r#"{"id":"a","messages":[{"role":"assistant","content":"x"}]}"#;
            std::fs::write(&path, format!("{good}\n{second}\n")).unwrap();
            let error = read_examples(&path).unwrap_err().to_string();
            assert!(error.contains("train.jsonl:2: ") && error.contains(expected), "{error}");
        };
        check(r#"{"id":"b","messages":[{"role":"user","content":"x"}]}"#, "`b` has no turn of the assistant");
        check(r#"{"id":"b","messages":[{"role":"tool","content":"x"}]}"#, "`role` is `tool`");
        check(r#"{"id":"b","messages":[]}"#, "no turn of the assistant");
        check(r#"{"id":"b"}"#, "missing field `messages`");
    }

    #[test]
    fn a_template_that_rewrites_earlier_turns_is_refused() {
        let model = model(1);
        let source = "{% for m in messages %}{% if loop.last or m.role == 'user' %}{% if m.role == 'assistant' %}>{% endif %}{{ m.content }}<|im_end|>\
                      {% endif %}{% endfor %}{% if add_generation_prompt %}>{% endif %}";
        let chat = ChatTemplate::new(source, "", "").unwrap();
        let turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")];
        let error = samples(&model.tokenizer, &chat, &[example("a", &turns)], 100).unwrap_err().to_string();
        assert!(error.contains("`a` cannot be learned: the chat template writes earlier turns"), "{error}");
    }

    #[test]
    fn a_template_without_an_end_is_refused() {
        let model = model(1);
        let chat = ChatTemplate::new("{% for m in messages %}{{ m.content }}{% endfor %}", "", "").unwrap();
        let turns = [("user", "a"), ("assistant", "b")];
        let error = samples(&model.tokenizer, &chat, &[example("a", &turns)], 100).unwrap_err().to_string();
        assert!(error.contains("without an end token"), "{error}");
    }
}
