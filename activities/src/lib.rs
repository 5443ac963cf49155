//! What touches the world: activities that freeze data, run jobs and write the read model.
//!
//! Activities are thin: decode, one call, map the error ([`failure`]). The work is in plain types
//! that need no server to test. Nothing here decides what happens next; that is `workflows`, which
//! this crate never sees. Jobs are started as programs and never linked.

pub mod adapters;
pub mod dispatch;
pub mod failure;
pub mod record;
pub mod rollout;
pub mod scope;
