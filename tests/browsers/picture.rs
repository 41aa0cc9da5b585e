//! Pictures: how they come in, what is sent of them, and what is done with those that lie.

use std::fs;

use base64ct::{Base64, Encoding};
use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, key, play},
    client::{self, Shot},
    proxy::Proxy,
    server::Server,
};
use web_crypto::{
    content::Content,
    picture::{Media, Offer, Piece},
};

with_each_engine! { ways_in what_is_refused those_that_lie cancelling }
with_engines_in_turn! { firefox: from_one_to_the_other; }

const PASSWORD: &str = "correct horse battery";

/// A PNG of one colour, which a fourth channel makes clear.
fn png(width: u32, height: u32, colour: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(if colour.len() == 4 { png::ColorType::Rgba } else { png::ColorType::Rgb });
    let pixels = colour.repeat((width * height) as usize);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// A GIF of 3 × 2 pixels and so many images.
fn gif(images: usize) -> Vec<u8> {
    let head = b"GIF89a\x03\0\x02\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\0\0\0\0\0";
    let image = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [&head[..], &image.repeat(images), b";"].concat()
}

/// A photograph as a telephone makes them: lying on its side, with a note of where it was taken. Stored 60 × 40, so
/// that upright it is 40 × 60.
async fn photograph(person: &Person) -> Vec<u8> {
    let script = "const canvas = new OffscreenCanvas(60, 40);
        canvas.getContext('2d').fillStyle = '#c03020';
        canvas.getContext('2d').fillRect(0, 0, 60, 40);
        return canvas.convertToBlob({ type: 'image/jpeg' }).then((blob) => blob.arrayBuffer())
          .then((bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))));";
    let plain = Base64::decode_vec(person.runs(script, &[]).await.as_str().unwrap()).unwrap();
    // One directory with two entries: the orientation is 6, turn it to the right; and a description.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    exif.extend(b"\x01\x0e\0\x02\0\0\0\x10\0\0\0\x26\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0at my home, no.7\0");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], b"\xff\xe1", &length, &exif, &plain[2..]].concat()
}

/// Waits until pictures can be sent: what that takes is loaded once one is in.
async fn can_attach(person: &Person) {
    let button = person.by_role("button", "Attach").await;
    eventually("pictures can be sent", async || {
        (person.runs("return arguments[0].disabled", &[button.to_value()]).await == false).then_some(())
    })
    .await;
}

/// Ana at a browser and Bo at a native client.
async fn with_bo(person: &Person, server: &Server) -> client::Person {
    with_bo_by(person, server, &server.origin()).await
}

async fn with_bo_by(person: &Person, server: &Server, origin: &str) -> client::Person {
    person.creates(origin, "Book club", PASSWORD).await;
    person.press("Close").await;
    let bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
    person.is_with(&["Ana", "Bo"]).await;
    can_attach(person).await;
    bo
}

async fn preview_says(person: &Person, words: &str) {
    let script = "return document.getElementById('preview-words').textContent.replaceAll('\\u00a0', ' ')";
    eventually(&format!("the preview says {words:?}"), async || {
        person.runs(script, &[]).await.as_str()?.contains(words).then_some(())
    })
    .await;
}

async fn is_told(person: &Person, words: &str) {
    eventually(&format!("told: {words:?}"), async || person.alert().await.contains(words).then_some(())).await;
}

