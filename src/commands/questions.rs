//! `empiric questions`: what a run asks people, with the items that a question is about.

use std::collections::BTreeMap;
use std::process::ExitCode;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::data::{Item, read_items};
use empiric_schema::decision::Decision;
use empiric_schema::diagnosis::{Category, ItemDiagnosis};
use empiric_schema::id::ItemId;
use empiric_schema::question::{Question, QuestionAbout};
use empiric_schema::view::RunView;
use serde::Serialize;

use super::status::{find_run, live_view};
use crate::cli::{Global, OutputFormat, RunRef};
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::report::people::{headline, how_to_answer, outcome, remark};

/// An item that looks like a mistake of the data or of the grader.
#[derive(Debug, Serialize)]
struct Suspect {
    /// Line of dev, from 1.
    line: u32,
    id: ItemId,
    input: String,
    expected: String,
    /// The recorded answer, where it is in the read model.
    answer: Option<String>,
    why: String,
}

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let recorded = find_run(args, place).await?;
    let view = live_view(&recorded.run, global, place).await.unwrap_or(recorded);
    let suspects = suspects(&view, place).await;
    if let Err(error) = &suspects {
        output::talk(&format!("the items cannot be shown: {error}"));
    }
    let suspects = suspects.unwrap_or_default();
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({
            "run": view.run, "questions": view.questions, "suspects": suspects, "remarks": view.remarks,
        })),
        OutputFormat::Text => output::data(&told(&view, &suspects).join("\n")),
    }
    Ok(ExitCode::SUCCESS)
}

/// What people wrote, items and answers are foreign: a line break in them must not look like a line of ours.
fn told(view: &RunView, suspects: &[Suspect]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for question in &view.questions {
        lines.push(headline(question));
        lines.push(format!("  {}", outcome(question, view)));
        lines.extend(question.context.iter().map(|line| format!("  - {line}")));
        if asks_about_items(question) {
            lines.extend(suspects.iter().flat_map(item_lines));
        }
        if view.open_questions().any(|open| open.number == question.number) {
            lines.push(format!("  answer: {}", how_to_answer(question, view)));
        }
    }
    lines.extend(view.remarks.iter().map(|one| format!("remark {}: {}", one.number, remark(one))));
    if lines.is_empty() {
        lines.push(format!("{} has asked nothing, and nobody has said anything", view.run));
    }
    lines.iter().map(|line| on_one_line(line)).collect()
}

fn asks_about_items(question: &Question) -> bool {
    question.about == QuestionAbout::EvaluationDefects && question.is_open()
}

fn item_lines(suspect: &Suspect) -> Vec<String> {
    let mut lines = vec![
        format!("  dev line {}, item `{}`", suspect.line, suspect.id),
        format!("    asked     {}", suspect.input),
        format!("    expected  {}", suspect.expected),
    ];
    lines.extend(suspect.answer.as_ref().map(|answer| format!("    answered  {answer}")));
    lines.push(format!("    suspect   {}", suspect.why));
    lines
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The suspect items of the last diagnosis, where an open question is about them.
async fn suspects(view: &RunView, place: &Place) -> Result<Vec<Suspect>, CliError> {
    let Some((version, probes)) =
        last_diagnosis(view).filter(|_| view.questions.iter().any(asks_about_items))
    else {
        return Ok(Vec::new());
    };
    let Some(dev) = &view.dev_items else { return Ok(Vec::new()) };
    let store = place.store()?;
    let items = read_items("dev", &store.get_bytes(dev).await?).map_err(CliError::Data)?;
    let probes = store.get_bytes(probes).await?;
    let answers = place.existing_database().await?.item_results(&view.run, version, "dev").await?;
    let answers = answers.into_iter().map(|answer| (answer.id, answer.answer)).collect();
    Ok(join(&probes, &items, &answers))
}

fn last_diagnosis(view: &RunView) -> Option<(&Digest, &ArtifactRef)> {
    view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Diagnose { version, items: Some(items), .. } => Some((version, items)),
        _ => None,
    })
}

/// The suspects among the probed items, with what they ask. A line that does not read is left out.
fn join(probes: &[u8], items: &[Item], answers: &BTreeMap<ItemId, String>) -> Vec<Suspect> {
    let lines = probes.split(|byte| *byte == b'\n');
    let found = lines.filter_map(|line| serde_json::from_slice::<ItemDiagnosis>(line).ok());
    let defects = found.filter(|item| item.category == Category::EvaluationDefect);
    let suspect = |found: ItemDiagnosis| {
        let item = items.get(found.position as usize)?;
        Some(Suspect {
            line: found.position + 1,
            input: item.input.clone(),
            expected: item.expected.alternatives().join(" | "),
            answer: answers.get(&found.id).cloned(),
            id: found.id,
            why: found.why,
        })
    };
    defects.filter_map(suspect).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn suspects_are_shown_with_what_was_asked_expected_and_answered() {
        let items = read_items(
            "dev",
            b"{\"id\":\"a\",\"input\":\"q1\",\"expected\":\"x\"}\n{\"id\":\"b\",\"input\":\"q2\",\"expected\":[\"y\",\"z\"]}\n",
        );
        let line = |id: &str, position: u32, category| ItemDiagnosis {
            id: ItemId::new(id),
            position,
            category,
            repaired_by: None,
            why: "no accepted answer\nis in the document".to_owned(),
            trials: Vec::new(),
        };
        let lines = [line("a", 0, Category::Knowledge), line("b", 1, Category::EvaluationDefect)];
        let probes: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let answers = BTreeMap::from([(ItemId::new("b"), "w".to_owned())]);
        let found = join(probes.join("\n").as_bytes(), &items.unwrap(), &answers);
        let told: Vec<String> = found.iter().flat_map(item_lines).map(|line| on_one_line(&line)).collect();
        assert_eq!(
            told,
            [
                "  dev line 2, item `b`",
                "    asked     q2",
                "    expected  y | z",
                "    answered  w",
                "    suspect   no accepted answer is in the document",
            ]
        );
    }

    #[test]
    fn a_question_is_told_with_its_context_and_the_commands_that_answer_it() {
        let mut view = RunView { questions: vec![fixture::question()], ..fixture::running() };
        let told_now = told(&view, &[]).join("\n");
        assert!(told_now.contains("- approve: the limit becomes 1000000 tokens"), "{told_now}");
        assert!(told_now.contains("answer: `empiric approve staff-handbook-7f3a` or"), "{told_now}");
        view.questions.push(Question { number: 2, ..fixture::question() });
        assert!(told(&view, &[]).join("\n").contains("`empiric approve staff-handbook-7f3a --question 2`"));
    }

    #[test]
    fn a_run_that_asks_nothing_says_so() {
        assert!(told(&fixture::running(), &[])[0].contains("has asked nothing"));
    }
}
