use std::{io::Cursor, iter::once, task::Poll};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tungstenite::protocol::frame::FrameHeader;

use super::*;
use crate::ws::{Framed, Scratch};

fn of(talk: usize, group: usize) -> Outbox {
    Outbox::new(talk, group, &Total::new(usize::MAX))
}

/// What is written next: the payloads of frames, and the end.
async fn next(outbox: &Outbox) -> (Vec<Vec<u8>>, Option<CloseCode>) {
    let (outgoing, closed) = outbox.next().await;
    (frames(&bytes(outgoing)), closed)
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(bytes);
    let mut frames = Vec::new();
    while let Some((_, length)) = FrameHeader::parse(&mut cursor).unwrap() {
        let start = cursor.position() as usize;
        frames.push(bytes[start..start + length as usize].to_vec());
        cursor.set_position(start as u64 + length);
    }
    frames
}

/// Adds a frame to what waits.
fn push(outbox: &Outbox, payload: &Bytes, budget: Budget) {
    let frame = Frame { payload, instead: None, budget };
    outbox.say_by(&[IoSlice::new(b"its bytes")], once(frame), |_, _| Ok(0));
}

const fn zeros<const N: usize>() -> Bytes {
    Bytes::from_static(&[0; N])
}

#[tokio::test]
async fn frames_come_in_order_and_all_at_once() {
    let outbox = of(1000, 1000);
    push(&outbox, &"a".into(), Budget::Talk);
    push(&outbox, &"b".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec(), b"b".to_vec()], None));
    push(&outbox, &"c".into(), Budget::Talk);
    outbox.close(CloseCode::Stopping);
    outbox.close(CloseCode::Replaced);
    assert_eq!(next(&outbox).await, (vec![b"c".to_vec()], Some(CloseCode::Stopping)));
}

#[tokio::test]
async fn one_too_many_ends_it_and_frees_what_waited() {
    let outbox = of(10, 1000);
    push(&outbox, &zeros::<1000>(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    push(&outbox, &"and another".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![], Some(CloseCode::TooSlow)));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn what_is_being_written_and_what_is_tiny_count_too() {
    let outbox = of(1000, 1000);
    push(&outbox, &zeros::<900>(), Budget::Talk);
    next(&outbox).await;
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    let outbox = of(1000, 1000);
    (0..17).for_each(|_| push(&outbox, &Bytes::new(), Budget::Talk));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow, "nothing costs nothing");
}

#[tokio::test]
async fn neither_budget_takes_from_the_other() {
    let outbox = of(100, 1000);
    push(&outbox, &zeros::<900>(), Budget::Group);
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"fits".into(), Budget::Group);
    assert_eq!(next(&outbox).await.0.len(), 3);
    push(&outbox, &"too many while that is being written".into(), Budget::Group);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn only_the_last_ping_is_answered() {
    let outbox = of(100, 100);
    (0..100).for_each(|number| outbox.pong(&[number]));
    outbox.ping();
    assert_eq!(next(&outbox).await.0, [vec![99], vec![]], "a pong and a ping");
}

#[tokio::test]
async fn what_may_be_dropped_is_dropped_first() {
    let outbox = of(1000, 1000);
    let (payload, instead) = (Bytes::from("may be dropped"), Bytes::from("short"));
    let frame = Frame { payload: &payload, instead: Some(&instead), budget: Budget::Talk };
    outbox.say(&[IoSlice::new(b"x")], once(frame));
    push(&outbox, &zeros::<400>(), Budget::Talk);
    outbox.say(&[IoSlice::new(b"x")], once(frame));
    let (frames, _) = next(&outbox).await;
    assert_eq!((&*frames[0], &*frames[2]), (&b"may be dropped"[..], &b"short"[..]));
}

#[tokio::test]
async fn who_would_take_too_much_of_what_is_for_all_is_cut_off() {
    let total = Total::new(64 * 1024);
    let (greedy, modest) = (Outbox::new(99_999, 0, &total), Outbox::new(99_999, 0, &total));
    for _ in 0..30 {
        push(&greedy, &zeros::<1000>(), Budget::Talk);
        push(&modest, &zeros::<100>(), Budget::Talk);
    }
    assert_eq!(next(&modest).await.0.len(), 30);
    for _ in 0..30 {
        push(&greedy, &zeros::<1000>(), Budget::Talk);
        push(&modest, &zeros::<100>(), Budget::Talk);
    }
    assert_eq!(greedy.closed().await, CloseCode::TooSlow);
    let (frames, closed) = next(&modest).await;
    assert_eq!((frames.len(), closed), (30, None));
    drop((greedy, modest));
    assert_eq!(total.used(), 0, "what was taken is given back");
}

#[tokio::test]
async fn what_comes_in_and_is_not_whole_counts_for_all() {
    let total = Total::new(64 * 1024);
    let (greedy, modest) = (Outbox::new(99_999, 0, &total), Outbox::new(99_999, 0, &total));
    greedy.receiving(30_000);
    modest.receiving(10_000);
    assert_eq!(total.used(), 32 * 1024 + 12 * 1024);
    greedy.receiving(0);
    assert_eq!(total.used(), 12 * 1024, "it was whole");
    greedy.receiving(60_000);
    assert_eq!(next(&greedy).await, (vec![], Some(CloseCode::TooSlow)));
    push(&modest, &zeros::<1000>(), Budget::Talk);
    assert_eq!(next(&modest).await.0.len(), 1);
    drop((greedy, modest));
    assert_eq!(total.used(), 0);
}

#[tokio::test]
async fn a_waiting_reader_wakes() {
    let outbox = of(10, 1000);
    let reader = tokio::spawn({
        let outbox = outbox.clone();
        async move { next(&outbox).await.0.len() }
    });
    tokio::task::yield_now().await;
    push(&outbox, &"a".into(), Budget::Talk);
    assert_eq!(reader.await.unwrap(), 1);
}

/// An outbox with a short way to a socket, and the other end.
async fn with_half(talk: usize, group: usize, total: &Arc<Total>) -> (Outbox, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (_, writing) = accepted.unwrap().0.into_split();
    writing.writable().await.unwrap();
    (Outbox::with_half(talk, group, total, writing.into()), peer.unwrap())
}

/// Says this by the short way.
fn say(outbox: &Outbox, payloads: &[Bytes]) {
    with_parts(payloads, |parts, frames| outbox.say(parts, frames));
}

/// Says this by a short way that takes so many bytes, and no more. Gives back which.
fn say_to(outbox: &Outbox, payloads: &[Bytes], takes: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    with_parts(payloads, |parts, frames| {
        outbox.say_by(parts, frames, |_, parts| {
            taken = parts.iter().flat_map(|part| part.iter().copied()).take(takes).collect();
            if taken.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken.len()) }
        });
    });
    taken
}

