//! `https://`: files on the web, taken up again by range requests.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use super::error::Fault;
use super::network::{self, Retry};
use super::part::Part;

const CONNECT: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 10;

/// Downloads an address; gives the finished file.
pub(super) async fn fetch(url: &str, part: Part<'_>, retry: Retry) -> Result<PathBuf, Fault> {
    let invalid = |error| Fault::Invalid { what: format!("`{url}` is not an address: {error}") };
    let url = Url::parse(url).map_err(invalid)?;
    if url.scheme() != "https" && !network::is_loopback_http(&url) {
        return Err(Fault::Invalid { what: "only https, or http on loopback, is fetched".into() });
    }
    let client = client(&url).map_err(|error| Fault::network("could not set up https", error))?;
    retry.run(|| transfer(&client, &url, &part)).await?;
    Ok(part.into_path())
}

fn client(url: &Url) -> reqwest::Result<Client> {
    network::install_cryptography();
    let loopback = network::is_loopback_http(url);
    let builder = Client::builder()
        .user_agent(concat!("empiric/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(Policy::custom(move |attempt| follow(attempt, loopback)));
    // A proxy cannot reach this machine's own loopback.
    if loopback { builder.no_proxy().build() } else { builder.build() }
}

/// Follows to https; from loopback also to loopback. Anything else could downgrade the transfer.
fn follow(attempt: Attempt<'_>, from_loopback: bool) -> reqwest::redirect::Action {
    let safe =
        attempt.url().scheme() == "https" || (from_loopback && network::is_loopback_http(attempt.url()));
    if !safe {
        let refused = format!("refused to follow a redirect to {}", attempt.url());
        return attempt.error(refused);
    }
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(format!("more than {REDIRECTS} redirects"));
    }
    attempt.follow()
}

/// One request, from where the part ends.
async fn transfer(client: &Client, url: &Url, part: &Part<'_>) -> Result<(), Fault> {
    let offset = part.offset();
    let response = request(client, url, part, offset).send().await;
    let response = response.map_err(|error| request_fault(url, error))?;
    let (total, start) = content_range(response.headers());
    match response.status() {
        StatusCode::OK => {
            part.restart(validator(response.headers()))?;
            let total = response.content_length();
            receive(response, part, total).await
        }
        StatusCode::PARTIAL_CONTENT if start == Some(offset) && offset > 0 => {
            receive(response, part, total).await
        }
        // The part is the whole resource already: it stopped between the last byte and publishing.
        StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 && total == Some(offset) => Ok(()),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart(None)?;
            Err(Fault::Network { what: "the server cannot continue the transfer".into(), source: None })
        }
        status => Err(status_fault(url, status)),
    }
}

fn request(client: &Client, url: &Url, part: &Part<'_>, offset: u64) -> RequestBuilder {
    // Ranges and digests are of the plain bytes.
    let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if offset == 0 {
        return request;
    }
    let request = request.header(RANGE, format!("bytes={offset}-"));
    match part.validator() {
        Some(validator) => request.header(IF_RANGE, validator),
        None => request,
    }
}

async fn receive(response: Response, part: &Part<'_>, total: Option<u64>) -> Result<(), Fault> {
    part.append(response.bytes_stream(), total).await
}

/// What `If-Range` may carry: a strong entity tag, else the date (RFC 9110, section 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

/// Total size and first byte of `Content-Range: bytes START-END/TOTAL` or `bytes */TOTAL`.
fn content_range(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    let text = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (range, total) = text.trim_start_matches("bytes ").split_once('/').unwrap_or_default();
    let start = range.split('-').next().and_then(|start| start.parse().ok());
    (total.parse().ok(), start)
}

fn request_fault(url: &Url, error: reqwest::Error) -> Fault {
    if error.is_redirect() || error.is_builder() {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        return Fault::Invalid { what: cause.unwrap_or_else(|| error.to_string()) };
    }
    Fault::network(format!("could not reach {}", host(url)), error.without_url())
}

/// What an answer that is no content means.
pub(super) fn status_fault(url: &Url, status: StatusCode) -> Fault {
    let host = host(url);
    match status.as_u16() {
        404 | 410 => Fault::NotFound { what: format!("{host} has nothing at {} ({status})", url.path()) },
        401 | 403 | 407 => Fault::Permission { what: format!("{host} answered {status}") },
        408 | 425 | 429 | 500..=599 => {
            Fault::Network { what: format!("{host} answered {status}"), source: None }
        }
        _ => Fault::Invalid { what: format!("{host} answered {status}, which is no content") },
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("the server")
}
