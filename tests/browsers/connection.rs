//! Networks fail and servers start again: nothing typed is lost, and nothing missed is passed over.

use std::{fs, path::PathBuf, process::Command};

use support::{
    browser::{Engine, Person, eventually, play},
    client,
    proxy::Proxy,
    server::{self, Server},
};

with_each_engine! { retry server_starts_again server_is_upgraded }
with_engines_in_turn! { chromium: lost_and_found; }

const PASSWORD: &str = "correct horse battery";
/// Waits until the next attempt to connect is some seconds away, as it is after a few in vain, and has the page note
/// how many seconds it still says when it no longer waits.
async fn waits_long(person: &Person) {
    let script = "const status = document.getElementById('connection');
        const wait = status.querySelector('.connection__wait');
        const seconds = () => Number(/[0-9]+/.exec(wait.textContent)?.[0] ?? 0);
        if (seconds() < 4) return false;
        window.left = { said: seconds(), over: false };
        new MutationObserver(() => {
          if (status.dataset.state !== 'waiting') window.left.over = true;
          else if (!window.left.over) window.left.said = seconds();
        }).observe(status, { attributes: true, childList: true, characterData: true, subtree: true });
        return true;";
    eventually("a long wait", async || (person.runs(script, &[]).await == true).then_some(())).await;
}

/// It connected again for another reason than that the wait was over.
async fn cut_the_wait_short(person: &Person) {
    let left = person.runs("return window.left", &[]).await;
    assert!(left["over"] == true && left["said"].as_u64() > Some(0), "the wait ran out: {left}");
}

async fn lost_and_found(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("lost and found, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        bo.joins(&shaky, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.says("before").await;
        bo.hears("before").await;

        bo.network(false).await;
        proxy.refuse(true);
        proxy.cut();
        bo.connection_says("Offline").await;
        eventually("Ana sees that Bo is away", async || ana.text().await.contains("connecting…").then_some(())).await;
        bo.says("typed meanwhile").await;
        bo.hears("typed meanwhile").await;
        bo.reads("not sent").await;
        bo.types("Message", "a draft").await;
        for text in ["missed", "missed too"] {
            ana.says(text).await;
            ana.hears(text).await;
        }
        eventually("the server has Ana's", async || (!ana.text().await.contains("sending…")).then_some(())).await;

        waits_long(&bo).await;
        proxy.refuse(false);
        bo.network(true).await;
        ana.hears("typed meanwhile").await;
        cut_the_wait_short(&bo).await;
        bo.connection_says("Connected").await;
        // Nothing is lost: what was said meanwhile comes late.
        bo.hears("missed too").await;
        eventually("all is sent", async || {
            let text = bo.text().await;
            (!text.contains("sending…") && !text.contains("not sent")).then_some(())
        })
        .await;
        assert_eq!(bo.value("Message").await, "a draft");

        ana.says("after").await;
        bo.hears("after").await;
        assert_eq!(ana.messages().await, ["before", "missed", "missed too", "typed meanwhile", "after"]);
        assert_eq!(bo.messages().await, ["before", "typed meanwhile", "missed", "missed too", "after"]);
    })
    .await;
}

async fn retry(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("retry, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&shaky, "Book club", PASSWORD).await;
        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        bo.say("hello").await;
        ana.hears("hello").await;
        proxy.refuse(true);
        proxy.cut();
        ana.says("anybody there?").await;
        ana.reads("not sent").await;
        waits_long(&ana).await;
        proxy.refuse(false);
        ana.press("Retry").await;
        assert_eq!(bo.hears().await.1, "anybody there?");
        cut_the_wait_short(&ana).await;
        eventually("it is sent", async || (!ana.sees("button", "Retry").await).then_some(())).await;
        assert!(!ana.text().await.contains("not sent"));
    })
    .await;
}

async fn server_starts_again(engine: Engine) {
    let mut server = Server::start().await;
    let origin = server.origin();
    play(&format!("server starts again, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.says("remember this").await;
        ana.hears("remember this").await;
        ana.types("Message", "a draft").await;
        // It closes when the room ends, and is not to take the focus along.
        ana.press("Security").await;
        let killed = Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(!server.ended().await);
        let _server = Server::with(&["--listen", &server.address]).await;

        ana.by_role("link", "Make the room again").await;
        let words = ana.alert().await;
        assert!(words.contains("no longer knows"), "{words}");
        assert_eq!(ana.messages().await, ["remember this"]);
        assert_eq!(ana.value("Message").await, "a draft", "it can still be copied");
        assert!(ana.text().await.contains("This was not sent"));
        assert!(
            ana.runs("return document.activeElement.id === 'remake'", &[]).await == true,
            "the way on has the focus"
        );
        // What was not sent is not thrown away unasked.
        ana.follow("Make the room again").await;
        ana.by_role("dialog", "Leave without sending?").await;
        ana.press("Cancel").await;
        assert_eq!(ana.value("Message").await, "a draft");
        ana.follow("Make the room again").await;
        ana.press("Leave").await;
        ana.arrives_at(&format!("{origin}/create")).await;
        assert_eq!(ana.value("Room name").await, "Book club");
        assert_eq!(ana.value("Your name").await, "Ana");
        ana.fills("Password", PASSWORD).await;
        ana.press("Create room").await;
        ana.is_in().await;
    })
    .await;
}

/// The server's program as another build: the same, but for the build's hash.
async fn other_build(server: &Server) -> PathBuf {
    let page = reqwest::get(format!("{}/login", server.origin())).await.unwrap().text().await.unwrap();
    let build = page.split("/static/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut program = fs::read(server::program()).unwrap();
    let places = program.windows(build.len()).enumerate().filter(|(_, window)| *window == build.as_bytes());
    let places = places.map(|(at, _)| at).collect::<Vec<_>>();
    assert!(!places.is_empty());
    for at in places {
        program[at..at + build.len()].copy_from_slice(&b"0123456789abcdef"[..build.len()]);
    }
    let name = format!("cloakroom-upgraded-{}-{}", std::process::id(), server.port());
    let path = std::env::temp_dir().join(name);
    let written = path.with_extension("written");
    fs::write(&written, program).unwrap();
    fs::set_permissions(&written, fs::metadata(server::program()).unwrap().permissions()).unwrap();
    // What another scene starts just now could hold this process's file open, and it could not be run.
    assert!(Command::new("cp").arg("-p").args([&written, &path]).status().unwrap().success());
    fs::remove_file(written).unwrap();
    path
}

async fn server_is_upgraded(engine: Engine) {
    let mut server = Server::start().await;
    let origin = server.origin();
    play(&format!("server is upgraded, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        let program = other_build(&server).await;
        server.terminate();
        assert!(server.ended().await);
        let _server = Server::of(&program, None, &["--listen", &server.address]).await;
        fs::remove_file(program).unwrap();

        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        ana.by_role("button", "Reload").await;
        assert_eq!(ana.alert().await, "Cloakroom was updated on the server. Reload the page to go on.");
        assert_eq!(ana.value("Room name").await, "Book club");
    })
    .await;
}
