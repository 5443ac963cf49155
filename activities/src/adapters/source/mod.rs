//! One resolver for every source of data and models: from a reference to a verified local path.
//!
//! A remote source is fetched once into the cache, under a lock that other processes respect, and
//! published whole or not at all together with a record of its digest. Each later use reads it from
//! there and verifies it. What a source is for is left to the callers; the grammar of references
//! is in `empiric_schema::source`.

pub use cache::Record;
pub use error::{Fault, FaultKind, SourceError};
pub use network::{NetworkMode, Retry};
pub(crate) use network::{install_cryptography, is_loopback_http};
pub use progress::{Phase, Progress, Silent, Transfer};
pub use resolver::SourceResolver;
pub use tree::{Resolved, SourceFile, SourceKind};

mod bucket;
mod cache;
mod client;
mod error;
mod glob;
mod hub;
mod local;
mod lock;
mod network;
mod npm;
mod part;
mod progress;
mod pypi;
mod resolver;
mod tree;
mod web;

#[cfg(test)]
mod tests;
