//! Why an answer failed: measured by reruns with one thing changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ItemId;

/// A rerun of a failing item with one thing changed, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// The recorded answer against a second, stricter reading: is the item or its grader wrong?
    Recheck,
    /// The recorded answer under a grader that forgives case, punctuation, number words and surroundings.
    LenientGrader,
    /// Fewer passages, the gold one among them.
    ShorterContext,
    /// The gold passage alone.
    GoldPassage,
    /// The gold passage and the result of the reckoning.
    ToolResult,
    /// Several sampled answers, of which one is right.
    Samples,
    /// The next larger or another model of the catalogue.
    OtherModel,
}

impl Probe {
    /// All probes, cheapest first.
    pub const ALL: [Self; 7] = [
        Self::Recheck,
        Self::LenientGrader,
        Self::ShorterContext,
        Self::GoldPassage,
        Self::ToolResult,
        Self::Samples,
        Self::OtherModel,
    ];

    /// The probe in words: what was changed.
    pub fn words(self) -> &'static str {
        match self {
            Self::Recheck => "the item itself rechecked",
            Self::LenientGrader => "lenient grader",
            Self::ShorterContext => "shorter context",
            Self::GoldPassage => "gold passage inserted",
            Self::ToolResult => "tool result inserted",
            Self::Samples => "best of several samples",
            Self::OtherModel => "another model",
        }
    }
}

/// What a failure is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The label or the grader is wrong.
    EvaluationDefect,
    /// The answer is right but not in the form wanted.
    Format,
    /// The model does not know, and nothing is looked up.
    Knowledge,
    /// The gold passage is not among those shown.
    RetrievalMiss,
    /// The gold passage is shown, and others lead astray.
    ContextClutter,
    /// With the gold passage alone the answer still fails.
    GenerationMiss,
    /// A reckoning that a tool does right.
    Tool,
    /// Some samples are right.
    Unreliable,
    /// Too much context.
    LongContext,
    /// Another model can do it.
    Capability,
    /// Harmful, or an answer where none should be given.
    Harm,
    /// Right, but too slow or too dear.
    Efficiency,
    /// Nothing repairs it.
    Plateau,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 13] = [
        Self::EvaluationDefect,
        Self::Format,
        Self::Knowledge,
        Self::RetrievalMiss,
        Self::ContextClutter,
        Self::GenerationMiss,
        Self::Tool,
        Self::Unreliable,
        Self::LongContext,
        Self::Capability,
        Self::Harm,
        Self::Efficiency,
        Self::Plateau,
    ];

    /// One letter, for summaries.
    pub fn letter(self) -> char {
        match self {
            Self::EvaluationDefect => 'd',
            Self::Format => 'f',
            Self::Knowledge => 'k',
            Self::RetrievalMiss => 'r',
            Self::ContextClutter => 'c',
            Self::GenerationMiss => 'g',
            Self::Tool => 't',
            Self::Unreliable => 'u',
            Self::LongContext => 'l',
            Self::Capability => 'm',
            Self::Harm => 'h',
            Self::Efficiency => 'e',
            Self::Plateau => 'p',
        }
    }

    /// The category of a letter.
    pub fn of_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.letter() == letter)
    }

    /// The category in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::EvaluationDefect => "evaluation defect",
            Self::Format => "format",
            Self::Knowledge => "knowledge",
            Self::RetrievalMiss => "retrieval miss",
            Self::ContextClutter => "context clutter",
            Self::GenerationMiss => "generation miss",
            Self::Tool => "arithmetic or tool",
            Self::Unreliable => "unreliable skill",
            Self::LongContext => "long context",
            Self::Capability => "capability",
            Self::Harm => "helpful, honest, harmless",
            Self::Efficiency => "efficiency",
            Self::Plateau => "nothing repairs it",
        }
    }
}

/// A diagnosis, one letter ([`Category::letter`]) an item, in the order of the positions asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosisSummary {
    /// The categories.
    pub categories: String,
    /// What each probe did, in the order of their cost.
    pub probes: Vec<ProbeCount>,
}

/// How often a probe was tried and what it repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeCount {
    /// Which.
    pub probe: Probe,
    /// Items that were rerun.
    pub tried: u32,
    /// Of them passed then.
    pub repaired: u32,
}

/// A category in a diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosisRow {
    /// Which.
    pub category: Category,
    /// Probed failures that are put down to it.
    pub items: u32,
    /// Their share of the probed failures, in [0, 1].
    pub share: f64,
    /// How much of what its probe was tried on the probe repaired, in [0, 1]; a prior where no probe repairs.
    pub repair_rate: f64,
    /// Positions in dev of the first few, as examples.
    pub examples: Vec<u32>,
}

/// What speaks for a technique: its priority is the product of share, repair rate and acceptance over the cost,
/// summed over the categories that it is a remedy for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Priority {
    /// Wire name of the technique.
    pub technique: String,
    /// The category that speaks for it most.
    pub category: Category,
    /// Share times repair rate times the part that one can hope for, summed over its categories.
    pub reach: f64,
    /// Mean of the Beta distribution of its acceptance in this run, with one success and one failure before.
    pub acceptance: f64,
    /// Device time of one iteration with it: measured in this run, else an estimate; in units of a prompt race.
    pub cost: f64,
    /// `reach * acceptance / cost`
    pub priority: f64,
}

/// One line of a probe job's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemDiagnosis {
    /// The item.
    pub id: ItemId,
    /// Its position in the items file.
    pub position: u32,
    /// What the failure is put down to.
    pub category: Category,
    /// The probe that repaired it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired_by: Option<Probe>,
    /// In words, for people: why this category.
    pub why: String,
    /// The reruns in their order.
    pub trials: Vec<Trial>,
}

/// One rerun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// What was changed.
    pub probe: Probe,
    /// Whether it passed then.
    pub passed: bool,
    /// What was answered.
    pub answer: String,
}

/// Failures that are alike. One line of a cluster job's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// Stable over the iterations of a run, such as `k1`: a cluster that continues an earlier one keeps its name.
    pub name: String,
    /// Top terms, for people.
    pub terms: Vec<String>,
    /// The category that its items share.
    pub category: Category,
    /// Items, the most typical first.
    pub items: Vec<ItemId>,
    /// Items that were in the cluster that it continues and pass by now.
    #[serde(default)]
    pub fixed: u32,
    /// Mean of its vectors, normalised.
    pub centroid: Vec<f32>,
}
