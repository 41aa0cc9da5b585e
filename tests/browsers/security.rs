//! What people compare to be sure of each other.

use support::{
    browser::{Engine, Person, eventually, play},
    client,
    proxy::Proxy,
    server::Server,
};

with_each_engine! { words_after_all a_new_key_takes_the_mark_away }
with_engines_in_turn! { chromium: words_and_fingerprints; firefox: nobody_reads_unseen; }

const PASSWORD: &str = "correct horse battery";

/// The safety words, once they are worked out.
async fn words(person: &Person) -> String {
    eventually("the safety words", async || {
        let said = person.by_role("status", "Safety words").await;
        let text = person.runs("return arguments[0].textContent", &[said.to_value()]).await;
        let text = text.as_str().unwrap_or_default().to_owned();
        (text.split(' ').count() == 6 && !text.contains('…')).then_some(text)
    })
    .await
}

/// Each one's name and fingerprint.
async fn prints(person: &Person) -> Vec<(String, String)> {
    let list = person.by_role("list", "Fingerprints").await;
    let script = "return [...arguments[0].children].map((row) => [...row.children].map((part) => part.textContent))";
    let rows = person.runs(script, &[list.to_value()]).await;
    let part =
        |row: &serde_json::Value, at: usize| row[at].as_str().unwrap().replace(" (you)", "").trim_end().to_owned();
    rows.as_array().unwrap().iter().map(|row| (part(row, 0), part(row, 1))).collect()
}

async fn words_and_fingerprints(engine: Engine) {
    let server = Server::start().await;
    play(&format!("safety words, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        bo.joins(&server.origin(), "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.is_with(&["Ana", "Bo"]).await;
        ana.press("Security").await;
        bo.press("Security").await;
        let before = words(&ana).await;
        assert_eq!(words(&bo).await, before);
        let known = prints(&ana).await;
        assert_eq!(known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Ana", "Bo"]);
        assert!(known.iter().all(|(_, digits)| digits.len() == 35), "{known:?}");
        assert_eq!(prints(&bo).await, known);

        // Someone comes: other words, the same for everyone, while the panel is open.
        let mut cy = client::Person::join(&server.address, "Book club", "Cy", PASSWORD).await.unwrap();
        let after = eventually("other words", async || Some(words(&ana).await).filter(|words| *words != before)).await;
        assert_eq!(cy.safety_words().await, after);
        assert_eq!(prints(&ana).await[..2], known, "keys last for a visit");
        ana.press("Close").await;
        bo.press("Close").await;
        ana.reads("Cy came in").await;
        let kept = ["Ana", "Bo", "Cy", "Book club", after.as_str(), known[0].1.as_str(), known[1].1.as_str()];
        assert_eq!(ana.translatable(&kept).await, [""; 0]);
    })
    .await;
}

/// What could not be loaded is tried again when one looks again.
async fn words_after_all(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("safety words after all, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&shaky, "Book club", PASSWORD).await;
        ana.network(false).await;
        proxy.refuse(true);
        proxy.cut();
        ana.connection_says("Offline").await;
        ana.press("Security").await;
        eventually("it says that there are none", async || {
            ana.text().await.contains("could not be worked out for now").then_some(())
        })
        .await;
        ana.press("Close").await;

        proxy.refuse(false);
        ana.network(true).await;
        ana.connection_says("Connected").await;
        ana.press("Security").await;
        words(&ana).await;
    })
    .await;
}

async fn a_new_key_takes_the_mark_away(engine: Engine) {
    let server = Server::start().await;
    play(&format!("a compared key, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo"]).await;
        ana.press("Security").await;
        let mark = ana.by_role("checkbox", "Compared with Bo").await;
        ana.runs("arguments[0].click()", &[mark.to_value()]).await;
        ana.press("Close").await;
        bo.leave().await;
        bo.sees("ended").await;
        ana.is_with(&["Ana"]).await;
        let _bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.reads("Bo has a new key. Compare it again before you trust it.").await;
        ana.press("Security").await;
        let mark = ana.by_role("checkbox", "Compared with Bo").await;
        assert_eq!(ana.runs("return arguments[0].checked", &[mark.to_value()]).await, false);
    })
    .await;
}

/// A member that never says a word is shown while it can read; a group that hides one is not gone into.
async fn nobody_reads_unseen(engine: Engine) {
    let server = Server::start().await;
    play(&format!("nobody reads unseen, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        bo.joins(&server.origin(), "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.press("Security").await;
        // The server removes Mallory after 10 s, which a busy machine may sleep through: the pages keep a record.
        let watch = "const names = (list) => [...list].map((row) => row.firstElementChild.textContent.trim());
            const text = (selector) => document.querySelector(selector).textContent;
            window.seen = false;
            new MutationObserver(() => {
              window.seen ||= text('#messages').includes('Mallory is coming in…')
                && text('#people ul').replace(/\\s+/gu, ' ').includes('Mallory coming in…')
                && names(document.getElementById('prints').children).includes('Mallory coming in…');
            }).observe(document.body, { childList: true, characterData: true, subtree: true });";
        for person in [&ana, &bo] {
            person.runs(watch, &[]).await;
        }
        let _mallory = client::Person::join_silently(&server.address, "Book club", "Mallory", PASSWORD).await;
        for person in [&ana, &bo] {
            eventually("Mallory in the log, on the list of people, and in the open dialog", async || {
                (person.runs("return window.seen", &[]).await == true).then_some(())
            })
            .await;
        }
        ana.press("Close").await;
        for person in [&ana, &bo] {
            person.reads("Mallory left without saying anything. Until now this member could read along.").await;
            person.is_with(&["Ana", "Bo"]).await;
        }

        let mut mallory = client::Person::create(&server.address, "Den", "Mallory", PASSWORD).await.unwrap();
        mallory.admits_unnamed_member(900, "Ghost").await;
        ana.press("Leave room").await;
        ana.open(&format!("{}/login", server.origin())).await;
        ana.knocks("Den", "Ana", PASSWORD, "Join room").await;
        ana.reads("somebody could read unseen. This page stays out and asks again.").await;
        eventually("the end says why", async || ana.alert().await.contains("somebody could read unseen").then_some(()))
            .await;
        let seen = ana.text().await;
        assert!(!seen.contains("Ghost") && !seen.contains("Mallory"), "{seen}");
        assert_eq!(seen.matches("asks again").count(), 1, "told once, however often it happens: {seen}");
    })
    .await;
}
