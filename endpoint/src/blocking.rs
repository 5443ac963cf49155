//! Many chats at a time for programs without a runtime of their own.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use empiric_schema::spec::EndpointSpec;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::runtime::{Builder, Runtime};

use crate::client::Client;
use crate::error::EndpointError;
use crate::patience::Patience;
use crate::wire::{ChatReply, ChatRequest};

/// How often the observer is asked while nothing else happens.
const TICK: Duration = Duration::from_millis(200);

/// Watches chats as they are answered.
pub trait ChatObserver {
    /// Called before each request is begun and several times a second while any is under way. A break drops
    /// all that are.
    fn keep_going(&mut self) -> ControlFlow<()>;
    /// Called with the answer to the request at `index`.
    fn replied(&mut self, index: usize, reply: ChatReply) -> ControlFlow<()>;
}

/// A [`Client`] with a runtime of one thread. Its calls block.
#[derive(Debug)]
pub struct BlockingClient {
    client: Client,
    /// Always there; an option only so that `drop` can take it.
    runtime: Option<Runtime>,
}

impl BlockingClient {
    /// A client with the key that the spec refers to. Nothing is asked yet.
    ///
    /// # Errors
    /// The address breaks a rule, there is no key where the spec says, or the system gives no runtime.
    pub fn new(endpoint: &EndpointSpec, patience: Patience) -> Result<Self, EndpointError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(EndpointError::Runtime)?;
        Ok(Self { client: Client::new(endpoint, patience)?, runtime: Some(runtime) })
    }

    /// Answers the requests, at most `concurrency` at a time, and hands each answer over as soon as it is
    /// there. Returns whether all were answered or the observer broke off.
    ///
    /// # Errors
    /// The first request that finally failed; what was under way is dropped.
    pub fn chat_each(
        &self,
        requests: &[ChatRequest],
        concurrency: usize,
        observer: &mut dyn ChatObserver,
    ) -> Result<ControlFlow<()>, EndpointError> {
        self.block_on(chat_each(&self.client, requests, concurrency.max(1), observer))?
    }

    fn block_on<F: Future>(&self, work: F) -> Result<F::Output, EndpointError> {
        let missing = || EndpointError::Runtime(io::Error::other("the client was shut down"));
        Ok(self.runtime.as_ref().ok_or_else(missing)?.block_on(work))
    }
}

impl Drop for BlockingClient {
    fn drop(&mut self) {
        // Dropping it where it stands would panic inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn chat_each(
    client: &Client,
    requests: &[ChatRequest],
    concurrency: usize,
    observer: &mut dyn ChatObserver,
) -> Result<ControlFlow<()>, EndpointError> {
    let mut waiting = requests.iter().enumerate();
    let mut under_way = FuturesUnordered::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        while under_way.len() < concurrency
            && let Some((index, request)) = waiting.next()
        {
            if observer.keep_going().is_break() {
                return Ok(ControlFlow::Break(()));
            }
            under_way.push(async move { (index, client.chat(request).await) });
        }
        let flow = tokio::select! {
            biased;
            answered = under_way.next() => match answered {
                None => return Ok(ControlFlow::Continue(())),
                Some((index, reply)) => observer.replied(index, reply?),
            },
            _ = tick.tick() => observer.keep_going(),
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
}
