//! Pictures: cut into pieces, put together again, and bounded.

use std::collections::VecDeque;

use serde_json::json;
use wire::{Standing, limits};

use super::{super::*, scene::*};
use crate::{
    content::Content,
    picture::{Media, Piece},
};

const PIECE: usize = limits::PIECE_BYTES;

/// Makes another of what an honest client sends.
type Lie<'a> = &'a dyn Fn(&mut Vec<Content>);

/// Bytes of which no piece is like another.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251) as u8 ^ at as u8).collect()
}

fn picture(number: u32, bytes: &[u8]) -> Input<'_> {
    Input::Picture(super::super::Picture { number, media: 1, width: 640, height: 480, alt: "a cat", bytes })
}

fn offer(bytes: &[u8]) -> Offer {
    Offer::of(Media::Png, 3, 2, "a dog", bytes).unwrap()
}

fn piece(index: usize, bytes: &[u8]) -> Content {
    Content::Piece(Piece { index: index as u16, bytes: bytes.to_vec().into() })
}

/// A picture as an honest client sends it.
fn contents(bytes: &[u8]) -> Vec<Content> {
    let pieces = bytes.chunks(PIECE).enumerate().map(|(index, bytes)| piece(index, bytes));
    [Content::Picture(offer(bytes))].into_iter().chain(pieces).collect()
}

impl Scene {
    fn ana_puts(&mut self, content: &Content) {
        self.ana.counter += 1;
        let counter = self.ana.counter;
        self.ana_sends(counter, &content.to_padded(wire::Counter(counter)));
    }

    fn ended(&mut self) -> Vec<(u64, String)> {
        let of =
            |view: serde_json::Value| (view["picture"].as_u64().unwrap(), view["why"].as_str().unwrap().to_owned());
        self.take("picture_ended").into_iter().map(of).collect()
    }
}

/// All that was sent, in order, with one acknowledged at a time.
fn read_all(scene: &mut Scene) -> Vec<Content> {
    let mut read = Vec::new();
    let mut waiting = VecDeque::from(scene.messages_sent());
    while let Some((_, counter, sealed)) = waiting.pop_front() {
        read.push(scene.ana.reads(&sealed));
        scene.accept(counter);
        waiting.extend(scene.messages_sent());
    }
    read
}

#[test]
fn a_picture_goes_in_pieces_few_at_a_time() {
    let mut scene = Scene::inside();
    let whole = bytes(6 * PIECE + 100);
    scene.input(picture(7, &whole));
    let wanted = json!({ "type": "picture", "id": ME, "name": "Bo", "mine": true, "picture": 7, "width": 640,
        "height": 480, "length": whole.len(), "alt": "a cat" });
    assert_eq!(scene.take("picture"), [wanted]);

    let mut waiting = VecDeque::from(scene.messages_sent());
    assert_eq!(waiting.len(), 1 + limits::PIECES_IN_FLIGHT);
    assert!(waiting.iter().all(|(_, _, sealed)| sealed.len() < 64 * 1024), "a sealed piece stays below 64 KiB");
    // What waits has no counter yet: a text goes before it.
    scene.input(Input::Say("meanwhile"));
    waiting.extend(scene.messages_sent());
    assert_eq!(waiting.len(), 2 + limits::PIECES_IN_FLIGHT);

    let (mut read, mut moved) = (Vec::new(), Vec::new());
    while let Some((_, counter, sealed)) = waiting.pop_front() {
        read.push(scene.ana.reads(&sealed));
        scene.accept(counter);
        moved.extend(scene.take("picture_moved"));
        let sent = scene.messages_sent();
        assert!(sent.len() <= 1, "one is taken, one goes");
        waiting.extend(sent);
    }
    let mut wanted = contents(&whole);
    wanted[0] = Content::Picture(Offer::of(Media::Jpeg, 640, 480, "a cat", &whole).unwrap());
    wanted.insert(5, Content::text("meanwhile").unwrap());
    assert!(read == wanted);
    let last = moved.last().unwrap();
    assert_eq!((&last["bytes"], &last["on_its_way"]), (&json!(whole.len()), &json!(true)));
    let is_first = |view: &serde_json::Value| view["on_its_way"] == true;
    let handed = moved.iter().position(is_first).expect("its last piece goes out");
    assert_eq!(moved[handed]["bytes"], 3 * PIECE, "when there is place for it, after the third was taken");
}

