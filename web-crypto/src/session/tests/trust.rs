//! Everyone who can read is shown: the list of people is the tree's, and a tree that holds somebody unnamed is refused.

use serde_json::{Value, json};
use wire::{Counter, MemberId, Person, ServerFrame, Standing};

use super::{super::*, scene::*};
use crate::content::Content;

const GHOST: u32 = 66;

/// Names and places of the people shown last.
fn places(scene: &mut Scene) -> Vec<(String, String)> {
    let people = scene.take("people").pop().expect("a list of people");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    people["people"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["place"]))).collect()
}

fn list(people: &[(&str, &str)]) -> Vec<(String, String)> {
    people.iter().map(|(name, place)| ((*name).to_owned(), (*place).to_owned())).collect()
}

/// Bo is told of a commit that lets him in, and of these people.
fn let_in(scene: &mut Scene, welcome: &[u8], people: Vec<Person>) {
    let epoch = scene.ana.epoch();
    scene.event(|seq| ServerFrame::LetIn { seq, epoch, people, welcome });
}

#[track_caller]
fn is_refused(scene: &mut Scene, why: &str) {
    assert_eq!(scene.take("unlisted").len(), 1, "{why}: the reason is shown");
    assert_eq!(scene.stuck(), [scene.ana.epoch()], "{why}");
    assert_eq!(scene.knocks().len(), 1, "{why}: it asks again");
    scene.input(Input::Say("Can you read this?"));
    assert_eq!(scene.counters_sent(), [0; 0], "{why}: nothing is said to such a group");
    assert_eq!(scene.disconnects, 0, "{why}");
}

#[test]
fn a_member_that_says_nothing_is_shown_from_its_first_moment_to_its_last() {
    let mut scene = Scene::inside();
    scene.cy_comes();
    assert_eq!(scene.each("entered", "name"), ["Cy"]);
    assert_eq!(places(&mut scene), list(&[("Ana", "here"), ("Bo", "here"), ("Cy", "coming")]));
    // Cy can read this, and Bo was shown as much.
    scene.input(Input::Say("hello"));
    assert_eq!(scene.counters_sent(), [2]);
    scene.accept(2);
    // Until the commit that removes it, Cy holds the keys: it is still shown, and nothing is sent.
    scene.leaves(CY, 0);
    assert_eq!(places(&mut scene), list(&[("Ana", "here"), ("Bo", "here"), ("Cy", "leaving")]));
    assert!(scene.take("left").is_empty());
    scene.input(Input::Say("between us"));
    assert_eq!(scene.counters_sent(), [0; 0]);
    scene.ana_commits(&[], &[CY]);
    assert_eq!(scene.take("left"), [json!({ "type": "left", "id": CY, "name": "Cy", "lost": false, "here": false })]);
    assert_eq!(places(&mut scene), list(&[("Ana", "here"), ("Bo", "here")]));
    assert_eq!(scene.counters_sent(), [3]);
}

#[test]
fn the_list_of_people_comes_before_what_is_sealed_for_them() {
    let (mut scene, _) = Scene::with_cy();
    scene.leaves(CY, 1);
    scene.input(Input::Say("waits"));
    scene.shown.clear();
    let epoch = scene.ana.epoch();
    let commit = scene.ana.commit(&[], &[CY]);
    scene.seq += 1;
    let removed = vec![MemberId(CY)];
    let frame = ServerFrame::Commit {
        seq: wire::Seq(scene.seq),
        author: MemberId(ANA),
        epoch,
        admitted: vec![],
        removed,
        commit: &commit.commit,
    };
    scene.session.handle(Input::Received(&frame.to_bytes()), scene.now);
    let mut told = Vec::new();
    while let Some(output) = scene.session.poll() {
        match output {
            Output::Show(View::People { people }) => told.push(format!("people {}", people.len())),
            Output::Show(View::Left { .. }) => told.push("left".into()),
            Output::Send(_) => told.push("send".into()),
            _ => {}
        }
    }
    let sent = told.iter().position(|what| what == "send").expect("what waited is sent");
    assert_eq!(told[..sent].iter().filter(|what| *what != "people 2").collect::<Vec<_>>(), ["left"]);
    assert!(told[..sent].contains(&"people 2".to_owned()));
}

#[test]
fn a_newcomer_is_shown_those_who_say_nothing() {
    let mut scene = Scene::outside();
    let cy = Other::new(CY, "Cy");
    let (_, knock) = scene.knocks().pop().unwrap();
    let commit = scene.ana.commit(&[(CY, &cy.knock(0)), (ME, &knock)], &[]);
    scene.ana.confirm();
    let_in(&mut scene, &commit.welcome, vec![person(ANA, 3), person(ME, 0), person(CY, 0)]);
    assert_eq!(places(&mut scene), list(&[("Ana", "here"), ("Bo", "here"), ("Cy", "coming")]));
    assert!(scene.take("entered").is_empty(), "they were there before");
}

