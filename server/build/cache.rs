//! Caches slow build steps by the hash of their input.

use std::{fs, path::PathBuf, process, thread};

use sha2::{Digest, Sha256};

/// The files that contain every option of the cached steps. A change in one of them invalidates the whole cache.
const RECIPES: &str = concat!(include_str!("browser.rs"), include_str!("embed.rs"), include_str!("../../Cargo.lock"));

pub struct Cache(PathBuf);

impl Cache {
    pub fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Returns the cached result of `make` for this input, or calls `make` and caches its result.
    pub fn get(&self, kind: &str, input: &[u8], make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        let name = hex(&Sha256::digest([RECIPES.as_bytes(), kind.as_bytes(), &[0], input].concat()));
        let path = self.0.join(name);
        fs::read(&path).unwrap_or_else(|_| {
            let made = make();
            // Two builds or threads may write at once. A rename never exposes a partial file.
            let part = path.with_extension(format!("{}-{:?}", process::id(), thread::current().id()));
            fs::write(&part, &made).unwrap();
            fs::rename(part, path).unwrap();
            made
        })
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
