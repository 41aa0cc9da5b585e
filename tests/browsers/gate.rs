//! The server's gate, as it asks in the form: a token, a person's password and code, a code by e-mail; and having to wait.

use std::{fs, os::unix::fs::PermissionsExt as _};

use support::{
    browser::{Engine, eventually, play},
    gate::{Mail, State},
    server::Server,
};

with_engines_in_turn! { chromium: by_people locked_out; firefox: by_token by_email; }

const PASSWORD: &str = "correct horse battery";

async fn by_token(engine: Engine) {
    let state = State::new();
    let token = state.told(&["token", "add", "all"], "").trim().to_owned();
    let server = Server::with(&["--state", state.flag(), "--gate-create", "token"]).await;
    let origin = server.origin();
    play(&format!("by token, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        ana.field("Access token").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        assert_eq!(ana.complaint("Access token").await, "Enter your access token.");
        ana.fills("Access token", "guess").await;
        ana.press("Create room").await;
        eventually("it is wrong", async || ana.complaint("Access token").await.contains("not right").then_some(()))
            .await;
        assert!(ana.has_focus("Access token").await);
        assert_eq!(ana.value("Password").await, PASSWORD, "nothing that was right is lost");
        ana.pastes("Access token", &format!(" {token}")).await;
        ana.enters("Access token").await;
        ana.is_in().await;

        // Nobody else is asked for one.
        let bo = scene.person("Bo", engine.other()).await;
        bo.open(&format!("{origin}/login")).await;
        bo.knocks("Book club", "Bo", PASSWORD, "Join room").await;
        bo.is_in().await;
        ana.is_with(&["Ana", "Bo"]).await;
        for person in [&ana, &bo] {
            assert_eq!(person.violations().await, [""; 0]);
        }
    })
    .await;
}

async fn by_people(engine: Engine) {
    let state = State::new();
    let factors = state.adds_person("ana", "account of my own");
    let server = Server::with(&["--state", state.flag(), "--gate-join", "people"]).await;
    let origin = server.origin();
    play(&format!("by people, {engine:?}"), async |scene| {
        let bo = scene.person("Bo", engine.other()).await;
        bo.creates(&origin, "Book club", PASSWORD).await;
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/login")).await;
        ana.field("Account name").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        assert_eq!(ana.complaint("Account password").await, "Enter your account password.");
        ana.fills("Account password", "account of another").await;
        ana.press("Join room").await;
        eventually("it is wrong", async || ana.complaint("Account password").await.contains("not right").then_some(()))
            .await;
        ana.fills("Account password", "account of my own").await;
        ana.press("Join room").await;
        // Now the code, and nothing else.
        ana.focus_is_on("textbox", "One-time code").await;
        assert!(ana.text().await.contains("Signing in as Ana."));
        assert!(!ana.sees("textbox", "Room name").await && !ana.sees("textbox", "Account name").await);
        ana.press("Back").await;
        ana.focus_is_on("textbox", "Account name").await;
        assert_eq!(ana.value("Room name").await, "Book club");
        ana.fills("Account password", "account of my own").await;
        ana.press("Join room").await;
        ana.focus_is_on("textbox", "One-time code").await;
        ana.fills("One-time code", "12345").await;
        ana.press("Join room").await;
        eventually("it is wrong", async || ana.complaint("One-time code").await.contains("not right").then_some(()))
            .await;
        // The room's own password is another matter; who has signed in is not asked twice.
        ana.pastes("One-time code", &factors.code(0)).await;
        ana.enters("One-time code").await;
        ana.is_in().await;
        ana.is_with(&["Bo", "Ana"]).await;
        assert_eq!(ana.violations().await, [""; 0]);
        ana.turns("refresh").await;
        ana.field("Account name").await;
        ana.fills("Room name", "Book club").await;
        ana.fills("Your name", "Cy").await;
        ana.fills("Password", "incorrect horse").await;
        ana.fills("Account name", "ANA").await;
        ana.fills("Account password", "account of my own").await;
        ana.press("Join room").await;
        ana.focus_is_on("textbox", "One-time code").await;
        ana.fills("One-time code", &factors.recovery[0]).await;
        ana.press("Join room").await;
        assert!(ana.complaint("Password").await.contains("the password is not right"));
        assert!(ana.text().await.contains("Signed in to this server."));
        ana.types("Password", PASSWORD).await;
        ana.enters("Password").await;
        ana.is_in().await;
    })
    .await;
}

async fn by_email(engine: Engine) {
    let state = State::new();
    fs::create_dir_all(state.path()).unwrap();
    fs::write(state.path().join("emails"), "example.org\n").unwrap();
    fs::set_permissions(state.path().join("emails"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut mail = Mail::start(0, &[]).await;
    let smtp = format!("smtp+plain://localhost:{}", mail.port);
    let flags = ["--gate-create", "email", "--smtp", &smtp, "--mail-from", "chat@example.org"];
    let server = Server::with(&[&["--state", state.flag()], &flags[..]].concat()).await;
    let origin = server.origin();
    play(&format!("by e-mail, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        ana.field("E-mail address").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        assert_eq!(ana.complaint("E-mail address").await, "Enter your e-mail address.");
        ana.fills("E-mail address", "ana@").await;
        ana.press("Create room").await;
        eventually("it is none", async || {
            ana.complaint("E-mail address").await.contains("not an e-mail").then_some(())
        })
        .await;
        ana.fills("E-mail address", "ana@example.org").await;
        ana.press("Create room").await;
        ana.focus_is_on("textbox", "One-time code").await;
        let first = mail.next_code().await;
        ana.press("Send another code").await;
        let second = mail.next_code().await;
        eventually("it says so", async || ana.text().await.contains("another code was sent").then_some(())).await;
        eventually("the page waits for a code", async || ana.has_focus("One-time code").await.then_some(())).await;
        if first != second {
            ana.fills("One-time code", &first).await;
            ana.press("Create room").await;
            let is_wrong = async || ana.complaint("One-time code").await.contains("not right").then_some(());
            eventually("an older one is wrong", is_wrong).await;
        }
        ana.pastes("One-time code", &format!("{} {}", &second[..3], &second[3..])).await;
        ana.enters("One-time code").await;
        ana.is_in().await;
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

async fn locked_out(engine: Engine) {
    let server = Server::with(&["--lockout", "4"]).await;
    let origin = server.origin();
    play(&format!("locked out, {engine:?}"), async |scene| {
        let bo = scene.person("Bo", engine).await;
        bo.creates(&origin, "Book club", PASSWORD).await;
        let ana = scene.person("Ana", engine.other()).await;
        ana.open(&format!("{origin}/login")).await;
        let words = eventually("five are wrong", async || {
            ana.knocks("Book club", "Ana", "incorrect horse", "Join room").await;
            let words = eventually("an answer", async || {
                let words = ana.alert().await;
                (!words.is_empty()).then_some(words)
            })
            .await;
            words.contains("Too many wrong attempts").then_some(words)
        })
        .await;
        assert!(!words.contains("not right"), "{words}");
        // It counts down, and the form can be sent when that is over.
        let text = ana.text().await;
        assert!(text.contains("Try again in "), "{text}");
        eventually("it is over", async || (!ana.text().await.contains("Try again in")).then_some(())).await;
        ana.fills("Password", PASSWORD).await;
        ana.press("Join room").await;
        ana.is_in().await;
    })
    .await;
}
