//! Scripts that do not load, or are not what they should be: the door says so, and sends nothing.

use support::{
    browser::{Engine, Person, eventually, play, share},
    proxy::Proxy,
    server::Server,
};

with_each_engine! { each_script_in_turn no_script_at_all }

const PASSWORD: &str = "correct horse battery";

/// All that a room cannot be without: what its door names, and what the workers load.
async fn scripts(server: &Server) -> Vec<String> {
    let html = reqwest::get(format!("http://{}/login", server.address)).await.unwrap().text().await.unwrap();
    let mut scripts: Vec<String> = html
        .split('"')
        // What a gate takes is loaded only where there is one.
        .filter(|part| part.starts_with("/static/") && part.ends_with(".js") && !part.ends_with("/gate.js"))
        .map(str::to_owned)
        .collect();
    let build = scripts[0].split('/').nth(2).unwrap().to_owned();
    for name in ["derive", "session"] {
        for file in [format!("js/workers/{name}.js"), format!("wasm/{name}.js"), format!("wasm/{name}_bg.wasm")] {
            scripts.push(format!("/static/{build}/{file}"));
        }
    }
    scripts
}

/// Waits until the page says that it cannot do its work; then nothing leaves it that was typed.
async fn says_so(person: &Person, proxy: &Proxy, what: &str) {
    eventually(&format!("{what}: the page says so"), async || {
        let text = person.text().await;
        let says = ["This page did not load completely", "This page could not load"].iter().any(|it| text.contains(it));
        (says && text.contains("Reload")).then_some(())
    })
    .await;
    let address = person.address().await;
    person.fills("Password", PASSWORD).await;
    person.enters("Password").await;
    assert_eq!(person.address().await, address, "{what}");
    let sent = PASSWORD.split(' ').next().unwrap().as_bytes();
    assert!(!proxy.seen().windows(sent.len()).any(|window| window == sent), "{what}: the password was sent");
}

async fn each_script_in_turn(engine: Engine) {
    let server = Server::start().await;
    let scripts = scripts(&server).await;
    assert!(scripts.len() > 40, "{scripts:?}");
    let theme = scripts.iter().find(|script| script.ends_with("/theme.js")).unwrap();
    let entry = scripts.iter().find(|script| script.ends_with("/app.js")).unwrap();
    play(&format!("each script in turn, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        for (index, script) in share(engine, &scripts).into_iter().enumerate() {
            // Another address for each: nothing comes from the browser's cache.
            let proxy = Proxy::start(&server.address).await;
            let altered = if script == theme { entry } else { theme };
            let other = if index % 2 == 0 { altered.as_str() } else { "/static/nothing" };
            proxy.swap(script, other);
            let path = if index % 4 < 2 { "/login" } else { "/create" };
            let what = format!("{path} with {other} in place of {script}");
            ana.open(&format!("{}{path}", proxy.address.replace("127.0.0.1", "http://localhost"))).await;
            if script == theme {
                let ready = "return !document.querySelector('[type=submit]').disabled";
                eventually(&format!("{what}: the form can be used"), async || {
                    (ana.runs(ready, &[]).await == true).then_some(())
                })
                .await;
                assert_eq!(ana.alert().await, "", "{what}");
            } else {
                says_so(&ana, &proxy, &what).await;
            }
        }
    })
    .await;
}

/// The style sheet alone brings the words into sight.
async fn no_script_at_all(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    for script in scripts(&server).await {
        proxy.swap(&script, "/static/nothing");
    }
    play(&format!("no script at all, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{}/login", proxy.address.replace("127.0.0.1", "http://localhost"))).await;
        let after_a_while = "const [wait] = document.getElementById('unstarted').getAnimations();
            const { delay } = wait.effect.getTiming();
            wait.finish();
            return delay";
        assert_eq!(ana.runs(after_a_while, &[]).await, 10_000);
        says_so(&ana, &proxy, "without any script").await;
    })
    .await;
}
