//! Requests that are repeated while that may help, at the rates of the endpoint.

use std::future::Future;
use std::time::Duration;

use empiric_schema::spec::EndpointSpec;
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::error::EndpointError;
use crate::limiter::Limiter;
use crate::patience::{FailedTry, Patience, Tries};
use crate::secret::Secret;
use crate::transport::Transport;
use crate::wire::{ChatReply, ChatRequest, Completion, Models};

/// A client of one model behind one address.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    model: String,
    patience: Patience,
    limiter: Limiter,
}

impl Client {
    /// A client with the key that the spec refers to. Nothing is asked yet.
    ///
    /// # Errors
    /// The address breaks a rule, or there is no key where the spec says.
    pub fn new(endpoint: &EndpointSpec, patience: Patience) -> Result<Self, EndpointError> {
        let secret = endpoint.api_key.as_ref().map(Secret::resolve).transpose()?;
        Self::with_secret(endpoint, secret, patience)
    }

    /// A client that shows no key, for processes that must not read it.
    ///
    /// # Errors
    /// The address breaks a rule.
    pub fn without_key(endpoint: &EndpointSpec, patience: Patience) -> Result<Self, EndpointError> {
        Self::with_secret(endpoint, None, patience)
    }

    fn with_secret(
        endpoint: &EndpointSpec,
        secret: Option<Secret>,
        patience: Patience,
    ) -> Result<Self, EndpointError> {
        let address = Address::parse(&endpoint.url)?;
        Ok(Self {
            transport: Transport::new(address, secret, &patience)?,
            model: endpoint.model.clone(),
            limiter: Limiter::new(endpoint.limits.unwrap_or_default()),
            patience,
        })
    }

    /// Whom the client asks.
    pub fn address(&self) -> &Address {
        &self.transport.address
    }

    /// One answer, greedy.
    ///
    /// # Errors
    /// The server refused, or gave no usable answer within the client's [`Patience`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, EndpointError> {
        let body = request.body(&self.model);
        let estimate = request.estimated_tokens();
        let attempt = |time| self.complete(&body, estimate, time);
        self.patiently(estimate, attempt).await
    }

    async fn complete(&self, body: &[u8], estimate: u64, time: Duration) -> Result<ChatReply, FailedTry> {
        let answer = self.transport.post::<Completion>("chat/completions", body, time).await;
        let secret = self.transport.secret.as_ref();
        let reply = answer.and_then(|answer| answer.reply(secret).map_err(FailedTry::from));
        let used = reply.as_ref().map_or(0, |reply| reply.prompt_tokens + reply.completion_tokens);
        self.limiter.settle(estimate, used);
        reply
    }

    /// Names of the models that the server lists.
    ///
    /// # Errors
    /// The server refused, or gave no usable answer within the client's [`Patience`].
    pub async fn models(&self) -> Result<Vec<String>, EndpointError> {
        let attempt = |time| self.transport.get::<Models>("models", time);
        let models = self.patiently(0, attempt).await?;
        Ok(models.data.into_iter().map(|model| model.id).collect())
    }

    async fn patiently<T, F>(&self, tokens: u64, attempt: impl Fn(Duration) -> F) -> Result<T, EndpointError>
    where
        F: Future<Output = Result<T, FailedTry>>,
    {
        let mut tries = Tries::new(&self.patience);
        loop {
            self.limiter.admit(tokens).await;
            let began = Instant::now();
            let failed = match attempt(tries.time()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(pause) = tries.after(&failed, began.elapsed(), rand::random()) else {
                return Err(self.gave_up(failed, &tries));
            };
            tracing::debug!(error = %failed.error, ?pause, tries = tries.count, "a request is repeated");
            if failed.error.is_rate_limit() {
                self.limiter.close(pause);
            }
            sleep(pause).await;
        }
    }

    fn gave_up(&self, failed: FailedTry, tries: &Tries<'_>) -> EndpointError {
        let host = self.transport.address.host().to_owned();
        match failed.error.is_passing() {
            true => EndpointError::GaveUp {
                host,
                tries: tries.count,
                seconds: tries.spent.as_secs_f64(),
                last: failed.error,
            },
            false => EndpointError::Failed { host, source: failed.error },
        }
    }
}
