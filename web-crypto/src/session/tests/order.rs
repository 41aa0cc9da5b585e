//! A server that does not keep to the order: it is not followed, and nothing that it says is shown.

use wire::{CloseCode, Counter, Departure, MemberId, Seq, ServerFrame, Standing, Welcome};

use super::{super::*, scene::*};

/// Hands a frame in and looks that the connection is given up, and nothing taken from it.
fn is_disturbed(mut scene: Scene, what: &str, frame: &ServerFrame<'_>) {
    scene.shown.clear();
    scene.sent.clear();
    let connects = scene.connects;
    scene.input(Input::Received(&frame.to_bytes()));
    assert_eq!((scene.disconnects, scene.connects), (1, connects), "{what}");
    assert_eq!(scene.connection().0, "waiting", "{what}");
    assert!(scene.shown.is_empty() && scene.sent.is_empty(), "{what}: {:?}", scene.shown);
}

fn welcome(seq: u64, generation: u32, standing: Standing) -> ServerFrame<'static> {
    ServerFrame::Welcome(Welcome { seq: Seq(seq), epoch: epoch(generation, 1), standing, counter: Counter(0) })
}

fn left(seq: u64, id: u32) -> ServerFrame<'static> {
    ServerFrame::Left { seq: Seq(seq), member_id: MemberId(id), departure: Departure::Left, counter: Counter(3) }
}

fn presence(seq: u64, id: u32) -> ServerFrame<'static> {
    ServerFrame::Presence { seq: Seq(seq), member_id: MemberId(id), connected: false }
}

fn message(seq: u64, sender: u32, counter: u64, sealed: &[u8]) -> ServerFrame<'_> {
    ServerFrame::Message { seq: Seq(seq), sender: MemberId(sender), counter: Counter(counter), sealed }
}

fn commit(seq: u64, author: u32, number: u64) -> ServerFrame<'static> {
    let (seq, author, epoch) = (Seq(seq), MemberId(author), epoch(0, number));
    ServerFrame::Commit { seq, author, epoch, admitted: vec![], removed: vec![], commit: b"commit" }
}

fn let_in(number: u64, people: &[u32]) -> ServerFrame<'static> {
    let people = people.iter().map(|id| person(*id, 3)).collect();
    ServerFrame::LetIn { seq: Seq(5), epoch: epoch(0, number), people, welcome: b"Welcome" }
}

#[test]
fn in_the_group() {
    // The next number is 7, the epoch (0, 1).
    for (what, frame) in [
        ("a hole", presence(8, ANA)),
        ("a repetition", presence(6, ANA)),
        ("a hole before an acceptance", ServerFrame::Accepted { seq: Seq(8), counter: Counter(1) }),
        ("a hole before a commit", commit(8, ANA, 1)),
        ("a hole before a departure", left(8, ANA)),
        ("a stranger's message", message(7, 9, 1, b"x")),
        ("one's own message", message(7, ME, 2, b"x")),
        ("a stranger's connection", presence(7, 9)),
        ("a stranger leaves", left(7, 9)),
        ("one leaves oneself", left(7, ME)),
        ("a second welcome", welcome(6, 0, Standing::Inside)),
        ("let in twice", let_in(2, &[ANA, ME])),
        ("a commit of an epoch that is over", commit(7, ANA, 0)),
        ("a commit of an epoch to come", commit(7, ANA, 2)),
        ("a commit of one's own by another's way", commit(7, ME, 1)),
        ("a commit of one's own that was never made", ServerFrame::Committed { seq: Seq(7), epoch: epoch(0, 1) }),
        ("a beginning that is over", ServerFrame::Anew { seq: Seq(7), generation: 0, founder: true }),
        ("the same, for another to found", ServerFrame::Anew { seq: Seq(7), generation: 0, founder: false }),
    ] {
        is_disturbed(Scene::inside(), what, &frame);
    }
}

