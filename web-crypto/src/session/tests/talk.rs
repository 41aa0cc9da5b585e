//! What is said, heard, missing, and not shown.

use serde_json::json;
use wire::{Standing, limits};

use super::{super::*, scene::*};

#[test]
fn a_text_is_shown_as_it_was_sent() {
    let mut scene = Scene::inside();
    let said = "  Grüße 👋 \u{202e}<script>\0 ";
    scene.ana_says(said);
    let shown = scene.take("message").remove(0);
    let wanted = json!({ "type": "message", "id": ANA, "name": "Ana", "text": said, "mine": false, "counter": 4 });
    assert_eq!(shown, wanted);
    scene.input(Input::Say(said));
    let shown = scene.take("message").remove(0);
    assert_eq!((&shown["mine"], &shown["text"], &shown["counter"]), (&json!(true), &json!(said), &json!(2)));
    let (in_epoch, counter, sealed) = scene.messages_sent().remove(0);
    assert_eq!((in_epoch, counter), (epoch(0, 1), 2));
    assert_eq!(scene.ana.open(&sealed), (ME, 2, Some(said.into())));
    scene.accept(2);
    assert_eq!(scene.each("accepted", "counter"), [2]);
}

#[test]
fn what_does_not_open_is_never_shown_as_text() {
    let mut scene = Scene::inside();
    let mut elsewhere = Other::new(ANA, "Ana");
    elsewhere.found(1);
    scene.message(ANA, 4, b"plain words");
    // Of another epoch.
    let old = scene.ana.seal(&text(5, "old"));
    scene.ana_commits(&[], &[]);
    scene.message(ANA, 5, &old);
    // Of another group.
    let other = elsewhere.seal(&text(6, "other"));
    scene.message(ANA, 6, &other);
    // Under another counter than its own.
    scene.ana_sends(7, &text(8, "moved"));
    // Of a kind or a version to come.
    scene.ana_sends(8, &content([1, 0x77], 8, b"later"));
    scene.ana_sends(9, &content([2, 1], 9, b"later"));
    // Not UTF-8, empty, too long; not padded, padded otherwise.
    scene.ana_sends(10, &content([1, 1], 10, b"\xff"));
    scene.ana_sends(11, &content([1, 1], 11, b""));
    scene.ana_sends(12, &content([1, 1], 12, "x".repeat(limits::TEXT_CHARS + 1).as_bytes()));
    scene.ana_sends(13, b"\x01\x01\0\0\0\0\0\0\0\x0dno padding");
    let mut long = text(14, "more padding than there should be").to_vec();
    long.resize(512, 0);
    scene.ana_sends(14, &long);
    // One's own words, sent back as Ana's.
    scene.input(Input::Say("mine"));
    let (_, _, own) = scene.messages_sent().remove(0);
    scene.take("message");
    scene.message(ANA, 15, &own);

    let why = scene.each("unreadable", "why");
    let (sealed, kind) = ("sealed", "kind");
    assert_eq!(why, [sealed, sealed, sealed, sealed, kind, kind, sealed, sealed, sealed, sealed, sealed, sealed]);
    assert!(scene.take("message").is_empty());
    scene.ana_sends(16, &text(16, "fine"));
    assert_eq!(scene.each("message", "text"), ["fine"]);
    assert!(scene.take("missed").is_empty(), "what was unreadable is not missing too");
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn a_message_altered_anywhere_is_not_shown_and_the_next_one_is() {
    let mut scene = Scene::inside();
    let length = scene.ana.seal(&text(4, "x")).len();
    let mut counter = 3;
    for at in (0..length).step_by(length / 40) {
        counter += 1;
        let mut sealed = scene.ana.seal(&text(counter, "altered"));
        sealed[at] ^= 0x10;
        scene.message(ANA, counter, &sealed);
        assert_eq!(scene.each("unreadable", "why"), ["sealed"], "byte {at}");
        let line = scene.debug.pop().unwrap();
        assert!(line.starts_with("message not opened: ") && !line.contains("Ana"), "{line}");
        counter += 1;
        scene.ana_sends(counter, &text(counter, "whole"));
        assert_eq!(scene.each("message", "text"), ["whole"], "after byte {at}");
    }
    assert!(scene.take("missed").is_empty());
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn what_may_be_dropped_is_shown_by_no_kind_yet() {
    let mut scene = Scene::inside();
    scene.ana_sends(0, &text(0, "never counted"));
    scene.ana_sends(0, &content([1, 0x30], 0, b"typing"));
    assert!(scene.take("message").is_empty() && scene.take("unreadable").is_empty());
    scene.ana_says("next");
    assert_eq!(scene.take("message").len(), 1);
    assert!(scene.take("missed").is_empty());
}

#[test]
fn gaps_and_replays_are_shown() {
    let mut scene = Scene::inside();
    let four = scene.ana.seal(&text(4, "four"));
    scene.message(ANA, 4, &four);
    scene.ana_sends(7, &text(7, "seven"));
    assert_eq!(scene.each("missed", "count"), [2]);
    // A counter that was used before, in a message that opens; and the very same bytes, whose key is gone.
    scene.ana_sends(7, &text(7, "another seven"));
    scene.ana_sends(5, &text(5, "five"));
    scene.message(ANA, 4, &four);
    assert_eq!(scene.each("unreadable", "why"), ["replayed", "replayed", "sealed"]);
    assert_eq!(scene.each("message", "text"), ["four", "seven"]);
    assert!(scene.take("missed").is_empty());
}

#[test]
fn many_dropped_messages_do_not_silence_their_sender() {
    let mut scene = Scene::inside();
    for counter in 4..300 {
        scene.ana.seal(&text(counter, "dropped"));
    }
    scene.ana_sends(300, &text(300, "heard"));
    assert_eq!(scene.each("missed", "count"), [296]);
    assert_eq!(scene.each("message", "text"), ["heard"]);
}

#[test]
fn who_leaves_leaves_no_message_unnoticed() {
    let mut scene = Scene::inside();
    scene.leaves(ANA, 5);
    assert_eq!(scene.each("missed", "count"), [2]);
}

#[test]
fn what_was_not_accepted_goes_out_again_the_very_same() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("two"));
    scene.input(Input::Say("three"));
    let first = scene.messages_sent();
    assert_eq!(first.iter().map(|(_, counter, _)| *counter).collect::<Vec<_>>(), [2, 3]);
    scene.accept(2);
    assert_eq!(scene.each("accepted", "counter"), [2]);

    scene.input(Input::Closed(1006));
    scene.input(Input::Say("four"));
    assert!(scene.counters_sent().is_empty());
    scene.wake();
    scene.input(Input::Opened);
    assert!(scene.counters_sent().is_empty());
    scene.welcome(Standing::Inside, 2);
    let again = scene.messages_sent();
    assert_eq!(again.len(), 2);
    assert!(again[0] == first[1], "sealed once: the nonce of an epoch is never used for two");
    assert_eq!(scene.ana.open(&again[0].2), (ME, 3, Some("three".into())), "what was lost on the way opens");
    assert_eq!(scene.ana.open(&again[1].2), (ME, 4, Some("four".into())));
    // The welcome can say that a message was taken whose answer was lost.
    scene.reopen();
    scene.welcome(Standing::Inside, 4);
    assert!(scene.counters_sent().is_empty());
    assert_eq!(scene.each("accepted", "counter"), [3, 4]);
}

