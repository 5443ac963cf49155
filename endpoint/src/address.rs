//! Which addresses may be asked. Pure: names are looked up by [`crate::resolver`], under the rules of this file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::EndpointError;

/// The address of a server: checked, and the only one that its client will ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: String,
    host: String,
    reach: Reach,
}

/// Where connections may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To this machine alone, because the address says so itself.
    Loopback,
    /// To addresses of the public internet alone.
    Public,
}

impl Address {
    /// Checks an address such as `https://host/v1` without looking anything up.
    ///
    /// # Errors
    /// It is no address; it holds credentials, a query or a fragment; it is plain http to another machine; or
    /// it is an address of a private network.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let refused = |reason: &str| EndpointError::Address { url: shown(text), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("credentials do not belong in an address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a query or a fragment"));
        }
        let host = url.host().ok_or_else(|| refused("it has no host"))?;
        let reach = reach(&host).map_err(|address| refused(&not_public(address)))?;
        match (url.scheme(), reach) {
            ("https", _) | ("http", Reach::Loopback) => {}
            ("http", Reach::Public) => return Err(refused("plain http is for this machine alone")),
            _ => return Err(refused("expected https://, or http:// on this machine")),
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base, host: host.to_string(), reach })
    }

    /// Whether another address is this one or below it: the same scheme, host and port, and a path that goes on
    /// at a slash. It may have a query; credentials it may not.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let is_plain = url.username().is_empty() && url.password().is_none();
        let same_origin = Url::parse(&self.base).is_ok_and(|base| base.origin() == url.origin());
        let whole = &url[..url::Position::AfterPath];
        let below =
            whole.strip_prefix(&self.base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_plain && same_origin && below
    }

    /// The address of a resource below, such as `models`.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// The host alone, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether the address names this machine.
    pub fn is_loopback(&self) -> bool {
        self.reach == Reach::Loopback
    }
}

impl Reach {
    /// Whether a connection to this address is allowed.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::Public => is_public(address),
        }
    }
}

/// Loopback counts only where it is written. A name is public until it is looked up.
fn reach(host: &Host<&str>) -> Result<Reach, IpAddr> {
    let address = match host {
        Host::Domain("localhost") => return Ok(Reach::Loopback),
        Host::Domain(_) => return Ok(Reach::Public),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
    };
    if address.to_canonical().is_loopback() {
        return Ok(Reach::Loopback);
    }
    if is_public(address) { Ok(Reach::Public) } else { Err(address) }
}

fn not_public(address: IpAddr) -> String {
    format!("{address} is not an address of the public internet")
}

/// The address without what may be a secret in it.
fn shown(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (scheme, rest) = text[..end].split_once("://").unwrap_or(("", &text[..end]));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{rest}")
}

/// Whether an address belongs to the public internet: no private, local, shared, documentation, multicast or
/// reserved range of IANA's special-purpose registries, and no metadata service of a cloud. Addresses that
/// carry an IPv4 address within count as that one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(address) => is_public_v4(address),
            None => is_public_v6(address),
        },
    }
}

/// Azure's metadata and DNS service is the one that has a public address.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0, ..] | [240..=255, ..] => true,
        // Shared between the customers of a carrier (RFC 6598); clouds have metadata services there too.
        [100, 64..=127, ..] => true,
        // IETF assignments, and the relays of 6to4.
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        // Benchmarks of networks (RFC 2544).
        [198, 18 | 19, ..] => true,
        _ => address == AZURE_PLATFORM,
    };
    !(special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291) or translated (NAT64, RFC 6052).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let within = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let translated = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    if translated { Some(within) } else { address.to_ipv4_mapped() }
}

/// Global unicast is 2000::/3; protocol assignments, documentation and 6to4 within it are not.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => false,
        [0x2002, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Address::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn only_https_and_written_loopback_are_taken() {
        for good in ["https://api.example.org/v1", "https://1.1.1.1/v1/", "https://[2606:4700::1]:8443/v1"] {
            assert_eq!(Address::parse(good).unwrap().reach, Reach::Public, "{good}");
        }
        for good in
            ["http://127.0.0.1:8000/v1", "http://localhost:1/v1", "http://[::1]:1", "https://127.9.9.9"]
        {
            assert_eq!(Address::parse(good).unwrap().reach, Reach::Loopback, "{good}");
        }
        assert!(refusal("http://api.example.org/v1").contains("plain http is for this machine alone"));
        assert!(refusal("ftp://localhost/v1").contains("expected https://"));
        assert!(refusal("file:///etc/passwd").contains("it has no host"));
        assert!(refusal("https://host/v1?key=1").contains("a query"));
        assert!(refusal("not an address").contains("relative URL"));
    }

    #[test]
    fn a_refusal_does_not_repeat_credentials() {
        for text in ["https://user:hunter2@host/v1", "https://host/v1?key=hunter2", "hunter2@host"] {
            assert!(!refusal(text).contains("hunter2"), "{}", refusal(text));
        }
    }

    #[test]
    fn private_local_and_metadata_addresses_are_refused_however_they_are_written() {
        for host in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
            "168.63.129.16",
            "100.100.100.200",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "0.0.0.0",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2002:a00:1::]",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
        ] {
            let said = refusal(&format!("https://{host}/v1"));
            assert!(said.contains("is not an address of the public internet"), "{host}: {said}");
        }
    }

    #[test]
    fn a_name_that_means_loopback_must_stay_there_and_others_must_not() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let public = IpAddr::from([1, 1, 1, 1]);
        assert!(Reach::Loopback.allows(loopback) && !Reach::Loopback.allows(public));
        assert!(Reach::Public.allows(public) && !Reach::Public.allows(loopback));
    }

    #[test]
    fn an_address_covers_what_is_below_it_and_nothing_else() {
        let address = Address::parse("https://host:8443/api/v1/").unwrap();
        let covers = |text: &str| address.covers(&Url::parse(text).unwrap());
        for below in
            ["https://host:8443/api/v1", "https://HOST:8443/api/v1/x?q=1", "https://host:8443/api/v1/"]
        {
            assert!(covers(below), "{below}");
        }
        for outside in [
            "https://host:8443/api/v10",
            "https://host:8443/api/v1/../secret",
            "https://host:8443/api/v1/%2e%2e/secret",
            "https://host/api/v1/x",
            "http://host:8443/api/v1/x",
            "https://host.evil.example:8443/api/v1/x",
            "https://user@host:8443/api/v1/x",
            "https://evil.example/https://host:8443/api/v1/",
        ] {
            assert!(!covers(outside), "{outside}");
        }
    }

    #[test]
    fn resources_are_below_the_address() {
        let address = Address::parse("https://host:8443/api/v1/").unwrap();
        assert_eq!(address.join("models"), "https://host:8443/api/v1/models");
        assert_eq!(address.host(), "host");
    }
}
