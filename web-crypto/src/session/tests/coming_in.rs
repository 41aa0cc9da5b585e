//! Into the group: by founding it, or by being let in.

use serde_json::{Value, json};
use wire::{Counter, MemberId, ServerFrame, Standing};

use super::{super::*, scene::*};
use crate::content::Content;

#[test]
fn a_founder_is_in_alone_and_says_so() {
    let mut scene = Scene::greeting();
    scene.welcome(Standing::Founder, 0);
    assert_eq!(scene.connection(), ("connected".into(), String::new()));
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(0, 0), "anew": false })]);
    assert_eq!(scene.people(), ["Bo"]);
    assert!(scene.knocks().is_empty());
    // The messages are sealed for oneself alone, and still go the usual way.
    assert_eq!(scene.counters_sent(), [1]);
    // What follows is numbered from the welcome.
    scene.accept(1);
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn one_who_is_let_in_says_so_first() {
    let mut scene = Scene::outside();
    assert_eq!(scene.connection(), ("knocking".into(), String::new()));
    assert!(scene.take("people").is_empty() && scene.take("keys").is_empty());
    scene.ana_lets_in();
    assert_eq!(scene.connection().0, "connected");
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(0, 1), "anew": false })]);
    let (said_in, counter, sealed) = scene.messages_sent().remove(0);
    assert_eq!((said_in, counter), (epoch(0, 1), 1));
    assert_eq!(scene.ana.open(&sealed), (ME, 1, None));
    // Ana had said something before: she is there.
    assert_eq!(scene.people(), ["Ana", "Bo"]);
    scene.accept(1);
    assert!(scene.take("accepted").is_empty(), "there is nothing on the page to be marked");
    assert!(scene.take("entered").is_empty() && scene.take("missed").is_empty());
}

#[test]
fn what_is_said_before_one_is_in_waits_and_stands_for_here() {
    let mut scene = Scene::outside();
    scene.input(Input::Say("hello?"));
    assert!(scene.counters_sent().is_empty());
    scene.ana_lets_in();
    let sent = scene.messages_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(scene.ana.open(&sent[0].2), (ME, 1, Some("hello?".into())));
}

#[test]
fn the_list_of_people_has_fingerprints() {
    let mut scene = Scene::outside();
    scene.ana_lets_in();
    let shown = scene.take("people").pop().unwrap();
    let wanted = |id: u32, name: &str| {
        let fingerprint = scene.ana.fingerprint(id);
        json!({
            "id": id, "name": name, "connected": true, "place": "here", "another": false, "you": id == ME,
            "fingerprint": fingerprint,
        })
    };
    assert_eq!(shown["people"], json!([wanted(ANA, "Ana"), wanted(ME, "Bo")]));
    assert_ne!(shown["people"][0]["fingerprint"], shown["people"][1]["fingerprint"]);
}

#[test]
fn someone_is_told_of_once() {
    let mut scene = Scene::inside();
    let mut cy = scene.cy_comes();
    assert_eq!(scene.take("keys").len(), 1);
    assert_eq!(scene.each("entered", "name"), ["Cy"]);
    let here = cy.seal(&Content::Here.to_padded(Counter(1)));
    scene.message(CY, 1, &here);
    assert_eq!(scene.people(), ["Ana", "Bo", "Cy"]);
    assert!(scene.take("message").is_empty());
    scene.message(CY, 2, &cy.seal(&text(2, "hi")));
    assert_eq!(scene.each("message", "text"), ["hi"]);
    assert!(scene.take("entered").is_empty(), "once");

    // A member that was in the group in silence when one came in oneself.
    let mut scene = Scene::outside();
    scene.ana.counter = 0;
    scene.ana_lets_in();
    assert_eq!(scene.people(), ["Ana", "Bo"]);
    scene.ana_says("first");
    assert!(scene.take("entered").is_empty() && scene.take("missed").is_empty());
}

