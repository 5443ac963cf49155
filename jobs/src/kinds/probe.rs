//! The job kind `probe`: failing items are rerun with one thing changed at a time.

mod rerun;

use std::collections::BTreeMap;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::data::Item;
use empiric_schema::diagnosis::{Category, DiagnosisSummary, ItemDiagnosis, Probe, ProbeCount};
use empiric_schema::document::Chunk;
use empiric_schema::job::{Findings, ItemResult, PROBES_FILE, ProbeParams};
use empiric_schema::version::{AnsweringModel, SystemVersion};

use self::rerun::{Asked, Rerun};
use super::context::{Context, Done, json_lines, select};
use crate::answer::{AnswerError, Answerer};
use crate::error::JobError;
use crate::grade::Grader;
use crate::items::{read_items, read_results};
use crate::model::Sampling;
use crate::probe::{Case, Desk, Passages};
use crate::progress::ProgressFile;
use crate::retrieve::read_chunks;

/// Reads recorded answers again, reruns what stays open probe by probe, and leaves [`PROBES_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "probe", skip_all, fields(items = params.positions.len()))]
pub(crate) fn run(context: Context<'_>, params: &ProbeParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, params.positions.len() as u64, "item"))?;
    let all = read_items(context.input(&params.items)?)?;
    let items = select(&all, &params.positions)?;
    let grader = Grader::new(params.assertions.clone(), params.labels.clone())?;
    items.iter().try_for_each(|item| grader.check_item(item))?;
    let recorded = recorded(context, params, &items)?;
    let passages = read_passages(context, params.chunks.as_ref())?.unwrap_or_default();
    let index = params.version.retrieval.as_ref().map(|retrieval| &retrieval.index.chunks);
    let looked_up = read_passages(context, index)?;
    let desk = Desk::new(&all, &params.assertions, &params.labels, &passages, looked_up.as_ref());
    let opened = items.iter().zip(&recorded).map(|(item, recorded)| desk.open(item, recorded));
    let cases = opened.collect::<Result<Vec<Case<'_>>, _>>()?;
    let mut probes = Probes { context, params, grader: &grader, progress: &mut progress, cases, reruns: 0 };
    probes.rerun()?;
    probes.finish()
}

/// The recorded answers of the items, in their order. Of several the last counts.
fn recorded(
    context: Context<'_>,
    params: &ProbeParams,
    items: &[&Item],
) -> Result<Vec<ItemResult>, JobError> {
    let mut found: BTreeMap<u32, ItemResult> = BTreeMap::new();
    for results in &params.results {
        let lines = read_results(context.input(results)?)?;
        found.extend(lines.into_iter().map(|result| (result.position, result)));
    }
    let take = |(position, item): (&u32, &&Item)| match found.remove(position) {
        Some(result) if result.id != item.id => Err(JobError::Parameters(format!(
            "the results are of other items: position {position} is {} there and {} in the data",
            result.id, item.id
        ))),
        Some(result) if result.passed && !result.harmful => {
            Err(JobError::Parameters(format!("item {} passed: there is nothing to probe", item.id)))
        }
        Some(result) => Ok(result),
        None => Err(JobError::Parameters(format!(
            "the results have no answer for item {} at position {position}, or it is asked for twice",
            item.id
        ))),
    };
    params.positions.iter().zip(items).map(take).collect()
}

fn read_passages(context: Context<'_>, chunks: Option<&ArtifactRef>) -> Result<Option<Passages>, JobError> {
    let Some(chunks) = chunks else {
        return Ok(None);
    };
    let chunks: Vec<Chunk> = read_chunks(context.input(chunks)?).map_err(AnswerError::from)?;
    Ok(Some(Passages::new(chunks)))
}

/// The cases on their way.
struct Probes<'a> {
    context: Context<'a>,
    params: &'a ProbeParams,
    grader: &'a Grader,
    progress: &'a mut ProgressFile,
    cases: Vec<Case<'a>>,
    /// Answers that were asked for.
    reruns: usize,
}

