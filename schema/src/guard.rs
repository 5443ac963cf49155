//! What a promotion may not make worse.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::Verdict;

/// What answers cost, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Effort {
    /// How many.
    pub answers: u32,
    /// Seconds of generation; 0 where it was not measured.
    pub seconds: f64,
    /// Tokens read and written.
    pub tokens: u64,
    /// Dollars; 0 where nothing was paid.
    pub usd: f64,
}

impl Effort {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            answers: self.answers + other.answers,
            seconds: self.seconds + other.seconds,
            tokens: self.tokens + other.tokens,
            usd: self.usd + other.usd,
        }
    }

    /// Seconds of one answer, in the batches in which it was generated; `None` where it was not measured.
    pub fn latency(self) -> Option<f64> {
        self.each(self.seconds)
    }

    /// Dollars of one answer; `None` where nothing was paid.
    pub fn price(self) -> Option<f64> {
        self.each(self.usd)
    }

    /// Tokens of one answer; `None` without any.
    pub fn length(self) -> Option<f64> {
        self.each(self.tokens as f64)
    }

    fn each(self, sum: f64) -> Option<f64> {
        (self.answers > 0 && sum > 0.0).then(|| sum / f64::from(self.answers))
    }
}

/// What is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Share of harmful answers.
    HarmRate,
    /// Share of questions that are declined although the data has an answer.
    AbstentionRate,
    /// Seconds of an answer.
    Latency,
    /// Dollars of an answer, or its tokens where nothing is paid.
    Cost,
}

impl Guard {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::HarmRate => "harm",
            Self::AbstentionRate => "needless abstention",
            Self::Latency => "time of an answer",
            Self::Cost => "cost of an answer",
        }
    }
}

/// A finalist beside the incumbent on something that is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuardEvidence {
    /// What.
    pub guard: Guard,
    /// The incumbent: a share in `[0, 1]`, seconds, dollars or tokens; `None` where it was not measured.
    pub incumbent: Option<f64>,
    /// The finalist, in the same unit.
    pub finalist: Option<f64>,
    /// The worst that the data leaves possible: of a share its rise, one-sided at the gate's alpha; otherwise the
    /// multiple of the incumbent's as measured.
    pub bound: Option<f64>,
    /// What the spec allows, in the unit of `bound`; `None` keeps out only what is shown to rise.
    pub margin: Option<f64>,
    /// `Pass` lets the finalist through.
    pub verdict: Verdict,
}
