//! Activities that answer from a table, with faults put into them on purpose.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::{
    FreezeRequest, Frozen, FrozenSplit, JobOutcome, JobRequest, Offered, Record, RecordBatch, ReleaseOffer,
    SignedOffer,
};
use empiric_schema::diagnosis::{Category, DiagnosisSummary, Probe, ProbeCount};
use empiric_schema::id::{JobKey, ModelId, RunId};
use empiric_schema::job::{
    EvaluateParams, EvaluationSummary, ExitClass, Findings, JobKind, Progress, TrainingSummary, Usage,
};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};
use tokio::sync::watch;

/// An execution of an activity, as a fault sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Freeze,
    /// By label.
    Job(String),
    /// By number in the run, from 1.
    Record(usize),
    Offer,
}

/// What goes wrong in an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Fails for ever before any work.
    Refuse,
    /// Fails before any work; may be tried again.
    Stumble,
    /// Does its work and then fails: the result is lost.
    LoseResult,
    /// A job's share of the budget is used up.
    Exhaust,
    /// A job goes on until it is cancelled.
    WaitForCancellation,
}

type Faults = Box<dyn Fn(&Call, u32) -> Option<Fault> + Send + Sync>;

/// What the activities of one run have seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Faults that struck.
    pub faults: u32,
    pub freezes: u32,
    /// Labels of executions that began, in order.
    pub jobs: Vec<String>,
    /// Executions that did their work.
    pub worked: u32,
    /// Batches that were written, without repeats.
    pub batches: usize,
    pub records: Vec<Record>,
}

/// How the activities of one run behave.
pub struct Script {
    pub dev: u32,
    pub test: u32,
    passes: fn(&SystemVersion, u32) -> bool,
    /// What probes find; none are run without it.
    pub diagnosis: Option<fn(&SystemVersion, u32) -> Category>,
    faults: Faults,
    seen: watch::Sender<Seen>,
    /// Jobs whose label begins so wait.
    hold: watch::Sender<Option<&'static str>>,
}

impl Script {
    pub fn new(passes: fn(&SystemVersion, u32) -> bool) -> Self {
        Self {
            dev: 40,
            test: 60,
            passes,
            diagnosis: None,
            faults: Box::new(|_, _| None),
            seen: watch::Sender::new(Seen::default()),
            hold: watch::Sender::new(None),
        }
    }

    /// Faults by activity and attempt (from 1).
    pub fn with_faults(
        mut self,
        faults: impl Fn(&Call, u32) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        self.faults = Box::new(faults);
        self
    }

    /// The project has documents, and failures are probed.
    pub fn diagnosed(mut self, diagnosis: fn(&SystemVersion, u32) -> Category) -> Self {
        self.diagnosis = Some(diagnosis);
        self
    }

    pub fn holding(self, label: &'static str) -> Self {
        self.hold(Some(label));
        self
    }

    pub fn hold(&self, label: Option<&'static str>) {
        self.hold.send_replace(label);
    }

    pub fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.borrow())
    }

    /// Ready once what was seen is as wanted.
    pub async fn until(&self, wanted: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(60), seen.wait_for(wanted)).await;
        assert!(waited.is_ok(), "never came to it: {:?}", self.look(|seen| seen.jobs.clone()));
    }

    fn fault(&self, call: &Call, attempt: u32) -> Option<Fault> {
        let fault = (self.faults)(call, attempt);
        self.seen.send_modify(|seen| seen.faults += u32::from(fault.is_some()));
        fault
    }

    /// What a job of another kind than an evaluation finds.
    fn findings(&self, kind: &JobKind) -> Findings {
        match (kind, self.diagnosis) {
            (JobKind::Probe(params), Some(diagnosis)) => Findings {
                diagnosis: Some(DiagnosisSummary {
                    categories: params
                        .positions
                        .iter()
                        .map(|position| diagnosis(&params.version, *position).letter())
                        .collect(),
                    probes: vec![ProbeCount { probe: Probe::GoldPassage, tried: 10, repaired: 4 }],
                }),
                ..Findings::default()
            },
            (JobKind::TrainSft(params), _) => {
                let loss = 1.0 - params.optimisation.learning_rate;
                let training = TrainingSummary {
                    steps: 9,
                    best_step: 9,
                    loss,
                    dev_loss: Some(loss),
                    tokens: 9,
                    looks: Vec::new(),
                };
                Findings { training: Some(training), ..Findings::default() }
            }
            _ => Findings::default(),
        }
    }

    fn grades(&self, params: &EvaluateParams) -> String {
        let grade = |&position: &u32| if (self.passes)(&params.version, position) { '1' } else { '0' };
        params.positions.iter().map(grade).collect()
    }
}

