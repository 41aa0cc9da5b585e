//! Benchmarks the client core in browsers: the served module, in a page of the server, with real sockets. Only the
//! calls into the module are timed, the same calls that the page's worker makes.

use serde_json::{Value, json};
use support::{
    browser::{Engine, eventually, play},
    server::Server,
};

use crate::{
    judge,
    member::{Member, Room},
    spread,
};

const SCRIPT: &str = include_str!("wasm.js");
const ROUNDS: usize = 6;
/// Messages in flight at a time, and rounds.
const MESSAGES: usize = 50;

/// Measures and prints the results.
pub async fn run(sizes: &[usize]) {
    println!("\nwasm: Chromium, calls into the served module; milliseconds, median (greatest)");
    println!(
        "  {:>6}  {:>16} {:>16} {:>16} {:>16} {:>14} {:>14}",
        "people", "knock", "come in", "let in", "follow", "say", "hear"
    );
    let server = Server::start().await;
    play("bench of the module", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.open(&format!("{}/login", server.origin())).await;
        for size in sizes {
            let room = Room::new(&server.address, &format!("room of {size}")).await;
            // Two more members run in the page: one in the group, and one that joins.
            let members = room.fill(size - 2).await;
            let makes = *size == 2;
            let args = json!({ "room": room.name, "stretched": room.stretched, "makes": makes, "rounds": ROUNDS, "messages": MESSAGES });
            ana.runs(SCRIPT, &[args]).await;
            let result = eventually("the figures", async || {
                let result = ana.runs("return window.result ?? null", &[]).await;
                assert!(result["failure"].is_null(), "{}", result["failure"]);
                result.is_object().then_some(result)
            })
            .await;
            assert!(members.iter().all(Member::is_there), "someone was put out: the machine is too busy");
            show(*size, &result);
        }
    })
    .await;
}

fn show(size: usize, result: &Value) {
    let all = |name: &str| result[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect::<Vec<_>>();
    let ms = |name: &str| match spread(all(name)) {
        (median, _) if median.is_nan() => "–".to_owned(),
        (median, greatest) => format!("{median:.2} ({greatest:.2})"),
    };
    println!(
        "  {size:>6}  {:>16} {:>16} {:>16} {:>16} {:>14} {:>14}",
        ms("knock"),
        ms("comeIn"),
        ms("letIn"),
        ms("follow"),
        ms("say"),
        ms("hear")
    );
    judge("milliseconds to seal a message", spread(all("say")).0, 0.3);
    judge("milliseconds to open one", spread(all("hear")).0, 0.3);
}
