//! Notices to addresses that callers name: to hosts of an allow-list alone, under the rules of every request here.
//!
//! A listed name has to lead to the public internet when the connection is made; an address of a private network is
//! asked only where the list has that very address. Plain http is for this machine. Nothing that comes back is read
//! but whether it was taken.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::address::Reach;
use crate::error::EndpointError;
use crate::resolver::GuardedResolver;
use crate::transport::refused_host;

/// Most bytes of an address.
const LONGEST_ADDRESS: usize = 2048;

/// Why nobody was told. Addresses are left out: they may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Nothing can be asked there.
    #[error("the address is refused: {0}")]
    Address(&'static str),
    /// Nobody allowed the host.
    #[error("the host `{0}` is not on the project's list of hosts for callbacks")]
    NotListed(String),
    /// The name leads somewhere else than its list means.
    #[error("the host leads into a private network")]
    Private,
    /// No answer.
    #[error("{0} does not answer")]
    Unreachable(String, #[source] reqwest::Error),
    /// Another answer than yes; redirects are not followed.
    #[error("{host} answers {status}")]
    Refused {
        /// Who was told.
        host: String,
        /// The code of HTTP.
        status: u16,
    },
}

/// Posts JSON to listed hosts. Cheap to share.
#[derive(Debug)]
pub struct Poster {
    /// Hosts as addresses write them, each with its port.
    allowed: Vec<(String, u16)>,
    public: reqwest::Client,
    loopback: reqwest::Client,
}

impl Poster {
    /// A poster to these hosts, such as `hooks.example.com` or `127.0.0.1:9000`; without a port, that of https is
    /// meant. `time` is what one try may take, from the connection to the answer.
    ///
    /// # Errors
    /// The system gives no client.
    pub fn new(hosts: &[String], time: Duration) -> Result<Self, EndpointError> {
        // The only failure is that a provider is installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |reach| {
            let built = client(reach, time);
            built.map_err(|source| EndpointError::Client { host: "the callbacks".to_owned(), source })
        };
        Ok(Self {
            allowed: hosts.iter().filter_map(|host| listed(host)).collect(),
            public: client(Reach::Public)?,
            loopback: client(Reach::Loopback)?,
        })
    }

    /// Whether an address may be told at all. Nothing is looked up.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, address: &str) -> Result<(), PostError> {
        self.target(address).map(|_| ())
    }

    fn target(&self, address: &str) -> Result<Url, PostError> {
        if address.len() > LONGEST_ADDRESS {
            return Err(PostError::Address("it is too long"));
        }
        let url = Url::parse(address).map_err(|_| PostError::Address("it is no address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PostError::Address("credentials do not belong in it"));
        }
        if url.fragment().is_some() {
            return Err(PostError::Address("it has a fragment"));
        }
        let host = url.host_str().ok_or(PostError::Address("it has no host"))?.to_owned();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(PostError::Address("expected https://, or http:// on this machine")),
        }
        let port = url.port_or_known_default().unwrap_or_default();
        match self.allowed.iter().any(|(name, number)| *name == host && *number == port) {
            true => Ok(url),
            false => Err(PostError::NotListed(host)),
        }
    }

    /// Posts a body once.
    ///
    /// # Errors
    /// The address is refused, or does not say that it has it.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), PostError> {
        let url = self.target(address)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = if is_loopback(&url) { &self.loopback } else { &self.public };
        let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let response = request.send().await.map_err(|error| match refused_host(&error) {
            Some(_) => PostError::Private,
            None => PostError::Unreachable(host.clone(), error.without_url()),
        })?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(PostError::Refused { host, status: status.as_u16() }) }
    }
}

fn client(reach: Reach, time: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .dns_resolver(Arc::new(GuardedResolver { reach }))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(time)
        .https_only(reach == Reach::Public)
        .user_agent(concat!("empiric/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// A host of the list as addresses write it; `None` for what is no host, which then allows nothing.
fn listed(host: &str) -> Option<(String, u16)> {
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// Loopback counts only where it is written.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => std::net::IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}
