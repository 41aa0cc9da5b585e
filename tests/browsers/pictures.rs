//! Pictures of every state, to be looked at: `cargo test -p tests --test browsers pictures:: -- --ignored`
//! leaves them in `target/pictures/`. `tests/run --update-pictures` makes those that the README shows.

use std::{env, fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, message, play},
    client,
    gate::{Mail, State},
    proxy::Proxy,
    root,
    server::Server,
};

const PASSWORD: &str = "correct horse battery";

/// A drawing with a soft slope of colours, as a PNG.
fn drawing(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| [(40 + 160 * x / width) as u8, (60 + 140 * y / height) as u8, 120];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn pictures() {
    let server = Server::start().await;
    let origin = server.origin();
    play("pictures of pictures", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.press("Close").await;
        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo"]).await;
        ana.pastes_file("a.png", "image/png", &drawing(3000, 2000)).await;
        ana.by_role("image", "The picture as it will be sent").await;
        eventually("it is ready", async || ana.text().await.contains("made smaller").then_some(())).await;
        shoot(&ana, "picture, before it is sent").await;
        ana.press("Cancel").await;
        ana.drops_file("a.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>").await;
        eventually("no", async || ana.alert().await.contains("SVG").then_some(())).await;
        shoot(&ana, "picture, refused").await;

        bo.say("Look at this").await;
        let shot = |number, width: u16, height: u16, bytes| client::Shot {
            number,
            media: web_crypto::picture::Media::Png,
            width,
            height,
            alt: String::new(),
            bytes,
        };
        bo.shows(&shot(1, 900, 600, drawing(900, 600))).await;
        bo.shows(&shot(2, 16, 16, drawing(16, 16))).await;
        bo.shows(&shot(3, 1, 2000, drawing(1, 2000))).await;
        bo.shows(&shot(4, 100, 100, b"not a picture".to_vec())).await;
        eventually("all are there", async || ana.text().await.contains("cannot be shown").then_some(())).await;
        ana.drops_file("a.png", "image/png", &drawing(500, 900)).await;
        ana.types("Description", "A sunset over the sea, and a boat").await;
        ana.press("Send picture").await;
        ana.by_role("button", "A sunset over the sea, and a boat").await;
        bo.sees_picture().await;
        shoot(&ana, "picture, in the log").await;
        ana.press("A sunset over the sea, and a boat").await;
        ana.by_role("link", "Save picture").await;
        shoot(&ana, "picture, large").await;
    })
    .await;
}

/// What becomes of pictures on their way, from made-up events.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn moving_pictures() {
    let server = Server::start().await;
    play("pictures of moving pictures", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let picture = |id: u32, name: &str, number: u32| {
            json!({ "type": "picture", "id": id, "name": name, "mine": id == 1, "picture": number, "width": 900,
                "height": 500, "length": 100, "alt": "" })
        };
        let ended = |id: u32, picture: u32, why: &str| {
            json!({ "type": "picture_ended", "id": id, "picture": picture, "why": why })
        };
        let moved = |id: u32, picture: u32| {
            json!({ "type": "picture_moved", "id": id, "picture": picture, "bytes": 40, "on_its_way": false })
        };
        ana.is_told(&[
            picture(2, "Bo", 1),
            ended(2, 1, "broken"),
            picture(2, "Bo", 2),
            ended(2, 2, "cancelled"),
            picture(1, "Ana", 1),
            ended(1, 1, "cancelled"),
            picture(2, "Bo", 3),
            moved(2, 3),
            picture(1, "Ana", 2),
            moved(1, 2),
        ])
        .await;
        ana.by_role("button", "Cancel sending").await;
        shoot(&ana, "picture, on its way").await;
        ana.is_told(&[json!({ "type": "ended", "code": "lost", "words": "The server is gone.", "remake": true })])
            .await;
        shoot(&ana, "picture, over").await;
    })
    .await;
}

