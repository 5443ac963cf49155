//! Why the gateway cannot start or go on.

use sea_orm::DbErr;

/// Why the gateway cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Anybody who reaches the machine could ask.
    #[error("{address} can be reached from other machines, and nobody needs a key")]
    Open {
        /// Where it was told to listen.
        address: std::net::SocketAddr,
    },
    /// The database.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// A row has an unknown form.
    #[error("the database has {what} that this program cannot read")]
    Row {
        /// Which, and what is wrong.
        what: String,
    },
    /// The key that decisions were signed with before.
    #[error("the signing key {} cannot be read", path.display())]
    Seal {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A page's template.
    #[error("a page cannot be made")]
    Page(#[from] minijinja::Error),
    /// The writer has ended.
    #[error("nothing can be recorded any more: the gateway is closing")]
    Closing,
}

/// An error with its causes, for logs.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
