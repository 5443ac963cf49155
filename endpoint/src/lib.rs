//! A client of OpenAI-compatible servers: chat completions and the list of models. Under the same rules, texts
//! behind an allow-list of addresses ([`BlockingGetter`]).
//!
//! Three rules hold for every request, whoever makes it:
//! - It goes to the address of the spec and nowhere else: https unless the spec names loopback, no redirects,
//!   no proxies, and never to an address inside a private network ([`Address`]).
//! - The key is read where it is used and nowhere kept, shown or passed on ([`Secret`]).
//! - It ends: each try, all tries together, and the size of the answer have a limit ([`Patience`]).
//!
//! What is asked, and what an answer is worth, is left to the callers. A job uses [`BlockingClient`], which
//! brings its own small runtime.

mod address;
mod blocking;
mod client;
mod error;
mod getter;
mod limiter;
mod patience;
mod poster;
mod resolver;
mod secret;
mod transport;
mod wire;

#[cfg(feature = "test-server")]
pub mod test_server;

pub use address::{Address, is_public};
pub use blocking::{BlockingClient, ChatObserver};
pub use client::Client;
pub use error::{EndpointError, TryError};
pub use getter::{BlockingGetter, GetError, GetLimits};
pub use patience::Patience;
pub use poster::{PostError, Poster};
pub use secret::Secret;
pub use wire::{ChatMessage, ChatReply, ChatRequest, FinishReason, LikelyToken, TokenLogProbability};