#[test]
fn a_silent_member_that_a_server_passes_off_as_gone_is_still_shown() {
    let (mut scene, _) = Scene::with_cy();
    scene.leaves(CY, 1);
    // A commit that only renews its author's keys leaves it in.
    scene.ana_commits(&[], &[]);
    assert_eq!(places(&mut scene)[2], ("Cy".to_owned(), "leaving".to_owned()));
    assert!(scene.take("left").is_empty());
    scene.input(Input::Say("not for Cy"));
    assert_eq!(scene.counters_sent(), [0; 0]);
}

#[test]
fn a_leaf_from_before_that_nobody_names_keeps_a_newcomer_out() {
    for generation in [0, 1] {
        let mut scene = Scene::outside();
        if generation == 1 {
            scene.ana.found(1);
            scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
        }
        let (_, knock) = scene.knocks().pop().unwrap();
        // Ana is alone: there is nobody to look at this commit.
        let mut ghost = Other::new(GHOST, "Ghost");
        let haunted = scene.ana.commit_with_ghost(&[], &ghost);
        scene.ana.confirm();
        ghost.join(scene.ana.epoch(), &haunted.welcome);
        let commit = scene.ana.commit(&[(ME, &knock)], &[]);
        scene.ana.confirm();
        let_in(&mut scene, &commit.welcome, vec![person(ANA, 3), person(ME, 0)]);
        is_refused(&mut scene, "in the tree before");
        // The server says why, in the end; the words are those of the true reason.
        scene.input(Input::Closed(4010));
        let ended = scene.take("ended").remove(0);
        assert!(ended["words"].as_str().unwrap().contains("somebody could read unseen"), "{ended}");
    }
}

#[test]
fn a_leaf_that_comes_along_keeps_newcomers_out() {
    let ghost = Other::new(GHOST, "Ghost");
    // Alone with it, and two at once.
    for with_cy in [false, true] {
        let mut scene = Scene::outside();
        let mut cy = Other::new(CY, "Cy");
        let (mut knocks, mut people) =
            (vec![(ME, scene.knocks().pop().unwrap().1)], vec![person(ANA, 3), person(ME, 0)]);
        if with_cy {
            knocks.push((CY, cy.knock(0)));
            people.push(person(CY, 0));
        }
        let knocks = knocks.iter().map(|(id, knock)| (*id, &knock[..])).collect::<Vec<_>>();
        let commit = scene.ana.commit_with_ghost(&knocks, &ghost);
        scene.ana.confirm();
        let_in(&mut scene, &commit.welcome, people);
        is_refused(&mut scene, "comes along");
        if with_cy {
            assert!(cy.joins(scene.ana.epoch(), &commit.welcome, &[ANA, ME, CY, GHOST]).is_ok(), "the Welcome is good");
        }
    }
}

#[test]
fn a_leaf_that_comes_along_as_one_comes_in_again_keeps_one_out() {
    let mut scene = Scene::inside();
    scene.reopen();
    scene.welcome(Standing::Outside, 1);
    let (_, knock) = scene.knocks().pop().unwrap();
    // One's own leaf is replaced, and another one added by the same commit.
    let commit = scene.ana.commit_with_ghost(&[(ME, &knock)], &Other::new(GHOST, "Ghost"));
    scene.ana.confirm();
    let_in(&mut scene, &commit.welcome, vec![person(ANA, 3), person(ME, 1)]);
    is_refused(&mut scene, "as one comes in again");
}

#[test]
fn a_commit_before_ones_eyes_that_lets_somebody_in_unnamed_is_not_followed() {
    let mut scene = Scene::inside();
    let epoch = scene.ana.epoch();
    let commit = scene.ana.commit_with_ghost(&[], &Other::new(GHOST, "Ghost"));
    let author = MemberId(ANA);
    scene.event(|seq| ServerFrame::Commit {
        seq,
        author,
        epoch,
        admitted: vec![],
        removed: vec![],
        commit: &commit.commit,
    });
    is_refused(&mut scene, "before one's eyes");
    // A group without it is gone into, and what waited is sent to that.
    scene.ana.found(1);
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
    scene.ana_lets_in();
    assert_eq!(scene.counters_sent(), [2]);
    scene.input(Input::Closed(4010));
    let ended = scene.take("ended").remove(0);
    assert!(!ended["words"].as_str().unwrap().contains("somebody could read unseen"), "that is over");
}

#[test]
fn a_server_that_names_the_leaf_shows_it() {
    let mut scene = Scene::outside();
    let (_, knock) = scene.knocks().pop().unwrap();
    let ghost = Other::new(GHOST, "Ghost");
    let commit = scene.ana.commit_with_ghost(&[(ME, &knock)], &ghost);
    scene.ana.confirm();
    let_in(&mut scene, &commit.welcome, vec![person(ANA, 3), person(ME, 0), person(GHOST, 7)]);
    let people = scene.take("people").pop().unwrap();
    assert_eq!(people["people"][2]["name"], "Ghost");
    assert_eq!(people["people"][2]["fingerprint"], scene.ana.fingerprint(GHOST));
}

