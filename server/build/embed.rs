//! Compresses the files and generates the Rust table that embeds them in the server.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{
    cache::{Cache, hex},
    site::File,
};

pub fn write(out: &Path, build: &str, files: &[File], pages: &[File], cache: &Cache) {
    compress(files.iter().chain(pages).collect(), cache);
    let mut code = format!("const EMBEDDED_BUILD: &str = {build:?};\n");
    for (table, files) in [("STATIC", files), ("PAGES", pages)] {
        writeln!(code, "static {table}: &[File] = &[").unwrap();
        for (number, file) in files.iter().enumerate() {
            let put = |form: &str, bytes: Vec<u8>| {
                let path = out.join(format!("{table}-{number}.{form}"));
                write_changed(&path, &bytes);
                format!("include_bytes!({path:?})")
            };
            writeln!(
                code,
                "File {{ path: {:?}, media_type: {:?}, tag: {:?}, plain: {}, gzip: {}, brotli: {} }},",
                file.path,
                media_type(&file.path),
                hex(&Sha256::digest(&file.bytes)[..8]),
                put("plain", file.bytes.clone()),
                put("gzip", gzipped(file, cache)),
                put("brotli", brotlied(file, cache)),
            )
            .unwrap();
        }
        writeln!(code, "];").unwrap();
    }
    write_changed(&out.join("embedded.rs"), code.as_bytes());
}

/// Fills the cache on all cores, largest file first, because compression takes most of the build script's time.
fn compress(mut files: Vec<&File>, cache: &Cache) {
    files.sort_by_key(|file| std::cmp::Reverse(file.bytes.len()));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    brotlied(file, cache);
                    gzipped(file, cache);
                }
            });
        }
    });
}

fn gzipped(file: &File, cache: &Cache) -> Vec<u8> {
    cache.get("gzip 9", &file.bytes, || gzip(&file.bytes))
}

fn brotlied(file: &File, cache: &Cache) -> Vec<u8> {
    cache.get("brotli 11", &file.bytes, || brotli(&file.bytes))
}

/// Writes a file only if its content changes, so that the server is not recompiled needlessly.
fn write_changed(path: &Path, bytes: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).unwrap();
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        other => panic!("no media type for {other:?}: add it here"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &params).unwrap();
    out
}