#[test]
fn what_was_not_accepted_is_sealed_anew_after_a_commit() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("two"));
    let first = scene.messages_sent().remove(0);
    scene.ana_commits(&[], &[]);
    let again = scene.messages_sent();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].0, again[0].1), (epoch(0, 2), 2));
    assert_ne!(again[0].2, first.2);
    assert_eq!(scene.ana.open(&again[0].2), (ME, 2, Some("two".into())));
    // Once accepted, it rests.
    scene.accept(2);
    scene.ana_commits(&[], &[]);
    assert!(scene.counters_sent().is_empty());
}

#[test]
fn nothing_is_sent_while_someone_is_gone_and_not_removed() {
    let (mut scene, mut cy) = Scene::with_cy();
    scene.input(Input::Say("before"));
    let before = scene.messages_sent().remove(0);
    scene.leaves(CY, 1);
    scene.input(Input::Say("after"));
    assert!(scene.counters_sent().is_empty());
    // Nor after one came back.
    scene.reopen();
    scene.welcome(Standing::Inside, 1);
    assert!(scene.counters_sent().is_empty());
    scene.ana_commits(&[], &[CY]);
    assert_eq!(scene.connection().0, "connected");
    let sent = scene.messages_sent();
    assert_eq!(sent.iter().map(|(_, counter, _)| *counter).collect::<Vec<_>>(), [2, 3]);
    assert_ne!(sent[0].2, before.2);
    assert_eq!(scene.ana.open(&sent[1].2), (ME, 3, Some("after".into())));
    assert!(!cy.opens(&sent[1].2), "not for one who is gone");
}

#[test]
fn texts_out_of_bounds_are_handed_back() {
    let mut scene = Scene::inside();
    for text in [String::new(), "x".repeat(limits::TEXT_CHARS + 1)] {
        scene.input(Input::Say(&text));
        let rejected = scene.take("rejected").remove(0);
        assert_eq!(rejected["text"], json!(text));
        assert_eq!(rejected["words"], "A message has 1 to 10,000 characters. Shorten it, or send it in parts.");
    }
    scene.input(Input::Closed(1006));
    for _ in 0..limits::UNSENT_MESSAGES {
        scene.input(Input::Say("x"));
    }
    assert!(scene.take("rejected").is_empty());
    scene.input(Input::Say("one too many"));
    let rejected = scene.take("rejected").remove(0);
    assert_eq!(rejected["words"], "Too many messages are waiting to be sent. Wait until the connection is back.");
    // None of those handed back took a counter.
    scene.wake();
    scene.input(Input::Opened);
    scene.welcome(Standing::Inside, 1);
    assert_eq!(scene.counters_sent(), (2..102).collect::<Vec<_>>());
}
