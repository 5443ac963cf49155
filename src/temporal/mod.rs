//! Temporal: the managed dev server, and the connection to it or to an outside one.

mod connection;
mod guard;
mod program;
mod server;
pub mod words;

pub use connection::{connect_outside, connect_to, connect_to_new, outside_address};
pub use guard::guard;
pub use program::{FetchBar, find_program};
pub use server::{ManagedServer, Role, running_server};
