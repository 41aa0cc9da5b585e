//! The middleware before every handler: checks host and origin, limits the time of a request, and adds security headers
//! to every answer except the one that opens a WebSocket.

use std::time::Instant;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use wire::{Refusal, door, limits};

use crate::{
    app::App,
    config::{Config, PublicOrigin},
    refuse::Refused,
    tls::Tls,
};

/// One policy for pages and workers, because a worker follows the policy sent with its own script.
/// `form-action 'none'`: a form submitted before the script has loaded must not put a password in a URL.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types cloakroom";

/// Maximum characters of a host in the log.
const HOST_CHARS: usize = 100;

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), clipboard-read=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Adds the security headers to every answer, and `no-store` unless the handler set Cache-Control.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    add_security_headers(&mut response, &app.config);
    response
}

/// Adds these headers to one answer.
pub(crate) fn add_security_headers(response: &mut Response, config: &Config) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if config.promises_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Refuses foreign hosts and requests from other sites' pages, and limits the time of every request.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(refusal) = check_host_and_origin(&request, &app) {
        return Refused::from(refusal).into_response();
    }
    match tokio::time::timeout(limits::REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused::from(Refusal::Timeout).into_response(),
    }
}

/// Checks a request's host and origin. Logs the compared values of a refused request, at a limited rate, so that an
/// operator notices a proxy that changes `Host`.
pub(crate) fn check_host_and_origin<B>(request: &hyper::Request<B>, app: &App) -> Result<(), Refusal> {
    let public_origin = app.config.public_origin.as_ref();
    let checked = compare(request, public_origin, app.tls.as_deref());
    if let Err(refusal @ (Refusal::HostRefused | Refusal::OriginRefused)) = checked
        && app.refusals.permits_line(Instant::now())
    {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let origin = host_of(header(header::ORIGIN));
        let host = host_of(public_origin.map_or(header(header::HOST), PublicOrigin::as_str));
        if refusal == Refusal::HostRefused {
            tracing::warn!(%host, "host refused: see --public-origin");
        } else {
            let hint = if public_origin.is_some() { "not the --public-origin" } else { "does a proxy change Host?" };
            tracing::warn!(origin_host = %origin, %host, "origin refused: {hint}");
        }
    }
    checked
}

/// Returns the host and port of an origin or a `Host` header for the log: escaped, shortened, and without path or
/// query.
fn host_of(text: &str) -> String {
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    host.escape_default().take(HOST_CHARS).collect()
}

/// Returns the HTTPS origin of the page for this request.
pub(crate) fn own_origin(headers: &HeaderMap, app: &App) -> Option<String> {
    match &app.config.public_origin {
        Some(origin) => Some(origin.as_str().to_owned()),
        None => one(headers, &header::HOST).ok()?.map(|host| format!("https://{}", host.to_ascii_lowercase())),
    }
}

/// Compares host and origin with the configuration.
///
/// Without a public origin, the server answers only to names that a foreign DNS cannot rebind to it: localhost, IP
/// literals, and the machine's own names in a self-made certificate. A request without `Origin` does not come from a
/// page and passes, because no cookie authenticates anything here.
fn compare<B>(
    request: &hyper::Request<B>,
    public_origin: Option<&PublicOrigin>,
    tls: Option<&Tls>,
) -> Result<(), Refusal> {
    let host = one(request.headers(), &header::HOST)?.unwrap_or_default().to_ascii_lowercase();
    let is_certified = tls.is_some_and(|tls| tls.covers_host(without_port(&host)));
    if public_origin.is_none() && !is_local_or_literal(&host) && !is_certified {
        return Err(Refusal::HostRefused);
    }
    if request.method() != Method::POST && request.uri().path() != door::SOCKET {
        return Ok(());
    }
    let Some(origin) = one(request.headers(), &header::ORIGIN)? else { return Ok(()) };
    let is_own = match public_origin {
        Some(public) => origin == public.as_str(),
        // A server without TLS accepts both schemes, because a proxy in front may add TLS.
        None => {
            let plain = origin.strip_prefix("http://").filter(|_| tls.is_none());
            plain.or(origin.strip_prefix("https://")) == Some(host.as_str())
        }
    };
    if is_own { Ok(()) } else { Err(Refusal::OriginRefused) }
}