async fn ways_in(engine: Engine) {
    let server = Server::start().await;
    play(&format!("pictures come in, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let mut bo = with_bo(&ana, &server).await;

        // By the button, from a file: what has no hole in it becomes a JPEG.
        let script = "const input = document.getElementById('picture-file');
            window.asked = false;
            input.addEventListener('click', (event) => { window.asked = true; event.preventDefault(); }, { once: true });";
        ana.runs(script, &[]).await;
        ana.press("Attach").await;
        assert!(ana.runs("return window.asked", &[]).await == true, "the button asks for a file");
        let folder = support::root().join("target/tmp");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("picture {engine:?}.txt"));
        fs::write(&file, png(3000, 1500, &[200, 30, 40])).unwrap();
        ana.attaches(&file).await;
        preview_says(&ana, "2,048 × 1,024 pixels").await;
        preview_says(&ana, "made smaller from 3,000 × 1,500").await;
        ana.types("Description", "  all red  ").await;
        ana.press("Send picture").await;
        let offered = bo.sees("picture").await;
        assert_eq!((&offered["name"], &offered["alt"]), (&json!("Ana"), &json!("all red")));
        let (media, size, _) = bo.sees_picture().await;
        assert_eq!((media.as_str(), size), ("image/jpeg", [2048, 1024]));
        ana.by_role("button", "all red").await;
        eventually("it is sent", async || {
            let sent = "return document.querySelectorAll('.message__state--sent').length";
            (ana.runs(sent, &[]).await == 1).then_some(())
        })
        .await;

        // By paste: what one can see through stays so.
        let clear = png(30, 20, &[10, 200, 30, 128]);
        ana.pastes_file("image.png", "image/png", &clear).await;
        preview_says(&ana, "30 × 20 pixels, 1 KB.").await;
        ana.press("Send picture").await;
        let (media, size, bytes) = bo.sees_picture().await;
        assert_eq!((media.as_str(), size), ("image/png", [30, 20]));
        assert_ne!(bytes, clear, "it is encoded anew");
        ana.by_role("button", "Picture from Ana").await;

        // By drop, anywhere: upright, and without the note of where it was taken. Whatever it calls itself.
        let photograph = photograph(&ana).await;
        let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(holds(&photograph, b"Exif") && holds(&photograph, b"at my home"));
        assert!(ana.drops_file("x.html", "text/html", &photograph).await, "the browser stays where it is");
        preview_says(&ana, "40 × 60 pixels").await;
        ana.press("Send picture").await;
        let (media, size, bytes) = bo.sees_picture().await;
        assert_eq!((media.as_str(), size), ("image/jpeg", [40, 60]));
        assert!(!holds(&bytes, b"Exif") && !holds(&bytes, b"at my home"), "nothing of the file goes along");

        // Of an animation the first image is sent.
        ana.drops_file("a.gif", "image/gif", &gif(2)).await;
        preview_says(&ana, "3 × 2 pixels, 1 KB. Only the first image of the animation is sent.").await;
        ana.press("Cancel").await;

        // What was called off is not sent.
        ana.drops_file("a.png", "image/png", &clear).await;
        preview_says(&ana, "30 × 20").await;
        ana.press("Cancel").await;
        ana.says("nothing more").await;
        assert_eq!(bo.hears().await.1, "nothing more");
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

async fn from_one_to_the_other(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("a picture goes from one to the other, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.press("Close").await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        // Noise does not become small: this takes many pieces.
        let script = "const canvas = new OffscreenCanvas(1600, 1200);
            const context = canvas.getContext('2d');
            const image = context.createImageData(1600, 1200);
            const noise = new Uint32Array(image.data.buffer);
            let seed = 1;
            for (let at = 0; at < noise.length; at += 1) noise[at] = (seed = Math.imul(seed, 1664525) + 1013904223) | 0xff000000;
            context.putImageData(image, 0, 0);
            return canvas.convertToBlob({ type: 'image/png' }).then((blob) => {
              const carried = new DataTransfer();
              carried.items.add(new File([blob], 'noise'));
              document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: carried }));
            });";
        can_attach(&ana).await;
        ana.runs(script, &[]).await;
        preview_says(&ana, "1,600 × 1,200 pixels").await;
        ana.types("Description", "<b>noise</b>").await;
        ana.press("Send picture").await;
        ana.says("what do you see?").await;
        bo.hears("what do you see?").await;
        let button = bo.by_role("button", "<b>noise</b>").await;
        let shown = "const image = arguments[0].querySelector('img');
            return image.complete && [image.naturalWidth, image.naturalHeight]";
        eventually("it is drawn", async || {
            (bo.runs(shown, &[button.to_value()]).await == json!([1600, 1200])).then_some(())
        })
        .await;

        // Its place was there before it was.
        let frame = "const { width, height } = document.querySelector('.picture').getBoundingClientRect();
            return Math.abs(width / height - 4 / 3) < 0.05";
        assert!(bo.runs(frame, &[]).await == true);

        bo.press("<b>noise</b>").await;
        let save = bo.by_role("link", "Save picture").await;
        let made = bo.runs("return [arguments[0].download, arguments[0].protocol]", &[save.to_value()]).await;
        let name = made[0].as_str().unwrap();
        assert!(name.starts_with("picture 20") && name.ends_with(".jpg"), "{name}");
        assert_eq!(made[1], "blob:");
        assert!(bo.text().await.contains("<b>noise</b>"), "the description is text");
        bo.strikes(&[key::ESCAPE]).await;
        eventually("it is closed", async || (!bo.sees("link", "Save picture").await).then_some(())).await;
        assert!(bo.is_on(&button).await, "the focus is where it was");

        // From the message above or below one comes to it, and on to the next stop.
        bo.says("noise").await;
        bo.hears("noise").await;
        bo.tabs_to("log", "Messages").await;
        for _ in 0..4 {
            if bo.runs("return document.activeElement.matches('[data-picture]')", &[]).await == true {
                break;
            }
            bo.strikes(&[key::UP]).await;
        }
        assert!(!bo.sees("button", "Copy message").await, "a picture has no text to copy");
        bo.strikes(&[key::TAB]).await;
        assert!(bo.is_on(&button).await, "Tab leads into it");

        // Nothing of it stays when one leaves.
        let script = "const revoke = URL.revokeObjectURL;
            window.revoked = [];
            URL.revokeObjectURL = (url) => { window.revoked.push(url); revoke.call(URL, url); };
            return arguments[0].querySelector('img').src";
        let url = bo.runs(script, &[button.to_value()]).await;
        assert!(url.as_str().unwrap().starts_with("blob:"));
        bo.press("Leave room").await;
        bo.arrives_at(&format!("{origin}/")).await;
        eventually("its address is void", async || {
            (bo.runs("return window.revoked", &[]).await == json!([url])).then_some(())
        })
        .await;
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

async fn what_is_refused(engine: Engine) {
    let server = Server::start().await;
    play(&format!("pictures that are refused, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let mut bo = with_bo(&ana, &server).await;
        let mut bomb = Vec::new();
        let mut encoder = png::Encoder::new(&mut bomb, 20_000, 20_000);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder.write_header().unwrap().write_image_data(&vec![0; 20_000 * 2_500]).unwrap();
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        let whole = png(300, 200, &[1, 2, 3]);
        for (name, bytes, words) in [
            ("page.png", &b"<!doctype html><script>alert(1)</script>"[..], "This is not a picture that can be sent."),
            ("drawing.png", b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawings"),
            ("drawing.svg", b" <svg onload='alert(1)' xmlns='http://www.w3.org/2000/svg'/>", "SVG drawings"),
            ("photo.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
            ("bomb.png", &bomb, "more than 50 million pixels"),
            ("cut.png", &whole[..20], "This is not a picture that can be sent."),
            ("empty.png", b"", "This is not a picture that can be sent."),
            ("head.png", &whole[..33], "could not read the picture"),
        ] {
            assert!(ana.drops_file(name, "image/png", bytes).await, "{name}");
            is_told(&ana, words).await;
            assert!(!ana.sees("dialog", "Send a picture").await, "{name}");
        }
        let heavy = "const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(41 * 1024 * 1024)], 'x.jpg'));
            document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: carried }));";
        ana.runs(heavy, &[]).await;
        is_told(&ana, "larger than 40 MB").await;

        // Very long and very narrow: it is made smaller, and that is said.
        ana.drops_file("line.png", "image/png", &png(1, 60_000, &[1, 2, 3])).await;
        preview_says(&ana, "1 × 2,048 pixels, 1 KB, made smaller from 1 × 60,000.").await;
        ana.press("Send picture").await;
        assert_eq!(bo.sees_picture().await.1, [1, 2048]);
        if engine == Engine::Firefox {
            ana.protects_from_fingerprints(true).await;
            ana.drops_file("whole.png", "image/png", &whole).await;
            is_told(&ana, "Nothing was sent.").await;
            ana.protects_from_fingerprints(false).await;
        }
        // What is complained of is forgotten with the next that is well.
        ana.drops_file("whole.png", "image/png", &whole).await;
        preview_says(&ana, "300 × 200").await;
        assert_eq!(ana.alert().await, "");
        ana.press("Send picture").await;
        assert_eq!(bo.sees_picture().await.1, [300, 200]);
        assert!(!ana.sees_dialog().await);
    })
    .await;
}

