use std::{io::Cursor, iter::once, task::Poll};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tungstenite::protocol::frame::FrameHeader;

use super::*;
use crate::ws::{FramedMessages, Scratch};

/// An outbox with these limits and an unlimited memory budget.
fn with_limits(talk: usize, group: usize) -> Outbox {
    Outbox::new(talk, group, &MemoryBudget::new(usize::MAX))
}

/// The payloads of the next frames to write, and the close code.
async fn next(outbox: &Outbox) -> (Vec<Vec<u8>>, Option<CloseCode>) {
    let (outgoing, closed) = outbox.next_batch().await;
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

/// Queues a frame.
fn push(outbox: &Outbox, payload: &Bytes, budget: Budget) {
    let frame = Frame { payload, substitute: None, budget };
    outbox.send_with(&[IoSlice::new(b"its bytes")], once(frame), |_, _| Ok(0));
}

const fn zeros<const N: usize>() -> Bytes {
    Bytes::from_static(&[0; N])
}

#[tokio::test]
async fn queued_frames_are_taken_in_order_at_once() {
    let outbox = with_limits(1000, 1000);
    push(&outbox, &"a".into(), Budget::Talk);
    push(&outbox, &"b".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec(), b"b".to_vec()], None));
    push(&outbox, &"c".into(), Budget::Talk);
    outbox.close(CloseCode::Stopping);
    outbox.close(CloseCode::Replaced);
    assert_eq!(next(&outbox).await, (vec![b"c".to_vec()], Some(CloseCode::Stopping)));
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_the_queue_and_drops_queued_frames() {
    let outbox = with_limits(10, 1000);
    push(&outbox, &zeros::<1000>(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    push(&outbox, &"and another".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![], Some(CloseCode::TooSlow)));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn frames_being_written_and_empty_frames_count() {
    let outbox = with_limits(1000, 1000);
    push(&outbox, &zeros::<900>(), Budget::Talk);
    next(&outbox).await;
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    let outbox = with_limits(1000, 1000);
    (0..17).for_each(|_| push(&outbox, &Bytes::new(), Budget::Talk));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow, "empty frames have a cost");
}

#[tokio::test]
async fn talk_and_group_budgets_are_separate() {
    let outbox = with_limits(100, 1000);
    push(&outbox, &zeros::<900>(), Budget::Group);
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"fits".into(), Budget::Group);
    assert_eq!(next(&outbox).await.0.len(), 3);
    push(&outbox, &"too many while that is being written".into(), Budget::Group);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn only_the_latest_ping_is_answered() {
    let outbox = with_limits(100, 100);
    (0..100).for_each(|number| outbox.pong(&[number]));
    outbox.ping();
    assert_eq!(next(&outbox).await.0, [vec![99], vec![]], "a pong and a ping");
}

#[tokio::test]
async fn droppable_frames_are_replaced_when_the_queue_is_long() {
    let outbox = with_limits(1000, 1000);
    let (payload, substitute) = (Bytes::from("may be dropped"), Bytes::from("short"));
    let frame = Frame { payload: &payload, substitute: Some(&substitute), budget: Budget::Talk };
    outbox.send(&[IoSlice::new(b"x")], once(frame));
    push(&outbox, &zeros::<400>(), Budget::Talk);
    outbox.send(&[IoSlice::new(b"x")], once(frame));
    let (frames, _) = next(&outbox).await;
    assert_eq!((&*frames[0], &*frames[2]), (&b"may be dropped"[..], &b"short"[..]));
}

#[tokio::test]
async fn outbox_above_its_share_of_the_memory_budget_is_closed() {
    let budget = MemoryBudget::new(64 * 1024);
    let (greedy, modest) = (Outbox::new(99_999, 0, &budget), Outbox::new(99_999, 0, &budget));
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
    assert_eq!(budget.used(), 0, "dropped outboxes return their share");
}

#[tokio::test]
async fn incomplete_incoming_messages_count_against_the_memory_budget() {
    let budget = MemoryBudget::new(64 * 1024);
    let (greedy, modest) = (Outbox::new(99_999, 0, &budget), Outbox::new(99_999, 0, &budget));
    greedy.set_incoming_bytes(30_000);
    modest.set_incoming_bytes(10_000);
    assert_eq!(budget.used(), 32 * 1024 + 12 * 1024);
    greedy.set_incoming_bytes(0);
    assert_eq!(budget.used(), 12 * 1024, "the message is complete");
    greedy.set_incoming_bytes(60_000);
    assert_eq!(next(&greedy).await, (vec![], Some(CloseCode::TooSlow)));
    push(&modest, &zeros::<1000>(), Budget::Talk);
    assert_eq!(next(&modest).await.0.len(), 1);
    drop((greedy, modest));
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_queued_frame_wakes_the_waiting_task() {
    let outbox = with_limits(10, 1000);
    let reader = tokio::spawn({
        let outbox = outbox.clone();
        async move { next(&outbox).await.0.len() }
    });
    tokio::task::yield_now().await;
    push(&outbox, &"a".into(), Budget::Talk);
    assert_eq!(reader.await.unwrap(), 1);
}

/// An outbox that writes directly to a socket, and the peer.
async fn with_half(talk: usize, group: usize, budget: &Arc<MemoryBudget>) -> (Outbox, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (_, writing) = accepted.unwrap().0.into_split();
    writing.writable().await.unwrap();
    (Outbox::with_half(talk, group, budget, writing.into()), peer.unwrap())
}

/// Sends these payloads with direct writes.
fn say(outbox: &Outbox, payloads: &[Bytes]) {
    with_parts(payloads, |parts, frames| outbox.send(parts, frames));
}

/// Sends these payloads to a socket that accepts only `accepts` bytes. Returns the accepted bytes.
fn say_to(outbox: &Outbox, payloads: &[Bytes], accepts: usize) -> Vec<u8> {
    let mut accepted = Vec::new();
    with_parts(payloads, |parts, frames| {
        outbox.send_with(parts, frames, |_, parts| {
            accepted = parts.iter().flat_map(|part| part.iter().copied()).take(accepts).collect();
            if accepted.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(accepted.len()) }
        });
    });
    accepted
}

fn with_parts<'p>(payloads: &'p [Bytes], then: impl FnOnce(&[IoSlice<'_>], Box<dyn Iterator<Item = Frame<'p>> + 'p>)) {
    let frames = payloads.iter().map(|payload| Frame { payload, substitute: None, budget: Budget::Talk });
    let framed = FramedMessages::new(payloads.iter());
    framed.write(0..payloads.len(), &mut Scratch::default(), |parts| then(parts, Box::new(frames)));
}

/// True when the connection's own task has nothing to write.
fn is_idle(outbox: &Outbox) -> bool {
    !outbox.has_work()
}

/// Returns all bytes.
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
async fn bytes_that_the_socket_accepts_are_not_queued() {
    let budget = MemoryBudget::new(usize::MAX);
    // Nor do they count, so tiny limits suffice.
    let (outbox, mut peer) = with_half(10, 10, &budget).await;
    for _ in 0..3 {
        say(&outbox, &["a".into(), zeros::<5000>(), "b".into()]);
        assert!(is_idle(&outbox));
        let mut bytes = vec![0; 3 + 4 + 5000 + 3];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(frames(&bytes), [b"a".to_vec(), vec![0; 5000], b"b".to_vec()]);
    }
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn bytes_that_the_socket_refuses_are_left_to_the_own_task() {
    let (outbox, mut peer) = with_half(64 * 1024 * 1024, 9999, &MemoryBudget::new(usize::MAX)).await;
    let large = Bytes::from(vec![7; 1024 * 1024]);
    let mut sent = 0;
    // Until the socket is full, since the peer does not read.
    while is_idle(&outbox) {
        assert!(sent < 60, "no socket buffers so much");
        say(&outbox, std::slice::from_ref(&large));
        sent += 1;
    }
    say(&outbox, &["last".into()]);
    outbox.close(CloseCode::Stopping);
    let (rest, closed) = outbox.next_batch().await;
    assert_eq!(closed, Some(CloseCode::Stopping));
    // The accepted and the queued bytes form one stream of frames.
    let half = outbox.lock().half.clone();
    half.unwrap().shutdown().await.unwrap();
    let mut accepted = Vec::new();
    peer.read_to_end(&mut accepted).await.unwrap();
    accepted.extend(bytes(rest));
    let frames = frames(&accepted);
    assert_eq!(frames.len(), sent + 1);
    assert!(frames[..sent].iter().all(|frame| *frame == large));
    assert_eq!(frames[sent], b"last");
}

/// An outbox with direct writes, for [`say_to`].
async fn direct(talk: usize) -> Outbox {
    with_half(talk, 9999, &MemoryBudget::new(usize::MAX)).await.0
}

#[tokio::test]
async fn rest_follows_wherever_a_write_ends() {
    let sent = ["a".into(), zeros::<200>(), Bytes::new(), zeros::<5000>(), "b".into()];
    let payloads = sent.iter().map(|payload| payload.to_vec()).collect::<Vec<_>>();
    let all = 3 + 204 + 2 + 5004 + 3;
    for accepts in 0..all {
        let outbox = direct(9999).await;
        let mut accepted = say_to(&outbox, &sent, accepts);
        assert_eq!(accepted.len(), accepts);
        outbox.pong(b"pong");
        accepted.extend(bytes(outbox.next_batch().await.0));
        let mut frames = frames(&accepted);
        // The pong comes between two frames, as early as possible.
        let ends = [0, 3, 207, 209, 5213, all];
        let at = frames.iter().position(|frame| frame == b"pong").unwrap();
        assert_eq!(ends[at], *ends.iter().find(|end| **end >= accepts).unwrap());
        frames.remove(at);
        assert!(frames == payloads, "after a write of {accepts} bytes");
    }
}

#[tokio::test]
async fn own_task_writes_the_rest_and_reopens_the_direct_path() {
    let outbox = direct(9999).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            let (rest, closed) = outbox.next_batch().await;
            assert_eq!(closed, None);
            (bytes(rest), tokio::spawn(async move { outbox.next_batch().await.1 }))
        }
    });
    tokio::task::yield_now().await;
    let mut accepted = say_to(&outbox, &["abc".into()], 3);
    assert!(say_to(&outbox, &["d".into()], 99).is_empty(), "it is the own task's turn");
    let (rest, own) = own.await.unwrap();
    accepted.extend(rest);
    assert_eq!(frames(&accepted), [&b"abc"[..], b"d"]);
    // The rest is written, so the direct path is open again.
    tokio::task::yield_now().await;
    assert_eq!(frames(&say_to(&outbox, &["e".into()], 99)), [b"e"]);
    outbox.close(CloseCode::Stopping);
    assert_eq!(own.await.unwrap(), Some(CloseCode::Stopping), "the close wakes the own task");
}

