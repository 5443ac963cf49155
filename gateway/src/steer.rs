//! Steering a rollout from the pages: what the gateway asks of whoever can reach the rollout.
//!
//! The gateway shows what may be done and takes a person's word. Who decides whether it is done is the rollout,
//! which checks what was signed; reaching it is left to whoever makes the gateway.

use std::fmt;

use async_trait::async_trait;
use empiric_schema::artifact::Digest;
use empiric_schema::rollout::{RolloutView, Rung};

/// Somebody who can reach the rollout.
#[async_trait]
pub trait Steering: fmt::Debug + Send + Sync {
    /// How the rollout stands now, and which versions may be brought.
    ///
    /// # Errors
    /// [`SteerError::Away`] where nobody answers.
    async fn look(&self) -> Result<Outlook, SteerError>;

    /// Carries out what a person has confirmed, bound to what that person looked at.
    ///
    /// # Errors
    /// Nobody answers, or the rollout refuses.
    async fn carry_out(&self, order: Order) -> Result<(), SteerError>;
}

/// What may be steered.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The rollout; as it would begin, where none goes on.
    pub view: RolloutView,
    /// Versions that may be brought.
    pub prospects: Vec<Prospect>,
}

/// A version that may be brought.
#[derive(Debug, Clone)]
pub struct Prospect {
    /// Which.
    pub version: Digest,
    /// Where it comes from, such as the run that found it.
    pub origin: String,
    /// Where it would begin.
    pub to: Rung,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A version is brought, or carried on by hand.
    Promote,
    /// The open question is answered with yes.
    Approve,
    /// The open question is answered with no.
    Decline,
    /// The version is taken back.
    Demote,
}

/// What a person has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub act: Act,
    /// The version that was looked at.
    pub version: Digest,
    /// Where it shall stand; `None` for a demotion, whose way the rollout knows.
    pub to: Option<Rung>,
    /// The nonce of the view that was looked at: whatever has changed since makes the order stale.
    pub nonce: String,
    /// Name of the reviewer's key; `None` where nobody needs one.
    pub by: Option<String>,
    /// The reason; may be empty.
    pub note: String,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// Nobody answers.
    #[error("the rollout cannot be reached: {0}")]
    Away(String),
    /// The rollout has refused, in its own words.
    #[error("{0}")]
    Refused(String),
}
