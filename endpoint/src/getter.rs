//! Texts behind an allow-list of addresses, for tools.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::address::Address;
use crate::error::{EndpointError, TryError};
use crate::patience::Patience;
use crate::transport::Transport;

/// The limits of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetLimits {
    /// Time from the connection to the last byte.
    pub time: Duration,
    /// Most bytes.
    pub size: usize,
}

impl Default for GetLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), size: 16 << 10 }
    }
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It is no address, or one that nobody allowed.
    #[error("`{0}` is not on the allow-list")]
    NotAllowed(String),
    /// It was asked for in vain.
    #[error("nothing came from {host}")]
    Failed {
        /// Who was asked.
        host: String,
        /// What happened.
        #[source]
        source: TryError,
    },
    /// What came is no text.
    #[error("what came from {0} is no UTF-8 text")]
    NotText(String),
    /// The system gives no thread.
    #[error("the network cannot be used")]
    System(#[source] io::Error),
}

/// Gets texts by blocking calls, each tried once: no keys, no redirects, no proxies, and never an address inside
/// a private network ([`Address`]).
#[derive(Debug)]
pub struct BlockingGetter {
    allowed: Vec<Transport>,
    limits: GetLimits,
    /// Always there; an option only so that `drop` can take it.
    runtime: Option<Runtime>,
}

impl BlockingGetter {
    /// A getter of what is below these addresses. Nothing is asked yet.
    ///
    /// # Errors
    /// An address breaks a rule, or the system gives no runtime.
    pub fn new(allowed: &[String], limits: GetLimits) -> Result<Self, EndpointError> {
        let patience = Patience { connect: limits.time, response_limit: limits.size, ..Patience::default() };
        let transport = |text: &String| Transport::new(Address::parse(text)?, None, &patience);
        let allowed = allowed.iter().map(transport).collect::<Result<_, _>>()?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(EndpointError::Runtime)?;
        Ok(Self { allowed, limits, runtime: Some(runtime) })
    }

    /// The text behind an address. May be called inside another runtime, whose thread it blocks.
    ///
    /// # Errors
    /// The address is not allowed, nothing came in time, or what came is too large or no text.
    pub fn get(&self, url: &str) -> Result<String, GetError> {
        let not_allowed = || GetError::NotAllowed(url.to_owned());
        let mut parsed = Url::parse(url).map_err(|_| not_allowed())?;
        parsed.set_fragment(None);
        let covers = |transport: &&Transport| transport.address.covers(&parsed);
        let transport = self.allowed.iter().find(covers).ok_or_else(not_allowed)?;
        let host = || transport.address.host().to_owned();
        let bytes = self.bytes(transport, &parsed)?;
        let bytes = bytes.map_err(|source| GetError::Failed { host: host(), source })?;
        String::from_utf8(bytes).map_err(|_| GetError::NotText(host()))
    }

    fn bytes(&self, transport: &Transport, url: &Url) -> Result<Result<Vec<u8>, TryError>, GetError> {
        let gone = || GetError::System(io::Error::other("the client was shut down"));
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        let work = || runtime.block_on(transport.bytes(url.as_str(), self.limits.time));
        // A thread of its own, because a runtime cannot be entered inside another one.
        let answer = thread::scope(|scope| {
            let thread = thread::Builder::new().name("get".to_owned()).spawn_scoped(scope, work)?;
            thread.join().map_err(|_| io::Error::other("the request panicked"))
        });
        let answer = answer.map_err(GetError::System)?;
        Ok(answer.map_err(|failed| failed.error))
    }
}

impl Drop for BlockingGetter {
    fn drop(&mut self) {
        // Dropping it where it stands would panic inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
