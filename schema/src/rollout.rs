//! A rollout as people see it: where a version stands, what was judged, what was decided and why.
//!
//! How decisions are made is left to `workflows/src/rollout`, what is served to [`crate::exposure`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::evidence::Verdict;
use crate::id::{ModelId, RunId};
use crate::job::DriftSummary;
use crate::spec::StageName;

/// Decisions that a view carries, the latest last: older ones are in the database.
pub const MOST_DECISIONS: usize = 50;

/// A step of exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Rung {
    /// Who sees the answers.
    pub stage: StageName,
    /// Percent of the traffic, from 1 to 100.
    pub traffic: u8,
}

impl std::fmt::Display for Rung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.traffic {
            100 => f.write_str(self.stage.name()),
            percent => write!(f, "{} at {percent} %", self.stage.name()),
        }
    }
}

/// Answers of one version at one stage that somebody judged. An answer that nobody judged is not counted: missing
/// data is no success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// Approved as they were, or liked; or all checks held.
    pub passed: u64,
    /// Edited, refused, disliked, corrected, or never given because the version failed; or a check did not hold.
    pub failed: u64,
}

impl Judged {
    /// All of them.
    pub fn total(self) -> u64 {
        self.passed + self.failed
    }

    /// Whether nothing was judged.
    pub fn is_none(&self) -> bool {
        self.total() == 0
    }
}

/// What the traffic of a window was like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Requests.
    pub requests: u64,
    /// Of them answers that read like a refusal.
    pub refused: u64,
    /// 95th percentile of the latency in seconds; 0 without requests.
    pub latency_p95: f64,
    /// Dollars for all of them.
    pub usd: f64,
}

/// What was seen of a version at a stage since the window before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Unix seconds.
    pub from: f64,
    /// Unix seconds.
    pub to: f64,
    /// What was judged.
    pub judged: Judged,
    /// What it was like.
    pub traffic: Traffic,
    /// Of the judged answers those that checks alone judged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub graded: u64,
    /// Answers that checks had failed in earlier windows, and that a person has found good in this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overturned: u64,
    /// Answers at which somebody looked for harm: `failed` are those that do some.
    #[serde(default, skip_serializing_if = "Judged::is_none")]
    pub harm: Judged,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What was decided about a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutAct {
    /// A person brought a version.
    Entered,
    /// A run offers a version, which waits for its turn.
    Offered,
    /// More people see it.
    Promoted,
    /// It keeps its promise at full exposure: others are measured by it.
    Settled,
    /// Fewer people see it, or another version answers.
    Demoted,
    /// A person is asked whether more people may see it.
    Asked,
    /// A person said that it stays where it is.
    Declined,
    /// It stays where it is, although it breaks its promise: there is nothing to step back to.
    Stuck,
    /// An iteration was opened from its failures.
    Opened,
    /// Something else than its failures needs a look.
    Alerted,
    /// Its model will be gone, or is: a person is asked whether a run looks for another.
    Retiring,
}

/// A decision of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutDecision {
    /// From 1.
    pub number: u32,
    /// Unix seconds.
    pub at: f64,
    /// What.
    pub act: RolloutAct,
    /// The version that it is about.
    pub version: Digest,
    /// Where it stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Rung>,
    /// Where it stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Rung>,
    /// What the judged answers say of the promise.
    pub verdict: Verdict,
    /// The judged answers at `from`.
    pub judged: Judged,
    /// The rule or the person behind it, in a sentence.
    pub why: String,
    /// The person, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Whether more people may see a version: a question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PromotionQuestion {
    /// The version.
    pub version: Digest,
    /// Where it stands.
    pub from: Rung,
    /// Where it would stand.
    pub to: Rung,
    /// Why it is asked.
    pub why: String,
    /// Unix seconds.
    pub asked: f64,
}

