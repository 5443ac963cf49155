//! The file contract of a job: `job.json` in, `progress.jsonl` and `exit.json` out.
//!
//! A job is a program in its own directory and process group. It may be written in any language.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::budget::Spend;
use crate::spec::EndpointSpec;
use crate::version::AnsweringModel;

pub use baseline::{BaselineMethod, BaselineParams};
pub use cluster::{CLUSTERS_FILE, ClusterParams};
pub use drift::{
    AnswerShift, AnswerTrait, DriftParams, DriftSummary, FAR_QUESTIONS_FILE, FarQuestion, ServedLine,
};
pub use embed::{EmbedParams, EncoderFiles, TextLine, VECTORS_FILE};
pub use evaluate::{
    EvaluateParams, EvaluationSummary, ItemResult, RESULTS_FILE, RetrievalSummary, ShownPassage, ToolCall,
};
pub use examples::{DEV_CHATS_FILE, ExamplesParams, TRAIN_CHATS_FILE};
pub use exit::{Exit, ExitClass, Findings, OutputFile, Usage};
pub use index::{CHUNKS_FILE, Chunking, IndexParams};
pub use probe::{PROBES_FILE, ProbeParams};
pub use reflect::{PROPOSALS_FILE, Parent, Proposal, ReflectParams};
pub use score::{ContinuationScore, Continuations, ItemScores, SCORES_FILE, ScoreParams};
pub use serve::ServeRequest;
pub use train::{
    ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, ChatExample, HISTORY_FILE, Look, Lora, Method, Optimisation,
    TrainSftParams, TrainingStep, TrainingSummary, Turn, WEIGHTS_FILE,
};

mod baseline;
mod cluster;
mod drift;
mod embed;
mod evaluate;
mod examples;
mod exit;
mod index;
mod probe;
mod reflect;
mod score;
mod serve;
mod train;

/// Name of the input file in the job's directory.
pub const JOB_FILE: &str = "job.json";
/// Name of the progress file, one [`Progress`] a line.
pub const PROGRESS_FILE: &str = "progress.jsonl";
/// Name of the result file, an [`Exit`].
pub const EXIT_FILE: &str = "exit.json";
/// Name of the capped log of standard output and error.
pub const LOG_FILE: &str = "job.log";
/// Folder of the output files, named as [`JobFile::outputs`] says.
pub const OUTPUT_FOLDER: &str = "out";
/// Folder in the job's directory in which a job may leave checkpoints, each under its final name only when it
/// is whole. The next attempt finds the newest such folder as [`JobFile::resume`].
pub const CHECKPOINT_FOLDER: &str = "checkpoints";
/// Environment variable that tells a job where to compute: `cpu`, `cuda` (the first visible device) or `cuda:N`.
/// Not set, it is `cpu`.
pub const DEVICE_VARIABLE: &str = "EMPIRIC_DEVICE";

/// What a job computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// A version answers items and the answers are graded.
    Evaluate(Box<EvaluateParams>),
    /// A version says how likely given answers are.
    Score(Box<ScoreParams>),
    /// Texts become vectors.
    Embed(Box<EmbedParams>),
    /// A model learns from example chats.
    TrainSft(Box<TrainSftParams>),
    /// Documents become chunks and vectors.
    Index(Box<IndexParams>),
    /// Failing items are rerun with one thing changed.
    Probe(Box<ProbeParams>),
    /// Failures that are alike are put together.
    Cluster(Box<ClusterParams>),
    /// Items become chats to learn from.
    Examples(Box<ExamplesParams>),
    /// A strong model reads failures and proposes instructions.
    Reflect(Box<ReflectParams>),
    /// A classic supervised model answers items.
    Baseline(Box<BaselineParams>),
    /// Questions and answers of production are compared with those of the dev split.
    Drift(Box<DriftParams>),
    /// A user's own program under the same contract.
    Command {
        /// Program and arguments; never a shell.
        argv: Vec<String>,
    },
}

