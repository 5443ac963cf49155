//! Whether and how patiently the network is used, and what counts as this machine.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use super::error::{Fault, FaultKind};

/// Whether a source that is not cached may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkMode {
    /// Fetch what is missing.
    #[default]
    Online,
    /// Use the cache alone.
    Offline,
}

/// How often a failed transfer is taken up again, and after what pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub attempts: u32,
    /// Pause before the second try; it doubles each time.
    pub pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_millis(500) }
    }
}

impl Retry {
    /// Repeats a transfer while it fails for reasons of the network. Each try continues where the
    /// last one stopped, so nothing is fetched twice.
    pub(super) async fn run<F>(&self, mut transfer: impl FnMut() -> F) -> Result<(), Fault>
    where
        F: Future<Output = Result<(), Fault>>,
    {
        let mut pause = self.pause;
        for _ in 1..self.attempts {
            match transfer().await {
                Err(fault) if fault.kind() == FaultKind::Network => {
                    tracing::debug!(%fault, "a transfer is taken up again");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        transfer().await
    }
}

/// Whether an address is plain http to this machine, the only place where http is allowed.
pub(crate) fn is_loopback_http(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    url.scheme() == "http" && loopback
}

/// Checks the address of a service that an environment variable names.
pub(super) fn endpoint(variable: &str, text: &str) -> Result<Url, Fault> {
    let what = || Fault::Invalid {
        what: format!("{variable} is `{text}`: expected an https:// address, or http:// on loopback"),
    };
    let url = Url::parse(text).map_err(|_| what())?;
    if url.scheme() == "https" || is_loopback_http(&url) { Ok(url) } else { Err(what()) }
}

/// Makes `ring` the process's provider of cryptography for TLS, unless there is one already.
pub(crate) fn install_cryptography() {
    // The only failure is that a provider is installed, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
