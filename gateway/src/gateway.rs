//! The gateway's shared state.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::callback::Courier;
use crate::clock::{self, DAY};
use crate::error::GatewayError;
use crate::keys::Keys;
use crate::limits::{Amount, Ledger};
use crate::pages::Templates;
use crate::redact::Redactor;
use crate::seal::Seal;
use crate::serving::{Served, VersionFiles};
use crate::sessions::Sessions;
use crate::settings::{Parts, Settings};
use crate::steer::Steering;
use crate::store::{Store, Writer};

/// A gateway: what answers, and everything that is needed to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) files: Arc<dyn VersionFiles>,
    pub(crate) seal: Seal,
    pub(crate) courier: Option<Arc<dyn Courier>>,
    pub(crate) steering: Option<Arc<dyn Steering>>,
    pub(crate) ledger: Ledger,
    pub(crate) redactor: Redactor,
    pub(crate) sessions: Sessions,
    pub(crate) templates: Templates,
    /// Told when a draft is decided, so that those who wait for one look again.
    pub(crate) decided: Notify,
    served: RwLock<Option<Arc<Served>>>,
    keys: RwLock<Arc<Keys>>,
    problem: Mutex<Option<Problem>>,
}

/// Why the newest exposure is not served.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) revision: u64,
    pub(crate) text: String,
    /// Unix seconds of the last try.
    pub(crate) at: f64,
}

impl Gateway {
    /// Reads the keys and what was used today. Nothing is served until [`crate::follow`] has read an exposure.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open(parts: Parts) -> Result<Self, GatewayError> {
        let store = Store::new(parts.database);
        let writer = Writer::start(store.clone());
        let shared = Shared {
            redactor: Redactor::new(parts.settings.is_redacting),
            settings: parts.settings,
            store,
            writer,
            files: parts.files,
            seal: parts.seal,
            courier: parts.courier,
            steering: parts.steering,
            ledger: Ledger::default(),
            sessions: Sessions::default(),
            templates: Templates::new()?,
            decided: Notify::new(),
            served: RwLock::default(),
            keys: RwLock::default(),
            problem: Mutex::default(),
        };
        let gateway = Self { shared: Arc::new(shared) };
        gateway.restore().await?;
        gateway.read_keys().await?;
        Ok(gateway)
    }

    /// What was used earlier today counts.
    async fn restore(&self) -> Result<(), GatewayError> {
        let now = clock::now();
        let used = self.shared.store.usage_since(&self.shared.settings.project, now - now % DAY).await?;
        for usage in used {
            let tokens = u64::try_from(usage.tokens).unwrap_or(0);
            self.shared.ledger.restore(&usage.api_key, Amount { tokens, usd: usage.usd }, now);
        }
        Ok(())
    }

    pub(crate) async fn read_keys(&self) -> Result<(), GatewayError> {
        let rows = self.shared.store.keys(&self.shared.settings.project).await?;
        *self.shared.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Keys::new(rows));
        Ok(())
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        self.shared.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is served now. Whoever holds it answers with it to the end, whatever is served meanwhile.
    pub(crate) fn served(&self) -> Option<Arc<Served>> {
        self.shared.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn serve(&self, served: Served) {
        let new = Some(Arc::new(served));
        let old =
            std::mem::replace(&mut *self.shared.served.write().unwrap_or_else(PoisonError::into_inner), new);
        // Weights are let go outside the lock.
        drop(old);
    }

    pub(crate) fn problem(&self) -> Option<Problem> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_problem(&self, problem: Option<Problem>) {
        *self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Waits until all rows are written.
    ///
    /// # Errors
    /// The database refuses them.
    pub(crate) async fn flush(&self) -> Result<(), GatewayError> {
        self.shared.writer.flush().await
    }
}
