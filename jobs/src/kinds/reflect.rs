//! The job kind `reflect`: a strong model reads failures and proposes instructions.

use empiric_schema::data::Item;
use empiric_schema::job::{Findings, ItemResult, PROPOSALS_FILE, Parent, Proposal, ReflectParams};
use empiric_schema::version::{AnsweringModel, Decoding, Demonstrations, Prompt, SystemVersion};

use super::context::{Context, Done, json_lines};
use crate::answer::{Answer, AnswerObserver, Answerer, Question};
use crate::error::JobError;
use crate::items::{read_items, read_results};
use crate::model::{Flow, Totals};
use crate::progress::ProgressFile;
use crate::reflection::{self, Failure};

/// Reflections that are asked for together.
const BATCH: usize = 4;

/// Reads failures, asks, and leaves [`PROPOSALS_FILE`]. A reflection that brings nothing new is left out.
///
/// # Errors
/// Everything of [`JobError`]. The end of the tokens that reflection may take is none: what is there counts.
#[tracing::instrument(name = "reflect", skip_all, fields(parents = params.parents.len()))]
pub(crate) fn run(context: Context<'_>, params: &ReflectParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    let asked = ask(&context, params)?;
    progress.write(&context.progress("reflect", 0, asked.len() as u64, "reflection"))?;
    let answerer = Answerer::load_cached(version(params), &context.file.inputs, context.models)?;
    let questions: Vec<Question<'_>> = asked.iter().map(|(_, text)| Question::from(text.as_str())).collect();
    let mut run = Run {
        context,
        params,
        asked: &asked,
        progress: &mut progress,
        found: Vec::new(),
        done: 0,
        failure: None,
    };
    answerer.answer_each(&questions, BATCH, &mut run)?;
    run.finish()
}

/// The model by itself: the question is all that it is told.
fn version(params: &ReflectParams) -> SystemVersion {
    SystemVersion {
        model: AnsweringModel::clone(&params.reflector),
        adapter: None,
        prompt: Prompt { system: String::new(), user: "{{input}}".to_owned(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: params.max_tokens, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

/// What is asked, with the parent that it is about.
fn ask(context: &Context<'_>, params: &ReflectParams) -> Result<Vec<(usize, String)>, JobError> {
    let items = read_items(context.input(&params.items)?)?;
    let mut asked = Vec::new();
    for (index, parent) in params.parents.iter().enumerate() {
        let results = read_results(context.input(&parent.results)?)?;
        let failures = failures(&items, &results);
        let rounds = 0..params.proposals as usize;
        asked.extend(rounds.filter_map(|round| Some((index, text(parent, &failures, params, round)?))));
    }
    Ok(asked)
}

fn failures<'a>(items: &'a [Item], results: &'a [ItemResult]) -> Vec<Failure<'a>> {
    let failed = results.iter().filter(|result| !result.passed);
    failed.filter_map(|result| Some(Failure { item: items.get(result.position as usize)?, result })).collect()
}

/// The question of a round, about other failures than those of the rounds before as long as there are any.
fn text(parent: &Parent, failures: &[Failure<'_>], params: &ReflectParams, round: usize) -> Option<String> {
    let wanted = (params.failures as usize).min(failures.len());
    let chosen: Vec<Failure<'_>> =
        failures.iter().cycle().skip(round * wanted).take(wanted).copied().collect();
    (!chosen.is_empty()).then(|| reflection::ask(&parent.prompt, &chosen))
}

/// The state of a reflection while answers come in.
struct Run<'a> {
    context: Context<'a>,
    params: &'a ReflectParams,
    asked: &'a [(usize, String)],
    progress: &'a mut ProgressFile,
    found: Vec<(usize, Proposal)>,
    done: u64,
    failure: Option<JobError>,
}

impl Run<'_> {
    fn finish(mut self) -> Result<Done, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.found.sort_by_key(|(index, _)| *index);
        let mut proposals: Vec<Proposal> = Vec::new();
        for (_, proposal) in self.found {
            if proposals.iter().all(|other| other.system != proposal.system) {
                proposals.push(proposal);
            }
        }
        let mut done = Done {
            message: format!("{} reflections brought {} new prompts", self.done, proposals.len()),
            ..Done::default()
        };
        self.context.leave(&mut done, PROPOSALS_FILE, &json_lines(&proposals), "application/jsonl")?;
        done.findings = Findings { proposals, ..Findings::default() };
        Ok(done)
    }
}

impl AnswerObserver for Run<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        if let Some(over) = self.context.exceeded(totals, self.done as usize, self.asked.len()) {
            self.failure = Some(over);
            return Flow::Stop;
        }
        self.context.meter.set_tokens(totals);
        let used = self.context.meter.usage();
        if used.prompt_tokens + used.completion_tokens >= self.params.most_tokens {
            return Flow::Stop;
        }
        if self.progress.is_due() {
            let line = self.context.progress("reflect", self.done, self.asked.len() as u64, "reflection");
            if let Err(error) = self.progress.write(&line) {
                self.failure = Some(error.into());
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn used(&mut self, totals: Totals) {
        self.context.meter.set_tokens(totals);
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        self.done += 1;
        let parent = self.asked[index].0;
        let read = reflection::read(&answer.text, &self.params.parents[parent].prompt);
        self.found.extend(read.map(|system| (index, Proposal { parent: parent as u32, system })));
        Flow::Continue
    }
}
