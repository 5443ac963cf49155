//! One question on its way through a version.

use std::sync::{Arc, Weak};

use empiric_jobs::answer::Answer;
use tokio::sync::{mpsc, oneshot};

/// A question that waits for an answer.
#[derive(Debug)]
pub(crate) struct Work {
    /// What is asked.
    pub(crate) input: String,
    /// Where pieces of the answer go as they come. It holds no more than an answer, which the version limits.
    pub(crate) pieces: Option<mpsc::UnboundedSender<String>>,
    /// Where the whole answer goes.
    pub(crate) reply: oneshot::Sender<Result<Said, Fault>>,
    /// Gone when nobody waits any more.
    caller: Weak<()>,
}

/// An answer with what belongs to it.
#[derive(Debug)]
pub(crate) struct Said {
    /// The answer.
    pub(crate) answer: Answer,
    /// Texts of the passages that were shown, in the same order.
    pub(crate) passages: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The caller went away before the answer was begun.
    #[error("the caller went away before the answer was begun")]
    Abandoned,
    /// The caller went away, and the answer was stopped.
    #[error("the caller went away, and the answer was stopped")]
    Stopped,
    /// The version could not answer.
    #[error("{0}")]
    Failed(String),
}

impl Work {
    /// Whether nobody waits any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.caller.strong_count() == 0
    }

    /// Hands the outcome over. Nobody may wait for it any more.
    pub(crate) fn finish(self, outcome: Result<Said, Fault>) {
        let _ = self.reply.send(outcome);
    }
}

/// A question, what will be its answer, and the token that somebody waits for it.
pub(crate) fn work(
    input: String,
    pieces: Option<mpsc::UnboundedSender<String>>,
) -> (Work, oneshot::Receiver<Result<Said, Fault>>, Arc<()>) {
    let (reply, answer) = oneshot::channel();
    let waits = Arc::new(());
    let work = Work { input, pieces, reply, caller: Arc::downgrade(&waits) };
    (work, answer, waits)
}
