//! Pages and static files over HTTP, as browsers and proxies request them.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use reqwest::{Client, Method, Response};
use sha2::{Digest, Sha384};
use support::{server::Server, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PAGES: [&str; 4] = ["/", "/create", "/login", "/chat/Book%20club"];

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Client::new().get(format!("http://{}{path}", server.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Returns an attribute's value for each tag of this kind in a page.
fn attributes(html: &str, tag: &str, attribute: &str) -> Vec<String> {
    let start = format!("<{tag} ");
    let tags = html.split(&start).skip(1).map(|rest| rest.split('>').next().unwrap());
    let value =
        |tag: &str| tag.split(&format!("{attribute}=\"")).nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    tags.map(|tag| value(tag).unwrap_or_default()).collect()
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let server = Server::start().await;
    let client = Client::new();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::HEAD, "/login"),
        (Method::GET, "/nothing/here"),
        (Method::GET, "/static/0000000000000000/js/app.js"),
        (Method::DELETE, "/"),
        (Method::POST, "/api/join"),
        (Method::GET, "/api/socket"),
        (Method::GET, "/healthz"),
        (Method::GET, "/static/..%2f..%2fCargo.toml"),
        (Method::GET, "/static/%ff/x"),
    ] {
        let response = client.request(method.clone(), format!("http://{}{path}", server.address)).send().await.unwrap();
        let policy = header(&response, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "img-src 'self' blob:;",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types cloakroom",
        ] {
            assert!(policy.contains(part), "{method} {path}: {part}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&response, name), value, "{method} {path}: {name}");
        }
        assert_ne!(header(&response, "cache-control"), "", "{method} {path}");
        assert!(response.headers().get("set-cookie").is_none(), "no cookies");
    }
}

/// A reset would discard a response that is still in flight.
#[tokio::test]
async fn bytes_after_a_response_do_not_reset_the_connection() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let head =
        "POST /api/nothing HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    // If the server answered the first write with a reset, the second write fails.
    stream.write_all(b"{").await.unwrap();
    stream.write_all(b"}").await.unwrap();
}

/// A request must not give its body's length in two ways (RFC 9112, section 6.3): a proxy may use the other one.
#[tokio::test]
async fn request_with_two_lengths_is_refused_and_closes_the_connection() {
    let server = Server::start().await;
    let (chunked, length) = ("transfer-encoding: chunked", "content-length: 15");
    for head in [[length, chunked], [chunked, length], [chunked, "x: y"], ["transfer-encoding: gzip, chunked", length]]
    {
        for request in ["POST /api/salt", "GET /healthz", "GET /api/socket"] {
            let mut stream = TcpStream::connect(&server.address).await.unwrap();
            let head = format!(
                "{request} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{}\r\n\r\n",
                head.join("\r\n")
            );
            // The server does not answer the second request: it cannot know where the first one ends.
            let body = "c\r\n{\"room\":\"x\"}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
            stream.write_all((head + body).as_bytes()).await.unwrap();
            let mut answer = String::new();
            within("the end", stream.read_to_string(&mut answer)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert!(answer.contains("`malformed`") || answer.contains("\"malformed\""), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        }
    }
}

#[tokio::test]
async fn pages_are_the_same_bytes_for_everyone() {
    let server = Server::start().await;
    for (one, other) in [
        ("/login", "/login?roomname=Book+club&username=%3Cscript%3E"),
        ("/login", "/chat/Book%20club"),
        ("/chat/a", "/chat/%3Cb%3E"),
    ] {
        let one = get(&server, one, &[("accept-language", "de")]).await.bytes().await.unwrap();
        let other = get(&server, other, &[("user-agent", "other")]).await.bytes().await.unwrap();
        assert_eq!(one, other);
    }
}

/// A proxy may pass on a room's name decoded. The test writes raw requests, because an HTTP library normalises paths.
#[tokio::test]
async fn room_page_is_served_for_decoded_names() {
    let server = Server::start().await;
    let page = get(&server, "/login", &[]).await.bytes().await.unwrap();
    for path in [
        "/chat/AC%2FDC",
        "/chat/AC/DC",
        "/chat/AC/DC/",
        "/chat/a//b",
        "/chat//a",
        "/chat/a\\b",
        "/chat/../etc",
        "/chat/./.",
        "/chat/?",
        "/chat/what?",
        "/chat/#1",
        "/chat/100%",
        "/chat/%zz/%ff",
    ] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(&page) {
            let read = within("the page", stream.read_buf(&mut answer)).await.unwrap();
            assert!(read > 0 && answer.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&answer));
        }
    }
}

#[tokio::test]
async fn pages_are_revalidated_and_static_files_are_immutable() {
    let server = Server::start().await;
    for path in PAGES {
        let page = get(&server, path, &[]).await;
        assert_eq!((page.status().as_u16(), header(&page, "cache-control")), (200, "no-cache"), "{path}");
        let tag = header(&page, "etag").to_owned();
        let again = get(&server, path, &[("if-none-match", &format!("\"other\", W/{tag}"))]).await;
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, tag.as_str()), "{path}");
        let changed = get(&server, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(changed.status().as_u16(), 200);
        // Another content encoding is another representation.
        let brotli = get(&server, path, &[("accept-encoding", "br"), ("if-none-match", &tag)]).await;
        assert_eq!((brotli.status().as_u16(), header(&brotli, "vary")), (200, "accept-encoding"));
    }
    let html = get(&server, "/login", &[]).await.text().await.unwrap();
    let script = attributes(&html, "script", "src").remove(0);
    let file = get(&server, &script, &[]).await;
    assert_eq!(header(&file, "cache-control"), "public, max-age=31536000, immutable");
    let build = script.split('/').nth(2).unwrap();
    let gone = get(&server, &script.replace(build, "0123456789abcdef"), &[]).await;
    assert_eq!(gone.status().as_u16(), 404, "files of another build are not served");
    assert_eq!(header(&gone, "cache-control"), "no-cache");
}