#[tokio::test]
async fn rest_of_a_frame_counts_until_written() {
    let outbox = direct(1000).await;
    say_to(&outbox, &[zeros::<900>()], 10);
    let (rest, _) = outbox.next_batch().await;
    push(&outbox, &"fits".into(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    assert_eq!(bytes(rest).len(), 900 + 4 - 10);
}

#[tokio::test]
async fn rest_of_a_frame_counts_against_the_memory_budget() {
    let budget = MemoryBudget::new(8 * 1024);
    let (outbox, _peer) = with_half(99_999, 0, &budget).await;
    let accepted = say_to(&outbox, &[zeros::<3000>()], 10);
    assert_eq!(budget.used(), 4 * 1024);
    push(&outbox, &zeros::<6000>(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    let (rest, _) = outbox.next_batch().await;
    assert_eq!(frames(&[accepted, bytes(rest)].concat()), [vec![0; 3000]]);
    drop(outbox);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn closing_as_too_slow_completes_the_partly_written_frame() {
    let outbox = direct(1000).await;
    // All frames in one call, then in several calls.
    let mut accepted =
        say_to(&outbox, &[zeros::<900>(), zeros::<50>(), "one too many".into(), "and one more".into()], 100);
    let (rest, closed) = outbox.next_batch().await;
    assert_eq!(closed, Some(CloseCode::TooSlow));
    accepted.extend(bytes(rest));
    assert_eq!(frames(&accepted), [vec![0; 900]], "the partly written frame is completed, the others are dropped");
    let outbox = direct(1000).await;
    let mut accepted = say_to(&outbox, &[zeros::<900>()], 100);
    push(&outbox, &zeros::<50>(), Budget::Talk);
    push(&outbox, &"one too many".into(), Budget::Talk);
    let (rest, closed) = outbox.next_batch().await;
    assert_eq!(closed, Some(CloseCode::TooSlow));
    accepted.extend(bytes(rest));
    assert_eq!(frames(&accepted), [vec![0; 900]]);
}

#[tokio::test]
async fn closing_as_too_slow_wakes_the_own_task() {
    let outbox = direct(10).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.next_batch().await.1 }
    });
    tokio::task::yield_now().await;
    say_to(&outbox, &[zeros::<100>(), "one too many".into()], 0);
    assert_eq!(own.await.unwrap(), Some(CloseCode::TooSlow));
}

#[tokio::test]
async fn pong_wakes_the_own_task() {
    let outbox = direct(9999).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move { next(&outbox).await.0 }
    });
    tokio::task::yield_now().await;
    outbox.pong(b"x");
    assert_eq!(own.await.unwrap(), [b"x"]);
}

#[tokio::test]
async fn nothing_is_written_after_end() {
    let outbox = direct(9999).await;
    let mut accepted = say_to(&outbox, &["abc".into(), "d".into()], 3);
    accepted.extend(bytes(*outbox.end().unwrap()));
    assert_eq!(frames(&accepted), [b"abc"], "the partly written frame is completed, the others are dropped");
    let outbox = direct(9999).await;
    assert!(outbox.end().is_none());
    assert!(say_to(&outbox, &["abc".into()], 99).is_empty(), "the outbox has ended");
}

#[tokio::test]
async fn close_comes_after_queued_frames() {
    let outbox = direct(9999).await;
    assert!(say_to(&outbox, &["a".into()], 0).is_empty());
    outbox.close(CloseCode::Replaced);
    assert!(say_to(&outbox, &["b".into()], 99).is_empty());
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec()], Some(CloseCode::Replaced)));
}