/// A phone, a tablet and a desk, by day and by night.
async fn shoot(person: &Person, state: &str) {
    let folder = root().join("target/pictures");
    fs::create_dir_all(&folder).unwrap();
    for (width, height) in [(360, 640), (768, 1024), (1440, 900)] {
        person.resizes(width, height).await;
        for scheme in ["light", "dark"] {
            let scheme_is = json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] });
            person.chromium("Emulation.setEmulatedMedia", scheme_is).await;
            fs::write(folder.join(format!("{state} {width} {scheme}.png")), person.picture().await).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn doors() {
    let server = Server::with(&["--max-members", "1"]).await;
    let origin = server.origin();
    play("pictures of doors", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.open(&origin).await;
        shoot(&ana, "landing").await;
        ana.open(&format!("{origin}/nowhere")).await;
        shoot(&ana, "not found").await;
        ana.open(&format!("{origin}/create")).await;
        shoot(&ana, "create").await;
        ana.types("Password", "Tr0ub4dor&3").await;
        ana.reads_strength("about").await;
        shoot(&ana, "create, typed").await;
        ana.press("Suggest a passphrase").await;
        ana.reads_strength("billions").await;
        shoot(&ana, "create, suggested").await;
        ana.knocks("Book club", "Ana", "short", "Create room").await;
        ana.complaint("Password").await;
        shoot(&ana, "create, too short").await;

        let mut bo = client::Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.open(&format!("{origin}/login?roomname=Book%20club&username=Ana")).await;
        shoot(&ana, "join").await;
        ana.knocks("Book club", "Ana", "wrong password", "Join room").await;
        ana.complaint("Password").await;
        shoot(&ana, "join, wrong password").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        support::browser::eventually("full", async || ana.alert().await.contains("full").then_some(())).await;
        shoot(&ana, "join, room full").await;
        bo.leave().await;
        let mut bo = client::Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.open(&format!("{origin}/create")).await;
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        ana.by_role("button", "Use Book club 2").await;
        shoot(&ana, "create, name taken").await;
        bo.leave().await;
        ana.allows_script(false).await;
        ana.open(&format!("{origin}/create")).await;
        shoot(&ana, "create, without script").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn rooms() {
    let mut server = Server::start().await;
    let origin = server.origin();
    play("pictures of rooms", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        // Nobody answers who could let one in.
        let proxy = Proxy::start(&server.address).await;
        let _away = client::Person::create(&proxy.address, "Book club", "Bo", PASSWORD).await.unwrap();
        proxy.stall(true);
        ana.open(&format!("{origin}/login")).await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        ana.by_role("button", "Leave room").await;
        shoot(&ana, "room, waiting").await;
        ana.press("Security").await;
        shoot(&ana, "room, waiting, security").await;
        ana.press("Close").await;
        ana.press("Leave room").await;

        ana.creates(&origin, "Garden club", PASSWORD).await;
        ana.by_role("image", "QR code of the invite link").await;
        shoot(&ana, "room, new").await;
        ana.press("Close").await;
        shoot(&ana, "room, empty").await;
        ana.press("Invite").await;
        ana.field("Invite link").await;
        shoot(&ana, "room, invite").await;
        ana.press("Close").await;

        let enter = async |name| client::Person::join(&server.address, "Garden club", name, PASSWORD).await.unwrap();
        let long = "Bartholomew Featherstonehaugh-Cholmondeley of Wolverhampton West";
        let (mut bo, mut noor, mut long) = (enter("Bo").await, enter("نور").await, enter(long).await);
        bo.say("Hello Ana! Did you finish the book?").await;
        ana.hears("Hello Ana! Did you finish the book?").await;
        ana.says("Nearly. Two chapters left, and I have a theory about the gardener.").await;
        ana.says("See https://example.org/chapters/twenty-one?page=3#the-gardener").await;
        noor.say("مرحبا، لقد أنهيت الكتاب أمس! انظروا https://example.org/").await;
        bo.say("Do not tell us.\n\nNot here, at least:\n  - no names\n  - no places").await;
        long.say(&"Donaudampfschifffahrtsgesellschaftskapitän".repeat(6)).await;
        long.say(&"This is a rather long message, as people write when they have much to say. ".repeat(8)).await;
        ana.says("👍🏽").await;
        ana.hears("👍🏽").await;
        shoot(&ana, "room, busy").await;
        ana.press("Security").await;
        eventually("the safety words", async || (!ana.text().await.contains("Working them out")).then_some(())).await;
        shoot(&ana, "room, security").await;
        ana.press("Close").await;
        ana.resizes(360, 640).await;
        ana.press("People").await;
        shoot(&ana, "room, people").await;
        bo.leave().await;
        noor.lose_connection().await;
        ana.reads("Bo left").await;

        let killed = std::process::Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
        assert!(killed.success() && !server.ended().await);
        ana.connection_says("Offline").await;
        ana.says("Is anyone still there?").await;
        shoot(&ana, "room, offline").await;
        let _server = Server::with(&["--listen", &server.address]).await;
        ana.by_role("link", "Make the room again").await;
        shoot(&ana, "room, over").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn talk() {
    const NOON: u64 = 1_795_262_400_000;
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let server = Server::start().await;
    play("pictures of talk", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let people = json!([
            { "id": 1, "name": "Ana", "connected": true, "you": true },
            { "id": 3, "name": "Bo", "connected": true, "another": true, "you": false },
            { "id": 4, "name": "نور", "connected": false, "you": false },
            { "id": 5, "name": "Cy", "connected": true, "you": false },
        ]);
        let long = "This is a rather long message, as people write when they have much to say. ".repeat(4);
        ana.is_told(&[
            message(2, "Bo", "Did you finish the book?", NOON - DAY),
            json!({ "type": "left", "id": 2, "name": "Bo", "at": NOON }),
            json!({ "type": "people", "people": people, "at": NOON }),
            json!({ "type": "entered", "id": 3, "name": "Bo", "another": true, "here": true, "at": NOON }),
            message(1, "Ana", "Nearly. Two chapters left.", NOON + 1),
            json!({ "type": "accepted", "counter": NOON + 1 }),
            message(1, "Ana", "See https://example.org/chapters/twenty-one", NOON + 2),
            message(5, "Cy", "Noise.", NOON + 3),
            message(5, "Cy", "More noise.", NOON + 4),
            json!({ "type": "muted", "id": 5, "muted": true }),
            json!({ "type": "reading", "reading": false }),
            message(3, "Bo", &long, NOON + 5),
            message(4, "نور", "مرحبا، لقد أنهيت الكتاب أمس!", NOON + 6),
        ])
        .await;
        shoot(&ana, "talk, what is new").await;
        ana.is_told(&[
            message(3, "Bo", "Log in at https://аррӏе.com/login, or https://apple.com@evil.example/.", NOON + 7),
            message(4, "نور", "انظروا https://bücher.example/", NOON + 8),
            message(1, "Ana", "https://exam\u{ad}ple.com/chapters is it", NOON + 9),
        ])
        .await;
        shoot(&ana, "talk, links").await;
        ana.runs("[...document.querySelectorAll('.message')].at(-2).click()", &[]).await;
        shoot(&ana, "talk, a chosen message").await;
        ana.resizes(360, 640).await;
        ana.press("People").await;
        shoot(&ana, "talk, people").await;
        ana.resizes(360, 640).await;
        ana.press("Emoji").await;
        support::browser::eventually("emoji", async || ana.text().await.contains("😀").then_some(())).await;
        shoot(&ana, "talk, emoji").await;
        ana.pastes("Message", &"word ".repeat(2001)).await;
        ana.press("Send").await;
        shoot(&ana, "talk, too long").await;
        ana.press("Leave room").await;
        shoot(&ana, "talk, leaving with a draft").await;
        ana.press("Cancel").await;
        ana.is_told(&[json!({ "type": "ended", "code": "lost", "words": "The server is gone.", "remake": true })])
            .await;
        shoot(&ana, "talk, over with a draft").await;
        ana.is_told(&[json!({ "type": "ended", "code": "left", "words": "" })]).await;
        shoot(&ana, "talk, left").await;
    })
    .await;
}

/// Members that are let in, are not heard of, and are on their way out.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn comings_and_goings() {
    const NOON: u64 = 1_795_262_400_000;
    let server = Server::start().await;
    play("pictures of comings and goings", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let person = |id: u32, name: &str, place: &str| {
            json!({ "id": id, "name": name, "connected": true, "place": place, "another": id == 5, "you": id == 1,
                "fingerprint": "35046 92171 94413 46616 46680 80290" })
        };
        let entered = |id: u32, name: &str| {
            json!({ "type": "entered", "id": id, "name": name, "another": id == 5, "here": false, "at": NOON })
        };
        let left = |id: u32, name: &str, here: bool| {
            json!({ "type": "left", "id": id, "name": name, "lost": false, "here": here, "at": NOON })
        };
        let of = |people: &[(u32, &str, &str)]| {
            let people = people.iter().map(|(id, name, place)| person(*id, name, place)).collect::<Vec<_>>();
            json!({ "type": "people", "people": people, "at": NOON })
        };
        ana.is_told(&[
            json!({ "type": "keys", "epoch": { "generation": 0, "number": 1 }, "anew": false, "at": NOON }),
            of(&[(1, "Ana", "here"), (2, "Bo", "here")]),
            message(2, "Bo", "Is Cy coming, too?", NOON),
            entered(3, "Cy"),
            of(&[(1, "Ana", "here"), (2, "Bo", "here"), (3, "Cy", "coming")]),
            of(&[(1, "Ana", "here"), (2, "Bo", "here"), (3, "Cy", "here")]),
            entered(4, "Mallory"),
            entered(5, "Во"),
            of(&[(1, "Ana", "here"), (2, "Bo", "leaving"), (3, "Cy", "here"), (4, "Mallory", "coming"), (5, "Во", "coming")]),
        ])
        .await;
        shoot(&ana, "people, coming and leaving").await;
        ana.press("Security").await;
        shoot(&ana, "people, in security").await;
        ana.press("Close").await;
        ana.resizes(360, 640).await;
        ana.press("People").await;
        shoot(&ana, "people, on the list").await;
        ana.is_told(&[
            left(4, "Mallory", false),
            left(2, "Bo", true),
            of(&[(1, "Ana", "here"), (3, "Cy", "here"), (5, "Во", "here")]),
            json!({ "type": "unlisted", "at": NOON }),
            json!({ "type": "connection", "state": "knocking" }),
        ])
        .await;
        ana.resizes(1440, 900).await;
        shoot(&ana, "people, gone").await;
    })
    .await;
}

/// What the README shows: the room as it is on most days.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the pictures of the README"]
async fn readme() {
    const EVENING: u64 = 1_795_285_800_000;
    let server = Server::start().await;
    play("pictures of the README", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        let people = [(1, "Ana"), (2, "Bo"), (3, "نور"), (4, "Grandma")]
            .map(|(id, name)| json!({ "id": id, "name": name, "connected": id != 4, "you": id == 1 }));
        let talk = [
            (2, "Bo", "Is everyone still coming on Saturday?"),
            (1, "Ana", "Yes! I bring the soup. And the big pot, this time."),
            (4, "Grandma", "I have baked. Do not tell your uncle how much."),
            (3, "نور", "سأصل متأخرة قليلا، لا تأكلوا كل شيء 🙂"),
            (2, "Bo", "Half past seven, by the side door. The code is the one we said on the phone."),
            (1, "Ana", "👍🏽"),
        ];
        ana.rehearses(&server.origin()).await;
        ana.is_told(&[json!({ "type": "admitted", "room": "Saturday", "user": "Ana" })]).await;
        ana.is_told(&[json!({ "type": "people", "people": people, "at": EVENING })]).await;
        for (minute, (id, name, text)) in talk.into_iter().enumerate() {
            let at = EVENING + minute as u64 * 60_000;
            ana.is_told(&[message(id, name, text, at), json!({ "type": "accepted", "counter": at })]).await;
        }
        shoot(&ana, "readme").await;
        if env::var_os("UPDATE_PICTURES").is_some() {
            for (taken, shown) in [("readme 1440 light", "desk"), ("readme 360 dark", "phone")] {
                let taken = root().join("target/pictures").join(taken).with_added_extension("png");
                fs::copy(taken, root().join("docs/pictures").join(shown).with_added_extension("png")).unwrap();
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn transcript() {
    let server = Server::start().await;
    play("pictures of the transcript", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        ana.is_told(&[message(2, "Bo", "Shall we keep this?", 1_795_262_400_000)]).await;
        shoot(&ana, "transcript, not asked for").await;
        ana.press("Save transcript").await;
        shoot(&ana, "transcript, on a desk").await;
        ana.press("Close").await;
        ana.resizes(360, 640).await;
        ana.press("People").await;
        shoot(&ana, "transcript, people on a phone").await;
        ana.press("Save transcript").await;
        shoot(&ana, "transcript, on a phone").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn gates() {
    let state = State::new();
    let factors = state.adds_person("ana", "account of my own");
    state.told(&["token", "add", "all"], "");
    fs::write(state.path().join("emails"), "example.org\n").unwrap();
    fs::set_permissions(state.path().join("emails"), fs::Permissions::from_mode(0o600)).unwrap();
    let mail = Mail::start(0, &[]).await;
    let smtp = format!("smtp+plain://localhost:{}", mail.port);
    play("pictures of gates", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        for (gate, field, wrong) in [
            ("token", "Access token", "guess"),
            ("people", "Account password", "account of another"),
            ("email", "E-mail address", "ana@"),
        ] {
            let flags = ["--gate-join", gate, "--smtp", &smtp, "--mail-from", "chat@example.org"];
            let server = Server::with(&[&["--state", state.flag()], &flags[..]].concat()).await;
            ana.open(&format!("{}/login?roomname=Book+club", server.origin())).await;
            ana.field(field).await;
            shoot(&ana, &format!("gate {gate}, asked")).await;
            ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
            ana.fills(field, wrong).await;
            ana.press("Join room").await;
            eventually("an answer", async || ana.complaint(field).await.contains("not").then_some(())).await;
            shoot(&ana, &format!("gate {gate}, wrong")).await;
            if gate == "token" {
                for _ in 0..5 {
                    ana.fills(field, "guess").await;
                    ana.press("Join room").await;
                    eventually("an answer", async || (!ana.alert().await.is_empty()).then_some(())).await;
                }
                shoot(&ana, "gate token, locked out").await;
                continue;
            }
            ana.fills(field, if gate == "people" { "account of my own" } else { "ana@example.org" }).await;
            ana.press("Join room").await;
            ana.focus_is_on("textbox", "One-time code").await;
            shoot(&ana, &format!("gate {gate}, code")).await;
            if gate == "people" {
                for _ in 0..6 {
                    ana.fills("One-time code", "123456").await;
                    ana.press("Join room").await;
                    eventually("an answer", async || (!ana.alert().await.is_empty()).then_some(())).await;
                }
                shoot(&ana, "gate people, codes locked").await;
                ana.fills("One-time code", &factors.recovery[0]).await;
                ana.press("Join room").await;
                ana.complaint("Password").await;
                shoot(&ana, "gate people, passed").await;
            }
        }
    })
    .await;
}