/// Four examples make a system that is right 8 times in 10; everything else is right once in 10.
pub fn examples_help(version: &SystemVersion, position: u32) -> bool {
    position % 10 < if version.demonstrations.k() == 4 { 8 } else { 1 }
}

/// Closed-book a system is right once in 10, with passages four times, and once it has learned to read them nine
/// times.
pub fn ladder_helps(version: &SystemVersion, position: u32) -> bool {
    let right = match (&version.retrieval, &version.adapter) {
        (Some(_), Some(_)) => 9,
        (Some(_), None) => 4,
        _ => 1,
    };
    position % 10 < right
}

/// Without passages knowledge is missing; with them the model reads badly.
pub fn ladder_fails(version: &SystemVersion, position: u32) -> Category {
    match version.retrieval {
        None if !position.is_multiple_of(3) => Category::Knowledge,
        _ if position.is_multiple_of(7) => Category::Tool,
        _ => Category::GenerationMiss,
    }
}

/// Nothing helps.
pub fn nothing_helps(_: &SystemVersion, position: u32) -> bool {
    position.is_multiple_of(10)
}

/// The activities of all runs of a worker.
#[derive(Clone, Default)]
pub struct Fakes(Arc<Mutex<HashMap<RunId, Arc<Script>>>>);

impl Fakes {
    pub fn play(&self, run: &RunId, script: Script) -> Arc<Script> {
        let script = Arc::new(script);
        self.0.lock().unwrap().insert(run.clone(), script.clone());
        script
    }

    fn script(&self, run: &RunId) -> Arc<Script> {
        self.0.lock().unwrap()[run].clone()
    }
}

#[activities]
impl Fakes {
    #[activity(definition = empiric_schema::contract::Freeze)]
    #[allow(dead_code, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn freeze(
        self: Arc<Self>,
        context: ActivityContext,
        request: FreezeRequest,
    ) -> Result<Frozen, ActivityError> {
        let script = self.script(&request.run);
        let fault = script.fault(&Call::Freeze, context.info().attempt);
        before(fault)?;
        script.seen.send_modify(|seen| seen.freezes += 1);
        after(fault)?;
        Ok(frozen(&script))
    }

    #[activity(definition = empiric_schema::contract::RunJob)]
    #[allow(dead_code, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn run(
        self: Arc<Self>,
        context: ActivityContext,
        request: JobRequest,
    ) -> Result<JobOutcome, ActivityError> {
        let script = self.script(&request.run);
        script.seen.send_modify(|seen| seen.jobs.push(request.label.clone()));
        let fault = script.fault(&Call::Job(request.label.clone()), context.info().attempt);
        before(fault)?;
        let mut hold = script.hold.subscribe();
        let free = hold.wait_for(|hold| !hold.is_some_and(|held| request.label.starts_with(held)));
        tokio::select! {
            _ = free, if fault != Some(Fault::WaitForCancellation) => {}
            () = context.cancelled() => return Err(ActivityError::cancelled()),
            never = heartbeats(&context) => match never {},
        }
        script.seen.send_modify(|seen| seen.worked += 1);
        after(fault)?;
        let class =
            if fault == Some(Fault::Exhaust) { ExitClass::BudgetExhausted } else { ExitClass::Success };
        Ok(match &request.job.kind {
            JobKind::Evaluate(params) => outcome(&request, class, script.grades(params)),
            other => built(&request, class, script.findings(other)),
        })
    }

    #[activity(definition = empiric_schema::contract::SignOffer)]
    #[allow(dead_code, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn offer(
        self: Arc<Self>,
        context: ActivityContext,
        offer: ReleaseOffer,
    ) -> Result<Offered, ActivityError> {
        let script = self.script(&offer.run);
        let fault = script.fault(&Call::Offer, context.info().attempt);
        before(fault)?;
        after(fault)?;
        let signed = SignedOffer { offer, signature: String::new() };
        Ok(Offered { signed, approver_key: String::new(), revision: 0 })
    }

    #[activity(definition = empiric_schema::contract::WriteRecords)]
    #[allow(dead_code, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn write(
        self: Arc<Self>,
        context: ActivityContext,
        batch: RecordBatch,
    ) -> Result<(), ActivityError> {
        let script = self.script(&batch.run);
        let attempt = context.info().attempt;
        let mut number = 0;
        script.seen.send_modify(|seen| {
            seen.batches += usize::from(attempt == 1);
            number = seen.batches;
        });
        let fault = script.fault(&Call::Record(number), attempt);
        before(fault)?;
        script.seen.send_modify(|seen| seen.records.extend(batch.records));
        after(fault)
    }
}

