//! `empiric keys`: who may ask, who may decide.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use empiric_gateway::keys;
use empiric_gateway::store::Store;
use empiric_schema::db::entity::api_key;
use empiric_schema::served::Audience;
use serde_json::json;

use crate::cli::{AddKeyArgs, AudienceFlag, Global, KeysCommand, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::Place;

pub(super) async fn execute(
    command: &KeysCommand,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let project = place.spec()?.name;
    let store = Store::new(place.database().await?.connection().clone());
    match command {
        KeysCommand::Add(args) => add(args, &store, &project, global).await,
        KeysCommand::List => list(&store, &project, global).await,
        KeysCommand::Revoke { name } => revoke(&store, &project, name).await,
    }
}

async fn add(args: &AddKeyArgs, store: &Store, project: &str, global: &Global) -> Result<ExitCode, CliError> {
    let in_use = store.keys(project).await?;
    if in_use.iter().any(|key| key.name == args.name && key.revoked.is_none()) {
        return Err(CliError::Argument(format!("there is a key called `{}` already", args.name)));
    }
    let key = keys::make(store, project, &args.name, audience(args.audience), args.limits.budget()).await?;
    match global.output {
        OutputFormat::Json => output::json(&json!({"name": args.name, "key": key})),
        OutputFormat::Text => output::data(&key),
    }
    output::talk("keep it: it is not shown again");
    Ok(ExitCode::SUCCESS)
}

fn audience(flag: AudienceFlag) -> Audience {
    match flag {
        AudienceFlag::Users => Audience::Users,
        AudienceFlag::Internal => Audience::Internal,
        AudienceFlag::Reviewers => Audience::Reviewers,
    }
}

async fn list(store: &Store, project: &str, global: &Global) -> Result<ExitCode, CliError> {
    let rows = store.keys(project).await?;
    match global.output {
        OutputFormat::Json => output::json(&rows.iter().map(value).collect::<Vec<_>>()),
        OutputFormat::Text => {
            output::data(&format!("{:<24} {:<10} {}", "NAME", "AUDIENCE", "STATE"));
            for row in &rows {
                let state = if row.revoked.is_some() { "taken back" } else { "valid" };
                output::data(&format!("{:<24} {:<10} {state}", row.name, row.audience));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn value(row: &api_key::Model) -> serde_json::Value {
    json!({
        "name": row.name, "audience": row.audience, "created": row.created, "revoked": row.revoked,
        "tokens_per_day": row.tokens_per_day, "usd_per_day": row.usd_per_day,
        "requests_per_minute": row.requests_per_minute,
    })
}

async fn revoke(store: &Store, project: &str, name: &str) -> Result<ExitCode, CliError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    match store.revoke_key(project, name, now).await? {
        0 => {
            Err(CliError::Argument(format!("no valid key is called `{name}`; `empiric keys list` shows all")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
