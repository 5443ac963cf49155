//! The flag that says that this worker is going away.

use tokio::sync::watch;

/// A flag that is raised once. The SDK does not tell an activity why it is cancelled: with this flag
/// a job that ends because its worker leaves is handed back instead of counted as cancelled.
#[derive(Debug, Clone)]
pub struct Drain {
    flag: watch::Sender<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { flag: watch::Sender::new(false) }
    }
}

impl Drain {
    /// Raises the flag: running jobs are stopped and handed back. Call it before the worker's shutdown.
    pub fn start(&self) {
        self.flag.send_replace(true);
    }

    /// Whether the flag is up.
    pub fn is_started(&self) -> bool {
        *self.flag.borrow()
    }

    /// Waits until the flag is up.
    pub async fn started(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.flag.subscribe().wait_for(|started| *started).await;
    }
}
