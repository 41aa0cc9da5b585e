//! Those who come in again, and what of them is counted on.

use serde_json::json;
use wire::{Counter, MemberId, ServerFrame, Standing};

use super::scene::*;
use crate::content::Content;

/// Counters go on over all generations: who was there before has missed nothing when another one comes in again.
#[test]
fn the_founder_of_a_new_group_misses_nothing() {
    let mut scene = Scene::inside();
    founds(&mut scene);
    scene.ana.counter = 4;
    scene.ana_sends(4, &Content::Here.to_padded(Counter(4)));
    assert!(scene.take("missed").is_empty());
}

/// The same for one who does not found it, and comes in before another one does.
#[test]
fn one_who_comes_into_a_new_group_before_another_misses_nothing() {
    let (mut scene, mut cy) = Scene::with_cy();
    // That it came back was told to nobody: the group was over.
    scene.event(|seq| ServerFrame::Presence { seq, member_id: MemberId(CY), connected: false });
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in_before(&[(CY, 1)]);
    cy_follows(&mut scene, &mut cy, 2);
    assert!(scene.take("missed").is_empty() && scene.take("left").is_empty() && scene.take("entered").is_empty());
    let people = scene.take("people").pop().unwrap();
    assert_eq!((&people["people"][2]["name"], &people["people"][2]["connected"]), (&json!("Cy"), &json!(true)));
}

/// And for one who is new, to whom what was said before is nothing.
#[test]
fn one_who_is_new_to_a_new_group_misses_nothing_of_who_comes_in_later() {
    let mut scene = Scene::outside();
    let mut cy = Other::new(CY, "Cy");
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in_before(&[(CY, 5)]);
    cy_follows(&mut scene, &mut cy, 6);
    assert!(scene.take("missed").is_empty());
    // What it says from there on is counted.
    let later = cy.seal(&text(9, "Ninth"));
    scene.message(CY, 9, &later);
    assert_eq!(scene.each("missed", "count"), [2]);
}

/// Nobody tells a newcomer who founds the group how far those have come who were in the former one.
#[test]
fn one_who_is_new_and_founds_misses_nothing_of_who_comes_in_later() {
    let mut scene = Scene::outside();
    founds(&mut scene);
    scene.ana_sends(10, &Content::Here.to_padded(Counter(10)));
    assert!(scene.take("missed").is_empty());
    scene.ana_sends(13, &text(13, "Thirteenth"));
    assert_eq!(scene.each("missed", "count"), [2]);
}

/// The server's word of what was before one's time hides nothing that is left out later.
#[test]
fn a_count_before_ones_time_that_is_too_high_hides_nothing_later() {
    let mut scene = Scene::outside();
    let mut cy = Other::new(CY, "Cy");
    scene.ana_lets_in_before(&[(CY, u64::MAX)]);
    let knock = cy.knock(0);
    let welcome = scene.ana_commits(&[(CY, &knock)], &[]);
    cy.join(scene.ana.epoch(), &welcome);
    for counter in [1, 900] {
        let said = cy.seal(&text(counter, "Here"));
        scene.message(CY, counter, &said);
    }
    assert_eq!(scene.each("missed", "count"), [898]);
}

/// Of one who was in the former group, too, what is missing is told at once, and not again.
#[test]
fn what_was_said_before_the_group_began_anew_is_missing() {
    let (mut scene, mut cy) = Scene::with_cy();
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in_before(&[(CY, 5)]);
    assert_eq!(scene.each("missed", "count"), [4]);
    cy_follows(&mut scene, &mut cy, 6);
    assert!(scene.take("missed").is_empty());
}

/// Whom the server names as outside is not in the group: nothing of theirs is taken.
#[test]
fn one_who_is_only_named_is_not_in_the_group() {
    let (mut scene, mut cy) = Scene::with_cy();
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in_before(&[(CY, 1)]);
    let said = cy.seal(&text(2, "Of the former group"));
    scene.message(CY, 2, &said);
    assert_eq!(scene.disconnects, 1);
    assert!(scene.take("unreadable").is_empty());
}

/// Bo founds the next group and lets Ana into it.
fn founds(scene: &mut Scene) {
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: true });
    let knock = scene.ana.knock(1);
    scene.frame(ServerFrame::Duty { epoch: epoch(1, 0), commits: 0, knocks: vec![(MemberId(ANA), &knock)] });
    let commit = scene.commits_sent().remove(0);
    scene.event(|seq| ServerFrame::Committed { seq, epoch: epoch(1, 0) });
    scene.ana.join(epoch(1, 1), &commit.welcome);
}

/// Cy is let in and says that it is there.
fn cy_follows(scene: &mut Scene, cy: &mut Other, counter: u64) {
    let knock = cy.knock(1);
    let welcome = scene.ana_commits(&[(CY, &knock)], &[]);
    cy.join(scene.ana.epoch(), &welcome);
    let here = cy.seal(&Content::Here.to_padded(Counter(counter)));
    scene.message(CY, counter, &here);
}

/// Who is neither in the new group nor outside went while one was outside oneself.
#[test]
fn one_who_left_when_the_group_began_anew_is_said_to_have() {
    let (mut scene, _) = Scene::with_cy();
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in();
    assert_eq!(scene.each("left", "name"), ["Cy"]);
}

/// Nobody went: it is the group that is another one.
#[test]
fn nobody_is_said_to_leave_when_the_group_begins_anew() {
    let mut scene = Scene::inside();
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: true });
    assert!(scene.take("left").is_empty());
}

/// What somebody said who came while one was outside was not for one: it is not missing, but that it came is told.
#[test]
fn one_who_came_while_one_was_outside_has_entered() {
    let mut scene = Scene::inside();
    scene.reopen();
    let cy = Other::new(CY, "Cy");
    scene.ana.commit(&[(CY, &cy.knock(0))], &[]);
    scene.ana.confirm();
    scene.welcome(Standing::Outside, 1);
    let (_, knock) = scene.knocks().pop().unwrap();
    let commit = scene.ana.commit(&[(ME, &knock)], &[]);
    scene.ana.confirm();
    let (into, people) = (scene.ana.epoch(), vec![person(ANA, 3), person(ME, 1), person(CY, 5)]);
    scene.event(|seq| ServerFrame::LetIn { seq, epoch: into, people, welcome: &commit.welcome });
    assert!(scene.take("missed").is_empty());
    assert_eq!(scene.each("entered", "name"), ["Cy"]);
}

/// A knock is withdrawn while the commit that answers it is under way: the server passes that over, and nobody else
/// commits. The keys are still to be renewed.
#[test]
fn a_commit_that_is_never_answered_does_not_stop_the_renewing_of_keys() {
    let mut scene = Scene::inside();
    let knock = Other::new(CY, "Cy").knock(0);
    scene.duty(0, &[(CY, &knock)]);
    assert_eq!(scene.commits_sent().len(), 1);
    let until = scene.now + 100 * 60_000;
    while scene.now < until {
        scene.wake();
        scene.frame(ServerFrame::Pong);
    }
    assert_eq!(scene.disconnects, 0);
    assert!(!scene.commits_sent().is_empty());
}