fn with_parts<'p>(payloads: &'p [Bytes], then: impl FnOnce(&[IoSlice<'_>], Box<dyn Iterator<Item = Frame<'p>> + 'p>)) {
    let frames = payloads.iter().map(|payload| Frame { payload, instead: None, budget: Budget::Talk });
    let framed = Framed::new(payloads.iter());
    framed.write(0..payloads.len(), &mut Scratch::default(), |parts| then(parts, Box::new(frames)));
}

/// Whether the connection's own task has nothing to do.
fn is_quiet(outbox: &Outbox) -> bool {
    !outbox.is_own()
}

/// All of it.
fn bytes(mut outgoing: Outgoing) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = outgoing.poll_write(|parts| {
        bytes.extend_from_slice(&parts[0]);
        Poll::Ready(Ok(parts[0].len()))
    });
    assert!(matches!(written, Poll::Ready(Ok(()))));
    bytes
}

#[tokio::test]
async fn what_the_socket_takes_does_not_wait() {
    let total = Total::new(usize::MAX);
    // Nor does it count: it waits nowhere.
    let (outbox, mut peer) = with_half(10, 10, &total).await;
    for _ in 0..3 {
        say(&outbox, &["a".into(), zeros::<5000>(), "b".into()]);
        assert!(is_quiet(&outbox));
        let mut bytes = vec![0; 3 + 4 + 5000 + 3];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(frames(&bytes), [b"a".to_vec(), vec![0; 5000], b"b".to_vec()]);
    }
    assert_eq!(total.used(), 0);
}

#[tokio::test]
async fn what_the_socket_does_not_take_is_left_to_its_own_task() {
    let (outbox, mut peer) = with_half(64 * 1024 * 1024, 9999, &Total::new(usize::MAX)).await;
    let large = Bytes::from(vec![7; 1024 * 1024]);
    let mut said = 0;
    // Until nothing more goes into the socket, whose peer does not read.
    while is_quiet(&outbox) {
        assert!(said < 60, "no socket takes in so much");
        say(&outbox, std::slice::from_ref(&large));
        said += 1;
    }
    say(&outbox, &["last".into()]);
    outbox.close(CloseCode::Stopping);
    let (rest, closed) = outbox.next().await;
    assert_eq!(closed, Some(CloseCode::Stopping));
    // What the socket took, and what it did not, are one stream of frames.
    let half = outbox.lock().half.clone();
    half.unwrap().shutdown().await.unwrap();
    let mut taken = Vec::new();
    peer.read_to_end(&mut taken).await.unwrap();
    taken.extend(bytes(rest));
    let frames = frames(&taken);
    assert_eq!(frames.len(), said + 1);
    assert!(frames[..said].iter().all(|frame| *frame == large));
    assert_eq!(frames[said], b"last");
}

/// An outbox with a short way of which the tests say themselves what it takes.
async fn fake(talk: usize) -> Outbox {
    with_half(talk, 9999, &Total::new(usize::MAX)).await.0
}

