//! Waiting, asking, giving up, leaving.

use serde_json::json;
use wire::{ClientFrame, CloseCode, ServerFrame, Standing, Token, door};

use super::{super::*, scene::*};

#[test]
fn waits_grow_with_jitter_and_the_network_shortens_them() {
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    let mut full = 500;
    for _ in 0..8 {
        let wait = scene.take("connection").last().unwrap()["retry_in_ms"].as_u64().unwrap();
        assert!(wait >= full / 2 && wait <= full, "{wait} of {full}");
        full = (full * 2).min(15_000);
        scene.wake();
        scene.input(Input::Closed(1006));
    }
    let connects = scene.connects;
    scene.input(Input::Network(false));
    assert_eq!(scene.connects, connects);
    scene.input(Input::Network(true));
    assert_eq!(scene.connects, connects + 1, "at once");
    scene.input(Input::Network(true));
    assert_eq!(scene.connects, connects + 1, "one attempt at a time");
    let disconnects = scene.disconnects;
    scene.now += 3000;
    scene.input(Input::Network(true));
    assert_eq!((scene.connects, scene.disconnects), (connects + 2, disconnects + 1), "that one took too long");
    // Where it fails, whoever said that there is a line does not wait longer for having said it.
    scene.input(Input::Closed(1006));
    assert!(scene.take("connection").last().unwrap()["retry_in_ms"].as_u64().unwrap() <= 500);
    scene.wake();
    // Once welcomed, the next wait is short again.
    scene.input(Input::Opened);
    scene.welcome(Standing::Inside, 1);
    scene.input(Input::Closed(1006));
    assert!(scene.take("connection").last().unwrap()["retry_in_ms"].as_u64().unwrap() <= 500);
}

/// A line that is there again when little is left of the grace is found while there is some.
#[test]
fn attempts_come_closer_as_the_grace_runs_out() {
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    let lost = scene.now;
    let mut attempts = Vec::new();
    while attempts.last().is_none_or(|at| *at < 300_000) {
        scene.wake();
        attempts.push(scene.now - lost);
        scene.input(Input::Closed(1006));
    }
    let between = |from: u64, to: u64| attempts.iter().filter(|at| (from..to).contains(at)).count();
    assert!(
        between(50_000, 56_000) >= 1 && between(56_000, 58_000) >= 1 && between(58_000, 60_000) >= 1,
        "{attempts:?}"
    );
    assert!(attempts.len() < 45, "and never in haste: {attempts:?}");
    assert!(between(100_000, 300_000) <= 27, "after that there is none: {attempts:?}");
}

#[test]
fn a_restart_does_not_bring_everyone_back_at_once() {
    let mut waits = Vec::new();
    for number in 0..100_u8 {
        let mut scene = Scene::seeded(Intent::Join, number).admitted();
        scene.welcome(Standing::Outside, 0);
        scene.input(Input::Closed(CloseCode::Stopping.number()));
        let shown = scene.take("connection").pop().unwrap();
        assert_eq!((&shown["state"], &shown["words"]), (&json!("waiting"), &json!(CloseCode::Stopping.words())));
        waits.push(shown["retry_in_ms"].as_u64().unwrap());
    }
    waits.sort_unstable();
    assert!(waits[0] >= 500 && waits[99] <= 8500, "{waits:?}");
    let in_one_second = |from: &u64| waits.iter().filter(|wait| (*from..*from + 1000).contains(wait)).count();
    let most = waits.iter().map(in_one_second).max().unwrap();
    assert!(most <= 25, "{most} of a hundred in one second: {waits:?}");
}

#[test]
fn an_attempt_that_comes_to_nothing_is_given_up() {
    let mut scene = Scene::greeting();
    scene.wake = Some(10_000);
    scene.wake();
    assert_eq!((scene.disconnects, scene.connection().0.as_str()), (1, "waiting"));
}

