//! Benchmarks the real page: from pressing *Join room* to reading the first message.

use reqwest::header::ACCEPT_ENCODING;
use support::{
    browser::{Engine, eventually, play},
    server::Server,
};
use web_crypto::session::View;

use crate::{
    judge,
    member::{Member, Room},
    spread,
};

const ROUNDS: usize = 7;
/// Rooms up to this size have a goal.
const MANY: usize = 50;

/// Records when the button is pressed and when a message is shown.
const WATCH: &str = "
    window.bench = {};
    addEventListener('click', () => { window.bench.pressed ??= performance.now(); }, true);
    new MutationObserver(() => {
      if (document.querySelector('[role=log] p[dir=auto]')?.textContent) window.bench.read ??= performance.now();
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });";

/// Measures and prints the results.
pub async fn run(sizes: &[usize]) {
    println!("\npage: Chromium, from pressing Join room to reading the first message, sent by a member in the group");
    println!("      when the newcomer is seen; milliseconds, median (greatest)");
    let server = Server::start().await;
    size_of_session(&server).await;
    play("bench of the page", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        for size in sizes {
            let name = format!("room of {size}");
            let room = Room::new(&server.address, &name).await;
            let mut members = room.fill(size - 1).await;
            let mut took = Vec::new();
            for round in 0..ROUNDS {
                let user = format!("Ana {round}");
                ana.open(&format!("{}/login", server.origin())).await;
                ana.fills("Room name", &name).await;
                ana.fills("Your name", &user).await;
                ana.fills("Password", room.password).await;
                // The workers load while the user types, as in real use.
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                ana.runs(WATCH, &[]).await;
                let host = &mut members[0];
                let greeting = async {
                    host.sees("the newcomer", |view| matches!(view, View::Entered { name, .. } if *name == user)).await;
                    host.say("welcome");
                };
                let (_, ()) = tokio::join!(ana.press("Join room"), greeting);
                let bench = eventually("the first message", async || {
                    let bench = ana.runs("return window.bench", &[]).await;
                    bench["read"].is_number().then_some(bench)
                })
                .await;
                took.push(bench["read"].as_f64().unwrap() - bench["pressed"].as_f64().unwrap());
                ana.press("Leave room").await;
                host.sees("the departure", |view| matches!(view, View::Left { name, .. } if *name == user)).await;
            }
            assert!(members.iter().all(Member::is_there), "someone was put out: the machine is too busy");
            let (median, greatest) = spread(took);
            // Also shows how busy the machine is.
            let stretching = room.stretching.as_millis();
            println!(
                "  {size:>4} people: {median:.0} ({greatest:.0}); natively Argon2id alone took {stretching} just now"
            );
            if *size <= MANY {
                judge("milliseconds", median, 600.0);
            }
        }
    })
    .await;
}

async fn size_of_session(server: &Server) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let origin = server.origin();
    let page = http.get(format!("{origin}/login")).send().await.unwrap().text().await.unwrap();
    let build = page.split("/static/").nth(1).unwrap().split('/').next().unwrap();
    let url = format!("{origin}/static/{build}/wasm/session_bg.wasm");
    let answer = http.get(url).header(ACCEPT_ENCODING, "br").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "br");
    judge("session module in brotli, KB", answer.bytes().await.unwrap().len() as f64 / 1000.0, 480.0);
}
