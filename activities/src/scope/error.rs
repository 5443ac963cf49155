//! What can be wrong with a project's data, models and prompt.

use std::io;
use std::path::PathBuf;
use std::str::Utf8Error;

use empiric_endpoint::EndpointError;
use empiric_schema::id::{ItemId, ModelId};
use empiric_schema::job::ExitClass;
use empiric_schema::source::SourceRef;
use empiric_schema::spec::Diagnostics;

use crate::adapters::artifact_store::StoreError;
use crate::adapters::durable;
use crate::adapters::source::{FaultKind, SourceError};

/// Why a scope could not be frozen.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// A source could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The artifact store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Lines of a data file are no items.
    #[error("{0}")]
    Data(Diagnostics),
    /// Two items have one id.
    #[error(
        "the item id `{id}` is used twice, in {first} and in {second}; an id must be unique over \
         all splits"
    )]
    DuplicateId {
        /// The id.
        id: ItemId,
        /// Split of the first item.
        first: &'static str,
        /// Split of the second item.
        second: &'static str,
    },
    /// A split has too few items to measure anything.
    #[error("the {split} split has {count} items; at least {least} are needed")]
    TooFew {
        /// The split.
        split: &'static str,
        /// Items that it has.
        count: u32,
        /// Items that it needs.
        least: u32,
    },
    /// Items of one split are in another, as they are or nearly.
    #[error("{0}")]
    Leak(String),
    /// Two documents have one name.
    #[error("two documents are called `{name}`; items could not tell them apart")]
    DuplicateDocument {
        /// The name.
        name: String,
    },
    /// Items name documents that are not there.
    #[error("{0}")]
    UnknownDocuments(String),
    /// The embedder lacks a file.
    #[error(
        "the embedder {reference} has no `{name}`; expected a folder with `model.safetensors`, `config.json` \
         and `tokenizer.json`"
    )]
    EncoderFile {
        /// Where it is.
        reference: SourceRef,
        /// What is missing.
        name: &'static str,
    },
    /// The embedder does not make its vectors as ours does.
    #[error(
        "`{name}` of the embedder {reference} does not say that token vectors are averaged, and no other \
         pooling is supported"
    )]
    EncoderPooling {
        /// Where it is.
        reference: SourceRef,
        /// The file that says so.
        name: &'static str,
    },
    /// A source must be one file here.
    #[error("{reference} is a folder or a set of files, and one file is needed here")]
    NotOneFile {
        /// The source.
        reference: SourceRef,
    },
    /// A prompt is too long.
    #[error("the prompt {reference} has {size} bytes; at most {limit} are allowed")]
    LargePrompt {
        /// Where it is.
        reference: SourceRef,
        /// Its size.
        size: u64,
        /// The largest size.
        limit: u64,
    },
    /// A prompt is no text.
    #[error("the prompt {reference} is not UTF-8 text")]
    PromptText {
        /// Where it is.
        reference: SourceRef,
        /// Where it stops being text.
        #[source]
        cause: Utf8Error,
    },
    /// The endpoint breaks a rule, is not there, or fails.
    #[error("the endpoint of the system's model `{model}` cannot be used")]
    Endpoint {
        /// The model.
        model: ModelId,
        /// Why.
        #[source]
        source: EndpointError,
    },
    /// The endpoint is there and has other models.
    #[error("the endpoint of the system's model `{model}` has no `{name}`; it lists {known}")]
    EndpointModel {
        /// The model.
        model: ModelId,
        /// Its name at the endpoint.
        name: String,
        /// What the endpoint lists.
        known: String,
    },
    /// The endpoint wants a key.
    #[error(
        "the endpoint of the system's model `{model}` wants a key: add `api_key: env://NAME` to the model"
    )]
    EndpointKey {
        /// The model.
        model: ModelId,
    },
    /// The network must not be used.
    #[error("the system's model `{model}` is behind an endpoint on the network, and the run is offline")]
    EndpointOffline {
        /// The model.
        model: ModelId,
    },
    /// The system names a model that the catalogue lacks.
    #[error("the system's model `{model}` is not among the project's models")]
    UnknownModel {
        /// The model.
        model: ModelId,
    },
}

impl ScopeError {
    /// The class of the failure.
    pub fn class(&self) -> ExitClass {
        match self {
            Self::Source(error) => class_of_source(error.kind()),
            Self::Store(StoreError::DiskFull { .. }) => ExitClass::DiskFull,
            Self::Store(StoreError::Corrupt { .. }) => ExitClass::ArtifactCorrupt,
            Self::Store(_) => ExitClass::TempFail,
            Self::Read { source, .. } if durable::is_forbidden(source) => ExitClass::Permission,
            Self::Endpoint { source, .. } => source.class(),
            Self::EndpointKey { .. } => ExitClass::Permission,
            Self::EndpointModel { .. } | Self::EndpointOffline { .. } | Self::UnknownModel { .. } => {
                ExitClass::Config
            }
            _ => ExitClass::InvalidInput,
        }
    }
}

fn class_of_source(kind: FaultKind) -> ExitClass {
    match kind {
        FaultKind::NotFound | FaultKind::Invalid | FaultKind::Corrupt => ExitClass::InvalidInput,
        FaultKind::Network => ExitClass::TempFail,
        FaultKind::Permission => ExitClass::Permission,
        FaultKind::Offline | FaultKind::ToolMissing => ExitClass::Config,
        FaultKind::DiskFull => ExitClass::DiskFull,
        FaultKind::Io => ExitClass::BugOrUnknown,
    }
}
