//! Whether the system's endpoint is there and knows its model, before anything is spent on the run.
//!
//! The key is not read here: only jobs do that. A server that shows its models only to those who have one is
//! taken at its word.

use std::path::Path;
use std::time::Duration;

use empiric_endpoint::{Client, Patience, TryError};
use empiric_schema::id::ModelId;
use empiric_schema::spec::{EndpointSpec, SecretRef};

use super::error::ScopeError;
use crate::adapters::source::NetworkMode;

/// Models that a refusal names.
const SHOWN: usize = 10;

/// A person waits for the answer.
fn patience() -> Patience {
    Patience {
        tries: 3,
        request: Duration::from_secs(15),
        deadline: Duration::from_secs(40),
        ..Patience::default()
    }
}

/// Asks for the list of models.
pub(super) async fn check(
    model: &ModelId,
    endpoint: &EndpointSpec,
    network: NetworkMode,
) -> Result<(), ScopeError> {
    let failed = |source| ScopeError::Endpoint { model: model.clone(), source };
    let client = Client::without_key(endpoint, patience()).map_err(failed)?;
    if network == NetworkMode::Offline && !client.address().is_loopback() {
        return Err(ScopeError::EndpointOffline { model: model.clone() });
    }
    match client.models().await {
        Ok(known) => check_name(model, &endpoint.model, known),
        Err(error) => match error.last_try().and_then(TryError::status) {
            Some(401 | 403) if endpoint.api_key.is_some() => Ok(()),
            Some(401 | 403) => Err(ScopeError::EndpointKey { model: model.clone() }),
            // Chat completions are what matters; some servers offer nothing else.
            Some(404 | 405 | 501) => Ok(()),
            _ => Err(failed(error)),
        },
    }
}

fn check_name(model: &ModelId, name: &str, known: Vec<String>) -> Result<(), ScopeError> {
    if is_listed(name, &known) {
        return Ok(());
    }
    let mut shown: Vec<String> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if known.len() > SHOWN {
        shown.push(format!("and {} more", known.len() - SHOWN));
    }
    Err(ScopeError::EndpointModel { model: model.clone(), name: name.to_owned(), known: shown.join(", ") })
}

/// Whether a server that lists these models has the one that is asked for. One that lists none is taken at its word.
pub(crate) fn is_listed(name: &str, known: &[String]) -> bool {
    // Ollama lists `name:latest` for what is asked for as `name`.
    let is_meant =
        |listed: &String| listed.strip_suffix(":latest").unwrap_or(listed) == name || listed == name;
    known.is_empty() || known.iter().any(is_meant)
}

/// The endpoint as jobs need it: they run in folders of their own, where a relative path means another file.
pub(super) fn frozen(endpoint: &EndpointSpec, project_dir: &Path) -> EndpointSpec {
    let absolute = |path: &str| {
        let path = project_dir.join(path);
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    };
    let api_key = endpoint.api_key.as_ref().map(|key| match key {
        SecretRef::File(path) => SecretRef::File(absolute(path)),
        SecretRef::Env(_) => key.clone(),
    });
    EndpointSpec { api_key, ..endpoint.clone() }
}
