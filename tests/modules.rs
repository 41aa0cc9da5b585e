//! The page's pure modules, by Node's own test runner: each file in `tests/modules` is about the module of its name.

use std::{fs, process::Command};

use support::root;

#[test]
fn pure_modules() {
    let files = fs::read_dir(root().join("tests/modules")).unwrap().map(|file| file.unwrap().path());
    let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "mjs")).collect::<Vec<_>>();
    files.sort();
    assert!(!files.is_empty());
    let output = Command::new("node").arg("--test").args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
