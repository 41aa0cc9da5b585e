//! The session worker's module.
#![cfg_attr(target_family = "wasm", no_main)]

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use web_crypto::{
    Stretched,
    session::{Input, Intent, Output, Picture, Session, View},
};
use wire::Pass;

/// performance.now(): milliseconds since the worker started, far below 2^53.
fn ms(now: f64) -> u64 {
    now as u64
}

/// One [`Session`]. `now` is always `performance.now()`, which is monotonic.
#[wasm_bindgen(js_name = Session)]
pub struct SessionFace(Session);

#[wasm_bindgen(js_class = Session)]
impl SessionFace {
    /// [`Session::new`]; `create` is the intent. Throws if the browser has no entropy: without it there is no safe session.
    #[wasm_bindgen(constructor)]
    pub fn new(create: bool, room: &str, user: &str, build: &str) -> Result<Self, JsError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())?;
        let intent = if create { Intent::Create } else { Intent::Join };
        Ok(Self(Session::new(intent, room, user, build, seed)))
    }

    /// [`Session::bring`]. Text that is no pass is ignored; the door then asks for a pass.
    pub fn bring(&mut self, pass: String) {
        if let Some(pass) = Pass::from_text(pass.into()) {
            self.0.bring(pass);
        }
    }

    /// [`Input::Stretched`]; throws unless there are 32 bytes.
    pub fn stretched(&mut self, now: f64, bytes: &mut [u8]) -> Result<(), JsError> {
        let stretched = <[u8; 32]>::try_from(&*bytes).map(Stretched::from);
        // wasm-bindgen copies the slice back, which wipes JavaScript's copy.
        bytes.fill(0);
        self.0.handle(Input::Stretched(stretched?), ms(now));
        Ok(())
    }

    /// [`Input::NotStretched`].
    #[wasm_bindgen(js_name = notStretched)]
    pub fn not_stretched(&mut self, now: f64, code: &str, words: &str) {
        self.0.handle(Input::NotStretched(code, words), ms(now));
    }

    /// [`Input::Answered`].
    pub fn answered(&mut self, now: f64, status: u16, body: &[u8]) {
        self.0.handle(Input::Answered { status, body }, ms(now));
    }

    /// [`Input::Unanswered`].
    pub fn unanswered(&mut self, now: f64) {
        self.0.handle(Input::Unanswered, ms(now));
    }

    /// [`Input::Opened`].
    pub fn opened(&mut self, now: f64) {
        self.0.handle(Input::Opened, ms(now));
    }

    /// [`Input::Received`].
    pub fn received(&mut self, now: f64, bytes: &[u8]) {
        self.0.handle(Input::Received(bytes), ms(now));
    }

    /// [`Input::Closed`].
    pub fn closed(&mut self, now: f64, code: u16) {
        self.0.handle(Input::Closed(code), ms(now));
    }

    /// [`Input::Woken`].
    pub fn woken(&mut self, now: f64) {
        self.0.handle(Input::Woken, ms(now));
    }

    /// [`Input::Say`].
    pub fn say(&mut self, now: f64, text: &str) {
        self.0.handle(Input::Say(text), ms(now));
    }

    /// [`Input::Picture`]; the members of [`Picture`].
    #[expect(clippy::too_many_arguments, reason = "a structure would have to be a class in JavaScript")]
    pub fn picture(&mut self, now: f64, number: u32, media: u8, width: u16, height: u16, alt: &str, bytes: &[u8]) {
        let picture = Picture { number, media, width, height, alt, bytes };
        self.0.handle(Input::Picture(picture), ms(now));
    }

    /// [`Input::Cancel`].
    pub fn cancel(&mut self, now: f64, number: u32) {
        self.0.handle(Input::Cancel(number), ms(now));
    }

    /// [`Input::Safety`].
    pub fn safety(&mut self, now: f64) {
        self.0.handle(Input::Safety, ms(now));
    }

    /// [`Input::Leave`].
    pub fn leave(&mut self, now: f64) {
        self.0.handle(Input::Leave, ms(now));
    }

    /// [`Input::Network`].
    pub fn network(&mut self, now: f64, there: bool) {
        self.0.handle(Input::Network(there), ms(now));
    }

    /// [`Session::poll`].
    pub fn poll(&mut self) -> Option<OutputFace> {
        self.0.poll().map(OutputFace::from)
    }
}

/// One [`Output`]: its name in snake case, and its values. A getter copies its value straight into JavaScript; the copy on
/// this side is wiped.
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
    /// `post`, `stretch`, `connect`, `send`, `disconnect`, `wake`, `safety`, `picture`, `farewell`, `debug` or `show`.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> JsValue {
        self.kind.into()
    }

    /// `post`, `farewell`: the path; `stretch`: the room; `picture`: all but the bytes, in JSON; `show`: the view in JSON;
    /// `debug`: the line.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> JsValue {
        self.text.as_str().into()
    }

    /// `post`, `farewell`: the body; `stretch`: the salt; `send`: the frame; `safety`: the input of the words; `picture`: the picture.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> Uint8Array {
        Uint8Array::from(self.bytes.as_slice())
    }

    /// `wake`: milliseconds.
    #[wasm_bindgen(getter)]
    pub fn ms(&self) -> f64 {
        // No wait is as long as 2^53 milliseconds.
        self.ms as f64
    }
}

#[expect(clippy::expect_used, reason = "an empty text would be no view")]
fn to_json(view: &View) -> String {
    serde_json::to_string(view).expect("a view has a JSON form")
}

impl From<Output> for OutputFace {
    fn from(output: Output) -> Self {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let face = |kind| Self { kind, ..Self::default() };
        match output {
            Output::Post(path, bytes) => Self { text: text(path), bytes, ..face("post") },
            Output::Farewell(path, bytes) => Self { text: text(path), bytes, ..face("farewell") },
            Output::Debug(line) => Self { text: line.into(), ..face("debug") },
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
            Output::Show(view) => Self { text: to_json(&view).into(), ..face("show") },
        }
    }
}

/// Natively this program does nothing.
#[cfg(not(target_family = "wasm"))]
fn main() {}
