//! The job kind `drift`: questions and answers of production beside those of the dev split.

use std::collections::HashSet;

use empiric_schema::data::splits::normalise;
use empiric_schema::job::{
    AnswerShift, DriftParams, DriftSummary, FAR_QUESTIONS_FILE, FarQuestion, Findings, ServedLine, TextLine,
};

use super::context::{Context, Done, json_lines};
use super::embed::embed;
use crate::drift::{Answers, Nearest, leave_one_out, limit, shifts, to_nearest};
use crate::error::JobError;
use crate::items::{read_items, read_lines};
use crate::progress::ProgressFile;

/// Questions of dev that are compared with, at most: the time grows with both samples.
const MOST_REFERENCE: usize = 1000;
/// Questions that are written down.
const MOST_FAR: usize = 20;

/// Embeds both samples, compares them, and leaves [`FAR_QUESTIONS_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "drift", skip_all, fields(questions = tracing::field::Empty))]
pub(crate) fn run(context: Context<'_>, params: &DriftParams) -> Result<Done, JobError> {
    let served: Vec<ServedLine> = read_lines(
        context.input(&params.served)?,
        "{\"id\", \"question\", \"answer\"}",
        |_: &ServedLine| Ok(()),
    )?;
    tracing::Span::current().record("questions", served.len());
    let dev = reference(context, params)?;
    if served.is_empty() || dev.len() < 2 {
        let reason = "there are too few questions to compare: at least one of production and two of dev";
        return Err(JobError::Parameters(reason.to_owned()));
    }
    let (distances, own) = distances(context, params, &served, &dev)?;
    let found: Vec<f64> = distances.iter().map(|nearest| nearest.distance).collect();
    let seed = context.file.spec.seed;
    let summary = DriftSummary {
        questions: served.len() as u32,
        reference: dev.len() as u32,
        distance: mean(&found),
        expected: mean(&own),
        limit: limit(&own, served.len(), params.alpha, seed),
        answers: answers(context, params, &served)?,
    };
    let message = format!("{} questions are {:.3} from dev", summary.questions, summary.distance);
    let findings = Findings { drift: Some(summary), ..Findings::default() };
    let mut done = Done { message, findings, ..Done::default() };
    let far = json_lines(&far(&served, &dev, &distances));
    context.leave(&mut done, FAR_QUESTIONS_FILE, &far, "application/jsonl")?;
    Ok(done)
}

/// The different questions of dev.
fn reference(context: Context<'_>, params: &DriftParams) -> Result<Vec<String>, JobError> {
    let items = read_items(context.input(&params.dev)?)?;
    let mut seen = HashSet::new();
    let different = items.into_iter().filter(|item| seen.insert(normalise(&item.input)));
    Ok(different.map(|item| item.input).take(MOST_REFERENCE).collect())
}

/// Of each question of production to dev, and within dev.
fn distances(
    context: Context<'_>,
    params: &DriftParams,
    served: &[ServedLine],
    dev: &[String],
) -> Result<(Vec<Nearest>, Vec<f64>), JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    let texts: Vec<&str> =
        served.iter().map(|line| line.question.as_str()).chain(dev.iter().map(String::as_str)).collect();
    progress.write(&context.progress("load", 0, texts.len() as u64, "text"))?;
    let vectors = embed(context, &params.encoder, &mut progress, &texts)?;
    let rows: Vec<&[f32]> = vectors.rows().collect();
    let (served, dev) = rows.split_at(served.len());
    Ok((to_nearest(served, dev), leave_one_out(dev)))
}

fn answers(
    context: Context<'_>,
    params: &DriftParams,
    served: &[ServedLine],
) -> Result<Vec<AnswerShift>, JobError> {
    let Some(before) = &params.dev_answers else { return Ok(Vec::new()) };
    let before: Vec<TextLine> =
        read_lines(context.input(before)?, "{\"id\", \"text\"}", |_: &TextLine| Ok(()))?;
    let here: Vec<&str> = served.iter().map(|line| line.answer.as_str()).collect();
    let before: Vec<&str> = before.iter().map(|line| line.text.as_str()).collect();
    if before.is_empty() {
        return Ok(Vec::new());
    }
    let answers = Answers { here: &here, before: &before, labels: &params.labels };
    Ok(shifts(&answers, context.file.spec.seed))
}

fn far(served: &[ServedLine], dev: &[String], distances: &[Nearest]) -> Vec<FarQuestion> {
    let question = |(line, nearest): (&ServedLine, &Nearest)| FarQuestion {
        id: line.id.clone(),
        question: line.question.clone(),
        distance: nearest.distance,
        nearest: dev[nearest.at].clone(),
    };
    let mut all: Vec<FarQuestion> = served.iter().zip(distances).map(question).collect();
    all.sort_by(|one, other| other.distance.total_cmp(&one.distance).then_with(|| one.id.cmp(&other.id)));
    all.truncate(MOST_FAR);
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