#[tokio::test]
async fn every_script_and_style_has_a_matching_integrity_hash() {
    let server = Server::start().await;
    let mut checked = BTreeMap::new();
    for path in PAGES {
        let html = get(&server, path, &[]).await.text().await.unwrap();
        let handler = |word: &str| word.starts_with("on") && word.contains("=\"");
        assert!(!html.contains("<style") && !html.contains(" style="), "{path}: inline style");
        assert!(!html.split_whitespace().any(handler), "{path}: inline handler");
        let links = attributes(&html, "link", "href").into_iter().zip(attributes(&html, "link", "integrity"));
        let kinds = attributes(&html, "link", "rel");
        let scripts = attributes(&html, "script", "src").into_iter().zip(attributes(&html, "script", "integrity"));
        let files = links.zip(kinds).filter(|(_, kind)| kind != "icon").map(|(file, _)| file).chain(scripts);
        for (url, integrity) in files {
            let bytes = get(&server, &url, &[]).await.bytes().await.unwrap();
            assert_eq!(integrity, format!("sha384-{}", Base64::encode_string(&Sha384::digest(&bytes))), "{url}");
            checked.insert(url, bytes);
        }
    }
    // Every statically imported module is among them, so the browser checks all of them.
    for (url, bytes) in &checked {
        let text = std::str::from_utf8(bytes).unwrap();
        for import in text.split(" from './").skip(1).map(|rest| rest.split('\'').next().unwrap()) {
            let imported = format!("{}/{import}", url.rsplit_once('/').unwrap().0);
            assert!(checked.contains_key(&imported), "{url} imports {import}");
        }
    }
    assert!(checked.len() > 5, "{}", checked.len());
}

/// A translated name or safety word would be a different one.
#[tokio::test]
async fn names_are_excluded_from_translation() {
    let server = Server::start().await;
    for path in ["/create", "/login"] {
        let html = get(&server, path, &[]).await.text().await.unwrap();
        let names = attributes(&html, "bdi", "translate");
        assert!(names.len() > 6 && names.iter().all(|translate| translate == "no"), "{path}: {names:?}");
        assert!(!html.contains("<bdi>"), "{path}");
        for part in ["id=\"invite-link\"", "class=\"print__digits\"", "id=\"suggestion-words\""] {
            let tag = html.split('<').find(|tag| tag.contains(part));
            assert!(tag.is_none_or(|tag| tag.contains("translate=\"no\"")), "{path}: {tag:?}");
            assert!(tag.is_some() || path == "/login", "{path}: {part}");
        }
    }
}