#[test]
fn what_was_not_taken_of_a_picture_goes_again() {
    let mut scene = Scene::inside();
    let whole = bytes(5 * PIECE);
    scene.input(picture(1, &whole));
    scene.messages_sent();
    scene.accept(2);
    scene.accept(3);
    scene.messages_sent();
    scene.reopen();
    scene.welcome(Standing::Inside, 4);
    let wanted = contents(&whole);
    assert!(read_all(&mut scene)[..] == wanted[3..], "from the third piece on");
    // And sealed anew, after a commit.
    scene.input(picture(2, &whole));
    scene.ana_commits(&[], &[]);
    scene.sent.drain(..scene.sent.len() - 5);
    let read = read_all(&mut scene);
    assert!(read[1..] == wanted[1..], "whole");
}

#[test]
fn a_picture_that_is_cancelled_ends_for_both() {
    let mut scene = Scene::inside();
    let whole = bytes(8 * PIECE);
    scene.input(picture(1, &whole));
    scene.input(picture(2, &whole));
    scene.messages_sent();
    scene.input(Input::Cancel(2));
    assert_eq!(scene.ended(), [(2, "cancelled".into())]);
    assert!(scene.messages_sent().is_empty(), "of what was never offered nobody has to be told");
    scene.input(Input::Cancel(1));
    assert_eq!(scene.ended(), [(1, "cancelled".into())]);
    assert_eq!(scene.messages_sent().len(), 1, "that it is cancelled");
    scene.input(Input::Cancel(1));
    scene.accept(7);
    assert!(scene.messages_sent().is_empty(), "no more of it goes");
    // What is wholly on its way cannot be called back.
    scene.input(picture(3, b"small"));
    scene.input(Input::Cancel(3));
    assert!(scene.ended().is_empty());
    assert_eq!(scene.messages_sent().len(), 2);
}

#[test]
fn too_many_or_too_large_pictures_are_refused() {
    let mut scene = Scene::inside();
    scene.input(picture(1, &bytes(limits::PICTURE_BYTES + 1)));
    scene.input(picture(2, &[]));
    for _ in 0..2 {
        assert_eq!(scene.shown.remove(0)["words"], "This picture is too large to be sent.");
    }
    for number in 3..7 {
        scene.input(picture(number, b"x"));
    }
    assert!(scene.take("rejected").is_empty());
    scene.input(picture(7, b"x"));
    let words = scene.each("rejected", "words");
    assert_eq!(words, ["Four pictures are on their way already. Wait until one of them has been sent."]);
    read_all(&mut scene);
    scene.input(picture(8, b"x"));
    assert!(scene.take("rejected").is_empty(), "there is place again");
}

#[test]
fn a_picture_is_put_together() {
    let mut scene = Scene::inside();
    for length in [1, PIECE, PIECE + 1, limits::PICTURE_BYTES] {
        let whole = bytes(length);
        let number = scene.ana.counter + 1;
        for (at, content) in contents(&whole).iter().enumerate() {
            scene.ana_puts(content);
            if at == 1 {
                scene.ana_says("meanwhile");
            }
        }
        assert!(scene.pictures == [(ANA, number, whole)], "{length}");
        scene.pictures.clear();
        let shown = scene.take("picture").remove(0);
        assert_eq!(
            (&shown["picture"], &shown["length"], &shown["alt"]),
            (&json!(number), &json!(length), &json!("a dog"))
        );
        assert_eq!(scene.take("picture_moved").len(), length.div_ceil(PIECE) - 1);
        assert!(scene.ended().is_empty());
    }
    // Whoever comes into the middle of one hears nothing of it.
    for content in contents(&bytes(2 * PIECE)).iter().skip(1).chain([&Content::Cancelled]) {
        scene.ana_puts(content);
    }
    assert!(scene.pictures.is_empty() && scene.ended().is_empty() && scene.take("unreadable").is_empty());
}

