//! What a gateway is told when it starts.

use std::sync::Arc;
use std::time::Duration;

use empiric_schema::spec::OnTimeout;
use sea_orm::DatabaseConnection;

use crate::callback::Courier;
use crate::seal::Seal;
use crate::serving::VersionFiles;
use crate::steer::Steering;

/// What a gateway works with.
#[derive(Debug)]
pub struct Parts {
    /// The project's database, its tables up to date.
    pub database: DatabaseConnection,
    /// Brings the files of versions.
    pub files: Arc<dyn VersionFiles>,
    /// Signs decisions about drafts.
    pub seal: Seal,
    /// Steers the rollout for the pages; without it they only show.
    pub steering: Option<Arc<dyn Steering>>,
    /// Tells callers of decisions about their drafts; without it callers are told only when they ask.
    pub courier: Option<Arc<dyn Courier>>,
    /// How it behaves.
    pub settings: Settings,
}

/// How a gateway behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the project that is served.
    pub project: String,
    /// Whether requests are answered here, or only pages shown.
    pub is_serving: bool,
    /// Most requests that wait for one version.
    pub queue: usize,
    /// Most requests that local weights answer together.
    pub batch: usize,
    /// Most requests that are asked of an endpoint at a time.
    pub concurrency: usize,
    /// Most bytes of a request.
    pub body_limit: usize,
    /// What may be used in a day, by all callers together.
    pub budget: Budget,
    /// Whether personal data is replaced before questions and answers are logged.
    pub is_redacting: bool,
    /// How long questions and answers are kept; their figures stay.
    pub retention: Duration,
    /// How long a draft waits before somebody else is told, or before it is refused.
    pub review_deadline: Duration,
    /// Which of the two.
    pub on_timeout: OnTimeout,
    /// How often the exposure and the keys are read.
    pub poll: Duration,
    /// Pauses after tries to tell a caller of a decision; after the last one it is tried once more.
    pub callback_pauses: Vec<Duration>,
    /// How long requests that were begun may take when the gateway ends.
    pub grace: Duration,
}

impl Settings {
    /// The defaults for a project.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            is_serving: true,
            queue: 64,
            batch: 8,
            concurrency: 32,
            body_limit: 256 * 1024,
            budget: Budget::default(),
            is_redacting: true,
            retention: Duration::from_secs(30 * 86_400),
            review_deadline: Duration::from_secs(3600),
            on_timeout: OnTimeout::Escalate,
            poll: Duration::from_secs(1),
            callback_pauses: [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec(),
            grace: Duration::from_secs(10),
        }
    }
}

/// What may be used. `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// Tokens in a day (UTC).
    pub tokens_per_day: Option<u64>,
    /// Dollars in a day (UTC).
    pub usd_per_day: Option<f64>,
    /// Requests in a minute.
    pub requests_per_minute: Option<u32>,
}
