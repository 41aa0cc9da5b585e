//! Serves the pages and static files that the build embedded and compressed.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::app::App;

/// An embedded file.
struct File {
    path: &'static str,
    media_type: &'static str,
    /// A hash of the uncompressed bytes.
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The build's hash, which is part of every static address and every salt answer.
pub(crate) const BUILD: &str = EMBEDDED_BUILD;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

pub(crate) async fn landing(headers: HeaderMap) -> Response {
    page("landing.html", StatusCode::OK, &headers)
}

pub(crate) async fn create(headers: HeaderMap) -> Response {
    page("create.html", StatusCode::OK, &headers)
}

/// The page for `/login` and `/chat/NAME`. The page itself reads the room's name from its address.
pub(crate) async fn join(headers: HeaderMap) -> Response {
    page("join.html", StatusCode::OK, &headers)
}

/// The page that explains how to trust the server's self-made certificate.
pub(crate) async fn trust(State(app): State<App>, headers: HeaderMap) -> Response {
    match own_authority(&app) {
        Some(_) => page("trust.html", StatusCode::OK, &headers),
        None => not_found(&headers),
    }
}

/// The authority's certificate, with the media type for which operating systems offer installation.
pub(crate) async fn certificate(State(app): State<App>, headers: HeaderMap) -> Response {
    match own_authority(&app) {
        Some(pem) => ([(header::CONTENT_TYPE, "application/x-x509-ca-cert")], pem.to_owned()).into_response(),
        None => not_found(&headers),
    }
}

fn own_authority(app: &App) -> Option<&str> {
    app.tls.as_ref()?.own_authority()
}

pub(crate) fn not_found(headers: &HeaderMap) -> Response {
    page("not_found.html", StatusCode::NOT_FOUND, headers)
}

/// A static file of this build. Files of another build are not found, and their page must be reloaded.
pub(crate) async fn file(path: Result<Path<(String, String)>, PathRejection>, headers: HeaderMap) -> Response {
    let found = path.ok().and_then(|Path((build, path))| find(STATIC, &path).filter(|_| build == BUILD));
    match found {
        Some(file) => {
            let mut response = answer(file, StatusCode::OK, &headers);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
            response
        }
        _ => not_found(&headers),
    }
}

fn find(files: &'static [File], path: &str) -> Option<&'static File> {
    let at = files.binary_search_by(|file| file.path.cmp(path)).ok()?;
    files.get(at)
}

fn page(name: &str, status: StatusCode, headers: &HeaderMap) -> Response {
    let Some(file) = find(PAGES, name) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = answer(file, status, headers);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn answer(file: &'static File, status: StatusCode, asked: &HeaderMap) -> Response {
    let (encoding, body) = choose(file, asked);
    let tag = format!("\"{}{}\"", file.tag, encoding.map(|name| format!("-{name}")).unwrap_or_default());
    let known = status == StatusCode::OK
        && asked.get_all(header::IF_NONE_MATCH).iter().any(|value| {
            let is_this = |one: &str| one == "*" || one.trim_start_matches("W/") == tag;
            let listed = |value: &str| value.split(',').any(|one| is_this(one.trim()));
            value.to_str().is_ok_and(listed)
        });
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { (status, body).into_response() };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    response
}

/// Returns the smallest encoding that the client accepts.
fn choose(file: &'static File, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    if accepts(asked, "br") {
        (Some("br"), file.brotli)
    } else if accepts(asked, "gzip") {
        (Some("gzip"), file.gzip)
    } else {
        (None, file.plain)
    }
}

/// True when `Accept-Encoding` lists this coding with a weight above zero (RFC 9110, section 12.5.3).
fn accepts(asked: &HeaderMap, coding: &str) -> bool {
    let name: HeaderName = header::ACCEPT_ENCODING;
    asked.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|one| {
        let (named, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        let weight = weight.and_then(|(_, q)| q.trim().parse::<f32>().ok());
        named.trim().eq_ignore_ascii_case(coding) && weight.unwrap_or(1.0) > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_encoding_is_parsed() {
        let accepts = |value: &'static str, coding| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            super::accepts(&headers, coding)
        };
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("GZIP;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0, br;q=0.0", "gzip"));
        assert!(!accepts("gzip ; Q = 0", "gzip"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[test]
    fn files_are_embedded_and_sorted() {
        for files in [STATIC, PAGES] {
            assert!(files.is_sorted_by_key(|file| file.path));
            assert!(files.iter().all(|file| !file.plain.is_empty() && find(files, file.path).is_some()));
        }
        for path in [
            "js/app.js",
            "js/workers/derive.js",
            "js/workers/session.js",
            "wasm/derive_bg.wasm",
            "wasm/session_bg.wasm",
        ] {
            assert!(find(STATIC, path).is_some(), "{path}");
        }
    }

    #[test]
    fn pages_refer_to_this_build() {
        let page = std::str::from_utf8(find(PAGES, "join.html").unwrap().plain).unwrap();
        assert!(page.contains(&format!("/static/{BUILD}/js/app.js")));
        assert!(page.contains("integrity=\"sha384-"));
    }
}
