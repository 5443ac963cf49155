//! Looks names up under the rules of [`crate::address`].
//!
//! The check is made on the very addresses that the connection then uses, at every connection. So a name that
//! changes its meaning between a check and its use gains nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::Reach;
use crate::error::RefusedHost;

/// Resolves names for one client.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Addrs = Box::new(check(reach, host, found)?.into_iter());
            Ok(allowed)
        })
    }
}

/// One wrong address among right ones is an attack or a mistake; both are refused.
fn check(reach: Reach, host: String, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedHost> {
    match found.iter().find(|address| !reach.allows(address.ip())) {
        Some(wrong) => Err(RefusedHost { host, address: wrong.ip() }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_name_with_one_private_address_is_refused_whole() {
        let found = ["1.1.1.1:0", "10.0.0.1:0"].map(|text| text.parse().unwrap()).to_vec();
        let refused = check(Reach::Public, "rebound.example".to_owned(), found).unwrap_err();
        assert!(refused.to_string().contains("`rebound.example` leads to 10.0.0.1"), "{refused}");
    }

    #[tokio::test]
    async fn localhost_is_looked_up_and_not_public() {
        let name = || "localhost".parse().unwrap();
        let found = GuardedResolver { reach: Reach::Loopback }.resolve(name()).await.unwrap();
        assert!(found.count() > 0);
        let refused = GuardedResolver { reach: Reach::Public }.resolve(name()).await.err().unwrap();
        assert!(refused.is::<RefusedHost>(), "{refused}");
    }
}
