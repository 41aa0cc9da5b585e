//! Fuzzes every parser of untrusted bytes. A target takes bytes and asserts the parser's properties.
//!
//! A test run replays a target's corpus, then tries mutations of it for a few seconds. `tests/fuzz` builds this file
//! with libFuzzer instead of the test harness, for longer, coverage-guided runs.
#![cfg_attr(libfuzzer, no_main)]

mod address;
mod contents;
mod door;
mod frames;
mod group;
mod http;
mod knocks;
mod names;
mod padding;
mod websocket;

#[cfg(not(libfuzzer))]
mod mutator;

/// A target. It panics when a property does not hold.
type Check = fn(&[u8]);

macro_rules! targets {
    ($($name:ident),+) => {
        #[cfg(libfuzzer)]
        const TARGETS: &[(&str, Check)] = &[$((stringify!($name), $name::check)),+];

        #[cfg(not(libfuzzer))]
        mod target {
            $(#[test]
            fn $name() {
                super::replay_and_mutate(stringify!($name), super::$name::check);
            })+
        }
    };
}

targets!(address, contents, door, frames, group, http, knocks, names, padding, websocket);

/// libFuzzer's main function calls this with every input. The variable names the target.
#[cfg(libfuzzer)]
mod guided {
    use std::{env, sync::LazyLock};

    static CHECK: LazyLock<super::Check> = LazyLock::new(|| {
        let wanted = env::var("FUZZ_TARGET").unwrap_or_default();
        let found = super::TARGETS.iter().find(|(name, _)| *name == wanted);
        found.unwrap_or_else(|| panic!("FUZZ_TARGET={wanted}: no such target")).1
    });

    libfuzzer_sys::fuzz_target!(|bytes: &[u8]| CHECK(bytes));
}

#[cfg(not(libfuzzer))]
fn replay_and_mutate(name: &str, check: Check) {
    use std::{
        fs, panic,
        time::{Duration, Instant},
    };

    const MUTATE_FOR: Duration = Duration::from_secs(3);

    let folder = support::root().join("tests/fuzzing/corpus").join(name);
    let mut corpus = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(panic::catch_unwind(|| check(&bytes)).is_ok(), "{} fails", path.display());
        corpus.push(bytes);
    }
    assert!(!corpus.is_empty(), "{} is empty", folder.display());

    let mut mutator = mutator::Mutator::new(getrandom::u64().unwrap());
    let mut count = 0;
    let end = Instant::now() + MUTATE_FOR;
    while Instant::now() < end {
        let bytes = mutator.input(&corpus);
        if panic::catch_unwind(|| check(&bytes)).is_err() {
            let path = folder.join(format!("failed-{}", std::process::id()));
            fs::write(&path, &bytes).unwrap();
            panic!("{} fails: keep it in the corpus after the fix", path.display());
        }
        count += 1;
    }
    println!("{name}: {} files, {count} mutations", corpus.len());
}
