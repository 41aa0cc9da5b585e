//! Builds the workspace's programs, so that tests run them as people do.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::root;

/// Builds a package with the cargo that built the tests, and returns the path of its program.
pub fn build(package: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--package", package, "--message-format", "json"]);
    // Cargo set these for the tests' own package. ring's build script watches them: if they stayed, ring and all that
    // depends on it would be compiled again.
    let is_set_by_cargo = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| is_set_by_cargo(name)) {
        cargo.env_remove(name);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "cargo cannot build {package}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let messages = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().expect("cargo prints the program's path")
}
