//! Connecting to Temporal.

use std::time::{Duration, Instant};

use temporalio_client::envconfig::LoadClientConfigProfileOptions;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, TlsOptions};
use temporalio_common::envconfig::load_client_config_profile;
use temporalio_sdk::opentelemetry::OpenTelemetryPlugin;
use url::Url;

use super::words::innermost;
use crate::cli::TemporalArgs;
use crate::error::CliError;

/// Patience with a server that does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time between a new server's first listening and its first answer, at most.
const HEALTHY: Duration = Duration::from_secs(60);
/// Pause before a new server is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Connects to an outside server: flags first, then `temporal.toml` and TEMPORAL_* variables.
pub async fn connect_outside(args: &TemporalArgs, address: &str) -> Result<Client, CliError> {
    let refused = |reason: String| CliError::Connect { address: address.to_owned(), reason };
    let (mut connection, configured) =
        ClientOptions::load_from_config(LoadClientConfigProfileOptions::default())
            .map_err(|error| refused(error.to_string()))?;
    connection.target = parse(address)?;
    if connection.target.scheme() == "https" && connection.tls_options.is_none() {
        connection.tls_options = Some(TlsOptions::default());
    }
    if connection.api_key.is_some() && connection.target.scheme() != "https" {
        return Err(CliError::ClearKey { address: address.to_owned() });
    }
    let namespace = args.temporal_namespace.clone().unwrap_or(configured.namespace);
    connect(connection, &namespace, address).await
}

/// The address of an outside server: the flag or its variable, else the profile of `temporal.toml`.
pub fn outside_address(args: &TemporalArgs) -> Result<Option<String>, CliError> {
    if args.temporal_address.is_some() {
        return Ok(args.temporal_address.clone());
    }
    let profile = load_client_config_profile(LoadClientConfigProfileOptions::default(), None);
    let profile = profile.map_err(|error| CliError::Connect {
        address: "temporal.toml".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(profile.address)
}

/// Connects to the managed server.
pub async fn connect_to(address: &str) -> Result<Client, CliError> {
    let target = parse(address)?;
    connect(ConnectionOptions::new(target).build(), "default", address).await
}

/// Connects to a server that has just been started: it listens some time before it serves.
pub async fn connect_to_new(address: &str) -> Result<Client, CliError> {
    let deadline = Instant::now() + HEALTHY;
    loop {
        match connect_to(address).await {
            Err(CliError::Connect { .. }) if Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            done => return done,
        }
    }
}

async fn connect(mut options: ConnectionOptions, namespace: &str, address: &str) -> Result<Client, CliError> {
    options.identity = format!("empiric-{}", std::process::id());
    options.connect_timeout = Some(TIMEOUT);
    let refused = |reason: String| CliError::Connect { address: address.to_owned(), reason };
    let connection = Connection::connect(options).await.map_err(|error| refused(innermost(&error)))?;
    let client = ClientOptions::new(namespace).plugin(OpenTelemetryPlugin::builder().build()).build();
    Client::new(connection, client).map_err(|error| refused(error.to_string()))
}

fn parse(address: &str) -> Result<Url, CliError> {
    let text = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    Url::parse(&text).map_err(|error| {
        CliError::Argument(format!("`{address}` is no address of a Temporal server: {error}"))
    })
}
