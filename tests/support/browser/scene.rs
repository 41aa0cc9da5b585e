//! The people of one test, and the pages and pictures that a failed test leaves.

use std::{
    fs,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Mutex,
    time::Duration,
};

use base64ct::{Base64, Encoding};
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::{Engine, person::Person};
use crate::root;

/// Limits how many scenes run at once. Browsers need much memory and often wait: two scenes keep two cores busy.
static SLOTS: Semaphore = Semaphore::const_new(SLOT_COUNT as usize);
const SLOT_COUNT: u32 = 2;

/// A test in which people with browsers meet.
pub struct Scene {
    people: Mutex<Vec<Person>>,
}

impl Scene {
    /// Adds a person with their own browser.
    pub async fn person(&self, name: &str, engine: Engine) -> Person {
        let person = Person::new(name, engine).await;
        self.people.lock().unwrap().push(person.clone());
        person
    }

    /// Adds a person whose browser trusts this authority, given in PEM.
    pub async fn person_trusting(&self, pem: &str, name: &str, engine: Engine) -> Person {
        let person = Person::trusting(pem, name, engine).await;
        self.people.lock().unwrap().push(person.clone());
        person
    }
}

/// Plays a scene. If it fails, everyone's last page is saved in `target/browser-failures/`.
pub async fn play(title: &str, act: impl AsyncFnOnce(&Scene)) {
    play_in(1, title, act).await;
}

/// Plays a scene while no other scene runs, for scenes that measure.
pub async fn play_alone(title: &str, act: impl AsyncFnOnce(&Scene)) {
    play_in(SLOT_COUNT, title, act).await;
}

async fn play_in(slots: u32, title: &str, act: impl AsyncFnOnce(&Scene)) {
    let _slots = SLOTS.acquire_many(slots).await.unwrap();
    let scene = Scene { people: Mutex::default() };
    let played = AssertUnwindSafe(act(&scene)).catch_unwind().await;
    let people = std::mem::take(&mut *scene.people.lock().unwrap());
    if let Err(failure) = played {
        for person in &people {
            let _ = tokio::time::timeout(Duration::from_secs(10), save_last_page(title, person)).await;
        }
        resume_unwind(failure);
    }
    for person in people {
        person.leaves().await;
    }
}

async fn save_last_page(title: &str, person: &Person) {
    let folder = root().join("target/browser-failures");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{title}, {} with {:?}", person.name(), person.engine()));
    let (text, picture) = (file.with_added_extension("txt"), file.with_added_extension("png"));
    let session = person.session();
    let address = session.get("/url").await.unwrap_or_default();
    let shown = session.script("return document.documentElement.innerText", &[]).await.unwrap_or_default();
    let console = person.console().await.unwrap_or_default().join("\n");
    let words = [address.as_str().unwrap_or_default(), shown.as_str().unwrap_or_default(), &console].join("\n\n");
    fs::write(&text, words).unwrap();
    if let Ok(shot) = session.get("/screenshot").await
        && let Ok(bytes) = Base64::decode_vec(shot.as_str().unwrap_or_default())
    {
        fs::write(&picture, bytes).unwrap();
    }
    eprintln!("{}'s last page: {} and .png", person.name(), text.display());
}
