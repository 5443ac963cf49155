//! Why a job failed, and under which exit class.

use std::io;
use std::path::PathBuf;

use empiric_schema::artifact::Digest;
use empiric_schema::job::ExitClass;

use crate::answer::AnswerError;
use crate::durable_file::WriteError;
use crate::embed::EmbedError;
use crate::grade::GradeError;
use crate::items::ItemsError;
use crate::model::{DeviceError, ModelError};
use crate::retrieve::RetrieveError;
use crate::retrieve::ingest::IngestError;
use crate::tools::ToolError;
use crate::train::TrainError;

/// The resource whose amounts are small.
pub(crate) const DOLLARS: &str = "dollars";

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job file cannot be read.
    #[error("cannot read the job file `{path}`")]
    ReadJob {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The job file is torn, or asks for something unknown.
    #[error("`{path}` is not a job file")]
    ParseJob {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The parameters do not make sense together.
    #[error("{0}")]
    Parameters(String),
    /// The job file has no path for an artifact.
    #[error("the job file has no path for the input {0}")]
    MissingInput(Digest),
    /// An input cannot be read.
    #[error("cannot read the input `{path}`")]
    ReadInput {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// An input is not what its digest says.
    #[error("the input `{path}` is damaged: it has {found}, expected {expected}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Its size or digest.
        found: String,
        /// The size or digest of the reference.
        expected: String,
    },
    /// The data is wrong.
    #[error("the data cannot be used")]
    Items(#[from] ItemsError),
    /// The data does not fit the assertions.
    #[error("the answers cannot be graded")]
    Grade(#[from] GradeError),
    /// The system cannot be loaded or cannot answer.
    #[error("the system cannot answer")]
    Answer(#[from] AnswerError),
    /// The encoder cannot be loaded or gives no vectors.
    #[error("the texts cannot be embedded")]
    Embed(#[from] EmbedError),
    /// Documents cannot be read.
    #[error("the documents cannot be indexed")]
    Ingest(#[from] IngestError),
    /// The model cannot learn.
    #[error("the model cannot be trained")]
    Train(#[from] TrainError),
    /// The device that the environment names cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An output cannot be written.
    #[error("an output cannot be written")]
    Write(#[from] WriteError),
    /// The reservation was used up.
    #[error(
        "stopped after {done} of {total} items: {} {resource} of {} reserved would be exceeded",
        amount(resource, *used),
        amount(resource, *limit)
    )]
    Budget {
        /// What was used up.
        resource: &'static str,
        /// Used before the stop.
        used: f64,
        /// Reserved.
        limit: f64,
        /// Items answered.
        done: usize,
        /// Items asked for.
        total: usize,
    },
    /// A panic: a mistake in this program.
    #[error("the job panicked: {0}")]
    Panic(String),
}

impl JobError {
    /// The class that tells the dispatcher what to do.
    pub fn class(&self) -> ExitClass {
        match self {
            Self::ReadJob { source, .. } => read_class(source, ExitClass::InvalidInput),
            Self::ReadInput { source, .. } => read_class(source, ExitClass::ArtifactCorrupt),
            Self::Items(ItemsError::Read { source, .. }) => read_class(source, ExitClass::InvalidInput),
            Self::ParseJob { .. } | Self::Parameters(_) | Self::MissingInput(_) => ExitClass::InvalidInput,
            Self::Items(ItemsError::Line { .. }) | Self::Grade(_) => ExitClass::InvalidInput,
            Self::Corrupt { .. } => ExitClass::ArtifactCorrupt,
            Self::Answer(error) => answer_class(error),
            Self::Embed(error) => embed_class(error),
            Self::Ingest(_) => ExitClass::InvalidInput,
            Self::Train(error) => train_class(error),
            Self::Device(_) => ExitClass::Config,
            Self::Write(error) => write_class(&error.source),
            Self::Budget { .. } => ExitClass::BudgetExhausted,
            Self::Panic(_) => ExitClass::BugOrUnknown,
        }
    }

    /// The error with all its causes, in one sentence.
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            sentence = format!("{sentence}: {error}");
            cause = error.source();
        }
        sentence
    }
}

/// Digests are checked before a model is read, so a file that is wrong is wrong at its source.
fn answer_class(error: &AnswerError) -> ExitClass {
    match error {
        AnswerError::Load { source: ModelError::Read { source, .. }, .. }
        | AnswerError::Adapter { source: ModelError::Read { source, .. }, .. } => {
            read_class(source, ExitClass::InvalidInput)
        }
        AnswerError::Endpoint(error) | AnswerError::Tools(ToolError::Get(error)) => error.class(),
        AnswerError::Retrieve(error) => retrieve_class(error),
        AnswerError::Model(ModelError::Diverged) => ExitClass::Diverged,
        AnswerError::Load { source: ModelError::Device(_), .. } => ExitClass::Config,
        AnswerError::Load { source: ModelError::Tensor(error), .. }
        | AnswerError::Adapter { source: ModelError::Tensor(error), .. }
        | AnswerError::Model(ModelError::Tensor(error)) => tensor_class(error),
        _ => ExitClass::InvalidInput,
    }
}

/// The tensor library passes the names on that CUDA gives to its errors.
fn tensor_class(error: &candle_core::Error) -> ExitClass {
    const FULL: [&str; 2] = ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"];
    let text = error.to_string();
    match FULL.iter().any(|name| text.contains(name)) {
        true => ExitClass::GpuOom,
        false => ExitClass::BugOrUnknown,
    }
}

/// An amount as people write it: dollars of a job are cents.
fn amount(resource: &str, value: f64) -> String {
    if resource == DOLLARS { format!("{value:.6}") } else { format!("{value:.0}") }
}

fn embed_class(error: &EmbedError) -> ExitClass {
    match error {
        EmbedError::Read { source, .. } => read_class(source, ExitClass::InvalidInput),
        EmbedError::Diverged { .. } => ExitClass::Diverged,
        EmbedError::Tensor(_) => ExitClass::BugOrUnknown,
        _ => ExitClass::InvalidInput,
    }
}

fn retrieve_class(error: &RetrieveError) -> ExitClass {
    match error {
        RetrieveError::Encoder(error) => embed_class(error),
        RetrieveError::Read { source, .. } | RetrieveError::Chunks(ItemsError::Read { source, .. }) => {
            read_class(source, ExitClass::InvalidInput)
        }
        _ => ExitClass::InvalidInput,
    }
}

fn train_class(error: &TrainError) -> ExitClass {
    match error {
        TrainError::Load { source: ModelError::Read { source, .. }, .. } => {
            read_class(source, ExitClass::InvalidInput)
        }
        TrainError::Diverged { .. } => ExitClass::Diverged,
        TrainError::Write(error) => write_class(&error.source),
        TrainError::Tensor(_) | TrainError::Values { .. } => ExitClass::BugOrUnknown,
        _ => ExitClass::InvalidInput,
    }
}

fn read_class(error: &io::Error, missing: ExitClass) -> ExitClass {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ExitClass::Permission,
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => missing,
        _ => ExitClass::TempFail,
    }
}

fn write_class(error: &io::Error) -> ExitClass {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ExitClass::DiskFull
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ExitClass::Permission,
        _ => ExitClass::TempFail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_class_and_names_the_file() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error = JobError::Write(WriteError { path: "/out/results.jsonl".into(), source });
        assert_eq!(error.class(), ExitClass::DiskFull);
        assert_eq!(
            error.sentence(),
            "an output cannot be written: cannot write `/out/results.jsonl`: no storage space"
        );
    }

    #[test]
    fn a_full_device_has_its_own_class() {
        let failed = |text: &str| {
            let error = candle_core::Error::Msg(text.to_owned());
            JobError::Answer(AnswerError::Model(ModelError::Tensor(error))).class()
        };
        let full = r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#;
        assert_eq!(failed(full), ExitClass::GpuOom);
        assert_eq!(failed("shape mismatch"), ExitClass::BugOrUnknown);
    }

    #[test]
    fn a_device_that_cannot_be_used_is_a_wrong_set_up() {
        let error = JobError::from(DeviceError::Unknown("gpu".to_owned()));
        assert_eq!(error.class(), ExitClass::Config);
        assert!(error.sentence().contains("expected cpu, cuda, or cuda:N"), "{}", error.sentence());
    }

    #[test]
    fn numbers_that_are_none_are_a_divergence() {
        let error = JobError::Answer(AnswerError::Model(ModelError::Diverged));
        assert_eq!(error.class(), ExitClass::Diverged);
    }
}
