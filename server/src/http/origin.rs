//! Decides which pages may call: CORS, and two checks that CORS leaves open. A browser sends simple requests to other
//! sites without asking, so requests that change something are refused by their origin. A page whose name was made to
//! resolve to this machine (DNS rebinding) counts as same-origin, so a server on a loopback address answers to known
//! host names only.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::error::ApiError;
use crate::sse::TASK_ID;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const UI_MESSAGE_STREAM: HeaderName = HeaderName::from_static("x-vercel-ai-ui-message-stream");
/// How long a browser may remember a preflight.
const PREFLIGHT: Duration = Duration::from_secs(600);

/// The host names that this server answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The server listens on a loopback address.
    Loopback,
    /// The server listens for other machines, under names that it cannot know.
    Network,
}

/// See the module.
pub struct Origins {
    reach: Reach,
    allowed: Allowed,
}

enum Allowed {
    /// `*`.
    All,
    These(Vec<HeaderValue>),
}

impl Origins {
    /// `origins` as in `--allow-origin`.
    ///
    /// # Errors
    /// The first value that is no origin.
    pub fn new(origins: &[String], reach: Reach) -> Result<Self, String> {
        if origins.iter().any(|origin| origin == "*") {
            return Ok(Self { reach, allowed: Allowed::All });
        }
        let allowed = origins.iter().map(|origin| parsed(origin)).collect::<Result<_, _>>()?;
        Ok(Self { reach, allowed: Allowed::These(allowed) })
    }

    /// The layer that answers preflights and marks responses.
    pub fn cors(&self) -> CorsLayer {
        let layer = match &self.allowed {
            Allowed::These(origins) if origins.is_empty() => return CorsLayer::new(),
            Allowed::These(origins) => {
                CorsLayer::new().allow_origin(AllowOrigin::list(origins.clone())).allow_credentials(true)
            }
            // A page of any site must not act with the user's credentials.
            Allowed::All => CorsLayer::new().allow_origin(AllowOrigin::any()),
        };
        layer
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([header::RETRY_AFTER, TASK_ID, UI_MESSAGE_STREAM])
            .max_age(PREFLIGHT)
    }

    /// Refuses requests that a page may not make.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = host(uri, headers);
        if self.reach == Reach::Loopback && !host.as_ref().is_none_or(|host| self.is_known(host.host())) {
            return Err(ApiError::OriginRefused("This server does not answer to that host name: see --allow-origin."));
        }
        if method.is_safe() || self.may_change(host.as_ref(), headers) {
            return Ok(());
        }
        Err(ApiError::OriginRefused("Pages of that origin may not do this: see --allow-origin."))
    }

    /// Whether this machine may have a host name. An address cannot be made to resolve to another machine.
    fn is_known(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_address = host.parse::<IpAddr>().is_ok() || ipv6(&host).is_some();
        is_address || host == "localhost" || host.ends_with(".localhost") || self.names(&host)
    }

    fn names(&self, host: &str) -> bool {
        match &self.allowed {
            Allowed::All => true,
            Allowed::These(origins) => {
                origins.iter().filter_map(authority_of).any(|authority| authority.host() == host)
            }
        }
    }

    /// Whether a request may change something. `Sec-Fetch-Site` comes first: no script can set it, and it is right
    /// behind a proxy that changes `Host`.
    fn may_change(&self, host: Option<&Authority>, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        match (&self.allowed, origin) {
            (Allowed::All, _) => return true,
            (Allowed::These(origins), Some(origin)) if origins.contains(origin) => return true,
            _ => (),
        }
        match (headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes), origin) {
            (Some(b"same-origin" | b"none"), _) | (None, None) => true,
            (Some(_), _) => false,
            (None, Some(origin)) => host.is_some() && authority_of(origin).as_ref() == host,
        }
    }
}

/// Whether a browser sends this on behalf of a page.
pub fn is_of_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

