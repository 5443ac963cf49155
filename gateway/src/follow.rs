//! Following the exposure: what the rollout writes is served about a second later, without a dropped request.

use empiric_schema::exposure::Exposure;

use crate::clock;
use crate::error::{GatewayError, chain};
use crate::gateway::{Gateway, Problem};
use crate::serving::load;

/// Seconds between tries of an exposure that cannot be served.
const PAUSE: f64 = 30.0;

/// Follows exposure and keys for ever.
pub async fn follow(gateway: Gateway) {
    loop {
        tokio::time::sleep(gateway.shared.settings.poll).await;
        if let Err(error) = look(&gateway).await {
            tracing::warn!(%error, "the exposure could not be read; what was served goes on");
        }
    }
}

/// Reads exposure and keys once, and serves a newer exposure when all its versions are loaded.
///
/// # Errors
/// The database cannot be read. A version that cannot be loaded is no error: what was served goes on, and
/// `/readyz` says why.
pub async fn look(gateway: &Gateway) -> Result<(), GatewayError> {
    gateway.read_keys().await?;
    if !gateway.shared.settings.is_serving {
        return Ok(());
    }
    let Some(wanted) = gateway.shared.store.exposure(&gateway.shared.settings.project).await? else {
        return Ok(());
    };
    let served = gateway.served();
    let is_new = served.as_ref().is_none_or(|served| served.exposure.revision < wanted.revision);
    let failed = gateway.problem().filter(|problem| problem.revision == wanted.revision);
    if is_new && failed.is_none_or(|problem| clock::now() - problem.at > PAUSE) {
        switch(gateway, wanted).await;
    }
    Ok(())
}

async fn switch(gateway: &Gateway, wanted: Exposure) {
    let shared = &gateway.shared;
    let old = gateway.served();
    let revision = wanted.revision;
    // A step back must not wait for a version that may be slow to load, or may not load at all.
    if let Some(old) = &old
        && old.exposure.stage > wanted.stage
    {
        gateway.serve(old.held_back(&wanted));
    }
    match load(wanted, old.as_deref(), &shared.store, shared.files.as_ref(), &shared.settings).await {
        Ok(served) => {
            let (stage, serving) = (served.exposure.stage, served.exposure.serving.clone());
            gateway.serve(served);
            gateway.set_problem(None);
            tracing::info!(revision, ?stage, version = %serving, "another exposure is served");
        }
        Err(error) => {
            let text = chain(&error);
            tracing::error!(revision, error = text, "an exposure cannot be served; what was served goes on");
            gateway.set_problem(Some(Problem { revision, text, at: clock::now() }));
        }
    }
}