#[test]
fn outside() {
    let scene = Scene::outside;
    for (what, frame) in [
        ("let in without oneself", let_in(1, &[ANA])),
        ("a message", message(5, ANA, 4, b"x")),
        ("a commit", commit(5, ANA, 0)),
        ("a departure", left(5, ANA)),
        ("a connection", presence(5, ANA)),
        ("an acceptance", ServerFrame::Accepted { seq: Seq(5), counter: Counter(1) }),
        ("a commit of one's own", ServerFrame::Committed { seq: Seq(5), epoch: epoch(0, 0) }),
        ("a second welcome", welcome(4, 0, Standing::Outside)),
    ] {
        is_disturbed(scene(), what, &frame);
    }
    // A duty is of the group's present members; that of another crosses with nothing and is passed over.
    let mut scene = scene();
    scene.duty(0, &[(CY, b"knock")]);
    assert_eq!((scene.disconnects, scene.declined().len()), (0, 0));
}

#[test]
fn before_and_in_a_welcome() {
    for (what, frame) in [
        ("an event", presence(1, ANA)),
        ("a pong", ServerFrame::Pong),
        ("let in", let_in(1, &[ANA, ME])),
        ("inside what one never was in", welcome(4, 0, Standing::Inside)),
    ] {
        is_disturbed(Scene::greeting(), what, &frame);
    }
    // After one was in generation 1: nothing of generation 0 is followed, nor is what is known taken back.
    let again = || {
        let mut scene = Scene::inside();
        scene.ana.found(1);
        scene.event(|seq| ServerFrame::Anew { seq, generation: 1, founder: false });
        scene.ana_lets_in();
        scene.reopen();
        scene
    };
    for (what, frame) in [
        ("outside of a group that is over", welcome(20, 0, Standing::Outside)),
        ("founding a group that is over", welcome(20, 0, Standing::Founder)),
        ("founding the present one", welcome(20, 1, Standing::Founder)),
        ("inside a group that is over", welcome(20, 0, Standing::Inside)),
        ("inside, with less than what is known", welcome(3, 1, Standing::Inside)),
    ] {
        is_disturbed(again(), what, &frame);
    }
    let mut scene = again();
    scene.frame(welcome(7 + 1, 1, Standing::Inside));
    assert_eq!((scene.disconnects, scene.connection().0.as_str()), (0, "connected"), "the honest one");
}

#[test]
fn who_is_gone_is_gone() {
    let gone = || {
        let mut scene = Scene::inside();
        scene.leaves(ANA, 3);
        assert_eq!(scene.take("people").pop().unwrap()["people"][0]["place"], "leaving");
        scene
    };
    let mut scene = gone();
    let late = scene.ana.seal(&text(4, "late"));
    is_disturbed(scene, "a message", &message(8, ANA, 4, &late));
    is_disturbed(gone(), "goes twice", &left(8, ANA));
    is_disturbed(gone(), "is back", &presence(8, ANA));
}

#[test]
fn a_message_under_anothers_name_is_not_shown() {
    let (scene, mut cy) = Scene::with_cy();
    let (seq, sealed) = (scene.seq + 1, cy.seal(&text(4, "as if by Ana")));
    // Everything fits but the leaf that it was sealed at.
    is_disturbed(scene, "by Cy", &message(seq, ANA, 4, &sealed));
}

#[test]
fn what_is_no_frame() {
    let mut scene = Scene::inside();
    scene.input(Input::Received(b"\x01\xffgarbage"));
    assert_eq!((scene.disconnects, scene.connection().0.as_str()), (1, "waiting"));
    // Of another version: there is no understanding each other, and the name is to be free at once.
    let mut scene = Scene::inside();
    scene.input(Input::Received(b"\x02"));
    assert_eq!(scene.take("ended")[0]["words"], CloseCode::UnknownVersion.words());
    assert_eq!(scene.posted.last().unwrap().0, door::LEAVE);
}
