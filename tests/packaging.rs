//! The server's dependencies, its build script, its settings, and the files embedded in it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{root, server};

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(root()).args(args).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the packages that a package and its build script depend on.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--target",
        "all",
    ]);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn server_does_not_link_the_client_core() {
    let server = dependencies("cloakroom");
    assert!(server.contains("wire") && server.contains("axum"), "the list contains dependencies");
    // The command that adds people to a gate needs password stretching. Nothing in the server needs message encryption.
    for crypto in ["web-crypto", "openmls", "hpke", "aes-gcm", "chacha20poly1305"] {
        assert!(!server.contains(crypto), "the server is built from {crypto}");
    }
    let core = dependencies("web-crypto");
    assert!(core.contains("chacha20poly1305") && !core.contains("cloakroom") && !core.contains("tokio"));
    let wire = dependencies("wire");
    for other in ["cloakroom", "room", "web-crypto", "tokio", "sha2", "hmac"] {
        assert!(!wire.contains(other), "wire is built from {other}");
    }
    let room = dependencies("room");
    assert!(room.contains("wire"));
    for other in ["cloakroom", "web-crypto", "tokio", "axum", "hyper", "getrandom", "tracing"] {
        assert!(!room.contains(other), "room is built from {other}");
    }
    for file in fs::read_dir(root().join("room/src")).unwrap().map(|file| file.unwrap().path()) {
        let source = fs::read_to_string(&file).unwrap_or_default();
        let clock = ["Instant", "SystemTime"].into_iter().find(|clock| source.contains(clock));
        assert_eq!(clock, None, "{} reads a clock", file.display());
    }
}

/// Returns the folders of a package and of the workspace packages that it depends on.
fn folders(package: &str) -> BTreeSet<PathBuf> {
    let metadata = cargo(&["metadata", "--locked", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let needed = dependencies(package);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| needed.contains(package["name"].as_str().unwrap()));
    ours.map(|package| Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()).collect()
}

#[test]
fn build_script_watches_every_served_source() {
    let said = build_script_without_a_target().0;
    let watched = said.lines().filter_map(|line| line.strip_prefix("cargo::rerun-if-changed="));
    let watched = watched.map(|path| root().join("server").join(path)).collect::<Vec<_>>();
    let mut sources = folders("web-crypto-face");
    assert!(sources.contains(&root().join("wire")), "{sources:?}");
    sources
        .extend(["static", "templates", "server/build", "server/build.rs", "Cargo.toml"].map(|path| root().join(path)));
    for source in sources {
        assert!(watched.iter().any(|path| source.starts_with(path)), "{source:?} is not watched");
    }
}

#[tokio::test]
async fn program_runs_without_other_files() {
    let dir = std::env::temp_dir().join(format!("cloakroom-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let alone = dir.join("cloakroom");
    fs::copy(server::program(), &alone).unwrap();
    let running = server::Server::of(&alone, Some(&dir), &[]).await;
    let page = reqwest::get(format!("http://{}/create", running.address)).await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    assert!(page.text().await.unwrap().contains("Create room"));
    drop(running);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn wrong_setting_is_named_in_the_error() {
    let run = |args: &[&str], variable: (&str, &str)| {
        let output =
            Command::new(server::program()).args(args).env_clear().env(variable.0, variable.1).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = run(&[], ("CLOAKROOM_MAX_MEMBERS", "many"));
    assert!(
        error.contains("--max-members") && error.contains("'many'") && error.contains("expected a whole number"),
        "{error}"
    );
    let error = run(&["--log", "cloakroom=lots"], ("X", ""));
    assert!(error.contains("--log") && error.contains("expected error, warn"), "{error}");
    let error = run(&["--public-origin", "chat.example.org"], ("X", ""));
    assert!(error.contains("--public-origin") && error.contains("expected an origin such as https://"), "{error}");
    let folder = std::env::temp_dir().join(format!("short-key-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("salt.key"), "hunter2\n").unwrap();
    let started = || run(&["--listen", "127.0.0.1:0"], ("CLOAKROOM_STATE", folder.to_str().unwrap()));
    fs::set_permissions(folder.join("salt.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = started();
    assert!(error.contains("CLOAKROOM_STATE") && error.contains("can be read by other users"), "{error}");
    fs::set_permissions(folder.join("salt.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let error = started();
    assert!(error.contains("salt.key") && error.contains("expected 32 bytes, found 8"), "{error}");
    assert!(!error.contains("hunter2"));
    fs::remove_dir_all(folder).unwrap();
    let error = run(&["--listen", "127.0.0.1:0"], ("X", ""));
    assert!(error.contains("no HOME") && error.contains("--state none"), "{error}");
    let error = run(&["--state", "none", "--listen", "192.0.2.1:80"], ("X", ""));
    assert!(error.contains("CLOAKROOM_LISTEN") && error.contains("192.0.2.1:80"), "{error}");
}

#[test]
fn help_lists_flags_variables_and_defaults() {
    let output = Command::new(server::program()).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let flags = ["--listen", "--public-origin", "--trusted-proxy", "--state", "--max-frame-bytes", "--grace"];
    for flag in flags.into_iter().chain(["--max-replay-bytes"]) {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(help.contains("[env: CLOAKROOM_GRACE") && help.contains("[default: 60]"), "{help}");
}

/// No served file contains the address of another site.
#[test]
fn served_files_name_no_other_site() {
    fn files(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    for dir in ["static", "templates"] {
        files(&root().join(dir), &mut found);
    }
    for path in found {
        let text = fs::read_to_string(&path).unwrap().replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("https://") && !text.contains("http://"), "{path:?}");
    }
}

/// Runs the build script alone, with a compiler that cannot build wasm. Returns its output and its output folder.
fn build_script_without_a_target() -> (String, PathBuf) {
    let build = server::program().parent().unwrap().join("build");
    let scripts = fs::read_dir(build).unwrap().map(|entry| entry.unwrap().path().join("build-script-build"));
    let ours = scripts.filter(|path| path.to_str().unwrap().contains("/cloakroom-") && path.exists());
    // Earlier builds may have left their scripts.
    let latest = ours.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap()).unwrap();
    let out =
        std::env::temp_dir().join(format!("cloakroom-out-{}", std::process::id())).join("debug/build/cloakroom/out");
    let output = Command::new(latest)
        .env("CARGO_MANIFEST_DIR", root().join("server"))
        .env("OUT_DIR", &out)
        .env("RUSTC", "/bin/false")
        .output()
        .unwrap();
    assert!(output.status.success());
    (String::from_utf8(output.stdout).unwrap(), out)
}

#[test]
fn missing_wasm_target_is_one_error_with_the_command_to_run() {
    let (said, out) = build_script_without_a_target();
    let errors = said.lines().filter_map(|line| line.strip_prefix("cargo::error=")).collect::<Vec<_>>();
    assert_eq!(errors, ["the target wasm32-unknown-unknown is not installed: run `rustup toolchain install`"]);
    assert!(!out.exists(), "the build script writes nothing");
}
