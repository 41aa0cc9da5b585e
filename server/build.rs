//! Makes the server a single file: compiles web-crypto for the browser, renders the pages, and embeds both with the
//! static files, compressed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "build/browser.rs"]
mod browser;
#[path = "build/cache.rs"]
mod cache;
#[path = "build/embed.rs"]
mod embed;
#[path = "build/site.rs"]
mod site;

use std::{env, path::PathBuf};

use cache::Cache;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned();
    for input in [
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        "static",
        "templates",
        "stretch",
        "web-crypto",
        "wire",
        "server/build",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    // `out` is <target>/<profile>/build/<package>/out. The folder is beside the profiles, so that all of them share it.
    let browser_target = out.ancestors().nth(4).unwrap().join("browser");
    if !browser::has_target() {
        println!("cargo::error=the target wasm32-unknown-unknown is not installed: run `rustup toolchain install`");
        return;
    }
    let cache = Cache::new(browser_target.join("cache"));
    let mut files = site::with_catalog(site::read(&root.join("static")));
    files.extend(browser::compile(&root, &browser_target, &cache));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let build = site::build_hash(&files);
    let pages = site::render(&build, &files);
    embed::write(&out, &build, &files, &pages, &cache);
}
