//! The invite: the link, as text and as a picture, and when it is shown by itself.

use support::{
    browser::{Engine, Person, eventually, play},
    client,
    server::Server,
};

with_each_engine! { shown_in_a_new_room closed_by_escape asked_for }

const PASSWORD: &str = "correct horse battery";
const ESCAPE: &str = "\u{e00c}";
const TAB: &str = "\u{e004}";

/// What a camera reads that is held to the screen.
fn scan(png: &[u8]) -> Vec<String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (frame.width as usize, frame.height as usize);
    let samples = frame.color_type.samples();
    let grey = |x: usize, y: usize| {
        let at = y * frame.line_size + x * samples;
        let sum: u32 = pixels[at..at + samples.min(3)].iter().map(|value| u32::from(*value)).sum();
        u8::try_from(sum / u32::try_from(samples.min(3)).unwrap()).unwrap()
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    image.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}

/// Neither a letter nor the focus goes to the dialog.
async fn shown_in_a_new_room(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("invite in a new room, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.by_role("dialog", "Invite to Book club").await;
        assert!(ana.text().await.contains("You are the only one here"));
        assert!(ana.has_focus("Message").await);
        let link = ana.value("Invite link").await;
        ana.by_role("image", "QR code of the invite link").await;
        for theme in ["Light", "Dark"] {
            ana.chooses("Theme", theme).await;
            assert_eq!(scan(&ana.picture().await), [link.as_str()], "{theme}");
        }
        ana.resizes(360, 640).await;
        assert_eq!(scan(&ana.picture().await), [link.as_str()], "on a phone");
        ana.resizes(1440, 900).await;
        ana.strikes(&["H"]).await;
        assert_eq!(ana.value("Message").await, "H", "what is typed goes where it went");

        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo"]).await;
        assert!(!ana.sees("dialog", "Invite to Book club").await, "one is not alone any more");
        assert!(ana.has_focus("Message").await);
        bo.leave().await;
        ana.reads("Bo left").await;
        assert!(!ana.sees("dialog", "Invite to Book club").await, "it was shown once");
        assert_eq!(ana.value("Message").await, "H");
        assert_eq!(ana.violations().await, [""; 0]);

        // Who comes into a room did not make it, and is not alone.
        let _cy = client::Person::join(&server.address, "Book club", "Cy", PASSWORD).await.unwrap();
        let dee = scene.person("Dee", engine).await;
        dee.joins(&origin, "Book club", PASSWORD).await;
        dee.is_with(&["Ana", "Cy", "Dee"]).await;
        assert!(!dee.sees("dialog", "Invite to Book club").await);
    })
    .await;
}

async fn closed_by_escape(engine: Engine) {
    let server = Server::start().await;
    play(&format!("invite closed by escape, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        ana.by_role("dialog", "Invite to Book club").await;
        ana.strikes(&["H", ESCAPE, "i"]).await;
        eventually("it is closed", async || (!ana.sees("dialog", "Invite to Book club").await).then_some(())).await;
        assert_eq!(ana.value("Message").await, "Hi");
    })
    .await;
}

async fn stays_inside(person: &Person) {
    for _ in 0..6 {
        person.strikes(&[TAB]).await;
        // A browser's own bar may have its turn: then nothing of the page has the focus.
        let script = "return document.activeElement === document.body
            || document.activeElement.closest('dialog') !== null";
        assert_eq!(person.runs(script, &[]).await, true, "the focus left the dialog");
    }
}

async fn asked_for(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("invite, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        // A system that can share, as far as a page can tell.
        if engine == Engine::Chromium {
            let script = "navigator.share = async (what) => { window.shared = what; }";
            let script = serde_json::json!({ "source": script });
            ana.chromium("Page.addScriptToEvaluateOnNewDocument", script).await;
        }
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.press("Close").await;
        ana.press("Invite").await;
        ana.focus_is_on("button", "Copy link").await;
        let link = ana.value("Invite link").await;
        assert_eq!(link, format!("{origin}/login?username=&roomname=Book%20club"));
        assert_eq!(scan(&ana.picture().await), [link.as_str()]);
        stays_inside(&ana).await;
        if engine == Engine::Chromium {
            ana.press("Share").await;
            let shared = eventually("shared", async || {
                let shared = ana.runs("return window.shared ?? null", &[]).await;
                (!shared.is_null()).then_some(shared)
            });
            assert_eq!(shared.await, serde_json::json!({ "url": link }));
        }
        ana.press("Copy link").await;
        eventually("it says so", async || ana.text().await.contains("Copied").then_some(())).await;
        ana.strikes(&[ESCAPE]).await;
        ana.focus_is_on("button", "Invite").await;
        ana.pastes_copied("Message").await;
        assert_eq!(ana.value("Message").await, link);
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}