#[test]
fn a_picture_that_is_not_what_was_offered_is_not_shown() {
    let whole = bytes(2 * PIECE + 9);
    let honest = contents(&whole);
    let lies: [(&str, Lie<'_>); 8] = [
        ("another byte", &|sent| sent[2] = piece(1, &vec![0; PIECE])),
        ("a piece twice", &|sent| sent.insert(2, sent[1].clone())),
        ("pieces out of order", &|sent| sent.swap(1, 2)),
        ("a piece left out", &|sent| drop(sent.remove(1))),
        ("a short piece", &|sent| sent[1] = piece(0, &whole[..PIECE - 1])),
        ("a last piece too long", &|sent| sent[3] = piece(2, &[0; 10])),
        ("another picture before the end", &|sent| sent[3] = Content::Picture(offer(b"x"))),
        ("an offer of fewer bytes", &|sent| {
            let mut short = offer(&whole);
            short.length -= 1;
            sent[0] = Content::Picture(short);
        }),
    ];
    for (what, lie) in lies {
        let mut scene = Scene::inside();
        let mut sent = honest.clone();
        lie(&mut sent);
        for content in &sent {
            scene.ana_puts(content);
        }
        assert_eq!(scene.ended(), [(4, "broken".into())], "{what}");
        assert!(scene.pictures.is_empty(), "{what}");
    }
}

#[test]
fn a_picture_with_a_hole_in_it_did_not_arrive_whole() {
    let whole = bytes(3 * PIECE);
    let sent = contents(&whole);
    let mut scene = Scene::inside();
    scene.ana_puts(&sent[0]);
    scene.ana.counter += 1;
    scene.ana_puts(&sent[2]);
    assert_eq!(scene.each("missed", "count"), [1]);
    assert_eq!(scene.ended(), [(4, "broken".into())]);
    // Who leaves takes the rest along.
    let (mut scene, _) = Scene::with_cy();
    scene.ana_puts(&sent[0]);
    scene.leaves(ANA, 4);
    assert_eq!(scene.ended(), [(4, "broken".into())]);
    // A sender who thinks better of it says so.
    let mut scene = Scene::inside();
    for content in [&sent[0], &sent[1], &Content::Cancelled, &sent[2]] {
        scene.ana_puts(content);
    }
    assert_eq!(scene.ended(), [(4, "cancelled".into())]);
    assert!(scene.pictures.is_empty());
}

#[test]
fn unfinished_pictures_do_not_fill_the_memory() {
    use super::super::{incoming::Incoming, io::Io};
    let mut incoming = Incoming::default();
    let mut io = Io::new(seed_of(0));
    let whole = bytes(limits::PICTURE_BYTES);
    let sent = contents(&whole);
    let begin = |incoming: &mut Incoming, id: u32, io: &mut Io| {
        let [Content::Picture(offer), Content::Piece(piece), ..] = &sent[..] else { unreachable!() };
        incoming.offered(MemberId(id), "Eve", wire::Counter(1), offer.clone(), io);
        incoming.came(MemberId(id), piece, io);
    };
    let go_on = |incoming: &mut Incoming, index: usize, io: &mut Io| {
        let Content::Piece(piece) = &sent[index + 1] else { unreachable!() };
        incoming.came(MemberId(0), piece, io);
    };
    begin(&mut incoming, 0, &mut io);
    for id in 1..80 {
        begin(&mut incoming, id, &mut io);
        go_on(&mut incoming, id as usize, &mut io);
        assert!(incoming.held() <= limits::INCOMPLETE_PICTURE_BYTES, "{id}");
    }
    for index in 80..limits::PICTURE_BYTES.div_ceil(PIECE) {
        go_on(&mut incoming, index, &mut io);
    }
    let out = core::iter::from_fn(|| io.poll()).collect::<Vec<_>>();
    let whole_ones = out.iter().filter(|output| matches!(output, Output::Picture { id, .. } if id.0 == 0)).count();
    assert_eq!(whole_ones, 1, "the one that moves comes through");
    let lost = |output: &&Output| matches!(output, Output::Show(View::PictureEnded { why: PictureEnd::Broken, .. }));
    assert!(out.iter().filter(lost).count() > 70);
}
