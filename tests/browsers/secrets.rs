//! What the page's own thread keeps of a password: nothing.

use support::{
    browser::{Engine, Person, play},
    server::Server,
};

with_each_engine! { password_is_forgotten }
in_webkit_too! { password_is_forgotten }

const PASSWORD: &str = "Xylophone-zebra-71";

/// Everything that stays in a document, its storage and its address, put together.
async fn remains(person: &Person) -> String {
    let script = "return (async () => JSON.stringify([
        document.documentElement.outerHTML,
        [...document.querySelectorAll('input, textarea')].map(({ value, defaultValue }) => [value, defaultValue]),
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        history.state,
        location.href,
        performance.getEntries().map(({ name }) => name),
        await indexedDB.databases(),
        await caches.keys(),
        Object.getOwnPropertyNames(window).filter((name) => typeof window[name] === 'string').map((name) => window[name]),
    ]))()";
    person.runs(script, &[]).await.as_str().unwrap().to_owned()
}

async fn password_is_forgotten(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("password is forgotten, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        ana.fills("Password", PASSWORD).await;
        assert!(remains(&ana).await.contains(PASSWORD), "what finds nothing must be able to find something");
        ana.press("Show password").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        ana.is_in().await;
        ana.says("hello").await;

        let left = remains(&ana).await;
        assert!(!left.contains(PASSWORD), "the page still holds the password: {left}");
        assert!(left.contains(r#"{},{},"",null,"#), "something is stored: {left}");
        assert!(left.contains("],[],[],["), "a database or a cache was made: {left}");
        assert!(!server.log().contains(PASSWORD));

        ana.press("Leave room").await;
        ana.arrives_at(&format!("{origin}/")).await;
        ana.open(&format!("{origin}/login")).await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        ana.complaint("Password").await;
        assert!(!remains(&ana).await.contains(PASSWORD), "a refused password is still in the page");
    })
    .await;
}
