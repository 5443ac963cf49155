//! The job kind `examples`: items become chats to learn from.

use std::collections::BTreeMap;

use empiric_schema::id::ItemId;
use empiric_schema::job::{DEV_CHATS_FILE, ExamplesParams, Findings, TRAIN_CHATS_FILE};

use super::context::{Context, Done, json_lines};
use crate::answer::Answerer;
use crate::craft::{Crafted, Crafter};
use crate::error::JobError;
use crate::items::{read_items, read_results};
use crate::progress::ProgressFile;
use crate::train::samples;

/// Loads the version, makes chats and leaves [`TRAIN_CHATS_FILE`] and [`DEV_CHATS_FILE`].
///
/// # Errors
/// Everything of [`JobError`]: parameters out of their bounds, a model that cannot be trained, chats that are too
/// long for it. Nothing is written then.
#[tracing::instrument(name = "examples", skip_all)]
pub(crate) fn run(context: Context<'_>, params: &ExamplesParams) -> Result<Done, JobError> {
    check(params)?;
    let mut progress = ProgressFile::open(context.folder)?;
    let mut items = read_items(context.input(&params.items)?)?;
    let answers = right_answers(&context, params)?;
    items.retain(|item| params.answers.is_empty() || answers.contains_key(&item.id));
    progress.write(&context.progress("load", 0, items.len() as u64, "item"))?;
    let answerer = Answerer::load_cached(params.version.clone(), &context.file.inputs, context.models)?;
    let crafter = Crafter {
        answerer: &answerer,
        variants: params.variants as usize,
        distractors: params.distractors as usize,
        seed: context.file.spec.seed,
        answers: (!params.answers.is_empty()).then_some(&answers),
    };
    let crafted = crafter.craft(&items, params.share, params.held_out)?;
    if crafted.train.is_empty() {
        return Err(JobError::Parameters(format!(
            "no example could be made: of {} items {} have no answer that their documents or an expression verify",
            crafted.tally.items, crafted.tally.left_out
        )));
    }
    let longest = longest(&answerer, &crafted)?;
    progress.write(&context.progress("examples", items.len() as u64, items.len() as u64, "item"))?;
    leave(context, &crafted, longest)
}

fn check(params: &ExamplesParams) -> Result<(), JobError> {
    let problem = if params.version.model.weights().is_none() {
        "examples are made for weights that can be trained, and the model is behind an endpoint".to_owned()
    } else if !(params.share > 0.0 && params.share <= 1.0) {
        format!("`share` is {}; expected more than 0 and at most 1", params.share)
    } else if !(0.0..1.0).contains(&params.held_out) {
        format!("`held_out` is {}; expected at least 0 and less than 1", params.held_out)
    } else if params.variants == 0 {
        "`variants` is 0; expected at least 1".to_owned()
    } else {
        return Ok(());
    };
    Err(JobError::Parameters(problem))
}

/// What another version answered rightly, by item.
fn right_answers(
    context: &Context<'_>,
    params: &ExamplesParams,
) -> Result<BTreeMap<ItemId, String>, JobError> {
    let mut answers = BTreeMap::new();
    for file in &params.answers {
        let lines = read_results(context.input(file)?)?;
        let right = lines.into_iter().filter(|line| line.passed && !line.harmful);
        answers.extend(right.map(|line| (line.id, line.answer)));
    }
    Ok(answers)
}

/// Tokens of the longest chat, as training reads it.
fn longest(answerer: &Answerer, crafted: &Crafted) -> Result<usize, JobError> {
    let model = answerer.local()?;
    let limit = model.llama.config().context;
    let mut longest = 0;
    for chats in [&crafted.train, &crafted.dev] {
        let samples = samples(&model.tokenizer, &model.chat, chats, limit)?;
        longest = samples.iter().map(|sample| sample.tokens.len()).max().unwrap_or(0).max(longest);
    }
    Ok(longest)
}

fn leave(context: Context<'_>, crafted: &Crafted, longest: usize) -> Result<Done, JobError> {
    let (train, dev, tally) = (crafted.train.len(), crafted.dev.len(), crafted.tally);
    let figures = [
        ("items", tally.items),
        ("left_out", tally.left_out),
        ("abstentions", tally.abstentions),
        ("refusals", tally.refusals),
        ("tool_calls", tally.tool_calls),
        ("gold_missed", tally.gold_missed),
        ("chats", train + dev),
        ("dev_chats", dev),
        ("longest_tokens", longest),
    ];
    let figures = figures.map(|(name, count)| (name.to_owned(), count as f64)).into();
    let mut done = Done {
        message: format!("{train} chats to learn from, {dev} held out, of {} items", tally.items),
        findings: Findings { figures, ..Findings::default() },
        ..Done::default()
    };
    context.leave(&mut done, TRAIN_CHATS_FILE, &json_lines(&crafted.train), "application/jsonl")?;
    context.leave(&mut done, DEV_CHATS_FILE, &json_lines(&crafted.dev), "application/jsonl")?;
    Ok(done)
}
