//! What time brings: drafts that nobody looked at, and texts that are not kept any longer.

use std::time::Duration;

use empiric_schema::spec::OnTimeout;

use crate::clock;
use crate::error::GatewayError;
use crate::gateway::Gateway;
use crate::review;

/// How often drafts are looked at.
const DRAFTS: Duration = Duration::from_secs(1);
/// Looks at drafts between two looks at old texts.
const LOOKS: u64 = 600;

/// Sweeps for ever.
pub async fn sweep(gateway: Gateway) {
    for round in 0u64.. {
        if let Err(error) = overdue(&gateway).await {
            tracing::warn!(%error, "overdue drafts could not be looked at");
        }
        if round % LOOKS == 0
            && let Err(error) = forget(&gateway).await
        {
            tracing::warn!(%error, "old texts could not be removed");
        }
        tokio::time::sleep(DRAFTS).await;
    }
}

/// Escalates or expires drafts whose deadline has passed.
///
/// # Errors
/// The database cannot be read or written.
pub async fn overdue(gateway: &Gateway) -> Result<(), GatewayError> {
    let (shared, now) = (&gateway.shared, clock::now());
    let overdue = shared.store.overdue(&shared.settings.project, now).await?;
    if overdue.is_empty() {
        return Ok(());
    }
    match shared.settings.on_timeout {
        OnTimeout::Escalate => {
            tracing::warn!(drafts = overdue.len(), "drafts wait beyond their deadline");
            let ids: Vec<String> = overdue.into_iter().map(|draft| draft.id).collect();
            shared.store.escalate(&ids, now).await
        }
        OnTimeout::Reject => {
            for draft in overdue {
                review::expire(gateway, draft).await?;
            }
            Ok(())
        }
    }
}

/// Removes questions and answers that are older than the retention.
///
/// # Errors
/// The database cannot be written.
pub async fn forget(gateway: &Gateway) -> Result<(), GatewayError> {
    let shared = &gateway.shared;
    let before = clock::now() - shared.settings.retention.as_secs_f64();
    let requests = shared.store.forget_requests(&shared.settings.project, before).await?;
    let drafts = shared.store.forget_drafts(&shared.settings.project, before).await?;
    if requests + drafts > 0 {
        tracing::info!(requests, drafts, "old questions and answers were removed");
    }
    Ok(())
}
