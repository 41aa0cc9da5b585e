//! A server with a certificate of its own, at an address that browsers do not take for this machine: without TLS, they
//! would hand out no cryptography there.

use serde_json::json;
use support::{
    browser::{Engine, play},
    server::Server,
    tls::own_authority,
};

with_engines_in_turn! { chromium: who_trusts_it_talks; }
with_each_engine! { who_does_not_is_warned }

const PASSWORD: &str = "correct horse battery";

async fn server() -> (Server, String) {
    // Elsewhere than the localhost of other scenes.
    let server = Server::with(&["--tls-self-signed", "--listen", "127.0.0.2:0"]).await;
    let origin = format!("https://127.0.0.2:{}", server.port());
    (server, origin)
}

async fn who_trusts_it_talks(engine: Engine) {
    let (server, origin) = server().await;
    let pem = own_authority(&server).await;
    play(&format!("who trusts it talks, {engine:?}"), async |scene| {
        let ana = scene.person_trusting(&pem, "Ana", engine).await;
        // Typed without https, as people do.
        ana.open(&format!("http://127.0.0.2:{}/create", server.port())).await;
        ana.arrives_at(&format!("{origin}/create")).await;
        assert_eq!(ana.runs("return isSecureContext", &[]).await, json!(true));
        ana.knocks("Den", "Ana", PASSWORD, "Create room").await;
        ana.is_in().await;

        let bo = scene.person_trusting(&pem, "Bo", engine.other()).await;
        bo.open(&format!("{origin}/login?username=&roomname=Den")).await;
        bo.fills("Your name", "Bo").await;
        bo.fills("Password", PASSWORD).await;
        bo.press("Join room").await;
        bo.is_in().await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.says("Hello Bo").await;
        bo.hears("Hello Bo").await;
        bo.says("Hello Ana").await;
        ana.hears("Hello Ana").await;
    })
    .await;
}

async fn who_does_not_is_warned(engine: Engine) {
    let (server, origin) = server().await;
    play(&format!("who does not is warned, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        // What leads to trust can be read before there is any.
        ana.open(&format!("http://127.0.0.2:{}/trust", server.port())).await;
        assert!(ana.text().await.contains("compare its SHA-256 fingerprint"));
        let colour = "return getComputedStyle(document.querySelector('.button--main')).backgroundColor";
        assert_ne!(ana.runs(colour, &[]).await, json!("rgba(0, 0, 0, 0)"), "the style sheet is there");
        ana.is_warned_of(&origin).await;
    })
    .await;
}