/// A network that lets requests through and no sockets is told from one that is cut, and tried on all the same.
#[test]
fn sockets_that_never_open_while_the_door_answers_are_told() {
    const BLOCKED: &str = "Something between you and the server blocks WebSockets. \
                           Ask the administrator of the network or of the server's proxy.";
    let mut scene = Scene::inside();
    let told = |words: &str| ("waiting".to_owned(), words.to_owned());
    let salt = json!({ "salt": Token::from([1; 32]).to_text(), "build": "another" });
    let fails = |scene: &mut Scene| {
        let asked = scene.posted.len();
        scene.wake();
        scene.input(Input::Closed(1006));
        scene.posted[asked..].iter().map(|(path, _)| *path).collect::<Vec<_>>()
    };
    // One that was open does not count.
    scene.input(Input::Closed(1006));
    assert!(fails(&mut scene).is_empty() && fails(&mut scene).is_empty(), "a line may be cut for a moment");
    assert_eq!(fails(&mut scene), [door::SALT]);
    assert_eq!(scene.connection(), told(""), "nothing is said before the door has answered");
    // A page of the network's own is no answer of the door.
    scene.answer(200, &json!("Welcome to our hotel"));
    scene.input(Input::Unanswered);
    scene.answer(403, &json!({ "error": "origin_refused" }));
    assert!(scene.take("connection").is_empty());
    assert_eq!(fails(&mut scene), [door::SALT]);
    scene.answer(200, &salt);
    let shown = scene.take("connection").pop().unwrap();
    assert_eq!((&shown["state"], &shown["words"]), (&json!("waiting"), &json!(BLOCKED)));
    assert_eq!(shown["retry_in_ms"], scene.wake.unwrap());
    // It goes on, and so do the words, until one opens or the door falls silent as well.
    let connects = scene.connects;
    scene.wake();
    assert_eq!((scene.connects, scene.connection()), (connects + 1, ("connecting".to_owned(), BLOCKED.to_owned())));
    scene.input(Input::Woken);
    scene.wake();
    assert_eq!(scene.connection(), told(BLOCKED), "given up, after no answer at all");
    scene.input(Input::Unanswered);
    assert_eq!(scene.connection(), told(""));
    assert_eq!(fails(&mut scene), [door::SALT]);
    scene.answer(200, &salt);
    assert_eq!(scene.connection(), told(BLOCKED));
    scene.reopen();
    scene.welcome(Standing::Inside, 1);
    assert_eq!(scene.connection(), ("connected".to_owned(), String::new()));
    scene.input(Input::Closed(1006));
    assert_eq!(scene.connection(), told(""));
    assert!(fails(&mut scene).is_empty(), "counted anew");
}

#[test]
fn an_attempt_that_gets_on_has_more_time() {
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    scene.wake();
    scene.now += 9000;
    scene.input(Input::Opened);
    scene.now += 9000;
    scene.input(Input::Woken);
    assert_eq!(scene.disconnects, 0);
    scene.welcome(Standing::Inside, 1);
    assert_eq!(scene.connection().0, "connected");
}

#[test]
fn silence_ends_a_connection_and_doubt_ends_it_sooner() {
    let mut scene = Scene::inside();
    let started = scene.now;
    while scene.disconnects == 0 {
        scene.wake();
    }
    assert_eq!(scene.now - started, 28_000);
    assert!(scene.sent.iter().any(|frame| *frame == ClientFrame::Ping.to_bytes()), "it asked before");

    let mut scene = Scene::inside();
    scene.sent.clear();
    scene.input(Input::Network(false));
    assert_eq!(scene.sent, [ClientFrame::Ping.to_bytes()]);
    scene.now += 1000;
    scene.frame(ServerFrame::Pong);
    scene.wake();
    assert_eq!(scene.disconnects, 0, "it answered");
    scene.input(Input::Network(false));
    scene.wake();
    assert_eq!(scene.disconnects, 1);

    // One who knocks listens as well.
    let mut scene = Scene::outside();
    let started = scene.now;
    while scene.disconnects == 0 {
        scene.wake();
    }
    assert_eq!(scene.now - started, 28_000);
}