fn before(fault: Option<Fault>) -> Result<(), ActivityError> {
    match fault {
        Some(Fault::Refuse) => Err(failure("invalid_input", "the weights are no GGUF file")),
        Some(Fault::Stumble) => Err(failure("temp_fail", "the network is away")),
        _ => Ok(()),
    }
}

fn after(fault: Option<Fault>) -> Result<(), ActivityError> {
    match fault {
        Some(Fault::LoseResult) => Err(failure("killed", "the worker was lost")),
        _ => Ok(()),
    }
}

fn failure(class: &str, message: &'static str) -> ActivityError {
    let failure = ApplicationFailure::builder(message)
        .type_name(class.to_owned())
        .non_retryable(class == "invalid_input")
        .build();
    ActivityError::application(failure)
}

/// The server answers a heartbeat with the news of a cancellation.
async fn heartbeats(context: &ActivityContext) -> std::convert::Infallible {
    loop {
        let _ = context.record_heartbeat(Progress::default()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A job that leaves files.
fn built(request: &JobRequest, class: ExitClass, findings: Findings) -> JobOutcome {
    let key = Digest::of_json(&request.job).unwrap();
    let outputs = request.job.kind.outputs().iter().map(|name| {
        let file = artifact(&format!("{name} of {}", key.hex()));
        ((*name).to_owned(), file)
    });
    JobOutcome { outputs: outputs.collect(), findings, ..outcome(request, class, String::new()) }
}

/// The same request always has the same outcome, figures included.
fn outcome(request: &JobRequest, class: ExitClass, passed: String) -> JobOutcome {
    let answers = passed.len() as u64;
    let harmful = "0".repeat(passed.len());
    JobOutcome {
        key: JobKey::new(Digest::of_json(&request.job).unwrap().hex()),
        class,
        outputs: BTreeMap::from([("results.jsonl".to_owned(), artifact(&passed))]),
        findings: Findings {
            evaluation: Some(EvaluationSummary {
                passed,
                harmful,
                results: "results.jsonl".to_owned(),
                ..EvaluationSummary::default()
            }),
            ..Findings::default()
        },
        usage: Usage {
            prompt_tokens: 90 * answers,
            completion_tokens: 10 * answers,
            seconds: 1.0,
            peak_memory: 1 << 20,
            dollars: 0.0,
        },
        ran: (0.0, 1.0),
        reused: false,
    }
}

fn frozen(script: &Script) -> Frozen {
    let corpus = script.diagnosis.map(|_| artifact("corpus"));
    let weights = artifact("weights");
    let system = SystemVersion {
        model: ModelBinding { id: ModelId::new("m"), weights: weights.clone(), files: BTreeMap::new() }
            .into(),
        adapter: None,
        prompt: Prompt {
            system: "You answer questions.".to_owned(),
            user: "{{input}}".to_owned(),
            answer_cue: String::new(),
        },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 24, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    };
    Frozen {
        train: Some(FrozenSplit { items: artifact("train"), count: 80 }),
        dev: FrozenSplit { items: artifact("dev"), count: script.dev },
        test: FrozenSplit { items: artifact("test"), count: script.test },
        documents: u32::from(corpus.is_some()),
        corpus,
        encoder: None,
        dev_clusters: Vec::new(),
        models: BTreeMap::from([(ModelId::new("m"), weights)]),
        system,
    }
}

fn artifact(content: &str) -> ArtifactRef {
    ArtifactRef {
        digest: Digest::of(content.as_bytes()),
        size: content.len() as u64,
        media_type: "application/jsonl".to_owned(),
    }
}
