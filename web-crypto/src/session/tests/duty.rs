//! One's turn at the group's door.

use wire::{MemberId, ServerFrame};

use super::{super::*, scene::*};
use crate::keys::RoomSecret;

#[test]
fn lets_in_several_and_removes_the_gone_by_one_commit() {
    let (mut scene, cy) = Scene::with_cy();
    scene.leaves(CY, 1);
    let mut new = (4..8).map(|id| Other::new(id, &format!("P{id}"))).collect::<Vec<_>>();
    let knocks = new.iter().map(|other| other.knock(0)).collect::<Vec<_>>();
    let knocking = (4..8).zip(&knocks).map(|(id, sealed)| (id, &sealed[..])).collect::<Vec<_>>();
    scene.duty(0, &knocking);
    assert!(scene.declined().is_empty());
    let sent = scene.commits_sent();
    assert_eq!(sent.len(), 1);
    let sent = &sent[0];
    assert_eq!((sent.epoch, &sent.removed), (epoch(0, 2), &vec![MemberId(CY)]));
    assert_eq!(sent.admitted, (4..8).map(MemberId).collect::<Vec<_>>());
    // Only its place in the order makes it count.
    assert!(scene.take("keys").is_empty());
    scene.take_commit(sent, &[CY]);
    assert_eq!(scene.take("keys").len(), 1);
    assert_eq!(scene.ana.epoch(), epoch(0, 3));
    for other in &mut new {
        other.join(epoch(0, 3), &sent.welcome);
    }
    scene.input(Input::Say("to all of you"));
    let (_, _, sealed) = scene.messages_sent().pop().unwrap();
    for other in new.iter_mut().chain([&mut scene.ana]) {
        assert_eq!(other.open(&sealed), (ME, 2, Some("to all of you".into())));
    }
    drop(cy);
    // The newcomers are heard.
    let sealed = new[0].seal(&text(1, "hi"));
    scene.message(4, 1, &sealed);
    assert_eq!(scene.each("message", "text"), ["to all of you", "hi"]);
    assert_eq!(scene.each("entered", "name"), ["P4", "P5", "P6", "P7"]);
    assert_eq!(scene.each("left", "name"), ["Cy"]);
}

#[test]
fn passes_over_bad_knocks_and_lets_the_others_in() {
    let mut scene = Scene::inside();
    let door_key = secret().door_key(ROOM);
    let wrong = RoomSecret::extract(b"", Stretched::from([8; 32])).door_key(ROOM);
    let knocks: Vec<(u32, Vec<u8>)> = vec![
        (3, b"garbage".to_vec()),
        (4, Vec::new()),
        (5, Other::new(5, "No password").knock_as(5, 0, &wrong)),
        (6, Other::new(6, "Another generation").knock_as(6, 1, &door_key)),
        (7, Other::new(8, "Another number").knock_as(7, 0, &door_key)),
        (9, Other::new(9, "ana").knock(0)),
        (10, Other::new(10, "Dora").knock(0)),
        (11, Other::new(11, "dora").knock(0)),
    ];
    let knocking = knocks.iter().map(|(id, sealed)| (*id, &sealed[..])).collect::<Vec<_>>();
    scene.duty(0, &knocking);
    assert_eq!(scene.declined(), [3, 4, 5, 6, 7, 9, 11]);
    let sent = scene.commits_sent().remove(0);
    assert_eq!(sent.admitted, [MemberId(10)]);
    scene.take_commit(&sent, &[]);
    assert_eq!(scene.disconnects, 0);
    // Where no one is left to be let in, there is nothing to commit.
    let bad = [knocking[0], knocking[2]];
    scene.duty(1, &bad);
    assert_eq!((scene.declined(), scene.commits_sent().len()), (vec![3, 5], 0));
}

#[test]
fn one_who_is_stuck_comes_back_by_the_same_key_only() {
    let (mut scene, mut cy) = Scene::with_cy();
    let thief = Other::new(0x13, "Cy");
    scene.duty(0, &[(CY, &thief.knock_as(CY, 0, &secret().door_key(ROOM)))]);
    assert_eq!(scene.declined(), [CY]);
    cy.group = None;
    let knock = cy.knock(0);
    scene.duty(0, &[(CY, &knock)]);
    let sent = scene.commits_sent().remove(0);
    assert_eq!((&sent.admitted, sent.removed.len()), (&vec![MemberId(CY)], 0));
    scene.shown.clear();
    scene.take_commit(&sent, &[]);
    cy.join(scene.ana.epoch(), &sent.welcome);
    let back = cy.seal(&text(2, "back"));
    scene.message(CY, 2, &back);
    assert_eq!(scene.each("message", "text"), ["back"]);
    assert!(scene.take("entered").is_empty() && scene.take("missed").is_empty(), "it never went");
}

#[test]
fn a_duty_of_another_epoch_is_passed_over() {
    let mut scene = Scene::inside();
    let cy = Other::new(CY, "Cy").knock(0);
    for in_epoch in [epoch(0, 0), epoch(0, 2), epoch(1, 1)] {
        scene.frame(ServerFrame::Duty { epoch: in_epoch, commits: 0, knocks: vec![(MemberId(CY), &cy)] });
    }
    assert!(scene.commits_sent().is_empty() && scene.declined().is_empty());
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn a_duty_with_nothing_to_do_is_done() {
    let mut scene = Scene::inside();
    scene.duty(0, &[]);
    assert!(scene.commits_sent().is_empty() && scene.declined().is_empty());
    // A commit that was tried and thrown away leaves nothing behind.
    scene.ana_commits(&[], &[]);
    assert!(scene.stuck().is_empty());
}

#[test]
fn a_duty_waits_while_a_commit_is_under_way() {
    let mut scene = Scene::inside();
    let (cy, dora) = (Other::new(CY, "Cy"), Other::new(4, "Dora"));
    let (first, second) = (cy.knock(0), dora.knock(0));
    scene.duty(0, &[(CY, &first)]);
    let sent = scene.commits_sent().remove(0);
    // The server had not seen it yet when it gave the duty once more.
    scene.duty(0, &[(CY, &first), (4, &second)]);
    assert!(scene.commits_sent().is_empty());
    // It was taken: what the order says is what was sent.
    scene.take_commit(&sent, &[]);
    assert!(scene.stuck().is_empty());
    assert_eq!((scene.disconnects, scene.ana.epoch()), (0, epoch(0, 2)));
    scene.duty(1, &[(4, &second)]);
    assert_eq!(scene.commits_sent().remove(0).admitted, [MemberId(4)]);
    // That one was looked at and not taken: the next duty is answered anew.
    scene.duty(2, &[(4, &second)]);
    let sent = scene.commits_sent().remove(0);
    scene.take_commit(&sent, &[]);
    assert_eq!(scene.ana.epoch(), epoch(0, 3));
}

#[test]
fn a_commit_that_lost_is_given_up() {
    let mut scene = Scene::inside();
    let knock = Other::new(CY, "Cy").knock(0);
    scene.duty(0, &[(CY, &knock)]);
    let lost = scene.commits_sent().remove(0);
    scene.ana_commits(&[], &[]);
    assert!(scene.stuck().is_empty());
    // Were the server to say that it was taken after all, there is nothing to be merged.
    scene.event(|seq| ServerFrame::Committed { seq, epoch: lost.epoch.next() });
    assert_eq!(scene.disconnects, 1);
}
