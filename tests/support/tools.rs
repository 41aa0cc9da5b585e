//! What judges the pages: programs from npm, in the versions that `tests/tools/package-lock.json` names.

use std::path::PathBuf;

use crate::root;

/// A file of one of the tools; `tests/run` installs them.
pub fn tool(path: &str) -> PathBuf {
    let path = root().join("target/tools/node_modules").join(path);
    assert!(path.is_file(), "{} is not there: run tests/run, which installs it", path.display());
    path
}
