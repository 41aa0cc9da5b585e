//! Whatever people say or call themselves is shown as it is, and does nothing.

use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, play, share},
    client,
    server::Server,
};
use wire::{RoomName, UserName};

with_each_engine! { in_names }
with_engines_in_turn! { chromium: in_messages; }

const PASSWORD: &str = "correct horse battery";

/// Addresses that look like others, each with the host where it leads.
const DISGUISED: [(&str, &str); 2] = [
    ("https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.com/login", "xn--80ak6aa92e.com"),
    ("https://apple.com@evil.example/", "evil.example"),
];

const HOSTILE: [&str; 46] = [
    // Markup
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "</p></div></main><h1>Cloakroom was moved</h1>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "<a href=\"javascript:alert(1)\">click</a>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<math><mtext></p><img src onerror=alert(1)>",
    "<!-- --!><x onclick=alert(1)>",
    "]]><template shadowrootmode=open>",
    "&lt;b&gt;bold&lt;/b&gt; &#x3c;b&#x3e; &amp;",
    // Addresses
    "javascript:alert(1)",
    "JaVaScRiPt://example.org/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "https://example.org/\"onmouseover=\"alert(1)",
    "http://evil.example@example.org/ https://example.org:99999/",
    DISGUISED[0].0,
    DISGUISED[1].0,
    // Templates and shells
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)} #{alert(1)} <%= alert(1) %>",
    "$(reboot) `reboot` && reboot",
    // Directions
    "user\u{202e}gnp.exe",
    "\u{2066}\u{2067}never closed",
    "\u{200f}\u{202b}right to left",
    "שלום <b>עולם</b>",
    "مرحبا https://example.org/",
    // Letters
    "Аdmіn Ａｄｍｉｎ",
    "Z\u{351}\u{36b}\u{343}\u{32a}\u{302}\u{351}a\u{34e}\u{34e}\u{36b}l\u{34e}\u{356}\u{34f}go",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "a\u{301}\u{2028}b\u{2029}c\u{85}d",
    // Machines
    "null",
    "undefined",
    "NaN",
    "__proto__",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "=HYPERLINK(\"https://evil.example\",\"x\")",
    "'; DROP TABLE rooms; --",
    "%00%2e%2e%2f%3Cb%3E%%",
    "../../etc/passwd",
    ".",
];

/// The log holds nothing but what the page itself puts there, and the page is still whole.
async fn is_whole(person: &Person) {
    assert!(!person.sees_dialog().await, "a script ran");
    let log = person.by_role("log", "Messages").await;
    let script = "
        const plain = new Set(['DIV', 'P', 'H2', 'BDI', 'SPAN', 'TIME', 'A', 'BUTTON']);
        const named = new Set(['class', 'dir', 'datetime', 'href', 'rel', 'target', 'hidden', 'id', 'type', 'aria-haspopup',
          'translate', 'data-host', 'title']);
        const strange = [];
        for (const element of arguments[0].querySelectorAll('*')) {
          const attributes = [...element.attributes].filter(({ name }) => !named.has(name));
          const link = element.localName === 'a'
            && (!/^(https?|mailto):$/.test(element.protocol) || element.rel !== 'noreferrer noopener');
          if (!plain.has(element.tagName) || attributes.length || link) strange.push(element.outerHTML);
        }
        for (const text of arguments[0].querySelectorAll('p[dir=auto], bdi')) {
          if ([...text.querySelectorAll('*')].some(({ localName }) => localName !== 'a')) strange.push(text.outerHTML);
        }
        return strange;";
    assert_eq!(person.runs(script, &[log.to_value()]).await, json!([]), "{} sees strange elements", person.name());
    assert!(person.overflow().await <= 0, "the page can be moved sideways");
    assert_eq!(person.outside().await, [""; 0]);
    assert_eq!(person.violations().await, [""; 0]);
}

async fn in_messages(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("hostile messages, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        for text in HOSTILE {
            ana.says_pasted(text).await;
        }
        eventually("all has arrived", async || (bo.messages().await.len() == HOSTILE.len()).then_some(())).await;
        for person in [&ana, &bo] {
            assert_eq!(person.messages().await, HOSTILE);
            for (address, host) in DISGUISED {
                let link = person.by_role("link", &format!("{address} ({host})")).await;
                let title = person.runs("return arguments[0].title", &[link.to_value()]).await;
                assert_eq!(title, json!(format!("Opens {host}")));
            }
            is_whole(person).await;
        }
        bo.says("still here").await;
        ana.hears("still here").await;
        assert_eq!(ana.people().await, ["Ana", "Bo"]);
    })
    .await;
}

/// Each is a room's name and a person's; where the rules forbid it, the form says so.
async fn in_names(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("hostile names, {engine:?}"), async |scene| {
        let bo = scene.person("Bo", engine).await;
        for name in share(engine, HOSTILE) {
            bo.open(&format!("{origin}/create")).await;
            bo.pastes("Room name", name).await;
            bo.pastes("Your name", name).await;
            bo.pastes("Password", PASSWORD).await;
            let typed = bo.value("Room name").await;
            bo.press("Create room").await;
            let Ok(room) = typed.parse::<RoomName>() else {
                let words = bo.complaint("Room name").await;
                assert!(words.contains("This room name does not work"), "{name:?}: {words}");
                bo.pastes("Room name", "Book club").await;
                bo.pastes("Password", PASSWORD).await;
                bo.press("Create room").await;
                let words = bo.complaint("Your name").await;
                assert!(words.contains("This name does not work"), "{name:?}: {words}");
                assert!(!bo.sees_dialog().await);
                continue;
            };
            bo.is_in().await;
            let room = room.as_str();
            bo.is_with(&[room]).await;
            let script = "return [document.querySelector('h1:has(bdi)').textContent, document.title,
                decodeURIComponent(location.pathname)]";
            let shown = bo.runs(script, &[]).await;
            assert_eq!(shown, json!([room, format!("{room} · Cloakroom"), format!("/chat/{room}")]));
            is_whole(&bo).await;
            bo.press("Leave room").await;
            bo.arrives_at(&format!("{origin}/")).await;
        }

        bo.creates(&origin, "Book club", PASSWORD).await;
        let names: Vec<UserName> = HOSTILE.iter().filter_map(|name| name.parse().ok()).collect();
        assert!(names.len() > HOSTILE.len() / 2, "most are names: {}", names.len());
        for name in share(engine, &names) {
            let name = name.as_str();
            let guest = client::Person::join(&server.address, "Book club", name, PASSWORD).await;
            let mut guest = guest.unwrap_or_else(|view| panic!("{name:?} is refused: {view}"));
            guest.say(name).await;
            bo.hears(name).await;
            assert_eq!(bo.people().await, ["Bo", name]);
            guest.leave().await;
        }
        bo.is_with(&["Bo"]).await;
        is_whole(&bo).await;
        bo.says("still here").await;
        bo.hears("still here").await;
    })
    .await;
}
