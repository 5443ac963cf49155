//! Asking a gateway, as its callers do.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::cli::GatewayArgs;
use crate::error::CliError;
use crate::place::Place;
use crate::serving;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// A caller of a gateway.
#[derive(Debug, Clone)]
pub struct GatewayClient {
    http: Client,
    address: String,
    key: Option<String>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The whole answer of the gateway.
    pub body: Value,
    /// Seconds until it was there.
    pub seconds: f64,
}

impl Reply {
    /// The answer's text.
    pub fn text(&self) -> Option<&str> {
        self.body["choices"][0]["message"]["content"].as_str()
    }

    /// What the gateway says about a refusal.
    pub fn problem(&self) -> String {
        let message = self.body["error"]["message"].as_str().unwrap_or("no reason is given");
        format!("{} ({message})", self.status)
    }
}

impl GatewayClient {
    /// A client of the gateway that is named, or that this state folder has.
    pub fn new(args: &GatewayArgs, place: &Place) -> Result<Self, CliError> {
        let address = args.gateway.clone().or_else(|| serving::announced(&place.state));
        let address = address.ok_or_else(|| CliError::Unanswered {
            address: place.state.display().to_string(),
            reason: "none is running for this state folder".to_owned(),
        })?;
        // A gateway never sends its callers elsewhere.
        let http = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|error| unanswered(&address, &error))?;
        let key = std::env::var(&args.key).ok().filter(|key| !key.is_empty());
        Ok(Self { http, address: address.trim_end_matches('/').to_owned(), key })
    }

    /// Asks and waits for the whole answer.
    pub async fn ask(&self, question: &str, user: &str) -> Result<Reply, CliError> {
        let body = json!({"messages": [{"role": "user", "content": question}], "user": user});
        self.post("/v1/chat/completions", &body).await
    }

    /// Begins a stream of events.
    pub async fn stream(&self, question: &str) -> Result<Response, CliError> {
        let body = json!({"messages": [{"role": "user", "content": question}], "stream": true});
        let sent = self.request("/v1/chat/completions", &body)?.send().await;
        sent.map_err(|error| unanswered(&self.address, &error))
    }

    /// Says what one thinks of an answer, and what it should have been where that is known.
    pub async fn feedback(
        &self,
        request: &str,
        thumb: &str,
        correction: Option<&str>,
    ) -> Result<Reply, CliError> {
        let mut body = json!({"request": request, "thumb": thumb});
        if let Some(correction) = correction {
            body["correction"] = correction.into();
        }
        self.post("/v1/feedback", &body).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Reply, CliError> {
        let begun = Instant::now();
        let sent = self.request(path, body)?.send().await;
        let response = sent.map_err(|error| unanswered(&self.address, &error))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|error| unanswered(&self.address, &error))?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Reply { status, body, seconds: begun.elapsed().as_secs_f64() })
    }

    fn request(&self, path: &str, body: &Value) -> Result<RequestBuilder, CliError> {
        let is_clear = self.address.starts_with("http://") && !is_loopback(&self.address);
        if self.key.is_some() && is_clear {
            return Err(CliError::ClearKey { address: self.address.clone() });
        }
        let request = self.http.post(format!("{}{path}", self.address));
        let request = request.header("content-type", "application/json").body(body.to_string());
        Ok(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    /// Why a response is no answer.
    pub fn refused(&self, reason: String) -> CliError {
        CliError::Unanswered { address: self.address.clone(), reason }
    }
}

fn is_loopback(address: &str) -> bool {
    let host = url::Url::parse(address).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn unanswered(address: &str, error: &reqwest::Error) -> CliError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    CliError::Unanswered { address: address.to_owned(), reason }
}
