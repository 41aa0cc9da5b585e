//! Collects the static files and renders the pages.

use std::{collections::BTreeSet, fs, path::Path};

use askama::Template;
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256, Sha384};

use crate::cache::hex;

/// A file under `/static/<build>/`, or a page.
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Returns all files below `dir`.
pub fn read(dir: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if is_leftover(&path) {
                continue;
            }
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File { path: name, bytes: fs::read(path).unwrap() });
            }
        }
    }
    files
}

/// The catalog of words: the file in `static/`, and the module that scripts import.
const CATALOG: (&str, &str) = ("words/en.json", "js/catalog.js");

/// Turns the catalog into a module. The page checks the hash of every module; it could not check that of JSON.
pub fn with_catalog(files: Vec<File>) -> Vec<File> {
    let to_module = |file: File| {
        if file.path != CATALOG.0 {
            return file;
        }
        let json = serde_json::from_slice::<serde_json::Value>(&file.bytes).expect("the catalog is JSON");
        File { path: CATALOG.1.to_owned(), bytes: format!("export default {json};\n").into_bytes() }
    };
    files.into_iter().map(to_module).collect()
}

/// True for files that editors and file managers create, such as backups.
fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".orig") || name.ends_with(".swp")
}

/// Returns one hash over all static files. It is part of their URLs, which therefore change when any file changes.
pub fn build_hash(files: &[File]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for part in [file.path.as_bytes(), &file.bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex(&hash.finalize()[..8])
}

/// A static file as a page refers to it.
struct Asset {
    url: String,
    integrity: String,
}

struct Assets {
    theme: Asset,
    styles: Vec<Asset>,
    /// Styles that only a room needs. The page loads them without waiting for them.
    room_styles: Vec<Asset>,
    modules: Vec<Asset>,
    room_modules: Vec<Asset>,
    /// Modules that only a closed gate needs.
    gate_modules: Vec<Asset>,
    entry: Option<Asset>,
    icon: Asset,
}

macro_rules! pages {
    ($($page:ident = $path:literal $scripted:literal;)*) => {
        $(
            #[derive(Template)]
            #[template(path = $path)]
            struct $page {
                assets: Assets,
            }
        )*

        /// Renders every page. Pages contain nothing that depends on the visitor.
        pub fn render(build: &str, files: &[File]) -> Vec<File> {
            let mut pages = vec![$({
                let html = $page { assets: assets(build, files, $scripted) }.render().unwrap();
                File { path: $path.to_owned(), bytes: html.into_bytes() }
            }),*];
            pages.sort_by(|a, b| a.path.cmp(&b.path));
            pages
        }
    };
}

pages! {
    Landing = "landing.html" false;
    Create = "create.html" true;
    Join = "join.html" true;
    NotFound = "not_found.html" false;
    Trust = "trust.html" false;
}

fn assets(build: &str, files: &[File], scripted: bool) -> Assets {
    const ENTRY: &str = "js/app.js";
    const ROOM: &str = "js/room.js";
    const GATE: &str = "js/gate.js";
    let asset = |file: &File| Asset {
        url: format!("/static/{build}/{}", file.path),
        integrity: format!("sha384-{}", Base64::encode_string(&Sha384::digest(&file.bytes))),
    };
    let styles_in = |folder: &str| {
        let is_in = |file: &&File| file.path.strip_prefix(folder).is_some_and(|name| !name.contains('/'));
        files.iter().filter(is_in).map(asset).collect::<Vec<_>>()
    };
    let (entry, room, gate) = (modules_of(ENTRY, files), modules_of(ROOM, files), modules_of(GATE, files));
    let assets_of = |paths: &BTreeSet<&str>| {
        files.iter().filter(|file| scripted && paths.contains(file.path.as_str())).map(asset).collect::<Vec<_>>()
    };
    let one = |path: &str| files.iter().find(|file| file.path == path).map(asset);
    Assets {
        theme: one("theme.js").expect("static/theme.js is there"),
        styles: styles_in("css/"),
        room_styles: styles_in("css/room/"),
        modules: assets_of(&entry.iter().copied().filter(|path| *path != ENTRY).collect()),
        room_modules: assets_of(&room.difference(&entry).copied().collect()),
        gate_modules: assets_of(&gate.difference(&entry).copied().collect()),
        entry: scripted.then(|| one(ENTRY).expect("static/js/app.js is there")),
        icon: one("icon.svg").expect("static/icon.svg is there"),
    }
}

/// Returns the module at `entry` and all modules that it imports, directly or not.
fn modules_of<'a>(entry: &'a str, files: &'a [File]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![entry];
    while let Some(path) = next.pop() {
        if !found.insert(path) {
            continue;
        }
        let file = files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no module {path}"));
        let source = std::str::from_utf8(&file.bytes).expect("a module is text");
        for line in source.lines().filter(|line| line.starts_with("import ")) {
            let name = line.split("'./").nth(1).and_then(|rest| rest.split('\'').next());
            let is_imported = |file: &&File| file.path.strip_prefix("js/") == name;
            let imported = files.iter().find(is_imported).unwrap_or_else(|| panic!("{path}: no such module: {line}"));
            next.push(&imported.path);
        }
    }
    found
}
