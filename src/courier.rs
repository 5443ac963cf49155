//! Bringing notices to callers: to the hosts that the spec names, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use empiric_endpoint::{EndpointError, Poster};
use empiric_gateway::{Courier, Notice};
use empiric_schema::spec::ProjectSpec;

/// What one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Brings notices over https.
#[derive(Debug)]
struct HttpCourier(Poster);

/// Who brings notices for this project; nobody where the spec names no hosts.
pub fn of(spec: &ProjectSpec) -> Result<Option<Arc<dyn Courier>>, EndpointError> {
    let hosts = spec.deploy.as_ref().map(|deploy| deploy.callbacks.as_slice()).unwrap_or_default();
    if hosts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(HttpCourier(Poster::new(hosts, PATIENCE)?))))
}

#[async_trait]
impl Courier for HttpCourier {
    fn check(&self, address: &str) -> Result<(), String> {
        self.0.check(address).map_err(|error| error.to_string())
    }

    async fn bring(&self, address: &str, notice: Notice) -> Result<(), String> {
        self.0.post(address, &notice.headers, notice.body).await.map_err(|error| error.to_string())
    }
}
