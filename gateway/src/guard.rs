//! What every request passes: whom it comes from, and which page sent it.
//!
//! A page of a stranger must not act with the rights of who looks at it: what changes anything is a POST whose
//! `Origin` is ours. And where nobody needs a key, only names of this machine are answered to, so that no stranger's
//! name can be made to point here (DNS rebinding).

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use empiric_schema::served::Audience;

use crate::api::ApiError;
use crate::clock;
use crate::gateway::Gateway;
use crate::keys::Caller;
use crate::sessions;

/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Refuses what comes from strangers' pages, and puts protecting headers onto every answer.
pub(crate) async fn protect(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let refused = refusal(&gateway, &request);
    let mut answer = match refused {
        Some(message) => ApiError::new(StatusCode::FORBIDDEN, "forbidden", message).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        let entry = answer.headers_mut().entry(HeaderName::from_static(name));
        entry.or_insert(HeaderValue::from_static(value));
    }
    answer
}

fn refusal(gateway: &Gateway, request: &Request) -> Option<&'static str> {
    let host = host(request);
    if !gateway.keys().is_needed() && !is_this_machine(host) {
        return Some(
            "without keys, only names of this machine are answered to: use http://127.0.0.1 or localhost",
        );
    }
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return None;
    }
    let is_api = request.uri().path().starts_with("/v1/");
    let is_same_origin = match request.headers().get(ORIGIN) {
        Some(origin) => is_ours(origin, host),
        // Browsers name the origin of every POST: programs need not.
        None => is_api,
    };
    (!is_same_origin).then_some("the request comes from another site's page")
}

fn host(request: &Request) -> &str {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default()
}

/// `localhost` and addresses of the loopback, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let Ok(uri) = format!("http://{host}/").parse::<Uri>() else { return false };
    let name = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Behind a proxy that ends TLS the scheme differs; the host does not.
fn is_ours(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let name = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    name.is_some_and(|name| name.eq_ignore_ascii_case(host))
}

/// Whoever calls the API, by the key in `Authorization: Bearer`.
#[derive(Debug)]
pub(crate) struct ApiCaller(pub(crate) Caller);

impl FromRequestParts<Gateway> for ApiCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        gateway.keys().find(bearer(&parts.headers)).map(Self).ok_or_else(ApiError::unauthorized)
    }
}

/// A reviewer who calls the API.
#[derive(Debug)]
pub(crate) struct ApiReviewer(pub(crate) Caller);

impl FromRequestParts<Gateway> for ApiReviewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let ApiCaller(caller) = ApiCaller::from_request_parts(parts, gateway).await?;
        let message = "this key is not one of a reviewer";
        match caller.audience {
            Audience::Reviewers => Ok(Self(caller)),
            _ => Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)),
        }
    }
}

/// A reviewer who looks at a page; everybody else is sent to sign in.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Caller);

impl FromRequestParts<Gateway> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Response> {
        let key = session(&parts.headers).and_then(|token| gateway.shared.sessions.key(&token, clock::now()));
        let caller = gateway.keys().find(key.as_deref());
        let reader = caller.filter(|caller| caller.audience == Audience::Reviewers);
        reader.map(Self).ok_or_else(|| axum::response::Redirect::to("/login").into_response())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The token of the session cookie.
pub(crate) fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == sessions::COOKIE).map(|(_, token)| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for name in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:80", "127.3.2.1"] {
            assert!(is_this_machine(name), "{name}");
        }
        for name in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "a b"]
        {
            assert!(!is_this_machine(name), "{name}");
        }
    }

    #[test]
    fn an_origin_is_ours_with_our_host_and_port_alone() {
        let ours = |origin: &'static str| is_ours(&HeaderValue::from_static(origin), "h:80");
        assert!(ours("http://h:80") && ours("https://H:80"));
        assert!(!ours("null") && !ours("http://h") && !ours("http://evil.example") && !ours("h:80"));
    }
}