/// The host that the request names. The target wins over the header (RFC 9112 §3.2.2).
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = || headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    uri.authority().cloned().or_else(named)
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn authority_of(origin: &HeaderValue) -> Option<Authority> {
    Uri::try_from(origin.as_bytes()).ok()?.into_parts().authority
}

/// An origin as browsers send it: in lower case, without a slash at its end.
fn parsed(origin: &str) -> Result<HeaderValue, String> {
    let wrong = || format!("--allow-origin {origin}: an origin is like https://chat.example, without a path");
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    let parts = Uri::try_from(&origin).map_err(|_| wrong())?.into_parts();
    let has_path = parts.path_and_query.is_some_and(|path| path != "/");
    if parts.scheme.is_none() || parts.authority.is_none() || has_path {
        return Err(wrong());
    }
    HeaderValue::try_from(origin).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(allowed: &[&str], reach: Reach) -> Origins {
        Origins::new(&allowed.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>(), reach).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn passes(origins: &Origins, method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        origins.check(method, &Uri::from_static("/sessions"), &headers(pairs)).is_ok()
    }

    #[test]
    fn on_a_loopback_address_only_known_host_names_are_answered() {
        let origins = origins(&["https://chat.example"], Reach::Loopback);
        for host in
            ["localhost:8787", "LOCALHOST", "app.localhost", "127.0.0.1:1", "[::1]:8787", "chat.example", "10.0.0.7"]
        {
            assert!(origins.is_known(Authority::from_static(host).host()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "chat.example.evil.example"] {
            assert!(!passes(&origins, &Method::GET, &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn on_other_addresses_any_host_name_is_answered() {
        assert!(passes(&origins(&[], Reach::Network), &Method::GET, &[("host", "chat.example")]));
    }

    #[test]
    fn the_target_of_a_request_wins_over_its_host_header() {
        let origins = origins(&[], Reach::Loopback);
        let target = Uri::from_static("http://evil.example/sessions");
        assert!(origins.check(&Method::GET, &target, &headers(&[("host", "localhost")])).is_err());
    }

    #[test]
    fn pages_of_other_origins_may_not_change_anything() {
        let origins = origins(&["https://chat.example"], Reach::Network);
        let refused: [&[_]; 5] = [
            &[("host", "api.example"), ("origin", "https://evil.example")],
            &[("host", "api.example"), ("origin", "null")],
            &[("host", "api.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
            &[("host", "api.example"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://api.example")],
        ];
        for pairs in refused {
            assert!(!passes(&origins, &Method::POST, pairs), "{pairs:?}");
            assert!(passes(&origins, &Method::GET, pairs), "{pairs:?}");
        }
        let served: [&[_]; 6] = [
            &[("host", "api.example")],
            &[("host", "api.example"), ("origin", "https://api.example")],
            &[("host", "api.example"), ("origin", "https://chat.example")],
            &[("host", "api.example"), ("origin", "https://chat.example"), ("sec-fetch-site", "same-site")],
            &[("host", "internal:80"), ("origin", "https://site.example"), ("sec-fetch-site", "same-origin")],
            &[("host", "api.example"), ("sec-fetch-site", "none")],
        ];
        for pairs in served {
            assert!(passes(&origins, &Method::POST, pairs), "{pairs:?}");
        }
    }

    #[test]
    fn a_star_allows_all_pages() {
        let origins = origins(&["*"], Reach::Loopback);
        assert!(passes(&origins, &Method::POST, &[("host", "any.example"), ("origin", "https://any.example")]));
    }

    #[test]
    fn what_is_no_origin_is_refused_at_the_start() {
        assert_eq!(parsed("HTTPS://Chat.example/").unwrap(), "https://chat.example");
        for wrong in ["chat.example", "https://chat.example/app", "", "https://", "https://chat example"] {
            assert!(Origins::new(&[wrong.to_owned()], Reach::Network).is_err(), "{wrong}");
        }
    }
}
