//! Techniques: pure functions from an incumbent and its failures to candidates. One file each, with the same
//! skeleton: `missing` says why it cannot be used here, `plan` what it builds first and what races then.

pub mod distil;
mod fine_tune;
mod model;
mod preference;
mod prompt;
mod rag;
mod reflect;
mod tools;

use std::collections::BTreeMap;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::Frozen;
use empiric_schema::diagnosis::DiagnosisRow;
use empiric_schema::job::{Findings, JobKind};
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::{AnsweringModel, SystemVersion};

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
    /// Why it fails; empty where nobody asked.
    pub diagnosis: &'a [DiagnosisRow],
    /// Versions that were tried before and are not proposed again.
    pub tried: &'a [Digest],
    /// Most candidates wanted.
    pub most: usize,
    /// Pairs of a better and a worse answer from production.
    pub pairs: u32,
}

/// What was built in this iteration, by the names of [`Build`].
pub type Built = BTreeMap<String, Product>;

/// What a job left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// Its files.
    pub outputs: BTreeMap<String, ArtifactRef>,
    /// What it found.
    pub findings: Findings,
}

/// A job whose outputs candidates are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Unique in the iteration.
    pub name: String,
    /// For people.
    pub label: String,
    /// The work.
    pub kind: JobKind,
}

/// What a technique wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// These jobs, all at once; then it is asked again.
    Build(Vec<Build>),
    /// These candidates race, the cheapest first; none when all were tried.
    Race(Vec<Candidate>),
}

/// Why a technique is never used for an improvement, or `None` where it may be.
pub fn unavailable(technique: Technique) -> Option<&'static str> {
    match technique {
        Technique::Baseline => Some("a baseline is measured beside the system, it does not replace it"),
        Technique::Preference => Some(preference::NOT_BUILT),
        Technique::Pretrain => Some("pretraining is not built in this version of Empiric"),
        Technique::Prompt
        | Technique::Tools
        | Technique::Rag
        | Technique::FineTune
        | Technique::Model
        | Technique::Distil => None,
    }
}

/// Why a technique cannot be used here, or `None` where it can.
pub fn missing(technique: Technique, setting: &Setting<'_>) -> Option<String> {
    match technique {
        Technique::Prompt => None,
        Technique::Tools => tools::missing(setting),
        Technique::Rag => rag::missing(setting),
        Technique::FineTune => fine_tune::missing(setting),
        Technique::Model => model::missing(setting),
        Technique::Distil => distil::missing(setting),
        Technique::Preference => preference::missing(setting),
        Technique::Baseline | Technique::Pretrain => unavailable(technique).map(str::to_owned),
    }
}

/// What a technique wants next, given what it has built in this iteration.
pub fn plan(technique: Technique, setting: &Setting<'_>, built: &Built) -> Plan {
    match technique {
        Technique::Prompt => prompt::plan(setting, built),
        Technique::Tools => Plan::Race(tools::propose(setting)),
        Technique::Rag => rag::plan(setting, built),
        Technique::FineTune => fine_tune::plan(setting, built),
        Technique::Model => Plan::Race(model::propose(setting)),
        Technique::Distil => distil::plan(setting, built),
        Technique::Baseline | Technique::Preference | Technique::Pretrain => Plan::Race(Vec::new()),
    }
}

/// Whether the technique has anything to build or to try.
pub fn has_candidates(technique: Technique, setting: &Setting<'_>) -> bool {
    match plan(technique, &Setting { most: 1, ..*setting }, &Built::new()) {
        Plan::Build(_) => true,
        Plan::Race(candidates) => !candidates.is_empty(),
    }
}

/// The index whose chunks serve probes as gold passages before anything is retrieved.
pub fn diagnosis_index(setting: &Setting<'_>) -> Option<Build> {
    rag::index(rag::SIZES[1], setting)
}

/// The models that probes may ask, the smallest first.
pub fn models_to_probe(setting: &Setting<'_>) -> Vec<AnsweringModel> {
    model::to_probe(setting)
}

/// Leaves out what was tried, what is the incumbent, and repeats; keeps the first `most`.
fn fresh(candidates: Vec<Candidate>, setting: &Setting<'_>) -> Vec<Candidate> {
    let mut seen = vec![setting.incumbent.digest()];
    seen.extend_from_slice(setting.tried);
    let mut is_new = |candidate: &Candidate| {
        let digest = candidate.version.digest();
        let is_new = !seen.contains(&digest);
        seen.push(digest);
        is_new
    };
    candidates.into_iter().filter(|candidate| is_new(candidate)).take(setting.most).collect()
}

#[cfg(test)]
mod tests;
