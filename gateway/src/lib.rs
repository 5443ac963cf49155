//! What listens: answers by stage, drafts that wait for people, and pages to look at.
//!
//! Answers come from [`empiric_jobs::answer`], the code that `evaluate` measures: what was tested is what is
//! served. What is served to whom is read from the project's exposure ([`follow`]); deciding it is left to the
//! rollout, and bringing the files of versions to whoever makes a [`Gateway`].

mod api;
mod callback;
mod clock;
mod error;
pub mod follow;
mod gateway;
mod guard;
pub mod keys;
mod limits;
mod pages;
mod redact;
mod review;
mod route;
mod seal;
mod server;
mod serving;
mod sessions;
mod settings;
pub mod steer;
pub mod store;
pub mod sweep;

pub use callback::{Courier, Notice};
pub use error::GatewayError;
pub use gateway::Gateway;
pub use seal::{Seal, Signer};
pub use server::{Bound, bind};
pub use serving::{FilesError, VersionFiles};
pub use settings::{Budget, Parts, Settings};