/// Returns the header's value, which may occur at most once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::Malformed),
        _ => Err(Refusal::Malformed),
    }
}

/// Removes the port: the digits after the last colon, outside brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => name,
        _ => host,
    }
}

fn is_local_or_literal(host: &str) -> bool {
    let name = without_port(host);
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    v6.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || name == "localhost"
        || name.strip_suffix(".localhost").is_some_and(|labels| labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn ask(method: Method, path: &str, headers: &[(&str, &str)], public: Option<&str>) -> Result<(), Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let public = public.map(|origin| origin.parse().unwrap());
        compare(&request.body(Body::empty()).unwrap(), public.as_ref(), None)
    }

    #[test]
    fn foreign_hosts_are_refused() {
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST",
            "a.localhost:1",
            "127.0.0.1:8080",
            "192.0.2.1",
            "[::1]:8080",
            "[::1]",
        ] {
            assert_eq!(ask(Method::GET, "/", &[("host", host)], None), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "::1",
            "notlocalhost",
            ".localhost",
            "evil.example/.localhost",
        ] {
            assert_eq!(ask(Method::GET, "/", &[("host", host)], None), Err(Refusal::HostRefused), "{host}");
        }
        assert_eq!(ask(Method::GET, "/", &[], None), Err(Refusal::HostRefused));
        assert_eq!(ask(Method::GET, "/", &[("host", "behind.a.proxy")], Some("https://chat.example")), Ok(()));
    }

    #[test]
    fn foreign_origins_are_refused() {
        let local =
            |method, path, origin: &str| ask(method, path, &[("host", "localhost:8080"), ("origin", origin)], None);
        assert_eq!(local(Method::POST, "/api/join", "http://localhost:8080"), Ok(()));
        assert_eq!(local(Method::GET, "/api/socket", "http://localhost:8080"), Ok(()));
        for origin in
            ["null", "http://evil.example", "http://localhost", "http://localhost:8081", "http://127.0.0.1:8080", ""]
        {
            assert_eq!(local(Method::POST, "/api/join", origin), Err(Refusal::OriginRefused), "{origin}");
            assert_eq!(local(Method::GET, "/api/socket", origin), Err(Refusal::OriginRefused), "{origin}");
            assert_eq!(local(Method::GET, "/", origin), Ok(()), "pages may be opened from anywhere");
        }
        assert_eq!(ask(Method::POST, "/api/join", &[("host", "localhost")], None), Ok(()), "a native client");
        let public =
            |origin| ask(Method::POST, "/x", &[("host", "internal"), ("origin", origin)], Some("https://chat.example"));
        assert_eq!(public("https://chat.example"), Ok(()));
        assert_eq!(public("http://chat.example"), Err(Refusal::OriginRefused));
        assert_eq!(public("https://internal"), Err(Refusal::OriginRefused));
        let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")];
        assert_eq!(ask(Method::POST, "/x", &twice, None), Err(Refusal::Malformed));
    }

    #[test]
    fn logged_hosts_are_escaped_and_shortened() {
        for (text, host) in [
            ("https://chat.example:8443", "chat.example:8443"),
            ("https://chat.example/path?query", "chat.example"),
            ("localhost:8080", "localhost:8080"),
            ("null", "null"),
            ("http://a\tb\"\u{1b}[31m", "a\\tb\\\"\\u{1b}[31m"),
            ("", ""),
        ] {
            assert_eq!(host_of(text), host);
        }
        assert_eq!(host_of(&"x".repeat(9999)).len(), HOST_CHARS);
    }
}