#[test]
fn nobody_answers() {
    let mut scene = Scene::outside();
    scene.frame(ServerFrame::Unanswered);
    let words = "Nobody in the room has answered yet. Someone has to be there to let you in.";
    assert_eq!(scene.connection(), ("knocking".into(), words.into()));
    // It goes on waiting, and crosses with an answer.
    scene.ana_lets_in();
    assert_eq!(scene.connection(), ("connected".into(), String::new()));
    scene.frame(ServerFrame::Unanswered);
    assert!(scene.take("connection").is_empty());
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn the_safety_words_are_made_of_what_all_have() {
    let mut scene = Scene::outside();
    scene.input(Input::Safety);
    assert!(scene.safety.is_empty(), "outside there is nothing to compare");
    scene.ana_lets_in();
    scene.input(Input::Safety);
    let wanted = |scene: &Scene| {
        let (authenticator, number) = (scene.ana.authenticator(), scene.ana.epoch().number.to_be_bytes());
        [&authenticator[..], &ROOM.0, &[0; 4], &number].concat()
    };
    let first = scene.safety.pop().unwrap();
    assert_eq!(first, wanted(&scene));
    assert_eq!(first.len(), 32 + 20 + 8);
    scene.cy_comes();
    scene.input(Input::Safety);
    let second = scene.safety.pop().unwrap();
    assert_eq!(second, wanted(&scene));
    assert_ne!(first[..32], second[..32]);
}

#[test]
fn a_welcome_that_does_not_open_is_told_and_another_knock_follows() {
    let mut scene = Scene::outside();
    let first = scene.knocks().remove(0);
    let people = vec![person(ANA, 3), person(ME, 0)];
    scene.event(|seq| ServerFrame::LetIn { seq, epoch: epoch(0, 1), people, welcome: b"no Welcome" });
    assert_eq!(scene.stuck(), [epoch(0, 1)]);
    let second = scene.knocks().remove(0);
    assert_eq!((first.0, second.0), (0, 0));
    assert_ne!(first.1[24..], second.1[24..], "a new key package");
    assert_eq!(scene.connection().0, "knocking");
    assert!(scene.counters_sent().is_empty() && scene.take("keys").is_empty());
    assert_eq!(scene.disconnects, 0);

    // A Welcome for the first knock comes too late; one for the second does not.
    let late = scene.ana.commit(&[(ME, &first.1)], &[]);
    let people = vec![person(ANA, 3), person(ME, 0)];
    scene.event(|seq| ServerFrame::LetIn { seq, epoch: epoch(0, 1), people, welcome: &late.welcome });
    assert_eq!(scene.stuck(), [epoch(0, 1)]);
    scene.ana_lets_in();
    assert_eq!(scene.connection().0, "connected");
}

#[test]
fn a_commit_that_cannot_be_followed() {
    let mut scene = Scene::inside();
    let author = MemberId(ANA);
    let (in_epoch, commit) = (scene.ana.epoch(), scene.ana.commit(&[], &[]));
    // The right commit with one byte changed.
    let mut altered = commit.commit.clone();
    *altered.last_mut().unwrap() ^= 1;
    scene.event(|seq| ServerFrame::Commit {
        seq,
        author,
        epoch: in_epoch,
        admitted: vec![],
        removed: vec![],
        commit: &altered,
    });
    assert_eq!(scene.stuck(), [epoch(0, 1)]);
    assert_eq!((scene.connection().0.as_str(), scene.disconnects), ("knocking", 0));
    // Out of the group: no safety words, nothing is sent, and the next hello says so.
    scene.input(Input::Safety);
    scene.input(Input::Say("later"));
    assert!(scene.safety.is_empty() && scene.counters_sent().is_empty());
    // Let in again under the same key, in a later epoch; what was said meanwhile goes out.
    let key = scene.ana.fingerprint(ME);
    scene.ana.confirm();
    scene.ana_lets_in();
    assert_eq!(scene.ana.fingerprint(ME), key);
    assert_eq!(scene.ana.epoch(), epoch(0, 3));
    let sent = scene.messages_sent();
    assert_eq!((sent.len(), sent[0].0), (1, epoch(0, 3)));
    assert_eq!(scene.ana.open(&sent[0].2), (ME, 2, Some("later".into())));
    assert!(scene.take("left").is_empty() && scene.take("entered").is_empty() && scene.take("missed").is_empty());
    // What Ana said while one was outside is told as missing.
    scene.event(|seq| ServerFrame::Commit {
        seq,
        author,
        epoch: epoch(0, 3),
        admitted: vec![],
        removed: vec![],
        commit: b"none",
    });
    scene.ana.counter += 2;
    scene.ana_lets_in();
    assert_eq!(scene.each("missed", "count"), [2]);
}

#[test]
fn a_commit_that_removes_who_is_there_is_not_followed() {
    let (mut scene, _) = Scene::with_cy();
    // Ana says openly whom she removes; but the server never told that Cy was gone.
    scene.ana_commits(&[], &[CY]);
    assert_eq!(scene.stuck(), [epoch(0, 2)]);
    assert_eq!(scene.knocks().len(), 1);
}

#[test]
fn to_an_epoch_that_is_not_later_nobody_follows() {
    for later in [false, true] {
        let mut scene = Scene::inside();
        scene.ana_commits(&[], &[]);
        assert_eq!(scene.ana.epoch(), epoch(0, 2));
        scene.reopen();
        scene.welcome(Standing::Outside, 1);
        // A group of the same generation that is founded once more and so begins again.
        let (_, knock) = scene.knocks().remove(0);
        scene.ana.found(0);
        for _ in 0..if later { 2 } else { 1 } {
            scene.ana.commit(&[], &[]);
            scene.ana.confirm();
        }
        let commit = scene.ana.commit(&[(ME, &knock)], &[]);
        scene.ana.confirm();
        let (into, people) = (scene.ana.epoch(), vec![person(ANA, 3), person(ME, 0)]);
        scene.disconnects = 0;
        scene.event(|seq| ServerFrame::LetIn { seq, epoch: into, people, welcome: &commit.welcome });
        assert_eq!(scene.disconnects, usize::from(!later), "into {into:?}");
        assert_eq!(scene.take("keys").len(), if later { 2 } else { 1 });
    }
}

#[test]
fn presence_is_shown() {
    let mut scene = Scene::inside();
    for connected in [false, true] {
        scene.event(|seq| ServerFrame::Presence { seq, member_id: MemberId(ANA), connected });
        let people = scene.take("people").pop().unwrap();
        assert_eq!(people["people"][0]["connected"], Value::Bool(connected));
    }
}
