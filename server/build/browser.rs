//! Compiles web-crypto's modules for the browser, and generates the JavaScript glue of each.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use wasm_bindgen_cli_support::Bindgen;

use crate::{cache::Cache, site::File};

const TARGET: &str = "wasm32-unknown-unknown";

/// The binaries of web-crypto-face. Only the AEAD in `session` needs simd128. A room cannot work without that module,
/// so the others may require simd128 too, and all modules share the same compiled dependencies.
const MODULES: [&str; 5] = ["derive", "qr", "session", "strength", "words"];
const FEATURES: &str = "-Ctarget-feature=+simd128";

/// True for a variable that describes the outer build and would change the inner one. The variables that tell where
/// crates come from (CARGO_HOME, CARGO_NET_*, CARGO_HTTP_*, CARGO_REGISTRIES_*) stay.
fn is_of_outer_build(name: &str) -> bool {
    const PREFIXES: [&str; 11] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_ENCODED_",
        "CARGO_FEATURE_",
        "CARGO_LLVM_COV",
        "CARGO_MAKEFLAGS",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "RUSTC",
    ];
    const NAMES: [&str; 15] = [
        "CARGO_INCREMENTAL",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_UNSTABLE_BUILD_STD",
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "LD_LIBRARY_PATH",
        "MAKEFLAGS",
        "MFLAGS",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTFLAGS",
        "TARGET",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name) || name.starts_with("RUSTDOC")
}

/// Returns a command without the outer build's variables.
fn inner(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_build) {
            command.env_remove(name);
        }
    }
    command
}

fn program(variable: &str) -> PathBuf {
    env::var_os(variable).expect("cargo sets this variable").into()
}

/// True when rustc can compile for the browser.
pub fn has_target() -> bool {
    let printed = inner(program("RUSTC")).args(["--print", "target-libdir", "--target", TARGET]).output();
    printed.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Compiles all modules. Cargo rebuilds only what changed, and the cache keeps the glue of unchanged modules.
pub fn compile(root: &Path, target_dir: &Path, cache: &Cache) -> Vec<File> {
    // Removes this machine's paths from the modules, which would differ on each machine. Cargo passes the workspace's
    // own files relative to its root, but the registry's with their full path.
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut rustflags = vec![FEATURES.to_owned()];
    rustflags.extend(home.map(|home| format!("--remap-path-prefix={home}=/cargo")));

    let status = inner(program("CARGO"))
        .current_dir(root)
        .args(["build", "--quiet", "--locked", "--package", "web-crypto-face", "--bins", "--profile", "browser"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\x1f"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "web-crypto did not compile for the browser: see the errors above");

    let built = target_dir.join(TARGET).join("browser");
    let module = |name| fs::read(built.join(format!("{name}.wasm"))).expect("cargo wrote the module");
    thread::scope(|scope| {
        let glued = MODULES.map(|name| scope.spawn(move || glue(name, &module(name), cache)));
        glued.into_iter().flat_map(|glued| glued.join().expect("the glue is written")).collect()
    })
}

fn glue(name: &str, module: &[u8], cache: &Cache) -> [File; 2] {
    let bindgen = || {
        let mut bindgen = Bindgen::new();
        bindgen.input_bytes(name, module.to_vec()).web(true).expect("a module for the web").typescript(false);
        bindgen.omit_default_module_path(false).remove_name_section(true).remove_producers_section(true);
        bindgen.generate_output().expect("wasm-bindgen reads the module")
    };
    let kind = |part: &str| format!("wasm-bindgen {part} {name}");
    let mut made = None;
    let js = cache.get(&kind("js"), module, || made.get_or_insert_with(bindgen).js().as_bytes().to_vec());
    let wasm = cache.get(&kind("wasm"), module, || made.get_or_insert_with(bindgen).wasm_mut().emit_wasm());
    [File { path: format!("wasm/{name}.js"), bytes: js }, File { path: format!("wasm/{name}_bg.wasm"), bytes: wasm }]
}
