//! The opening handshake (RFC 6455, section 4.2).

use base64ct::{Base64, Encoding};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    header::{self, HeaderName, HeaderValue},
};
use sha1::{Digest, Sha1};

/// The only WebSocket version.
const VERSION: &str = "13";
/// Proves that the server speaks WebSocket (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request does not open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// It is not a valid WebSocket request.
    Malformed,
    /// It requests a version other than 13.
    Version,
}

/// Returns the response that opens a WebSocket. After it, the connection carries frames.
///
/// # Errors
/// See [`HandshakeError`].
pub fn accept<B>(request: &Request<B>) -> Result<Response<()>, HandshakeError> {
    let headers = request.headers();
    let is_upgrade = *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
        // With a body, the two sides could disagree where frames begin.
        && !headers.contains_key(header::TRANSFER_ENCODING)
        && headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    if !is_upgrade {
        return Err(HandshakeError::Malformed);
    }
    if one(headers, &header::SEC_WEBSOCKET_VERSION)? != VERSION.as_bytes() {
        return Err(HandshakeError::Version);
    }
    let key = one(headers, &header::SEC_WEBSOCKET_KEY)?;
    if Base64::decode(key, &mut [0; 16]).map(<[u8]>::len) != Ok(16) {
        return Err(HandshakeError::Malformed);
    }
    let answer = answer(key).ok_or(HandshakeError::Malformed)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, answer);
    Ok(response)
}

/// Base64(SHA-1(key ‖ GUID))
fn answer(key: &[u8]) -> Option<HeaderValue> {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    HeaderValue::from_str(&Base64::encode_string(&hash)).ok()
}

/// True when this header, which may occur several times, lists the token `wanted`.
fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

/// Returns the header's value, which must occur exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], HandshakeError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        _ => Err(HandshakeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn ask(method: Method, version: Version, headers: &[(&str, &str)]) -> HandshakeError {
        let mut request = Request::builder().method(method).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        accept(&request.body(()).unwrap()).expect_err("the request is refused")
    }

    /// Sends a good request in which these values replace those of one header.
    fn with(name: &'static str, values: &[&'static str]) -> HandshakeError {
        let others = GOOD.iter().filter(|(other, _)| *other != name).copied();
        let headers = others.chain(values.iter().map(|value| (name, *value))).collect::<Vec<_>>();
        ask(Method::GET, Version::HTTP_11, &headers)
    }

    #[test]
    fn accept_key_matches_the_rfc_sample() {
        assert_eq!(answer(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn valid_requests_are_accepted() {
        for more in [&[][..], &[("content-length", "0")]] {
            let mut request = Request::builder();
            for (name, value) in GOOD.iter().chain(more) {
                request = request.header(*name, *value);
            }
            let response = accept(&request.body(()).unwrap()).unwrap();
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        }
    }

    #[test]
    fn invalid_requests_are_refused() {
        use HandshakeError::{Malformed, Version as OtherVersion};
        assert_eq!(ask(Method::POST, Version::HTTP_11, GOOD), Malformed);
        assert_eq!(ask(Method::GET, Version::HTTP_10, GOOD), Malformed);
        assert_eq!(ask(Method::GET, Version::HTTP_11, &[]), Malformed);
        assert_eq!(with("connection", &["keep-alive"]), Malformed);
        assert_eq!(with("upgrade", &["h2c"]), Malformed);
        assert_eq!(with("transfer-encoding", &["chunked"]), Malformed);
        assert_eq!(with("content-length", &["5"]), Malformed);
        assert_eq!(with("sec-websocket-version", &["8"]), OtherVersion);
        assert_eq!(with("sec-websocket-version", &[]), Malformed);
        assert_eq!(with("sec-websocket-version", &["13", "13"]), Malformed);
        for key in
            ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZSE=", "not base64 at all!"]
        {
            assert_eq!(with("sec-websocket-key", &[key]), Malformed, "{key}");
        }
    }
}