impl Probes<'_> {
    /// All probes that ask a model, cheapest first.
    fn rerun(&mut self) -> Result<(), JobError> {
        if self.open().next().is_some() {
            let answerer = self.load(self.params.version.clone())?;
            for probe in [Probe::ShorterContext, Probe::GoldPassage, Probe::ToolResult] {
                let asked = self.with_passages(probe);
                self.ask(probe, &answerer, asked)?;
            }
            self.sample(answerer)?;
        }
        for model in &self.params.models {
            self.ask_other(model)?;
        }
        self.cases.iter_mut().filter(|case| case.is_open()).for_each(Case::give_up);
        Ok(())
    }

    /// Places of the cases that nothing has repaired yet.
    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let open = self.cases.iter().enumerate().filter(|(_, case)| case.is_open());
        open.map(|(place, _)| place)
    }

    fn load(&self, version: SystemVersion) -> Result<Answerer, JobError> {
        let inputs = &self.context.file.inputs;
        Ok(Answerer::load_cached(version, inputs, self.context.models)?)
    }

    fn with_passages(&self, probe: Probe) -> Vec<Asked> {
        let asked = |case: usize| {
            let passages = self.cases[case].passages(probe)?;
            Some(Asked { case, passages: Some(passages) })
        };
        self.open().filter_map(asked).collect()
    }

    /// Several answers at a temperature. A choice among labels is not drawn.
    fn sample(&mut self, answerer: Answerer) -> Result<(), JobError> {
        let (samples, temperature) = (self.params.samples as usize, self.params.temperature as f32);
        if samples == 0 || answerer.version().decoding.labels.is_some() {
            return Ok(());
        }
        let seed = self.context.file.spec.seed;
        let answerer = answerer.with_sampling(Sampling::Seeded { temperature, top_p: 1.0, seed });
        let asked = self.open().flat_map(|case| vec![Asked { case, passages: None }; samples]).collect();
        self.ask(Probe::Samples, &answerer, asked)
    }

    /// The same version with another model.
    fn ask_other(&mut self, model: &AnsweringModel) -> Result<(), JobError> {
        let asked: Vec<Asked> = self.open().map(|case| Asked { case, passages: None }).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let answerer = self.load(with_model(&self.params.version, model))?;
        self.ask(Probe::OtherModel, &answerer, asked)
    }

    /// Asks together what a probe asks, and hands the answers to their cases.
    fn ask(&mut self, probe: Probe, answerer: &Answerer, asked: Vec<Asked>) -> Result<(), JobError> {
        if asked.is_empty() {
            return Ok(());
        }
        self.reruns += asked.len();
        let rerun = Rerun::new(self.context, probe, &self.cases, &asked, self.grader, self.progress);
        let outcomes = rerun.run(answerer, self.params.batch as usize)?;
        let model = answerer.version().model.id().as_str();
        let mut outcomes = outcomes.as_slice();
        // All questions of a case stand together.
        for of_case in asked.chunk_by(|one, other| one.case == other.case) {
            let (now, later) = outcomes.split_at(of_case.len());
            self.cases[of_case[0].case].take(probe, now, model);
            outcomes = later;
        }
        Ok(())
    }

    fn finish(self) -> Result<Done, JobError> {
        let asked = self.cases.len();
        let lines: Vec<ItemDiagnosis> = self.cases.into_iter().filter_map(Case::diagnosis).collect();
        if lines.len() < asked {
            return Err(JobError::Panic("probes ended before all items had a diagnosis".to_owned()));
        }
        let figures = [("failures", lines.len()), ("reruns", self.reruns)];
        let mut done = Done {
            message: message(&lines),
            findings: Findings {
                diagnosis: Some(summary(&lines)),
                figures: figures.map(|(name, value)| (name.to_owned(), value as f64)).into(),
                ..Findings::default()
            },
            ..Done::default()
        };
        self.context.leave(&mut done, PROBES_FILE, &json_lines(&lines), "application/jsonl")?;
        Ok(done)
    }
}

/// The version with another model, without what belongs to its own or what the other does not take.
fn with_model(version: &SystemVersion, model: &AnsweringModel) -> SystemVersion {
    let mut version = SystemVersion { model: model.clone(), adapter: None, ..version.clone() };
    if model.endpoint().is_some() {
        version.prompt.answer_cue = String::new();
        version.decoding.labels = None;
    }
    version
}

fn summary(lines: &[ItemDiagnosis]) -> DiagnosisSummary {
    let count = |probe: Probe| {
        let tried = lines.iter().filter(|line| line.trials.iter().any(|trial| trial.probe == probe)).count();
        let repaired = lines.iter().filter(|line| line.repaired_by == Some(probe)).count();
        ProbeCount { probe, tried: tried as u32, repaired: repaired as u32 }
    };
    DiagnosisSummary {
        categories: lines.iter().map(|line| line.category.letter()).collect(),
        probes: Probe::ALL.into_iter().map(count).filter(|count| count.tried > 0).collect(),
    }
}

/// Such as `12 failures: 7 knowledge, 5 format`.
fn message(lines: &[ItemDiagnosis]) -> String {
    let count = |category: Category| lines.iter().filter(|line| line.category == category).count();
    let mut counts: Vec<(usize, Category)> = Category::ALL
        .into_iter()
        .map(|category| (count(category), category))
        .filter(|(n, _)| *n > 0)
        .collect();
    counts.sort_by_key(|(count, category)| (std::cmp::Reverse(*count), *category));
    let parts: Vec<String> =
        counts.iter().map(|(count, category)| format!("{count} {}", category.words())).collect();
    format!("{} failures: {}", lines.len(), parts.join(", "))
}
