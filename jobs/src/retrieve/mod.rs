//! Documents to chunks, and questions to the chunks that may answer them.
//!
//! `ingest` reads documents, `chunk` cuts them, and rankings are lexical ([`Bm25`]), dense ([`Dense`]) or both
//! ([`fuse`]). What is done with passages is left to [`crate::answer`].

mod chunk;
mod corpus;
mod dense;
mod error;
mod fuse;
pub mod ingest;
mod lexical;
mod measure;
mod ranking;
mod retriever;

pub use chunk::{ChunkingError, chunk};
pub use corpus::read_corpus;
#[cfg(test)]
pub(crate) use corpus::tests::tar_of;
pub use dense::Dense;
pub use error::RetrieveError;
pub use fuse::fuse;
pub use lexical::Bm25;
pub(crate) use lexical::words;
pub use measure::RetrievalMeasure;
pub use ranking::Scored;
pub use retriever::{Found, Passage, Retriever, read_chunks};
