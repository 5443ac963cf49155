//! Errors of the program: a code, a cause, the next thing to do, an exit code.

use std::path::PathBuf;

use empiric_activities::adapters::artifact_store::StoreError;
use empiric_activities::adapters::database::DatabaseError;
use empiric_activities::adapters::signing_key::SigningKeyError;
use empiric_activities::adapters::source::{FaultKind, SourceError};
use empiric_gateway::GatewayError;
use empiric_schema::spec::Diagnostics;

use crate::import::ImportError;
use crate::report::ReportError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is no `project.yaml`.
    #[error("there is no project file {}", path.display())]
    NoProject {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The project file is wrong. The text has its own codes.
    #[error("{0}")]
    Spec(Diagnostics),
    /// A data file is wrong.
    #[error("{0}")]
    Data(Diagnostics),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// `read`, `write`, ...
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something in the way of `init`.
    #[error("{} is there already and is not empty", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// An argument makes no sense.
    #[error("{0}")]
    Argument(String),
    /// No run fits.
    #[error("there is no run yet in {}", state.display())]
    NoRun {
        /// The state folder.
        state: PathBuf,
    },
    /// No run, or more than one, has the id that was given.
    #[error("{0}")]
    WhichRun(DatabaseError),
    /// No question fits, or more than one.
    #[error("{0}")]
    Question(String),
    /// The managed server did not come up.
    #[error("the Temporal dev server did not start: {reason}")]
    Server {
        /// Why.
        reason: String,
    },
    /// Nothing keeps a server.
    #[error("no Temporal server is running for {}", state.display())]
    NobodyUp {
        /// The state folder.
        state: PathBuf,
    },
    /// The server does not answer.
    #[error("cannot reach Temporal at {address}: {reason}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// The settings would send a key in clear.
    #[error("an API key would be sent in clear to {address}")]
    ClearKey {
        /// Where.
        address: String,
    },
    /// The server refused.
    #[error("Temporal refused to {action}: {reason}")]
    Refused {
        /// What was asked.
        action: &'static str,
        /// Why.
        reason: String,
    },
    /// The read model.
    #[error("the read model does not work")]
    Database(#[source] DatabaseError),
    /// A source.
    #[error("a source cannot be had")]
    Source(#[from] SourceError),
    /// The artifact store.
    #[error("the artifact store does not work")]
    Store(#[from] StoreError),
    /// The report.
    #[error("the report cannot be made")]
    Report(#[from] ReportError),
    /// Telemetry.
    #[error("telemetry cannot be set up: {0}")]
    Telemetry(String),
    /// A worker ended.
    #[error("a worker ended: {0}")]
    Worker(String),
    /// No project can be made from a file.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The gateway cannot start, or broke.
    #[error("the gateway does not work")]
    Gateway(#[from] GatewayError),
    /// No version can be served.
    #[error("there is nothing to serve: {0}")]
    NothingToServe(String),
    /// Nobody answers where a gateway should be, or it refuses.
    #[error("the gateway at {address} gives no answer: {reason}")]
    Unanswered {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// `doctor` found something.
    #[error("{0} of the checks failed")]
    Unhealthy(usize),
}

impl From<DatabaseError> for CliError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::UnknownRun { .. } | DatabaseError::AmbiguousRun { .. } => Self::WhichRun(error),
            _ => Self::Database(error),
        }
    }
}

impl From<SigningKeyError> for CliError {
    fn from(error: SigningKeyError) -> Self {
        match error {
            SigningKeyError::File { path, source } => Self::File { action: "use", path, source },
            other => Self::Argument(other.to_string()),
        }
    }
}

impl CliError {
    /// The code, which names a page of `docs/errors`; `None` where the message has its own.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Spec(_) | Self::Data(_) | Self::Import(ImportError::Yaml(_)) => return None,
            Self::NoProject { .. } => "E0301",
            Self::File { .. } => "E0302",
            Self::Occupied { .. } => "E0303",
            Self::Argument(_) => "E0304",
            Self::NoRun { .. } | Self::WhichRun(_) => "E0305",
            Self::Server { .. } => "E0306",
            Self::NobodyUp { .. } => "E0307",
            Self::Connect { .. } => "E0308",
            Self::ClearKey { .. } => "E0309",
            Self::Refused { .. } => "E0310",
            Self::Database(_) => "E0311",
            Self::Source(_) => "E0312",
            Self::Store(_) => "E0313",
            Self::Report(_) => "E0314",
            Self::Telemetry(_) => "E0315",
            Self::Worker(_) => "E0316",
            Self::Unhealthy(_) => "E0317",
            Self::Import(_) => "E0318",
            Self::Question(_) => "E0330",
            Self::Gateway(_) => "E0340",
            Self::NothingToServe(_) => "E0341",
            Self::Unanswered { .. } => "E0342",
        })
    }

    /// The next thing to do.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoProject { .. } => "`empiric init FOLDER` writes one; `-C FOLDER` names another folder",
            Self::Spec(_) => "`empiric schema` prints every key",
            Self::Data(_) => "mend these lines; nothing was started",
            Self::Occupied { .. } => "name a new folder",
            Self::NoRun { .. } => "`empiric run` starts one",
            Self::Question(_) => "`empiric questions` shows what is asked",
            Self::WhichRun(_) => "`empiric list` shows all runs",
            Self::Server { .. } => "`empiric doctor` says what is wrong",
            Self::NobodyUp { .. } => "`empiric up` keeps one running; `empiric run` starts its own",
            Self::Connect { .. } => "check --temporal-address; without it a local server is used",
            Self::ClearKey { .. } => "use an https:// address",
            Self::Refused { .. } => "`empiric status` shows where the run is",
            Self::Telemetry(_) => "check OTEL_EXPORTER_OTLP_ENDPOINT, or unset it",
            Self::Import(_) => "`empiric init --help` says what is taken; nothing was written",
            Self::Gateway(GatewayError::Open { .. }) => {
                "`empiric keys add NAME --audience users` makes a key"
            }
            Self::Gateway(_) => "the causes above say what is wrong; `empiric doctor` checks the rest",
            Self::NothingToServe(_) => "`empiric run` makes a version, `empiric list` shows what ran",
            Self::Unanswered { .. } => "`empiric serve` starts one; --gateway and --key name another",
            Self::Unhealthy(_) => "each failed check above says what to do",
            Self::Argument(_) | Self::File { .. } => return None,
            Self::Database(_) | Self::Source(_) | Self::Store(_) => "`empiric doctor` checks it",
            Self::Report(_) | Self::Worker(_) => "this is a defect of Empiric if it comes again",
        })
    }

    /// The exit code (sysexits).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Spec(_) | Self::Data(_) | Self::Import(_) => 65,
            Self::Source(error) if is_wrong_input(error) => 65,
            Self::NoProject { .. } | Self::NoRun { .. } | Self::WhichRun(_) => 66,
            Self::Argument(_) | Self::Occupied { .. } | Self::Question(_) => 64,
            Self::NothingToServe(_) => 66,
            Self::Unanswered { .. } => 69,
            Self::Gateway(_) => 71,
            Self::Server { .. } | Self::NobodyUp { .. } | Self::Connect { .. } | Self::Source(_) => 69,
            Self::File { .. } | Self::Store(_) | Self::Database(_) => 74,
            Self::ClearKey { .. } | Self::Telemetry(_) => 78,
            Self::Refused { .. } | Self::Worker(_) | Self::Report(_) | Self::Unhealthy(_) => 70,
        }
    }
}

/// Whether the project names something that is not there, rather than that it cannot be had now.
fn is_wrong_input(error: &SourceError) -> bool {
    matches!(error.kind(), FaultKind::NotFound | FaultKind::Invalid)
}
