//! Freezing what a run works on.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

pub use self::scope::Freeze;
use super::lifecycle::JoinedItems;
use crate::artifact::ArtifactRef;
use crate::id::{ModelId, RunId};
use crate::job::EncoderFiles;
use crate::spec::ProjectSpec;
use crate::version::SystemVersion;

/// Control activities of the scope stage.
pub struct Scope;

#[activity_definitions]
impl Scope {
    /// Resolves every source of the spec, checks the splits against each other and puts the bytes
    /// into the artifact store.
    #[activity(name = "scope.freeze")]
    pub fn freeze(request: FreezeRequest) -> Result<Frozen, Infallible> {
        unimplemented!()
    }
}

/// What to freeze.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FreezeRequest {
    /// The run.
    pub run: RunId,
    /// Folder that relative sources start from.
    pub project_dir: PathBuf,
    /// The project.
    pub spec: ProjectSpec,
    /// Items from production that join the splits of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<JoinedItems>,
    /// The first incumbent in place of the spec's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<SystemVersion>,
}

/// A data split that can no longer change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenSplit {
    /// JSONL of items.
    pub items: ArtifactRef,
    /// How many items.
    pub count: u32,
}

/// Everything a run works on, by digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// Where demonstrations and training examples come from.
    pub train: Option<FrozenSplit>,
    /// Where failures are read and candidates race.
    pub dev: FrozenSplit,
    /// Locked.
    pub test: FrozenSplit,
    /// How many documents the project has.
    pub documents: u32,
    /// A tar of them under their names, where a technique wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<ArtifactRef>,
    /// The spec's embedder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderFiles>,
    /// The cluster of each dev item, where the spec says what makes items dependent (`gate.cluster_by`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dev_clusters: Vec<u32>,
    /// Weights of each local model.
    pub models: BTreeMap<ModelId, ArtifactRef>,
    /// The system as the spec describes it: the first incumbent.
    pub system: SystemVersion,
}

impl Frozen {
    /// The locked test for `test`, dev for everything else.
    pub fn split(&self, name: &str) -> &FrozenSplit {
        if name == "test" { &self.test } else { &self.dev }
    }
}