impl JobKind {
    /// The kind's wire name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Evaluate(_) => "evaluate",
            Self::Score(_) => "score",
            Self::Embed(_) => "embed",
            Self::TrainSft(_) => "train_sft",
            Self::Index(_) => "index",
            Self::Probe(_) => "probe",
            Self::Cluster(_) => "cluster",
            Self::Examples(_) => "examples",
            Self::Reflect(_) => "reflect",
            Self::Baseline(_) => "baseline",
            Self::Drift(_) => "drift",
            Self::Command { .. } => "command",
        }
    }

    /// Names of the files that the kind leaves in [`OUTPUT_FOLDER`]; a command says itself what it leaves.
    pub fn outputs(&self) -> &'static [&'static str] {
        match self {
            Self::Evaluate(_) => &[evaluate::RESULTS_FILE],
            Self::Score(_) => &[score::SCORES_FILE],
            Self::Embed(_) => &[embed::VECTORS_FILE],
            Self::TrainSft(params) => params.method.outputs(),
            Self::Index(params) => params.outputs(),
            Self::Probe(_) => &[probe::PROBES_FILE],
            Self::Cluster(_) => &[cluster::CLUSTERS_FILE],
            Self::Examples(_) => &[examples::TRAIN_CHATS_FILE, examples::DEV_CHATS_FILE],
            Self::Reflect(_) => &[reflect::PROPOSALS_FILE],
            Self::Baseline(params) => params.outputs(),
            Self::Drift(_) => &[FAR_QUESTIONS_FILE],
            Self::Command { .. } => &[],
        }
    }

    /// The files of the model that the kind loads and only reads. A process that has loaded them may run the
    /// next job of such a kind, with the same result as a new process. `None` for all other kinds.
    pub fn warm_model(&self) -> Option<Vec<&ArtifactRef>> {
        let files = match self {
            Self::Evaluate(params) => params.version.model.artifacts(),
            Self::Score(params) => params.version.model.artifacts(),
            Self::Embed(params) => params.encoder.artifacts(),
            Self::Drift(params) => params.encoder.artifacts(),
            // Other models would take the place of the version's, and their keys are not a runner's to know.
            Self::Probe(params) if params.models.is_empty() => params.version.model.artifacts(),
            Self::Probe(_)
            | Self::TrainSft(_)
            | Self::Index(_)
            | Self::Cluster(_)
            | Self::Examples(_)
            | Self::Reflect(_)
            | Self::Baseline(_)
            | Self::Command { .. } => Vec::new(),
        };
        (!files.is_empty()).then_some(files)
    }
}

/// What the workflow asks for: the contents of a job, without places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobSpec {
    /// What to compute.
    #[serde(flatten)]
    pub kind: JobKind,
    /// Seed of everything random in the job.
    pub seed: u64,
    /// Counts deliberate repeats of the same measurement; a repeat is never answered from records.
    #[serde(default)]
    pub repeat: u32,
    /// Most that this job may spend. Work in flight stops there.
    pub reserve: Spend,
}

impl JobSpec {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        match &self.kind {
            JobKind::Evaluate(params) => {
                let mut refs = vec![&params.items];
                refs.extend(params.version.artifacts());
                refs
            }
            JobKind::Score(params) => {
                let mut refs = vec![&params.items];
                refs.extend(params.version.artifacts());
                refs
            }
            JobKind::Embed(params) => params.artifacts(),
            JobKind::TrainSft(params) => params.artifacts(),
            JobKind::Index(params) => params.artifacts(),
            JobKind::Probe(params) => params.artifacts(),
            JobKind::Cluster(params) => params.artifacts(),
            JobKind::Examples(params) => params.artifacts(),
            JobKind::Reflect(params) => params.artifacts(),
            JobKind::Baseline(params) => params.artifacts(),
            JobKind::Drift(params) => params.artifacts(),
            JobKind::Command { .. } => Vec::new(),
        }
    }

    /// The endpoint that the job asks, if it asks one.
    pub fn endpoint(&self) -> Option<&EndpointSpec> {
        match &self.kind {
            JobKind::Evaluate(params) => params.version.model.endpoint(),
            JobKind::Score(params) => params.version.model.endpoint(),
            JobKind::Probe(params) => params.version.model.endpoint(),
            JobKind::Reflect(params) => params.reflector.endpoint(),
            _ => None,
        }
    }

    /// All endpoints that the job may ask: that of its version, and those of other models.
    pub fn endpoints(&self) -> Vec<&EndpointSpec> {
        let others = match &self.kind {
            JobKind::Probe(params) => params.models.as_slice(),
            _ => &[],
        };
        self.endpoint().into_iter().chain(others.iter().filter_map(AnsweringModel::endpoint)).collect()
    }
}

/// `job.json`: a [`JobSpec`] with the places of its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobFile {
    /// What to compute.
    #[serde(flatten)]
    pub spec: JobSpec,
    /// Local path of each input artifact.
    pub inputs: BTreeMap<Digest, PathBuf>,
    /// Names of the files that the job must leave in [`OUTPUT_FOLDER`].
    pub outputs: Vec<String>,
    /// 1 for the first try.
    pub attempt: u32,
    /// Folder of an earlier attempt's checkpoints ([`CHECKPOINT_FOLDER`]): the newest that has any.
    #[serde(default)]
    pub resume: Option<PathBuf>,
    /// Threads that the job may use.
    pub threads: u32,
}

/// One line of `progress.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// What the job is doing, such as `load` or `generate`.
    pub phase: String,
    /// Units done.
    pub step: u64,
    /// Units in all.
    pub total: u64,
    /// What a unit is, such as `item`.
    pub unit: String,
    /// Running figures, such as `accuracy` or `tokens_per_second`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// What was used so far.
    #[serde(default)]
    pub usage: Usage,
}
