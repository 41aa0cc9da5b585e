//! The session worker's module.
#![cfg_attr(target_family = "wasm", no_main)]

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use web_crypto::{
    Stretched,
    session::{Env, Input, Intent, Output, Picture, Session},
};
use wire::Pass;

struct Browser {
    now: u64,
}

impl Env for Browser {
    fn now(&self) -> u64 {
        self.now
    }

    fn random(&mut self, bytes: &mut [u8]) {
        // getRandomValues is there in every worker. Were it not, to stop is the one safe answer.
        if getrandom::fill(bytes).is_err() {
            wasm_bindgen::throw_str("no entropy");
        }
    }
}

fn browser(now: f64) -> Browser {
    // performance.now() counts milliseconds from the worker's start: far below 2^53.
    Browser { now: now as u64 }
}

/// One [`Session`]; `now` is always `performance.now()`: a clock that is never set.
#[wasm_bindgen(js_name = Session)]
pub struct SessionFace(Session);

#[wasm_bindgen(js_class = Session)]
impl SessionFace {
    /// [`Session::new`]; `create` is the intent.
    #[wasm_bindgen(constructor)]
    pub fn new(now: f64, create: bool, room: &str, user: &str, build: &str) -> Self {
        let intent = if create { Intent::Create } else { Intent::Join };
        Self(Session::new(intent, room, user, build, &mut browser(now)))
    }

    /// [`Session::bring`]; what is no pass is passed over, and the door says so.
    pub fn bring(&mut self, pass: String) {
        if let Some(pass) = Pass::from_text(pass.into()) {
            self.0.bring(pass);
        }
    }

    /// [`Input::Stretched`]; 32 bytes.
    pub fn stretched(&mut self, now: f64, bytes: &mut [u8]) {
        if let Ok(stretched) = <[u8; 32]>::try_from(&*bytes) {
            self.0.handle(Input::Stretched(Stretched::from(stretched)), &mut browser(now));
        }
        // wasm-bindgen copies the slice back: what JavaScript held is wiped with it.
        bytes.fill(0);
    }

    /// [`Input::NotStretched`].
    #[wasm_bindgen(js_name = notStretched)]
    pub fn not_stretched(&mut self, now: f64, code: &str, words: &str) {
        self.0.handle(Input::NotStretched(code, words), &mut browser(now));
    }

    /// [`Input::Answered`].
    pub fn answered(&mut self, now: f64, status: u16, body: &[u8]) {
        self.0.handle(Input::Answered { status, body }, &mut browser(now));
    }

    /// [`Input::Unanswered`].
    pub fn unanswered(&mut self, now: f64) {
        self.0.handle(Input::Unanswered, &mut browser(now));
    }

    /// [`Input::Opened`].
    pub fn opened(&mut self, now: f64) {
        self.0.handle(Input::Opened, &mut browser(now));
    }

    /// [`Input::Received`].
    pub fn received(&mut self, now: f64, bytes: &[u8]) {
        self.0.handle(Input::Received(bytes), &mut browser(now));
    }

    /// [`Input::Closed`].
    pub fn closed(&mut self, now: f64, code: u16) {
        self.0.handle(Input::Closed(code), &mut browser(now));
    }

    /// [`Input::Woken`].
    pub fn woken(&mut self, now: f64) {
        self.0.handle(Input::Woken, &mut browser(now));
    }

    /// [`Input::Say`].
    pub fn say(&mut self, now: f64, text: &str) {
        self.0.handle(Input::Say(text), &mut browser(now));
    }

    /// [`Input::Picture`]; the members of [`Picture`].
    #[expect(clippy::too_many_arguments, reason = "a structure would have to be a class in JavaScript")]
    pub fn picture(&mut self, now: f64, number: u32, media: u8, width: u16, height: u16, alt: &str, bytes: &[u8]) {
        let picture = Picture { number, media, width, height, alt, bytes };
        self.0.handle(Input::Picture(picture), &mut browser(now));
    }

    /// [`Input::Cancel`].
    pub fn cancel(&mut self, now: f64, number: u32) {
        self.0.handle(Input::Cancel(number), &mut browser(now));
    }

    /// [`Input::Safety`].
    pub fn safety(&mut self, now: f64) {
        self.0.handle(Input::Safety, &mut browser(now));
    }

    /// [`Input::Leave`].
    pub fn leave(&mut self, now: f64) {
        self.0.handle(Input::Leave, &mut browser(now));
    }

    /// [`Input::Network`].
    pub fn network(&mut self, now: f64, there: bool) {
        self.0.handle(Input::Network(there), &mut browser(now));
    }

    /// [`Session::poll`].
    pub fn poll(&mut self) -> Option<OutputFace> {
        self.0.poll().map(OutputFace::from)
    }
}

/// One [`Output`]: its name in snake case, and what it carries. What is read crosses into JavaScript without
/// another copy on this side; this one is wiped.
#[wasm_bindgen(js_name = Output)]
#[derive(Default)]
pub struct OutputFace {
    kind: &'static str,
    text: Zeroizing<String>,
    bytes: Zeroizing<Vec<u8>>,
    ms: u64,
}

#[wasm_bindgen(js_class = Output)]
impl OutputFace {
    /// `post`, `stretch`, `connect`, `send`, `disconnect`, `wake`, `safety`, `picture` or `show`.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> JsValue {
        self.kind.into()
    }

    /// `post`: the path; `stretch`: the room; `picture`: all but the bytes, in JSON; `show`: the view in JSON.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> JsValue {
        self.text.as_str().into()
    }

    /// `post`: the body; `stretch`: the salt; `send`: the frame; `safety`: what to make the words of; `picture`: itself.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> Uint8Array {
        Uint8Array::from(self.bytes.as_slice())
    }

    /// `wake`: milliseconds.
    #[wasm_bindgen(getter)]
    pub fn ms(&self) -> f64 {
        // A wait of more than 2^53 milliseconds does not come up.
        self.ms as f64
    }
}

impl From<Output> for OutputFace {
    fn from(output: Output) -> Self {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let face = |kind| Self { kind, ..Self::default() };
        match output {
            Output::Post(path, bytes) => Self { text: text(path), bytes, ..face("post") },
            Output::Stretch(room, salt) => {
                Self { text: text(room.as_str()), bytes: salt.as_bytes().to_vec().into(), ..face("stretch") }
            }
            Output::Connect => face("connect"),
            Output::Send(frame) => Self { bytes: frame.into(), ..face("send") },
            Output::Disconnect => face("disconnect"),
            Output::Wake(ms) => Self { ms, ..face("wake") },
            Output::Safety(bytes) => Self { bytes, ..face("safety") },
            Output::Picture { id, picture, offer, bytes } => {
                let (media, width, height) = (offer.media.name(), offer.width, offer.height);
                let told = serde_json::json!({
                    "type": "picture_came", "id": id, "picture": picture, "media": media, "width": width, "height": height,
                });
                Self { text: told.to_string().into(), bytes, ..face("picture") }
            }
            Output::Show(view) => {
                Self { text: serde_json::to_string(&view).unwrap_or_default().into(), ..face("show") }
            }
        }
    }
}

/// Elsewhere there is nothing to do.
#[cfg(not(target_family = "wasm"))]
fn main() {}