/// A browser re-evaluates a `:has()` selector whenever its element gets a new child: one more message would recalculate
/// the style of all messages.
#[tokio::test]
async fn no_style_sheet_uses_the_has_selector() {
    let server = Server::start().await;
    let mut checked = 0;
    for path in PAGES {
        let html = get(&server, path, &[]).await.text().await.unwrap();
        for url in attributes(&html, "link", "href").into_iter().filter(|url| url.ends_with(".css")) {
            let style = get(&server, &url, &[]).await.text().await.unwrap();
            assert!(!style.contains(":has("), "{url}");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

async fn brotli_size(server: &Server, path: &str) -> usize {
    let file = get(server, path, &[("accept-encoding", "br")]).await;
    assert_eq!((file.status().as_u16(), header(&file, "content-encoding")), (200, "br"), "{path}");
    file.bytes().await.unwrap().len()
}

/// The landing page is at most 40 KiB of HTML and CSS, and its only script sets the theme.
#[tokio::test]
async fn landing_page_fits_its_size_limit() {
    let server = Server::start().await;
    let html = get(&server, "/", &[]).await.text().await.unwrap();
    let scripts = attributes(&html, "script", "src");
    assert!(scripts.len() == 1 && scripts[0].ends_with("/theme.js"), "{scripts:?}");
    let mut total = brotli_size(&server, "/").await;
    for url in attributes(&html, "link", "href").iter().chain(&scripts) {
        total += brotli_size(&server, url).await;
    }
    assert!(total <= 40 * 1024, "{total} bytes in brotli");
}

/// No page flashes in the wrong colours: the theme's script runs before the first paint.
#[tokio::test]
async fn theme_script_runs_before_the_first_paint() {
    let server = Server::start().await;
    for path in PAGES.into_iter().chain(["/nowhere"]) {
        let html = get(&server, path, &[]).await.text().await.unwrap();
        let (before, after) = html.split_once("<script ").unwrap();
        let (script, rest) = after.split_once('>').unwrap();
        assert!(script.contains("/theme.js"), "{path}: {script}");
        for late in ["async", "defer", "type="] {
            assert!(!script.contains(late), "{path}: {script}");
        }
        assert!(!before.contains("<body") && !before.contains("stylesheet"), "{path}: the theme script comes first");
        assert!(rest.contains("stylesheet"), "{path}");
    }
}

/// Counts all files that a room loads, except wasm and the password estimate, which loads in the background.
#[tokio::test]
async fn room_page_fits_its_size_limit() {
    let server = Server::start().await;
    for page in ["/create", "/login"] {
        let html = get(&server, page, &[]).await.text().await.unwrap();
        let mut waiting = attributes(&html, "link", "href");
        waiting.extend(attributes(&html, "script", "src"));
        let mut sizes = BTreeMap::from([(page.to_owned(), brotli_size(&server, page).await)]);
        while let Some(url) = waiting.pop() {
            if sizes.contains_key(&url) {
                continue;
            }
            sizes.insert(url.clone(), brotli_size(&server, &url).await);
            let folder = url.rsplit_once('/').unwrap().0;
            if url.ends_with("/trusted.js") {
                waiting.extend(
                    ["derive", "picture", "session", "words"].map(|name| format!("{folder}/workers/{name}.js")),
                );
            }
            if url.ends_with(".js") {
                let text = get(&server, &url, &[]).await.text().await.unwrap();
                let quoted = text.split('\'').skip(1).step_by(2).filter(|part| part.ends_with(".js"));
                let base = reqwest::Url::parse(&format!("http://x{url}")).unwrap();
                let imports = quoted.map(|part| base.join(part).unwrap().path().to_owned());
                waiting.extend(imports.filter(|path| !path.contains('`')));
            }
        }
        for part in ["/js/app.js", "/js/qr.js", "/wasm/session.js", "/wasm/derive.js", "/wasm/qr.js", "/wasm/words.js"]
        {
            assert!(sizes.keys().any(|url| url.ends_with(part)), "{part} is not counted");
        }
        assert!(sizes.keys().all(|url| !url.ends_with(".wasm") && !url.ends_with("/workers/strength.js")));
        let total: usize = sizes.values().sum();
        println!("{page}: {total} bytes in brotli, {} files", sizes.len());
        assert!(total <= 120 * 1024, "{page}: {total} bytes in brotli: {sizes:#?}");
    }
}

#[tokio::test]
async fn content_encodings_decode_to_the_same_bytes() {
    let server = Server::start().await;
    let html = get(&server, "/login", &[]).await.text().await.unwrap();
    let build = attributes(&html, "script", "src")[0].split('/').nth(2).unwrap().to_owned();
    let url = format!("/static/{build}/wasm/session_bg.wasm");
    let plain = get(&server, &url, &[]).await;
    assert_eq!(header(&plain, "content-type"), "application/wasm");
    let plain = plain.bytes().await.unwrap();
    assert!(plain.starts_with(b"\0asm"));
    let zipped = get(&server, &url, &[("accept-encoding", "gzip")]).await.bytes().await.unwrap();
    let mut unzipped = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&zipped[..]), &mut unzipped).unwrap();
    assert_eq!(unzipped, plain);
    let packed = get(&server, &url, &[("accept-encoding", "br")]).await.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    assert!(packed.len() < zipped.len() && zipped.len() < plain.len());
}

#[tokio::test]
async fn only_the_public_origin_is_accepted() {
    let server = Server::with(&["--public-origin", "https://chat.example"]).await;
    let post = |origin: &'static str| {
        let request = Client::new().post(format!("http://{}/api/salt", server.address));
        request.header("origin", origin).header("content-type", "application/json").body(r#"{"room":"x"}"#).send()
    };
    let ours = post("https://chat.example").await.unwrap();
    assert_eq!((ours.status().as_u16(), header(&ours, "strict-transport-security")), (200, "max-age=31536000"));
    assert_eq!(post("http://localhost").await.unwrap().status().as_u16(), 403);
    assert_eq!(get(&server, "/healthz", &[("host", "anything")]).await.status().as_u16(), 200);
}

/// The log helps to find a proxy that passes on another host than the one people open, or none.
#[tokio::test]
async fn refused_origin_is_logged_with_both_hosts() {
    let post = async |server: &Server, headers: &[(&str, &str)]| {
        let mut request = Client::new().post(format!("http://{}/api/salt?secret-query", server.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json").body(r#"{"room":"secret-room"}"#);
        request.send().await.unwrap().status().as_u16()
    };
    let server = Server::start().await;
    assert_eq!(post(&server, &[("origin", "https://chat.example/secret-path")]).await, 403);
    let line = server.logged("origin refused").await;
    assert!(line.contains("origin_host=chat.example ") && line.contains(&format!("host={}", server.address)), "{line}");
    assert_eq!(post(&server, &[("host", "chat.example")]).await, 421);
    assert!(!server.log().contains("secret"), "{}", server.log());

    let server = Server::with(&["--public-origin", "https://chat.example"]).await;
    let long = format!("http://{}\\\"evil", "x".repeat(5000));
    assert_eq!(post(&server, &[("origin", &long), ("host", "inner")]).await, 403);
    let line = server.logged("origin refused").await;
    assert!(line.contains("host=chat.example") && line.len() < 400, "{line}");
    for _ in 0..20 {
        assert_eq!(post(&server, &[("origin", "http://evil.example")]).await, 403);
    }
    assert_eq!(server.log().matches("origin refused").count(), 1, "repeats are not logged");
    let server = Server::start().await;
    assert_eq!(post(&server, &[("host", "chat.example")]).await, 421);
    assert!(server.logged("host refused").await.contains("host=chat.example"));
}

/// The log helps to find a proxy that does not pass on WebSocket upgrades.
#[tokio::test]
async fn socket_request_without_upgrade_is_logged_once() {
    let server = Server::start().await;
    for _ in 0..3 {
        let stripped = [("sec-websocket-version", "13"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")];
        assert_eq!(get(&server, "/api/socket", &stripped).await.status().as_u16(), 400);
    }
    server.logged("WebSocket handshake without Upgrade").await;
    assert_eq!(get(&server, "/healthz", &[]).await.status().as_u16(), 200);
    assert_eq!(server.log().matches("without Upgrade").count(), 1, "repeats are not logged");
}
