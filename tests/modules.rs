//! Tests the page's pure modules with Node's test runner. Each file in `tests/modules` tests the module of the same
//! name; a hyphen stands for a slash.

use std::{fs, process::Command};

use serde_json::Value;
use support::root;
use wire::limits;

#[test]
fn pure_modules_pass_their_tests() {
    let files = fs::read_dir(root().join("tests/modules")).unwrap().map(|file| file.unwrap().path());
    let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "mjs")).collect::<Vec<_>>();
    files.sort();
    assert!(!files.is_empty());
    let output = Command::new("node")
        .arg("--import")
        .arg(root().join("tests/tools/catalog.mjs"))
        .arg("--test")
        .args(&files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The page checks these limits before it processes a picture, and the client core checks them again.
#[test]
fn picture_limits_match_the_protocol() {
    let print = "import(process.argv[1]).then((limits) => console.log(JSON.stringify(limits)))";
    let module = root().join("static/js/pictures/limits.js");
    let output = Command::new("node").args(["--eval", print]).arg(module).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(page["MOST_BYTES"], limits::PICTURE_BYTES);
    assert_eq!(page["MOST_SIDE"], limits::PICTURE_SIDE);
    assert_eq!(page["MOST_WAITING"], limits::UNSENT_PICTURES);
}