async fn those_that_lie(engine: Engine) {
    let server = Server::start().await;
    play(&format!("pictures that lie, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let mut bo = with_bo(&ana, &server).await;
        let whole = png(30, 20, &[1, 2, 3]);
        let mut mallory = client::Person::join(&server.address, "Book club", "Mallory", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo", "Mallory"]).await;
        let honest = Shot { number: 1, media: Media::Png, width: 30, height: 20, alt: String::new(), bytes: whole };
        let mut moving = honest.bytes[..33].to_vec();
        moving.extend(b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\x12\x34\x56\x78");
        moving.extend(&honest.bytes[33..]);
        let lies = [
            Shot { width: 31, ..honest.clone() },
            Shot { height: 2048, ..honest.clone() },
            Shot { media: Media::Jpeg, ..honest.clone() },
            Shot { bytes: b"<html><script>alert(1)</script>".to_vec(), ..honest.clone() },
            Shot { bytes: honest.bytes[..40].to_vec(), ..honest.clone() },
            Shot { bytes: moving, ..honest.clone() },
            Shot { bytes: png(3000, 20, &[1, 2, 3]), width: 2048, ..honest.clone() },
        ];
        let count = async |words: &str| ana.text().await.matches(words).count();
        for (number, lie) in lies.iter().enumerate() {
            bo.shows(&Shot { number: number as u32 + 10, ..lie.clone() }).await;
            eventually(&format!("lie {number} is found out"), async || {
                (count("A picture from Bo cannot be shown.").await == number + 1).then_some(())
            })
            .await;
        }
        assert!(!ana.sees("button", "Picture from Bo").await);

        // A hash of something else; a length of more, and of less; and another picture in between.
        let offer = |bytes: &[u8]| Offer::of(Media::Png, 30, 20, "", bytes).unwrap();
        let piece = |index, bytes: &[u8]| Content::Piece(Piece { index, bytes: bytes.to_vec().into() });
        let mut other = honest.bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        let contents = [
            Content::Picture(offer(&other)),
            piece(0, &honest.bytes),
            Content::Picture(offer(&honest.bytes[1..])),
            piece(0, &honest.bytes),
            Content::Picture(offer(&[&honest.bytes[..], b"x"].concat())),
            piece(0, &honest.bytes),
            Content::Picture(offer(&honest.bytes)),
            piece(1, &honest.bytes),
            piece(0, &honest.bytes),
            Content::Cancelled,
        ];
        for (at, content) in contents.iter().enumerate() {
            mallory.sends_content(at as u64 + 2, content).await;
        }
        eventually("all of them are broken", async || {
            (count("A picture from Mallory did not arrive whole.").await == 4).then_some(())
        })
        .await;

        bo.shows(&Shot { alt: "an honest one".into(), ..honest.clone() }).await;
        ana.by_role("button", "an honest one").await;
        assert!(!ana.sees_dialog().await, "a script ran");
        assert_eq!(ana.violations().await, [""; 0]);
        assert!(ana.overflow().await <= 0);
    })
    .await;
}

async fn cancelling(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("a picture is cancelled, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let mut bo = with_bo_by(&ana, &server, &shaky).await;
        // Without a connection it waits, and can be thought better of.
        ana.network(false).await;
        proxy.refuse(true);
        proxy.cut();
        ana.connection_says("Offline").await;
        let whole = png(300, 200, &[1, 2, 3]);
        for number in 0..4 {
            ana.drops_file("whole.png", "image/png", &whole).await;
            preview_says(&ana, "300 × 200").await;
            ana.types("Description", &format!("number {number}")).await;
            ana.press("Send picture").await;
            ana.by_role("button", &format!("number {number}")).await;
        }
        ana.drops_file("whole.png", "image/png", &whole).await;
        is_told(&ana, "Four pictures are on their way already.").await;
        unsent(&ana, 4).await;
        let cancel = "document.querySelectorAll('.picture__cancel')[2].click()";
        ana.runs(cancel, &[]).await;
        ana.reads("You cancelled this picture.").await;
        unsent(&ana, 3).await;
        assert_eq!(ana.alert().await, "", "there is room again for one");
        ana.press("Leave room").await;
        ana.by_role("dialog", "Leave without sending?").await;
        ana.press("Cancel").await;
        assert!(!ana.sees("button", "number 2").await);
        proxy.refuse(false);
        // By keyboard, and not by the system's word that the network is back.
        let retry = "document.querySelector('.message__retry').focus()";
        ana.runs(retry, &[]).await;
        ana.strikes(&[key::ENTER]).await;
        ana.connection_says("Connected").await;
        let log = "return document.activeElement.id";
        eventually("the focus is not lost", async || (ana.runs(log, &[]).await == "messages").then_some(())).await;
        for number in [0, 1, 3] {
            assert_eq!(bo.sees("picture").await["alt"], format!("number {number}"));
            bo.sees_picture().await;
        }
        unsent(&ana, 0).await;
        ana.press("Send again").await;
        assert_eq!(bo.sees("picture").await["alt"], "number 2");
        bo.sees_picture().await;
        ana.by_role("button", "number 2").await;
    })
    .await;
}

/// So many are said to be not sent, with the way to try it at once.
async fn unsent(person: &Person, count: usize) {
    eventually(&format!("{count} are not sent"), async || {
        let text = person.text().await.split_whitespace().collect::<Vec<_>>().join(" ");
        (text.matches("not sent Retry").count() == count && !text.contains("sending…")).then_some(())
    })
    .await;
}

/// What pictures need is on its way from the door on: the line may be gone when one is in.
#[tokio::test(flavor = "multi_thread")]
async fn loaded_at_the_door() {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    let disabled = "return document.getElementById('attach').disabled";
    let admitted = [
        json!({ "type": "admitted", "room": "Book club", "user": "Ana" }),
        json!({ "type": "connection", "state": "connected" }),
    ];
    play("pictures after a cut at the door", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses_an_empty_room(&shaky).await;
        let is_here = "return performance.getEntriesByType('resource')
            .some(({ name, responseStatus }) => name.endsWith('/pictures/words.js') && responseStatus === 200)";
        eventually("it has come", async || (ana.runs(is_here, &[]).await == true).then_some(())).await;
        proxy.refuse(true);
        proxy.cut();
        ana.is_told(&admitted).await;
        eventually("pictures can be sent", async || (ana.runs(disabled, &[]).await == false).then_some(())).await;
    })
    .await;
    // And if not even there was a line for it, once there is one.
    proxy.refuse(false);
    play("pictures without a line", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.blocks(&["*/pictures/*"]).await;
        ana.rehearses_an_empty_room(&shaky).await;
        ana.is_told(&admitted).await;
        assert_eq!(ana.runs(disabled, &[]).await, true);
        ana.blocks(&[]).await;
        eventually("pictures can be sent", async || (ana.runs(disabled, &[]).await == false).then_some(())).await;
    })
    .await;
}

/// When the room ends, nothing is left to send of a picture that was cancelled before.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled_before_the_end() {
    let server = Server::start().await;
    play("a picture is cancelled before the end", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let picture = |number: u32| {
            json!({ "type": "picture", "id": 1, "name": "Ana", "mine": true, "picture": number, "width": 90,
                "height": 50, "length": 100, "alt": "" })
        };
        let cancelled = json!({ "type": "picture_ended", "id": 1, "picture": 1, "why": "cancelled" });
        ana.is_told(&[picture(1), picture(2), cancelled]).await;
        ana.is_told(&[json!({ "type": "ended", "code": "unknown_token", "words": "It is over.", "remake": true })])
            .await;
        ana.reads("You cancelled this picture.").await;
        ana.reads("not sent").await;
        let text = ana.text().await;
        assert_eq!(text.matches("not sent").count(), 1, "{text}");
    })
    .await;
}
