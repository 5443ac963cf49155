//! The workers of a synthetic project: every job is answered at once, from its truth.

use std::collections::BTreeMap;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::{Frozen, FrozenSplit, JobOutcome, JobRequest, LifecycleInput, RunOptions};
use empiric_schema::diagnosis::{Category, DiagnosisSummary, Probe, ProbeCount};
use empiric_schema::id::{JobKey, ModelId, RunId};
use empiric_schema::job::{
    EvaluateParams, EvaluationSummary, ExitClass, Findings, JobKind, ProbeParams, RESULTS_FILE,
    TrainingSummary, Usage,
};
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};

use super::project::{Project, hash};

/// Positions of test items, as keys, begin here.
const TEST: u64 = 1 << 32;
/// Seconds of a plain answer.
const ANSWER_SECONDS: f64 = 0.2;

const SPEC: &str = r#"
name: synthetic
scope: {task: answer, success: [{metric: accuracy, at_least: 0.5}]}
data: {train: "file://t.jsonl", dev: "file://d.jsonl", test: "file://e.jsonl", documents: ["file://*.md"]}
models:
  - {id: small, source: "file://small.gguf", parameters: 135M}
  - {id: larger, source: "file://larger.gguf", parameters: 360M}
system: {model: small, prompt: Be exact.}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
improve: {techniques: [prompt, tools, rag, fine_tune, model], max_iterations: 6, candidates: 8}
"#;

/// How techniques are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// By probes, as the loop does.
    Diagnosis,
    /// Probes find nothing: the spec's order, cheapest first.
    SpecOrder,
    /// Probes find nothing, and the spec's order is drawn.
    RandomOrder,
}

/// Answers the jobs of a project and counts what they cost.
pub struct World<'a> {
    project: &'a Project,
    start: SystemVersion,
    is_silent: bool,
    bars: BTreeMap<Digest, Vec<f64>>,
    /// True accuracy of every version that answered anything.
    pub truth: BTreeMap<Digest, f64>,
    /// Answers of evaluations.
    pub answers: u64,
    /// Answers of probes.
    pub probed: u64,
}

/// What a run of this project starts from.
///
/// # Panics
/// If the spec above is wrong.
pub fn input(project: &Project, order: &[Technique], alpha: f64) -> LifecycleInput {
    let mut spec = match ProjectSpec::parse("project.yaml", SPEC) {
        Ok(spec) => spec,
        Err(error) => panic!("the synthetic spec is wrong: {error:?}"),
    };
    spec.improve.seed = project.seed;
    spec.improve.techniques = order.to_vec();
    spec.gate.alpha = alpha;
    for criterion in &mut spec.scope.success {
        criterion.value = project.promise;
    }
    LifecycleInput {
        run: RunId::new(format!("synthetic-{}", project.seed)),
        project_dir: ".".into(),
        spec,
        options: RunOptions::default(),
        earlier_looks: Vec::new(),
        joined: Vec::new(),
        start: None,
        by: None,
        preferences: Vec::new(),
    }
}

/// Whether the gate is told which items belong together (`gate.cluster_by`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clusters {
    /// Every item counts as standing alone.
    Ignored,
    /// Whole clusters race or confirm, and are resampled.
    Known,
}

/// What scope would find.
pub fn frozen(project: &Project, clusters: Clusters) -> Frozen {
    let split = |name: &str, count| FrozenSplit { items: artifact(name), count };
    let mut models = BTreeMap::from([(ModelId::new("small"), artifact("small"))]);
    if project.has_larger_model {
        models.insert(ModelId::new("larger"), artifact("larger"));
    }
    Frozen {
        train: Some(split("train", 150)),
        dev: split("dev", project.dev),
        test: split("test", project.shape.test),
        documents: if project.has_documents { 40 } else { 0 },
        corpus: project.has_documents.then(|| artifact("corpus")),
        encoder: None,
        dev_clusters: match clusters {
            Clusters::Ignored => Vec::new(),
            Clusters::Known => (0..project.dev).map(|item| item / project.shape.cluster).collect(),
        },
        models,
        system: start(),
    }
}

