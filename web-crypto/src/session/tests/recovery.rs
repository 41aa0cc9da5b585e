//! Recovery: the group is founded again under a new generation.

use serde_json::json;
use wire::{Counter, ServerFrame, Standing};

use super::{super::*, scene::*};
use crate::content::Content;

#[test]
fn founder_is_in_and_lets_the_others_in() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("two"));
    let before = scene.messages_sent().remove(0);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: true });
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(1, 0), "anew": true })]);
    assert_eq!(scene.connection().0, "connected");
    assert_eq!(scene.people(), ["Bo"]);
    assert_eq!(scene.counters_sent(), [0; 0], "what is said before Ana is in again she could never read");
    scene.shown.clear();
    // Ana of the old group knocks at the new one.
    let knock = scene.ana.knock(1);
    scene.frame(ServerFrame::Duty { epoch: epoch(1, 0), commits: 0, knocks: vec![(wire::MemberId(ANA), &knock)] });
    let commit = scene.commits_sent().remove(0);
    scene.event(|seq| ServerFrame::Committed { seq, epoch: epoch(1, 0) });
    scene.ana.join(epoch(1, 1), &commit.welcome);
    // What was not taken goes out again in the new group.
    let sent = scene.messages_sent();
    assert_eq!((sent.len(), sent[0].0, sent[0].1), (1, epoch(1, 1), 2));
    assert_ne!(sent[0].2, before.2);
    assert_eq!(scene.ana.open(&sent[0].2), (ME, 2, Some("two".to_owned())));
    scene.accept(2);
    scene.ana_says("here I am");
    assert_eq!(scene.each("message", "text"), ["here I am"]);
    assert_eq!(scene.people(), ["Ana", "Bo"]);
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn founder_does_not_wait_for_ever() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("two"));
    scene.messages_sent();
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: true });
    scene.now += 2999;
    scene.input(Input::Woken);
    assert_eq!(scene.counters_sent(), [0; 0]);
    assert_eq!(scene.wake, Some(1));
    scene.wake();
    assert_eq!(scene.counters_sent(), [2]);
}

#[test]
fn other_members_knock_at_the_new_group() {
    let mut scene = Scene::inside();
    let key = scene.ana.fingerprint(ME);
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    assert_eq!(scene.connection().0, "knocking");
    scene.input(Input::Safety);
    assert!(scene.safety.is_empty(), "the old group is dropped");
    scene.ana_lets_in();
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(1, 1), "anew": true })]);
    assert_eq!(scene.ana.fingerprint(ME), key, "the same key for the whole visit");
    assert_eq!(scene.people(), ["Ana", "Bo"]);
    assert!(scene.take("left").is_empty() && scene.take("entered").is_empty() && scene.take("missed").is_empty());
    // This client says that it is in the new group, too.
    let (_, counter, sealed) = scene.messages_sent().pop().unwrap();
    assert_eq!((counter, scene.ana.open(&sealed)), (2, (ME, 2, None)));
    scene.ana_says("on we go");
    assert_eq!(scene.each("message", "text"), ["on we go"]);
}

#[test]
fn recovery_while_knocking() {
    let mut scene = Scene::outside();
    let first = scene.knocks().remove(0);
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    let second = scene.knocks().remove(0);
    assert_eq!((first.0, second.0), (0, 1));
    scene.event(|seq| ServerFrame::Anew { seq, generation: 2, founder: true });
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(2, 0), "anew": false })]);
    assert_eq!(scene.connection().0, "connected");
}

#[test]
fn recovery_while_away() {
    let mut scene = Scene::inside();
    scene.reopen();
    scene.welcome(Standing::Outside, 1);
    scene.ana.found(1);
    scene.reopen();
    scene.seq += 3;
    // This client may be the founder of the next generation.
    scene.ana.found(2);
    scene.welcome(Standing::Founder, 1);
    assert_eq!(scene.take("keys"), [json!({ "type": "keys", "epoch": epoch(2, 0), "anew": true })]);
    scene.wake();
    let here = scene.messages_sent().pop().unwrap();
    assert_eq!((here.0, here.1), (epoch(2, 0), 2));
    scene.accept(2);
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn keys_of_the_old_group_open_nothing_in_the_new_one() {
    let mut scene = Scene::inside();
    let old = scene.ana.seal(&text(4, "old"));
    let here = scene.ana.seal(&Content::Here.to_padded(Counter(4)));
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in();
    scene.message(ANA, 4, &old);
    scene.message(ANA, 5, &here);
    assert_eq!(scene.each("unreadable", "why"), ["sealed", "sealed"]);
    assert!(scene.take("message").is_empty());
}
