//! The job kind `probe`: failing items are rerun with one thing changed at a time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::grade::Assertion;
use crate::version::{AnsweringModel, SystemVersion};

/// Name of the output file, one [`crate::diagnosis::ItemDiagnosis`] a line.
pub const PROBES_FILE: &str = "probes.jsonl";

/// Parameters of `probe`. Its output is [`PROBES_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeParams {
    /// Who failed.
    pub version: SystemVersion,
    /// JSONL of items ([`crate::data::Item`]).
    pub items: ArtifactRef,
    /// Positions of the failing items.
    pub positions: Vec<u32>,
    /// Results files in which their recorded answers are found ([`super::ItemResult`]).
    pub results: Vec<ArtifactRef>,
    /// All must hold for an answer to pass.
    pub assertions: Vec<Assertion>,
    /// The labels of a classification task; empty otherwise.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Where gold passages are found; without it no passage is inserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<ArtifactRef>,
    /// Answers that are sampled for each item that nothing cheaper repaired; 0 for none.
    pub samples: u32,
    /// Temperature of the samples.
    pub temperature: f64,
    /// Other models of the catalogue, cheapest first.
    #[serde(default)]
    pub models: Vec<AnsweringModel>,
    /// Items that are answered together.
    pub batch: u32,
}

impl ProbeParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.version.artifacts();
        refs.push(&self.items);
        refs.extend(&self.results);
        refs.extend(&self.chunks);
        refs.extend(self.models.iter().flat_map(AnsweringModel::artifacts));
        refs
    }
}
