//! Posting JSON to an address of the spec: https or this machine, no redirects, little patience.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use super::source::{install_cryptography, is_loopback_http};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that may be asked.
    #[error("the webhook's address is refused: it must be https, or http on this machine")]
    Address,
    /// No answer. The address is left out of the message: it may hold a token.
    #[error("the webhook does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// Another answer than yes.
    #[error("the webhook answers {status}")]
    Refused {
        /// The code of HTTP.
        status: u16,
    },
}

/// Posts the value.
///
/// # Errors
/// The address is refused, or does not say that it has it.
pub async fn post(address: &str, value: &Value) -> Result<(), WebhookError> {
    let url = Url::parse(address).map_err(|_| WebhookError::Address)?;
    let is_local = is_loopback_http(&url);
    if url.scheme() != "https" && !is_local {
        return Err(WebhookError::Address);
    }
    let unreachable = |error: reqwest::Error| WebhookError::Unreachable(error.without_url());
    let client = client(is_local).map_err(unreachable)?;
    let body = value.to_string();
    let request = client.post(url).header("content-type", "application/json").body(body);
    let status = request.send().await.map_err(unreachable)?.status();
    if status.is_success() { Ok(()) } else { Err(WebhookError::Refused { status: status.as_u16() }) }
}

fn client(is_local: bool) -> reqwest::Result<Client> {
    install_cryptography();
    let builder = Client::builder()
        .user_agent(concat!("empiric/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(Policy::none());
    // A proxy cannot reach this machine's own loopback.
    if is_local { builder.no_proxy().build() } else { builder.build() }
}