#[tokio::test]
async fn wherever_a_write_ends_the_rest_follows() {
    let said = ["a".into(), zeros::<200>(), Bytes::new(), zeros::<5000>(), "b".into()];
    let payloads = said.iter().map(|payload| payload.to_vec()).collect::<Vec<_>>();
    let all = 3 + 204 + 2 + 5004 + 3;
    for takes in 0..all {
        let outbox = fake(9999).await;
        let mut taken = say_to(&outbox, &said, takes);
        assert_eq!(taken.len(), takes);
        outbox.pong(b"pong");
        taken.extend(bytes(outbox.next().await.0));
        let mut frames = frames(&taken);
        // Between two frames, as early as that can be.
        let ends = [0, 3, 207, 209, 5213, all];
        let at = frames.iter().position(|frame| frame == b"pong").unwrap();
        assert_eq!(ends[at], *ends.iter().find(|end| **end >= takes).unwrap());
        frames.remove(at);
        assert!(frames == payloads, "{takes} bytes are taken at once");
    }
}

#[tokio::test]
async fn the_own_task_wakes_for_what_is_left_and_then_lets_go() {
    let outbox = fake(9999).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            let (rest, closed) = outbox.next().await;
            assert_eq!(closed, None);
            (bytes(rest), tokio::spawn(async move { outbox.next().await.1 }))
        }
    });
    tokio::task::yield_now().await;
    let mut taken = say_to(&outbox, &["abc".into()], 3);
    assert!(say_to(&outbox, &["d".into()], 99).is_empty(), "the own task has its turn");
    let (rest, own) = own.await.unwrap();
    taken.extend(rest);
    assert_eq!(frames(&taken), [&b"abc"[..], b"d"]);
    // What was left is written: the short way is open again.
    tokio::task::yield_now().await;
    assert_eq!(frames(&say_to(&outbox, &["e".into()], 99)), [b"e"]);
    outbox.close(CloseCode::Stopping);
    assert_eq!(own.await.unwrap(), Some(CloseCode::Stopping), "and the end wakes the own task");
}

#[tokio::test]
async fn what_is_left_counts_until_it_is_written() {
    let outbox = fake(1000).await;
    say_to(&outbox, &[zeros::<900>()], 10);
    let (rest, _) = outbox.next().await;
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    assert_eq!(bytes(rest).len(), 900 + 4 - 10);
}

#[tokio::test]
async fn what_is_left_takes_from_what_is_for_all() {
    let total = Total::new(8 * 1024);
    let (outbox, _peer) = with_half(99_999, 0, &total).await;
    let taken = say_to(&outbox, &[zeros::<3000>()], 10);
    assert_eq!(total.used(), 4 * 1024);
    push(&outbox, &zeros::<6000>(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    let (rest, _) = outbox.next().await;
    assert_eq!(frames(&[taken, bytes(rest)].concat()), [vec![0; 3000]]);
    drop(outbox);
    assert_eq!(total.used(), 0);
}

#[tokio::test]
async fn a_cut_off_leaves_no_half_a_frame() {
    let outbox = fake(1000).await;
    // In one go, or one after the other.
    let mut taken =
        say_to(&outbox, &[zeros::<900>(), zeros::<50>(), "one too many".into(), "and one more".into()], 100);
    let (rest, closed) = outbox.next().await;
    assert_eq!(closed, Some(CloseCode::TooSlow));
    taken.extend(bytes(rest));
    assert_eq!(frames(&taken), [vec![0; 900]], "what was begun is ended, what was not is dropped");
    let outbox = fake(1000).await;
    let mut taken = say_to(&outbox, &[zeros::<900>()], 100);
    push(&outbox, &zeros::<50>(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    let (rest, closed) = outbox.next().await;
    assert_eq!(closed, Some(CloseCode::TooSlow));
    taken.extend(bytes(rest));
    assert_eq!(frames(&taken), [vec![0; 900]]);
}

#[tokio::test]
async fn a_cut_off_wakes_the_own_task() {
    let outbox = fake(10).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.next().await.1 }
    });
    tokio::task::yield_now().await;
    say_to(&outbox, &[zeros::<100>(), "one too many".into()], 0);
    assert_eq!(own.await.unwrap(), Some(CloseCode::TooSlow));
}

#[tokio::test]
async fn what_the_connection_itself_needs_wakes_the_own_task() {
    let outbox = fake(9999).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move { next(&outbox).await.0 }
    });
    tokio::task::yield_now().await;
    outbox.pong(b"x");
    assert_eq!(own.await.unwrap(), [b"x"]);
}

#[tokio::test]
async fn who_writes_the_end_writes_alone() {
    let outbox = fake(9999).await;
    let mut taken = say_to(&outbox, &["abc".into(), "d".into()], 3);
    taken.extend(bytes(*outbox.end().unwrap()));
    assert_eq!(frames(&taken), [b"abc"], "what was begun is ended, what was not is dropped");
    let outbox = fake(9999).await;
    assert!(outbox.end().is_none());
    assert!(say_to(&outbox, &["abc".into()], 99).is_empty(), "nothing is written after the end");
}

#[tokio::test]
async fn the_end_comes_after_what_waits() {
    let outbox = fake(9999).await;
    assert!(say_to(&outbox, &["a".into()], 0).is_empty());
    outbox.close(CloseCode::Replaced);
    assert!(say_to(&outbox, &["b".into()], 99).is_empty());
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec()], Some(CloseCode::Replaced)));
}
