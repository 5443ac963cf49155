//! Why an endpoint gave no answer, and what that means for the job that asked.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use empiric_schema::job::ExitClass;

/// Why an endpoint cannot be asked, or gave no answer. No message has a key in it.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address breaks a rule.
    #[error("the endpoint's address `{url}` is refused: {reason}")]
    Address {
        /// The address without credentials and query.
        url: String,
        /// The rule.
        reason: String,
    },
    /// There is no key where the reference says.
    #[error("the key `{reference}` cannot be used")]
    Secret {
        /// Where it should be.
        reference: String,
        /// What is wrong.
        #[source]
        problem: SecretProblem,
    },
    /// The client cannot be set up.
    #[error("the client for {host} cannot be set up")]
    Client {
        /// Who would be asked.
        host: String,
        /// What is wrong.
        #[source]
        source: reqwest::Error,
    },
    /// The system gives no runtime.
    #[error("the network runtime cannot be set up")]
    Runtime(#[source] io::Error),
    /// It failed in a way that asking again cannot mend.
    #[error("{host} gave no answer")]
    Failed {
        /// Who was asked.
        host: String,
        /// What happened.
        #[source]
        source: TryError,
    },
    /// It failed too often, or for too long.
    #[error("{host} gave no answer: {tries} tries in {seconds:.1} s")]
    GaveUp {
        /// Who was asked.
        host: String,
        /// How often.
        tries: u32,
        /// From the first to the last, with the pauses between.
        seconds: f64,
        /// What happened last.
        #[source]
        last: TryError,
    },
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretProblem {
    /// The variable does not exist here, or is no text.
    #[error("the environment variable is not set")]
    NotSet,
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// Something is there that is no key.
    #[error("what is there is no key: expected one line of visible ASCII characters")]
    NoKey,
}

/// A name that leads where the address may not.
#[derive(Debug, thiserror::Error)]
#[error("`{host}` leads to {address}, which the address does not allow")]
pub struct RefusedHost {
    /// The name.
    pub host: String,
    /// What it was looked up to.
    pub address: IpAddr,
}

/// What went wrong with one try.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// The name leads into a private network, or away from loopback.
    #[error(transparent)]
    Refused(#[from] RefusedHost),
    /// No connection came about, or it broke.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// The whole answer was not there in time.
    #[error("no whole answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The server said no.
    #[error("status {status}: {message}")]
    Status {
        /// The HTTP status, or the one that the server put into its answer.
        status: u16,
        /// The server's words, shortened and without the key.
        message: String,
        /// The server's code, such as `insufficient_quota`.
        code: Option<String>,
    },
    /// The server pointed elsewhere.
    #[error(
        "status {status}: it redirects, and redirects are not followed: put the final address into the spec"
    )]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than any answer should be.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The largest size.
        limit: usize,
    },
    /// The answer is not what the interface says.
    #[error("the answer is not that of an OpenAI-compatible server: {reason}")]
    Malformed {
        /// What is missing or wrong.
        reason: String,
    },
    /// Nobody can tell what the answer cost.
    #[error("the answer has no `usage`: without token counts neither a budget nor a price can be kept")]
    NoUsage,
}

impl TryError {
    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Connection(_) | Self::TimedOut(_) => true,
            Self::Status { status, code, .. } => {
                let is_paid_up = code.as_deref() != Some("insufficient_quota");
                matches!(status, 408 | 429 | 500..=599) && is_paid_up
            }
            _ => false,
        }
    }

    /// Whether the server asked for fewer requests from everybody.
    pub(crate) fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Status { status: 429, .. })
    }

    /// The HTTP status, where the server gave one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirect { status } => Some(*status),
            _ => None,
        }
    }

    fn class(&self) -> ExitClass {
        match self {
            error if error.is_passing() => ExitClass::TempFail,
            Self::Status { status: 401 | 403, .. } => ExitClass::Permission,
            Self::Status { status: 400 | 413 | 422, .. } => ExitClass::InvalidInput,
            _ => ExitClass::Config,
        }
    }
}

impl EndpointError {
    /// The class that tells a dispatcher what to do.
    pub fn class(&self) -> ExitClass {
        match self {
            Self::Secret { problem: SecretProblem::Read(source), .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                ExitClass::Permission
            }
            Self::Runtime(_) => ExitClass::TempFail,
            Self::Address { .. } | Self::Secret { .. } | Self::Client { .. } => ExitClass::Config,
            Self::Failed { source, .. } => source.class(),
            Self::GaveUp { .. } => ExitClass::TempFail,
        }
    }

    /// What happened with the last try, where there was one.
    pub fn last_try(&self) -> Option<&TryError> {
        match self {
            Self::Failed { source, .. } => Some(source),
            Self::GaveUp { last, .. } => Some(last),
            _ => None,
        }
    }
}
