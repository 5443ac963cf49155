//! Techniques: pure functions from an incumbent to candidates. One file each, with the same skeleton.

mod prompt;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::Frozen;
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::SystemVersion;

/// A version that may replace the incumbent.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The version.
    pub version: SystemVersion,
    /// What makes it different, in words.
    pub change: String,
}

/// What a technique may look at.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The project.
    pub spec: &'a ProjectSpec,
    /// Data and models.
    pub frozen: &'a Frozen,
    /// The version to beat.
    pub incumbent: &'a SystemVersion,
    /// Versions that were tried before and are not proposed again.
    pub tried: &'a [Digest],
    /// Most candidates wanted.
    pub most: usize,
}

/// Why a technique cannot be used, or `None` where it can.
pub fn unavailable(technique: Technique) -> Option<&'static str> {
    match technique {
        Technique::Prompt => None,
        Technique::Tools
        | Technique::Rag
        | Technique::FineTune
        | Technique::Preference
        | Technique::Model
        | Technique::Pretrain
        | Technique::Baseline => Some("this version of Empiric does not build it yet"),
    }
}

/// The candidates that a technique proposes, cheapest first; empty when it has none left.
pub fn propose(technique: Technique, setting: &Setting<'_>) -> Vec<Candidate> {
    match technique {
        Technique::Prompt => prompt::propose(setting),
        _ => Vec::new(),
    }
}
