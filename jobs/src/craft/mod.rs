//! Items become chats to learn from, in the very form in which a version is used: its prompt, its passages, its
//! calls of tools.
//!
//! Only what is verified is taught: an answer that stands in its document, one that its expression leads to, or
//! one that declines. How a chat is learned is left to [`crate::train`].

mod crafter;
mod gold;
mod passages;
mod split;
mod verified;

#[cfg(test)]
mod tests;

pub use crafter::{Crafted, Crafter, Tally};
