//! Loaded versions that answer: what was tested is what is served.

mod catalogue;
mod files;
mod lane;
mod work;
mod worker;

pub(crate) use catalogue::{Served, load};
pub use files::{FilesError, VersionFiles};
pub(crate) use lane::{Full, Lane};
pub(crate) use work::{Fault, Said, work};
