//! The files of the spec's embedder.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::job::EncoderFiles;
use empiric_schema::spec::EmbedderSpec;
use serde::Deserialize;

use super::error::ScopeError;
use super::{media_type, read};
use crate::adapters::artifact_store::ArtifactStore;
use crate::adapters::source::{Resolved, SourceFile};

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "sentence_bert_config.json";
const POOLING: &str = "1_Pooling/config.json";

/// An embedder's folder in the layout of sentence-transformers.
pub(super) struct EncoderFolder<'a> {
    pub(super) spec: &'a EmbedderSpec,
    pub(super) resolved: Resolved,
    pub(super) store: &'a ArtifactStore,
}

impl EncoderFolder<'_> {
    /// Stores what the encoder needs.
    pub(super) async fn freeze(&self) -> Result<EncoderFiles, ScopeError> {
        self.check_pooling().await?;
        Ok(EncoderFiles {
            weights: self.needed(WEIGHTS).await?,
            config: self.needed(CONFIG).await?,
            tokenizer: self.needed(TOKENIZER).await?,
            settings: match self.find(SETTINGS) {
                Some(file) => Some(self.put(file).await?),
                None => None,
            },
        })
    }

    fn find(&self, name: &str) -> Option<&SourceFile> {
        self.resolved.files.iter().find(|file| file.name == name)
    }

    async fn needed(&self, name: &'static str) -> Result<ArtifactRef, ScopeError> {
        let missing = || ScopeError::EncoderFile { reference: self.spec.source.clone(), name };
        self.put(self.find(name).ok_or_else(missing)?).await
    }

    async fn put(&self, file: &SourceFile) -> Result<ArtifactRef, ScopeError> {
        Ok(self.store.put_file(&file.path, media_type(&file.path)).await?)
    }

    /// An encoder that does not average its token vectors would give others than it was trained for.
    async fn check_pooling(&self) -> Result<(), ScopeError> {
        #[derive(Deserialize)]
        struct Pooling {
            pooling_mode_mean_tokens: bool,
        }
        let Some(file) = self.find(POOLING) else {
            return Ok(());
        };
        match serde_json::from_slice(&read(&file.path).await?) {
            Ok(Pooling { pooling_mode_mean_tokens: true }) => Ok(()),
            _ => Err(ScopeError::EncoderPooling { reference: self.spec.source.clone(), name: POOLING }),
        }
    }
}
