//! One try: a request to the one allowed address, and the whole answer within limits.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::address::Address;
use crate::error::{EndpointError, RefusedHost, TryError};
use crate::patience::{FailedTry, Patience};
use crate::resolver::GuardedResolver;
use crate::secret::Secret;
use crate::wire;

/// Bytes that are read of a refusal: its message is shortened further.
const REFUSAL_LIMIT: usize = 64 << 10;
/// A server that asks for a longer pause is not waited for anyway.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    pub(crate) address: Address,
    pub(crate) secret: Option<Secret>,
    response_limit: usize,
}

impl Transport {
    pub(crate) fn new(
        address: Address,
        secret: Option<Secret>,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        // The only failure is that a provider is installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(GuardedResolver { reach: address.reach() }))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .https_only(!address.is_loopback())
            .connect_timeout(patience.connect)
            .user_agent(concat!("empiric/", env!("CARGO_PKG_VERSION")))
            .build();
        let host = || address.host().to_owned();
        let http = http.map_err(|source| EndpointError::Client { host: host(), source })?;
        Ok(Self { http, address, secret, response_limit: patience.response_limit })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, time: Duration) -> Result<T, FailedTry> {
        self.exchange(self.http.get(self.address.join(path)), time).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &[u8],
        time: Duration,
    ) -> Result<T, FailedTry> {
        let request = self.http.post(self.address.join(path));
        self.exchange(request.header(CONTENT_TYPE, "application/json").body(body.to_vec()), time).await
    }

    /// The bytes at a whole address, which the caller has checked to be one of this server's.
    pub(crate) async fn bytes(&self, url: &str, time: Duration) -> Result<Vec<u8>, FailedTry> {
        self.answer(self.http.get(url), time).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        time: Duration,
    ) -> Result<T, FailedTry> {
        let bytes = self.answer(request, time).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error).into())
    }

    async fn answer(&self, request: RequestBuilder, time: Duration) -> Result<Vec<u8>, FailedTry> {
        let request = match &self.secret {
            // Marks the header as sensitive, so that no log of the libraries below shows it.
            Some(secret) => request.bearer_auth(secret.expose()),
            None => request,
        };
        let response = request.timeout(time).send().await.map_err(|error| broken(error, time))?;
        let status = response.status();
        if status.is_success() {
            return Ok(body(response, self.response_limit, time).await?);
        }
        if status.is_redirection() {
            return Err(TryError::Redirect { status: status.as_u16() }.into());
        }
        let retry_after = retry_after(response.headers(), SystemTime::now());
        // A refusal without a readable text is a refusal all the same.
        let bytes = body(response, REFUSAL_LIMIT, time).await.unwrap_or_default();
        Err(FailedTry { error: self.refusal(status.as_u16(), &bytes), retry_after })
    }

    /// The parser's message may quote a piece of the answer.
    fn malformed(&self, error: &serde_json::Error) -> TryError {
        TryError::Malformed { reason: wire::message(&error.to_string(), self.secret.as_ref()) }
    }

    fn refusal(&self, status: u16, bytes: &[u8]) -> TryError {
        let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
        let said = serde_json::from_slice::<Value>(bytes).unwrap_or_else(|_| text());
        wire::refusal(&said, Some(status), self.secret.as_ref())
    }
}

/// The whole body, or nothing.
async fn body(mut response: Response, limit: usize, time: Duration) -> Result<Vec<u8>, TryError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(TryError::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(error, time))? {
        if bytes.len() + chunk.len() > limit {
            return Err(TryError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn broken(error: reqwest::Error, time: Duration) -> TryError {
    if let Some(refused) = refused_host(&error) {
        return TryError::Refused(refused);
    }
    if error.is_timeout() && !error.is_connect() {
        return TryError::TimedOut(time);
    }
    // The address is named by the error around this one.
    TryError::Connection(error.without_url())
}

/// The resolver's refusal, out of the errors that the libraries wrapped it in.
pub(crate) fn refused_host(error: &reqwest::Error) -> Option<RefusedHost> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(RefusedHost { host, address }) = inner.downcast_ref() {
            return Some(RefusedHost { host: host.clone(), address: *address });
        }
        cause = inner.source();
    }
    None
}

/// When the server wants the next request: `retry-after-ms`, or `Retry-After` as seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str, unit: f64| {
        let seconds = text.parse::<f64>().ok()? * unit;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let milliseconds = text("retry-after-ms").and_then(|text| number(text, 1e-3));
    let asked = milliseconds.or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        let date = || httpdate::parse_http_date(text).ok()?.duration_since(now).ok();
        number(text, 1.0).or_else(date)
    });
    asked.map(|asked| asked.min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_asked_for_in_three_ways() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = |name: &'static str, value: &str| {
            retry_after(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]), now)
        };
        assert_eq!(asked("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(asked("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(asked("retry-after-ms", "120"), Some(Duration::from_millis(120)));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), None);
        assert_eq!(asked("retry-after", "1e300"), None);
        assert_eq!(asked("retry-after", "9999999"), Some(LONGEST_ASKED));
        for odd in ["-1", "NaN", "soon", ""] {
            assert_eq!(asked("retry-after", odd), None, "{odd}");
        }
    }
}
