//! Questions to people in words, for the report, the live view and the commands alike.

use empiric_schema::question::{Question, Remark};
use empiric_schema::view::RunView;
use serde::Serialize;

use super::words;

/// A question as a page shows it.
#[derive(Debug, Serialize)]
pub(super) struct QuestionRow {
    number: u32,
    about: &'static str,
    text: String,
    context: Vec<String>,
    outcome: String,
}

/// All questions of a run.
pub(super) fn questions(view: &RunView) -> Vec<QuestionRow> {
    let row = |question: &Question| QuestionRow {
        number: question.number,
        about: question.about.words(),
        text: question.text.clone(),
        context: question.context.clone(),
        outcome: words::full_sentence(&outcome(question, view)),
    };
    view.questions.iter().map(row).collect()
}

/// All remarks of a run, a sentence each.
pub(super) fn remarks(view: &RunView) -> Vec<String> {
    view.remarks.iter().map(remark).collect()
}

/// A remark with who made it and what it is about.
pub(crate) fn remark(remark: &Remark) -> String {
    let item = remark.item.as_ref().map(|item| format!(" on item `{item}`")).unwrap_or_default();
    let right = remark.expected.as_ref().map(|text| format!(" (right would be: {text})")).unwrap_or_default();
    format!("{}{item}: {}{right}", remark.by, remark.text)
}

/// What became of a question by the time of the view.
pub(crate) fn outcome(question: &Question, view: &RunView) -> String {
    let late = if question.escalated.is_some() { ", after its deadline" } else { "" };
    match &question.answer {
        Some(answer) => {
            let note = if answer.note.is_empty() { String::new() } else { format!(": {}", answer.note) };
            let time = words::duration(answer.at - question.asked);
            format!("{} by {} after {time}{late}{note}", answer.word(), answer.by)
        }
        None if view.stop.is_some() => format!("the run ended before anybody answered{late}"),
        None if late.is_empty() => format!("has waited for an answer for {}", ago(question, view)),
        None => format!("escalated: nobody has answered for {}", ago(question, view)),
    }
}

fn ago(question: &Question, view: &RunView) -> String {
    words::duration(view.updated - question.asked)
}

/// The question in a line, without its context.
pub(crate) fn headline(question: &Question) -> String {
    let escalated = if question.escalated.is_some() { ", escalated" } else { "" };
    format!("question {} ({}{escalated}): {}", question.number, question.about.words(), question.text)
}

/// The commands that answer a question. Where it is the only open one, it needs no number.
pub(crate) fn how_to_answer(question: &Question, view: &RunView) -> String {
    let run = &view.run;
    let number = match view.open_questions().count() {
        0 | 1 => String::new(),
        _ => format!(" --question {}", question.number),
    };
    format!("`empiric approve {run}{number}` or `empiric reject {run}{number} --note WHY`")
}
