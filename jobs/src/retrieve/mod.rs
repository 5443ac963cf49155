//! Documents to chunks, and questions to the chunks that may answer them.
//!
//! Rankings are lexical ([`Bm25`]), dense ([`Dense`]) or both ([`fuse`]). What is done with passages is left
//! to [`crate::answer`].

mod dense;
mod error;
mod fuse;
mod lexical;
mod ranking;
mod retriever;

pub use dense::Dense;
pub use error::RetrieveError;
pub use fuse::fuse;
pub use lexical::Bm25;
pub(crate) use lexical::words;
pub use ranking::Scored;
pub use retriever::{Found, Passage, Retriever, read_chunks};
