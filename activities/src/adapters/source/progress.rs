//! How a fetch tells how far it is.

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Another process fetches the same source.
    Waiting,
    /// Bytes are arriving.
    Fetching,
    /// An archive is being unpacked.
    Unpacking,
    /// Digests are being computed.
    Verifying,
    /// The source is in place.
    Done,
}

/// One report about a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The file's name, for people.
    pub label: &'a str,
    /// What is being done.
    pub phase: Phase,
    /// Bytes so far.
    pub done: u64,
    /// Bytes in all, if known; for packages it is rounded as the package client prints it.
    pub total: Option<u64>,
}

/// Receives reports. It is called for each piece that arrives and must return at once.
pub trait Progress: Send + Sync {
    /// Takes one report.
    fn report(&self, transfer: Transfer<'_>);
}

/// Reports to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Transfer<'_>) {}
}

impl<F: Fn(Transfer<'_>) + Send + Sync> Progress for F {
    fn report(&self, transfer: Transfer<'_>) {
        self(transfer);
    }
}
