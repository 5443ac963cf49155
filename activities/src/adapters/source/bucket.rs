//! `s3://`: objects of an S3-compatible store, with credentials from the usual `AWS_` variables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, RetryConfig};

use super::error::Fault;
use super::network::{self, Retry};
use super::part::Part;

/// Downloads an object; gives the finished file.
pub(super) async fn fetch(
    (bucket, key): (&str, &str),
    part: Part<'_>,
    retry: Retry,
    environment: &BTreeMap<String, String>,
) -> Result<PathBuf, Fault> {
    let store = open(bucket, environment)?;
    let invalid = |error| Fault::Invalid { what: format!("`{key}` is not an object key: {error}") };
    let path = ObjectPath::parse(key).map_err(invalid)?;
    retry.run(|| transfer(&store, &path, &part)).await?;
    Ok(part.into_path())
}

fn open(bucket: &str, environment: &BTreeMap<String, String>) -> Result<AmazonS3, Fault> {
    network::install_cryptography();
    let mut builder = AmazonS3Builder::new();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let endpoint = endpoint.map(|text| network::endpoint("AWS_ENDPOINT_URL", &text)).transpose()?;
    let plain = endpoint.as_ref().is_some_and(network::is_loopback_http);
    let built = builder
        .with_bucket_name(bucket)
        // Over what the environment says: credentials never travel unencrypted to another machine.
        .with_allow_http(plain)
        .with_retry(patience())
        .build();
    built.map_err(|error| Fault::Invalid { what: format!("the S3 settings are incomplete: {error}") })
}

/// Retries are ours, since they continue a transfer; the client's own cover one request.
fn patience() -> RetryConfig {
    RetryConfig { max_retries: 1, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() }
}

/// One request, from where the part ends. A changed object fails the condition and starts anew.
async fn transfer(store: &AmazonS3, path: &ObjectPath, part: &Part<'_>) -> Result<(), Fault> {
    let meta = store.head(path).await.map_err(|error| store_fault(path, error))?;
    let same = part.validator().is_some() && part.validator() == meta.e_tag;
    let offset = if same { part.offset().min(meta.size) } else { 0 };
    if offset == 0 {
        part.restart(meta.e_tag.clone())?;
    }
    if offset == meta.size {
        return Ok(());
    }
    let range = (offset > 0).then_some(GetRange::Offset(offset));
    let options = GetOptions { range, if_match: meta.e_tag, ..GetOptions::default() };
    let found = store.get_opts(path, options).await.map_err(|error| store_fault(path, error))?;
    part.append(found.into_stream(), Some(meta.size)).await
}

fn store_fault(path: &ObjectPath, error: object_store::Error) -> Fault {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => Fault::NotFound { what: format!("the bucket has no object `{path}`") },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Fault::Permission {
            what: format!(
                "`{path}`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket"
            ),
        },
        error => Fault::network(format!("could not read the object `{path}`"), error),
    }
}
