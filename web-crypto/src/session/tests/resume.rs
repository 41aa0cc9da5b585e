//! Coming back to a group that one is still in.

use wire::{Seq, Standing, Welcome};

use super::{super::*, scene::*};

/// Loses the connection, and opens another one that has this much to make up for.
fn back(scene: &mut Scene, behind: u64, counter: u64) {
    scene.reopen();
    assert_eq!(scene.hellos().pop().unwrap().seq, Seq(scene.seq));
    scene.shown.clear();
    let (seq, epoch) = (Seq(scene.seq + behind), scene.ana.epoch());
    let counter = wire::Counter(counter);
    scene.frame(wire::ServerFrame::Welcome(Welcome { seq, epoch, standing: Standing::Inside, counter }));
}

#[test]
fn a_hello_says_how_far_one_is() {
    let mut scene = Scene::inside();
    scene.sent.clear();
    scene.ana_says("four");
    back(&mut scene, 0, 1);
    assert_eq!(scene.connection(), ("connected".into(), String::new()));
    // Outside the group there is nothing to come back to.
    let mut scene = Scene::outside();
    scene.sent.clear();
    scene.reopen();
    let hello = scene.hellos().pop().unwrap();
    assert_eq!((hello.seq, hello.attempt), (Seq(0), 2));
    scene.welcome(Standing::Outside, 0);
    assert_eq!(scene.knocks().len(), 1, "another knock on another connection");
}

#[test]
fn what_happened_meanwhile_is_made_up_for_before_anything_is_sent() {
    let mut scene = Scene::inside();
    back(&mut scene, 4, 1);
    assert!(scene.take("connection").is_empty(), "not yet connected");
    scene.input(Input::Say("when I am back"));
    scene.ana_says("four");
    let mut cy = scene.cy_comes();
    cy.counter = 1;
    let first = cy.seal(&text(1, "hello, all"));
    scene.message(CY, 1, &first);
    assert!(scene.counters_sent().is_empty() && scene.take("connection").is_empty());
    scene.ana_commits(&[], &[]);
    assert_eq!(scene.connection().0, "connected");
    assert_eq!(scene.each("message", "text"), ["when I am back", "four", "hello, all"]);
    let sent = scene.messages_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(scene.ana.open(&sent[0].2), (ME, 2, Some("when I am back".into())));
    assert!(scene.take("missed").is_empty());
    assert_eq!(scene.people(), ["Ana", "Bo", "Cy"]);
}

#[test]
fn a_hole_in_what_is_made_up_for_is_seen() {
    let mut scene = Scene::inside();
    back(&mut scene, 3, 1);
    scene.ana_says("four");
    scene.seq += 1;
    scene.ana_says("six");
    assert_eq!(scene.disconnects, 1);
    assert_eq!(scene.each("message", "text"), ["four"]);
}

#[test]
fn a_commit_that_was_taken_as_the_connection_went() {
    let mut scene = Scene::inside();
    let knock = Other::new(CY, "Cy").knock(0);
    scene.duty(0, &[(CY, &knock)]);
    let sent = scene.commits_sent().remove(0);
    back(&mut scene, 1, 1);
    scene.take_commit(&sent, &[]);
    assert_eq!((scene.disconnects, scene.connection().0.as_str()), (0, "connected"));
    scene.input(Input::Say("in the same epoch"));
    let (_, _, sealed) = scene.messages_sent().pop().unwrap();
    assert_eq!(scene.ana.open(&sealed).2.as_deref(), Some("in the same epoch"));
}

#[test]
fn a_commit_that_was_lost_with_the_connection() {
    let mut scene = Scene::inside();
    let knock = Other::new(CY, "Cy").knock(0);
    scene.duty(0, &[(CY, &knock)]);
    let lost = scene.commits_sent().remove(0);
    back(&mut scene, 0, 1);
    // The duty is given anew, on a connection that knows of no commit.
    scene.duty(0, &[(CY, &knock)]);
    let sent = scene.commits_sent().remove(0);
    assert_ne!(sent.commit, lost.commit);
    scene.take_commit(&sent, &[]);
    assert_eq!((scene.ana.epoch(), scene.disconnects), (epoch(0, 2), 0));
    // A commit of an earlier connection that comes late is not one's own any more.
    let mut scene = Scene::inside();
    scene.duty(0, &[(CY, &knock)]);
    back(&mut scene, 0, 1);
    scene.event(|seq| wire::ServerFrame::Committed { seq, epoch: epoch(0, 1) });
    assert_eq!(scene.disconnects, 1);
}

#[test]
fn too_long_away() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("two"));
    let before = scene.messages_sent().remove(0);
    scene.reopen();
    scene.ana.counter = 9;
    scene.welcome(Standing::Outside, 1);
    assert_eq!(scene.connection().0, "knocking");
    scene.input(Input::Safety);
    assert!(scene.safety.is_empty(), "the group is dropped");
    assert!(scene.counters_sent().is_empty());
    scene.ana_lets_in();
    assert_eq!(scene.each("missed", "count"), [6]);
    let sent = scene.messages_sent();
    assert_eq!((sent.len(), sent[0].1), (1, 2));
    assert_ne!(sent[0].2, before.2);
    assert_eq!(scene.ana.open(&sent[0].2), (ME, 2, Some("two".into())));
    assert_eq!(scene.people(), ["Ana", "Bo"]);
}

#[test]
fn who_went_while_one_was_away_is_told_and_shown_no_more() {
    let (mut scene, _) = Scene::with_cy();
    scene.reopen();
    scene.ana.commit(&[], &[CY]);
    scene.ana.confirm();
    scene.welcome(Standing::Outside, 1);
    scene.shown.clear();
    scene.ana_lets_in();
    assert_eq!(scene.each("left", "name"), ["Cy"]);
    assert_eq!(scene.people(), ["Ana", "Bo"]);
}
