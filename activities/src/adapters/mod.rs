//! Adapters to the outside: the artifact store, the sources of data and models,
//! archives, and the database.
//!
//! Everything here touches a disk, a process or a network and decides nothing. Which source or
//! artifact is wanted, and what a failure means for the run, is settled by the callers.

pub mod archive;
pub mod artifact_store;
pub mod database;
pub mod durable;
pub mod signing_key;
pub mod source;
pub mod webhook;