#[test]
fn a_list_of_others_than_those_in_the_tree_is_refused() {
    let cases: [(&str, Vec<Person>); 4] = [
        ("one is left out", vec![person(ME, 0)]),
        ("one is named as outside", vec![outsider(ANA, 3), person(ME, 0)]),
        ("one more is named", vec![person(ANA, 3), person(ME, 0), person(CY, 1)]),
        ("another is named", vec![person(CY, 3), person(ME, 0)]),
    ];
    for (why, people) in cases {
        let mut scene = Scene::outside();
        let (_, knock) = scene.knocks().pop().unwrap();
        let commit = scene.ana.commit(&[(ME, &knock)], &[]);
        scene.ana.confirm();
        let_in(&mut scene, &commit.welcome, people);
        is_refused(&mut scene, why);
    }
    // One who is named as outside only is no reason.
    let mut scene = Scene::outside();
    scene.ana_lets_in_before(&[(CY, 3)]);
    assert_eq!(scene.connection().0, "connected");
}

#[test]
fn a_name_like_that_of_someone_who_left_is_marked() {
    for name in ["Cy", "cy", "Су", "CY\u{fe0f}"] {
        let (mut scene, _) = Scene::with_cy();
        scene.leaves(CY, 1);
        scene.ana_commits(&[], &[CY]);
        let other = Other::new(4, name);
        let knock = other.knock(0);
        scene.ana_commits(&[(4, &knock)], &[]);
        assert_eq!(scene.each("entered", "another"), [true], "{name:?}");
        let people = scene.take("people").pop().unwrap();
        assert_eq!(people["people"][2]["another"], true, "{name:?}");
    }
    // Another name is not; nor is the same person that comes in again.
    let (mut scene, cy) = Scene::with_cy();
    let other = Other::new(4, "Dee");
    let knock = other.knock(0);
    scene.ana_commits(&[(4, &knock)], &[]);
    let knock = cy.knock(0);
    scene.ana_commits(&[(CY, &knock)], &[]);
    assert_eq!(scene.each("entered", "another"), [false]);
    let people = scene.take("people").pop().unwrap();
    assert!(people["people"].as_array().unwrap().iter().all(|person| person["another"] == false));
}

#[test]
fn a_newcomer_is_here_once_it_is_heard_of() {
    let mut scene = Scene::inside();
    let mut cy = scene.cy_comes();
    scene.shown.clear();
    let here = cy.seal(&Content::Here.to_padded(Counter(1)));
    scene.message(CY, 1, &here);
    assert_eq!(places(&mut scene)[2], ("Cy".to_owned(), "here".to_owned()));
    assert!(scene.take("entered").is_empty(), "that was told before");
}

#[test]
fn a_member_that_does_not_come_back_into_a_new_group_is_said_to_have_left() {
    let mut scene = Scene::inside();
    scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: true });
    assert_eq!(scene.people(), ["Bo"]);
    let until = scene.now + 15_000;
    while scene.now < until {
        assert!(scene.take("left").is_empty(), "not before it had time to");
        scene.wake();
        scene.frame(ServerFrame::Pong);
    }
    assert_eq!(scene.each("left", "name"), ["Ana"]);
    // Should it come after all, that is told too, and its messages count from where they were.
    let knock = scene.ana.knock(1);
    scene.frame(ServerFrame::Duty { epoch: epoch(1, 0), commits: 0, knocks: vec![(MemberId(ANA), &knock)] });
    let commit = scene.commits_sent().remove(0);
    scene.event(|seq| ServerFrame::Committed { seq, epoch: epoch(1, 0) });
    scene.ana.join(epoch(1, 1), &commit.welcome);
    assert_eq!(scene.each("entered", "name"), ["Ana"]);
    scene.ana_says("back");
    assert_eq!(scene.each("message", "text"), ["back"]);
    assert!(scene.take("missed").is_empty());
}

#[test]
fn a_newcomer_that_spoke_while_one_was_outside_is_here() {
    let mut scene = Scene::inside();
    scene.cy_comes();
    scene.reopen();
    scene.welcome(Standing::Outside, 1);
    let (_, knock) = scene.knocks().pop().unwrap();
    let commit = scene.ana.commit(&[(ME, &knock)], &[]);
    scene.ana.confirm();
    let_in(&mut scene, &commit.welcome, vec![person(ANA, 3), person(ME, 1), person(CY, 1)]);
    assert_eq!(places(&mut scene)[2], ("Cy".to_owned(), "here".to_owned()));
}

#[test]
fn a_person_is_told_once_in_a_while_however_often_it_happens() {
    let mut scene = Scene::outside();
    for times in [0, 1, 2] {
        let (_, knock) = scene.knocks().pop().unwrap();
        let commit = scene.ana.commit(&[(ME, &knock)], &[]);
        scene.ana.confirm();
        let_in(&mut scene, &commit.welcome, vec![person(ME, 0)]);
        assert_eq!(scene.take("unlisted").len(), usize::from(times != 1));
        scene.now += if times == 0 { 59_999 } else { 1 };
    }
}
