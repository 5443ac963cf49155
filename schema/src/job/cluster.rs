//! The job kind `cluster`: failures of a category that are alike are put together and named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embed::EncoderFiles;
use crate::artifact::ArtifactRef;

/// Name of the output file, one [`crate::diagnosis::Cluster`] a line.
pub const CLUSTERS_FILE: &str = "clusters.jsonl";

/// Parameters of `cluster`. Its output is [`CLUSTERS_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterParams {
    /// JSONL of items.
    pub items: ArtifactRef,
    /// What a probe job left.
    pub probes: ArtifactRef,
    /// Who embeds the failures.
    pub encoder: EncoderFiles,
    /// Clusters of the iteration before, to be continued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ArtifactRef>,
}

impl ClusterParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = vec![&self.items, &self.probes];
        refs.extend(self.encoder.artifacts());
        refs.extend(&self.previous);
        refs
    }
}
