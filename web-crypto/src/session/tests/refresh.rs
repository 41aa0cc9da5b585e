//! When one's own keys are renewed.

use super::{super::*, scene::*};

const MINUTE: u64 = 60_000;

/// Lets the time go by, with a server that answers every ping, until a commit is sent: after how many minutes.
fn minutes_to_refresh(scene: &mut Scene, at_most: u64) -> Option<u64> {
    let started = scene.now;
    while scene.now - started < at_most * MINUTE {
        scene.wake();
        scene.sent.retain(|frame| *frame != wire::ClientFrame::Ping.to_bytes());
        scene.frame(wire::ServerFrame::Pong);
        if scene.sent.iter().any(|frame| frame[1] == 0x06) {
            return Some((scene.now - started) / MINUTE);
        }
    }
    assert_eq!(scene.disconnects, 0);
    None
}

#[test]
fn after_an_hour_of_silence() {
    let mut scene = Scene::inside();
    let minutes = minutes_to_refresh(&mut scene, 100).unwrap();
    assert!((60..=61).contains(&minutes), "{minutes}");
    let sent = scene.commits_sent().remove(0);
    assert_eq!((sent.epoch, sent.admitted.len(), sent.removed.len(), sent.welcome.len()), (epoch(0, 1), 0, 0, 0));
    scene.take_commit(&sent, &[]);
    assert_eq!((scene.ana.epoch(), scene.disconnects), (epoch(0, 2), 0));
    let minutes = minutes_to_refresh(&mut scene, 100).unwrap();
    assert!((60..=61).contains(&minutes), "{minutes}");
}

#[test]
fn after_a_quarter_of_an_hour_if_one_has_spoken() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("hi"));
    let minutes = minutes_to_refresh(&mut scene, 100).unwrap();
    assert!((15..=16).contains(&minutes), "{minutes}");
    let sent = scene.commits_sent().remove(0);
    scene.take_commit(&sent, &[]);
    // What was said before it does not count again.
    let minutes = minutes_to_refresh(&mut scene, 100).unwrap();
    assert!((60..=61).contains(&minutes), "{minutes}");
}

#[test]
fn at_once_if_one_speaks_after_a_while() {
    let mut scene = Scene::inside();
    assert_eq!(minutes_to_refresh(&mut scene, 30), None);
    scene.input(Input::Say("hi"));
    assert_eq!(minutes_to_refresh(&mut scene, 30), Some(0));
}

#[test]
fn another_try_takes_its_time() {
    let mut scene = Scene::inside();
    minutes_to_refresh(&mut scene, 100).unwrap();
    let lost = scene.commits_sent();
    assert_eq!(lost.len(), 1);
    // While it is under way there is no second one.
    assert_eq!(minutes_to_refresh(&mut scene, 4), None);
    scene.ana_commits(&[], &[]);
    let minutes = minutes_to_refresh(&mut scene, 100).unwrap();
    assert!(minutes <= 5, "{minutes}");
}

#[test]
fn not_alone_and_not_while_someone_is_gone() {
    let mut scene = Scene::greeting();
    scene.welcome(wire::Standing::Founder, 0);
    assert_eq!(minutes_to_refresh(&mut scene, 100), None);

    let mut scene = Scene::inside();
    scene.leaves(ANA, 3);
    assert_eq!(minutes_to_refresh(&mut scene, 100), None);

    // Nor outside the group, nor without a connection.
    let mut scene = Scene::outside();
    assert_eq!(minutes_to_refresh(&mut scene, 100), None);
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    scene.now += 100 * MINUTE;
    scene.input(Input::Woken);
    assert!(scene.commits_sent().is_empty());
}