/// What was seen of the promise about harm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HarmView {
    /// Answers at which somebody looked for harm: `failed` are those that do some.
    pub judged: Judged,
    /// Share that may.
    pub at_most: f64,
    /// What they say of the promise.
    pub verdict: Verdict,
}

/// The version that is being carried to full exposure, or that has got there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectView {
    /// Which.
    pub version: Digest,
    /// Where it stands.
    pub rung: Rung,
    /// Unix seconds when it got there.
    pub since: f64,
    /// What was judged of it there.
    pub judged: Judged,
    /// Judged answers that the next step needs.
    pub needed: u32,
    /// What they say of the promise; fail too where the promise about harm is broken.
    pub verdict: Verdict,
    /// What was seen of harm, where the project promises something about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<HarmView>,
}

/// Whether a run shall look for a version with another model: a question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequalificationQuestion {
    /// The models to do without.
    pub models: Vec<ModelId>,
    /// Why it is asked.
    pub why: String,
}

/// The last look at whether questions and answers are still like those of dev.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftView {
    /// Unix seconds.
    pub at: f64,
    /// Different questions that there were.
    pub questions: u32,
    /// Different questions that a look needs.
    pub needed: u32,
    /// What was measured; nothing where there was not enough.
    pub summary: Option<DriftSummary>,
    /// What has shifted, in sentences; empty where nothing was shown.
    pub found: Vec<String>,
    /// Why nothing could be looked at.
    pub problem: Option<String>,
}

impl DriftView {
    /// A look that has said nothing yet.
    pub fn nothing(at: f64, needed: u32) -> Self {
        Self { at, questions: 0, needed, summary: None, found: Vec::new(), problem: None }
    }

    /// The look in a sentence. Too little is never called fine.
    pub fn words(&self) -> String {
        match (&self.problem, &self.summary) {
            (Some(problem), _) => format!("could not be looked at: {problem}"),
            (None, None) => {
                format!("not enough to say: {} of {} different questions", self.questions, self.needed)
            }
            (None, Some(_)) if !self.found.is_empty() => self.found.join("; "),
            (None, Some(summary)) => nothing_shown(summary),
        }
    }
}

fn nothing_shown(summary: &DriftSummary) -> String {
    let answers = if summary.answers.is_empty() { ", and how it answers on dev is not known" } else { "" };
    format!(
        "nothing is shown: {} questions are {:.3} from dev, and chance gives up to {:.3}{answers}",
        summary.questions, summary.distance, summary.limit
    )
}

/// Pairs of a better and a worse answer that came home from the answers of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreferencePairs {
    /// The version.
    pub version: Digest,
    /// JSONL of the pairs.
    pub pairs: ArtifactRef,
    /// How many.
    pub count: u32,
}

/// A rollout as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutView {
    /// Name of the project.
    pub project: String,
    /// Of the exposure, from 1.
    pub revision: u64,
    /// All steps of exposure, in order.
    pub ladder: Vec<Rung>,
    /// Most of the judged answers that may fail.
    pub max_failure_rate: f64,
    /// The version on its way.
    pub subject: Option<SubjectView>,
    /// The version to go back to.
    pub last_good: Option<Digest>,
    /// What a person is asked.
    pub question: Option<PromotionQuestion>,
    /// What a signature has to be made over, besides what it says; changes with every revision.
    pub nonce: String,
    /// The last window.
    pub window: Option<Window>,
    /// Items from production that joined the data.
    pub joined: u32,
    /// Pairs of a better and a worse answer that came home, by the version that gave the worse one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<PreferencePairs>,
    /// The last look at drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftView>,
    /// What a person is asked about models that will be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requalification: Option<RequalificationQuestion>,
    /// Runs that were opened from failures.
    pub runs: Vec<RunId>,
    /// The latest decisions, the last one last.
    pub decisions: Vec<RolloutDecision>,
    /// What does not work, for people to mend.
    pub problem: Option<String>,
    /// Unix seconds of this view.
    pub updated: f64,
}
