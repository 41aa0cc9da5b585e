//! Programs from npm that check the pages. `tests/tools/package-lock.json` pins their versions.

use std::path::PathBuf;

use crate::root;

/// Returns the path of a tool's file. `tests/run` installs the tools.
pub fn tool(path: &str) -> PathBuf {
    let path = root().join("target/tools/node_modules").join(path);
    assert!(path.is_file(), "{} is missing: run tests/run, which installs it", path.display());
    path
}
