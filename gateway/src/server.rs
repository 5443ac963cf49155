//! Listening.

use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::callback::deliver;
use crate::error::GatewayError;
use crate::follow::{self, follow};
use crate::gateway::Gateway;
use crate::sweep::sweep;
use crate::{api, guard, pages};

/// A gateway with its address, ready to answer.
#[derive(Debug)]
pub struct Bound {
    gateway: Gateway,
    listener: TcpListener,
    address: SocketAddr,
}

/// Takes the address; port 0 is any free one. What is exposed now is loaded before this returns.
///
/// # Errors
/// The address cannot be had, or can be reached from other machines though nobody needs a key, or the database
/// cannot be read.
pub async fn bind(gateway: Gateway, address: SocketAddr) -> Result<Bound, GatewayError> {
    if !address.ip().is_loopback() && !gateway.keys().is_needed() {
        return Err(GatewayError::Open { address });
    }
    let failed = |source| GatewayError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    follow::look(&gateway).await?;
    Ok(Bound { gateway, listener, address })
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the newest exposure is not served, if it is not.
    pub fn problem(&self) -> Option<String> {
        self.gateway.problem().map(|problem| problem.text)
    }

    /// Whether an exposure is served.
    pub fn is_ready(&self) -> bool {
        self.gateway.served().is_some()
    }

    /// Answers until `stop` is ready; then finishes what was begun, for a while, and writes what is to be written.
    ///
    /// # Errors
    /// The listener broke, or the database refuses the last rows.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), GatewayError> {
        let Self { gateway, listener, address } = self;
        let background = [
            tokio::spawn(follow(gateway.clone())),
            tokio::spawn(sweep(gateway.clone())),
            tokio::spawn(deliver(gateway.clone())),
        ];
        let stopping = Arc::new(Notify::new());
        let told = stopping.clone();
        let graceful = async move {
            stop.await;
            told.notify_one();
        };
        let served = axum::serve(listener, router(&gateway)).with_graceful_shutdown(graceful);
        // Streams that follow something would go on for ever.
        let over = async {
            stopping.notified().await;
            tokio::time::sleep(gateway.shared.settings.grace).await;
        };
        let served = tokio::select! {
            served = served.into_future() => served,
            () = over => Ok(()),
        };
        background.iter().for_each(JoinHandle::abort);
        gateway.flush().await?;
        served.map_err(|source| GatewayError::Listen { address, source })
    }
}

fn router(gateway: &Gateway) -> Router {
    let mut router = pages::router();
    if gateway.shared.settings.is_serving {
        router = router.merge(api::router());
    }
    router
        .merge(api::health_router())
        .layer(DefaultBodyLimit::max(gateway.shared.settings.body_limit))
        .layer(from_fn_with_state(gateway.clone(), guard::protect))
        .with_state(gateway.clone())
}
