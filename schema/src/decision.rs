//! Decision records: what was tried, what was counted, which rule spoke and what it cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::budget::{Resource, Spend};
use crate::diagnosis::{DiagnosisRow, Priority, ProbeCount};
use crate::evidence::{Alpha, CriterionEvidence, PairedEvidence, Verdict};
use crate::guard::GuardEvidence;
use crate::question::{PersonAnswer, QuestionAbout};
use crate::view::Measurement;

/// One decision, complete enough to be checked by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
    /// From 1 in a run.
    pub sequence: u32,
    /// 0 before the first iteration.
    pub iteration: u32,
    /// What was decided, with its evidence.
    pub decision: Decision,
    /// The rule in one sentence, with the figures put in.
    pub why: String,
    /// Spent in the run up to here.
    pub spend: Spend,
}

/// The kinds of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// The data was frozen and found fit.
    Scope {
        /// Items of dev.
        dev: u32,
        /// Items of test.
        test: u32,
        /// Smallest gain that the paired test would see with power 0.8, in (0, 1]; `None` if none is.
        detectable_gain: Option<f64>,
    },
    /// Which technique comes next.
    Improve {
        /// Wire name of the technique.
        technique: String,
        /// Techniques that were not taken, each with the reason.
        rejected: Vec<(String, String)>,
        /// What spoke for each technique that could have been taken, the best first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        priorities: Vec<Priority>,
    },
    /// Failures were probed.
    Diagnose {
        /// Whose failures.
        version: Digest,
        /// Failures on dev.
        failures: u32,
        /// Of them probed, chosen by seed.
        probed: u32,
        /// The categories, the largest first.
        rows: Vec<DiagnosisRow>,
        /// What each probe did.
        probes: Vec<ProbeCount>,
        /// One line an item, with all reruns.
        items: Option<ArtifactRef>,
        /// Clusters of the failures.
        clusters: Option<ArtifactRef>,
    },
    /// What a technique made before its candidates could race.
    Build {
        /// Wire name of the technique.
        technique: String,
        /// Each job in words, with its figures.
        jobs: Vec<(String, Vec<(String, f64)>)>,
    },
    /// Candidates were dropped after a round.
    Halve {
        /// From 1.
        round: u32,
        /// Items that every candidate of the round has answered.
        items: u32,
        /// Labels that stay, best first.
        kept: Vec<String>,
        /// Labels that left.
        dropped: Vec<String>,
    },
    /// The finalist met the incumbent on items that did not choose it.
    Promote {
        /// The finalist.
        candidate: Digest,
        /// Its label in the race.
        label: String,
        /// The incumbent.
        incumbent: Digest,
        /// McNemar's test on the discordant pairs, and what follows.
        evidence: PairedEvidence,
        /// Natural logarithm of the e-process over the same pairs: above `-ln(alpha)` it is
        /// evidence whenever one looks.
        log_e: f64,
        /// What it may not make worse, where its gain was shown.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        guards: Vec<GuardEvidence>,
    },
    /// A version met the promise on the locked test split.
    Gate {
        /// The version.
        candidate: Digest,
        /// The test items: looks are counted for them, over all runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_data: Option<Digest>,
        /// Which look this was, from 1.
        look: u32,
        /// Looks that the spec allows.
        looks: u32,
        /// Level spent by this look.
        alpha: Alpha,
        /// Each criterion with its bounds.
        criteria: Vec<CriterionEvidence>,
        /// The version against the starting version on the same items, where the two differ.
        paired: Option<PairedEvidence>,
        /// All criteria together.
        verdict: Verdict,
        /// What may be shown of the numbers.
        shown: Vec<Measurement>,
    },
    /// A person answered a question.
    Answered {
        /// Its number in the run, from 1.
        number: u32,
        /// What it was about.
        about: QuestionAbout,
        /// The question.
        text: String,
        /// Who answered what.
        answer: PersonAnswer,
    },
    /// A version goes on to its users, step by step.
    RollOut {
        /// Which.
        version: Digest,
        /// The rollout's workflow; none where it could not be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow: Option<String>,
    },
    /// The run ends.
    Stop {
        /// Why.
        reason: StopReason,
        /// What to try next, in sentences.
        next: Vec<String>,
    },
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StopReason {
    /// The promise holds on the locked test split.
    Success,
    /// Nothing left to try beat the incumbent.
    Plateau,
    /// A limit was reached.
    Budget {
        /// Which.
        resource: Resource,
    },
    /// A person cancelled it.
    Cancelled,
    /// A person must mend something first.
    NeedsPerson {
        /// What and how.
        problem: String,
    },
}

impl StopReason {
    /// The reason in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::Success => "the promise holds on the locked test split".to_owned(),
            Self::Plateau => "nothing left to try beat the incumbent".to_owned(),
            Self::Budget { resource } => format!("the budget for {} is used up", resource.words()),
            Self::Cancelled => "cancelled by a person".to_owned(),
            Self::NeedsPerson { problem } => format!("a person is needed: {problem}"),
        }
    }
}

impl Resource {
    /// The resource in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::WallClock => "wall-clock time",
            Self::DeviceSeconds => "device time",
            Self::Tokens => "tokens",
            Self::Usd => "dollars",
        }
    }
}