#[test]
fn close_codes() {
    for code in CloseCode::ALL {
        let mut scene = Scene::inside();
        scene.sent.clear();
        let posted = scene.posted.len();
        scene.input(Input::Closed(code.number()));
        assert_eq!(scene.take("ended").len(), usize::from(!code.reconnect()), "{code:?}");
        if code.reconnect() {
            assert_eq!(scene.connection(), ("waiting".into(), code.words().into()));
            scene.wake();
            scene.input(Input::Opened);
            let shows = |scene: &mut Scene| scene.hellos().pop().unwrap().verifier.is_some();
            assert_eq!(shows(&mut scene), *code == CloseCode::AddressChanged, "{code:?}");
            // It is shown until a welcome says that it was taken.
            scene.reopen();
            assert_eq!(shows(&mut scene), *code == CloseCode::AddressChanged, "{code:?}");
            scene.welcome(Standing::Inside, 1);
            scene.reopen();
            assert!(!shows(&mut scene));
        } else {
            // Where the server still has one as a member, one leaves, so that the name is free.
            let still = [CloseCode::Malformed, CloseCode::UnknownVersion, CloseCode::CounterSkipped, CloseCode::PutOut];
            assert_eq!(scene.posted.len() - posted, usize::from(still.contains(code)), "{code:?}");
            scene.input(Input::Network(true));
            scene.input(Input::Woken);
            assert_eq!((scene.connects, scene.sent.len()), (1, 0), "nothing after the end");
        }
    }
}

#[test]
fn leaving_goes_by_socket_or_by_door() {
    for mut scene in [Scene::inside(), Scene::outside()] {
        let posted = scene.posted.len();
        scene.input(Input::Leave);
        assert_eq!(scene.sent.last().unwrap(), &ClientFrame::Leave.to_bytes());
        assert!(scene.session.observe().is_none(), "the keys are gone at once");
        scene.input(Input::Received(&ServerFrame::Pong.to_bytes()));
        assert!(scene.take("ended").is_empty(), "the server may not know yet");
        scene.input(Input::Closed(CloseCode::Left.number()));
        assert_eq!(scene.each("ended", "code"), ["left"]);
        assert_eq!(scene.posted.len(), posted, "the server knows");
    }
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    scene.input(Input::Leave);
    assert_eq!(scene.posted.last(), scene.farewell.as_ref());
    scene.answer(204, &json!(null));
    assert_eq!(scene.each("ended", "code"), ["left"]);
}

#[test]
fn leaving_by_door_is_retried_until_the_server_knows() {
    let ways: [fn(&mut Scene); 2] = [|scene| scene.input(Input::Closed(1006)), Scene::wake];
    for lose in ways {
        let mut scene = Scene::inside();
        scene.input(Input::Leave);
        let posted = scene.posted.len();
        lose(&mut scene);
        assert_eq!(scene.posted.last(), scene.farewell.as_ref());
        scene.input(Input::Unanswered);
        scene.wake();
        scene.answer(502, &json!("a proxy's page"));
        scene.wake();
        assert_eq!(scene.posted.len(), posted + 3);
        assert!(scene.take("ended").is_empty());
        scene.answer(403, &json!({ "error": "unknown_token" }));
        assert_eq!(scene.each("ended", "code"), ["left"]);
    }
}

#[test]
fn leaving_gives_up_once_the_server_has_noticed_by_itself() {
    let mut scene = Scene::inside();
    let started = scene.now;
    scene.input(Input::Leave);
    while scene.take("ended").is_empty() {
        scene.wake();
        scene.input(Input::Unanswered);
    }
    assert!((90_000..93_000).contains(&(scene.now - started)));
}