fn start() -> SystemVersion {
    SystemVersion {
        model: ModelBinding { id: ModelId::new("small"), weights: artifact("small"), files: BTreeMap::new() }
            .into(),
        adapter: None,
        prompt: Prompt { system: "Be exact.".into(), user: "{{input}}".into(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 16, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

impl<'a> World<'a> {
    /// Workers that have done nothing.
    pub fn new(project: &'a Project, policy: Policy) -> Self {
        Self {
            project,
            start: start(),
            is_silent: policy != Policy::Diagnosis,
            bars: BTreeMap::new(),
            truth: BTreeMap::new(),
            answers: 0,
            probed: 0,
        }
    }

    /// Does a job at once.
    pub fn answer(&mut self, request: &JobRequest) -> JobOutcome {
        let kind = &request.job.kind;
        let (findings, usage) = match kind {
            JobKind::Evaluate(params) => self.evaluate(params),
            JobKind::Probe(params) if !self.is_silent => self.probe(params),
            JobKind::TrainSft(params) => {
                let loss = (hash(params.train.digest.hex()) % 1000) as f64 / 1000.0;
                let training = TrainingSummary {
                    steps: 60,
                    best_step: 60,
                    loss,
                    dev_loss: Some(loss),
                    tokens: 60_000,
                    looks: Vec::new(),
                };
                (Findings { training: Some(training), ..Findings::default() }, usage(60_000, 120.0))
            }
            _ => (Findings::default(), usage(0, 2.0)),
        };
        outcome(request, findings, usage)
    }

    fn know(&mut self, version: &SystemVersion) -> (u64, Vec<f64>) {
        let digest = version.digest();
        let bars = self
            .bars
            .entry(digest.clone())
            .or_insert_with(|| self.project.bars(version, &self.start))
            .clone();
        let truth = || self.project.accuracy(version, &self.start);
        self.truth.entry(digest.clone()).or_insert_with(truth);
        (hash(digest.hex()), bars)
    }

    fn evaluate(&mut self, params: &EvaluateParams) -> (Findings, Usage) {
        let (version, bars) = self.know(&params.version);
        let offset = if params.items == artifact("test") { TEST } else { 0 };
        let grade = |&position: &u32| match self.project.passes(&bars, version, offset + u64::from(position))
        {
            true => '1',
            false => '0',
        };
        let passed: String = params.positions.iter().map(grade).collect();
        self.answers += params.positions.len() as u64;
        let summary = EvaluationSummary {
            harmful: "0".repeat(passed.len()),
            passed,
            results: RESULTS_FILE.to_owned(),
            ..EvaluationSummary::default()
        };
        let (tokens, seconds) = cost(&params.version);
        let items = params.positions.len() as u64;
        (
            Findings { evaluation: Some(summary), ..Findings::default() },
            usage(items * tokens, items as f64 * seconds + 1.0),
        )
    }

    fn probe(&mut self, params: &ProbeParams) -> (Findings, Usage) {
        let version = hash(params.version.digest().hex());
        let found =
            params.positions.iter().map(|&at| self.project.probe(&params.version, version, u64::from(at)));
        let found: Vec<Category> = found.collect();
        let probes = counts(&found);
        let reruns: u64 = probes.iter().map(|count| u64::from(count.tried)).sum();
        self.probed += reruns;
        let diagnosis =
            DiagnosisSummary { categories: found.iter().map(|one| one.letter()).collect(), probes };
        let (tokens, seconds) = cost(&params.version);
        (
            Findings { diagnosis: Some(diagnosis), ..Findings::default() },
            usage(reruns * tokens, reruns as f64 * seconds),
        )
    }
}

/// Each probe is tried on what the cheaper ones did not repair.
fn counts(found: &[Category]) -> Vec<ProbeCount> {
    let mut left = found.len() as u32;
    let count = |probe: Probe| {
        let repaired = found.iter().filter(|category| repairs(probe, **category)).count() as u32;
        let count = ProbeCount { probe, tried: left, repaired };
        left -= repaired;
        count
    };
    Probe::ALL.into_iter().filter(|probe| *probe != Probe::Recheck).map(count).collect()
}

/// What a probe changes repairs what was missing.
fn repairs(probe: Probe, category: Category) -> bool {
    match probe {
        Probe::Recheck | Probe::ShorterContext => false,
        Probe::LenientGrader => category == Category::Format,
        Probe::GoldPassage => matches!(category, Category::Knowledge | Category::RetrievalMiss),
        Probe::ToolResult => category == Category::Tool,
        Probe::Samples => category == Category::Unreliable,
        Probe::OtherModel => category == Category::Capability,
    }
}

/// Tokens and seconds of one answer.
fn cost(version: &SystemVersion) -> (u64, f64) {
    let (shots, passages) =
        (version.demonstrations.k(), version.retrieval.as_ref().map_or(0, |found| found.k));
    let tokens = 76 + 40 * shots + 90 * passages;
    let model = if version.model.id().as_str() == "larger" { 2.5 } else { 1.0 };
    (u64::from(tokens), ANSWER_SECONDS * model * f64::from(tokens) / 76.0)
}

fn usage(tokens: u64, seconds: f64) -> Usage {
    Usage { prompt_tokens: tokens, seconds, ..Usage::default() }
}

fn outcome(request: &JobRequest, findings: Findings, usage: Usage) -> JobOutcome {
    let kind = &request.job.kind;
    let made =
        |name: &&str| ((*name).to_owned(), artifact(&format!("{name} of {}", hash(&format!("{kind:?}")))));
    JobOutcome {
        key: JobKey::new(request.label.clone()),
        class: ExitClass::Success,
        outputs: kind.outputs().iter().map(made).collect(),
        findings,
        usage,
        ran: (0.0, usage.seconds),
        reused: false,
    }
}

fn artifact(name: &str) -> ArtifactRef {
    ArtifactRef { digest: Digest::of(name.as_bytes()), size: 1, media_type: "synthetic".to_owned() }
}
