use std::{
    io::Cursor,
    pin::pin,
    task::{Context, Waker},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tungstenite::protocol::frame::FrameHeader;

use super::*;

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

const fn zeros<const N: usize>() -> Bytes {
    Bytes::from_static(&[0; N])
}

#[tokio::test]
async fn frames_come_in_order_and_all_at_once() {
    let outbox = of(1000, 1000);
    outbox.push(&"a".into(), Budget::Talk);
    outbox.push(&"b".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec(), b"b".to_vec()], None));
    outbox.push(&"c".into(), Budget::Talk);
    outbox.close(CloseCode::Stopping);
    outbox.close(CloseCode::Replaced);
    assert_eq!(next(&outbox).await, (vec![b"c".to_vec()], Some(CloseCode::Stopping)));
}

#[tokio::test]
async fn one_too_many_ends_it_and_frees_what_waited() {
    let outbox = of(10, 1000);
    outbox.push(&zeros::<1000>(), Budget::Talk);
    outbox.push(&"one too many".into(), Budget::Talk);
    outbox.push(&"and another".into(), Budget::Talk);
    assert_eq!(next(&outbox).await, (vec![], Some(CloseCode::TooSlow)));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn what_is_being_written_and_what_is_tiny_count_too() {
    let outbox = of(1000, 1000);
    outbox.push(&zeros::<900>(), Budget::Talk);
    next(&outbox).await;
    outbox.push(&"fits".into(), Budget::Talk);
    outbox.push(&"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    let outbox = of(1000, 1000);
    (0..17).for_each(|_| outbox.push(&Bytes::new(), Budget::Talk));
    assert_eq!(outbox.closed().await, CloseCode::TooSlow, "nothing costs nothing");
}

#[tokio::test]
async fn neither_budget_takes_from_the_other() {
    let outbox = of(100, 1000);
    outbox.push(&zeros::<900>(), Budget::Group);
    outbox.push(&"fits".into(), Budget::Talk);
    outbox.push(&"fits".into(), Budget::Group);
    assert_eq!(next(&outbox).await.0.len(), 3);
    outbox.push(&"too many while that is being written".into(), Budget::Group);
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
    outbox.push_or(&"may be dropped".into(), &"short".into());
    outbox.push(&zeros::<400>(), Budget::Talk);
    outbox.push_or(&"may be dropped".into(), &"short".into());
    let (frames, _) = next(&outbox).await;
    assert_eq!((&*frames[0], &*frames[2]), (&b"may be dropped"[..], &b"short"[..]));
}

#[tokio::test]
async fn who_would_take_too_much_of_what_is_for_all_is_cut_off() {
    let total = Total::new(64 * 1024);
    let (greedy, modest) = (Outbox::new(99_999, 0, &total), Outbox::new(99_999, 0, &total));
    for _ in 0..30 {
        greedy.push(&zeros::<1000>(), Budget::Talk);
        modest.push(&zeros::<100>(), Budget::Talk);
    }
    assert_eq!(next(&modest).await.0.len(), 30);
    for _ in 0..30 {
        greedy.push(&zeros::<1000>(), Budget::Talk);
        modest.push(&zeros::<100>(), Budget::Talk);
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
    modest.push(&zeros::<1000>(), Budget::Talk);
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
    outbox.push(&"a".into(), Budget::Talk);
    assert_eq!(reader.await.unwrap(), 1);
}

/// An outbox with a short way to a socket, the list of those who are dirty, and the other end.
async fn with_way(talk: usize, group: usize, total: &Arc<Total>) -> (Outbox, Arc<Dirty<Outbox>>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (_, writing) = accepted.unwrap().0.into_split();
    writing.writable().await.unwrap();
    let dirty = Arc::<Dirty<Outbox>>::default();
    let outbox = Outbox::with_half(talk, group, total, SharedHalf::new(writing), Arc::clone(&dirty));
    (outbox, dirty, peer.unwrap())
}

/// Works off the list, and says how long it was.
fn flush(dirty: &Dirty<Outbox>) -> usize {
    let mut outboxes = Vec::new();
    dirty.take(|all| all, &mut outboxes);
    outboxes.iter().for_each(Outbox::flush);
    outboxes.len()
}

/// Whether the connection's own task has nothing to do.
fn is_quiet(outbox: &Outbox) -> bool {
    !outbox.is_own()
}

#[tokio::test]
async fn the_short_way_takes_what_the_socket_takes() {
    let total = Total::new(usize::MAX);
    let (outbox, dirty, mut peer) = with_way(9999, 9999, &total).await;
    outbox.push(&"a".into(), Budget::Talk);
    outbox.push(&zeros::<5000>(), Budget::Group);
    outbox.pong(b"b");
    assert_eq!(flush(&dirty), 1, "once on the list, however much there is");
    assert!(is_quiet(&outbox));
    let mut bytes = vec![0; 3 + 3 + 4 + 5000];
    peer.read_exact(&mut bytes).await.unwrap();
    assert_eq!(frames(&bytes), [b"b".to_vec(), b"a".to_vec(), vec![0; 5000]]);
    assert_eq!(flush(&dirty), 0);
    outbox.ping();
    assert_eq!(flush(&dirty), 1, "and on it again");
    assert_eq!(total.used(), 0, "what is written is given back");
}

#[tokio::test]
async fn what_the_socket_does_not_take_is_left_to_its_own_task() {
    let (outbox, dirty, mut peer) = with_way(64 * 1024 * 1024, 9999, &Total::new(usize::MAX)).await;
    let large = Bytes::from(vec![7; 1024 * 1024]);
    let mut pushed = 0;
    // Until nothing more goes into the socket, whose peer does not read.
    while is_quiet(&outbox) {
        assert!(pushed < 60, "no socket takes in so much");
        outbox.push(&large, Budget::Talk);
        pushed += 1;
        flush(&dirty);
    }
    outbox.push(&"last".into(), Budget::Talk);
    assert_eq!(flush(&dirty), 0, "the own task has its turn");
    outbox.close(CloseCode::Stopping);
    let (rest, closed) = outbox.next().await;
    assert_eq!(closed, Some(CloseCode::Stopping));
    // What the socket took, and what it did not, are one stream of frames.
    let Some(way) = &outbox.0.way else { panic!() };
    let mut half = way.half.clone();
    half.shutdown().await.unwrap();
    let mut taken = Vec::new();
    peer.read_to_end(&mut taken).await.unwrap();
    taken.extend(bytes(rest));
    let frames = frames(&taken);
    assert_eq!(frames.len(), pushed + 1);
    assert!(frames[..pushed].iter().all(|frame| *frame == large));
    assert_eq!(frames[pushed], b"last");
}

/// An outbox with a short way of which the tests say themselves what it takes.
async fn fake(talk: usize) -> (Outbox, Arc<Dirty<Outbox>>) {
    let (outbox, dirty, _peer) = with_way(talk, 9999, &Total::new(usize::MAX)).await;
    (outbox, dirty)
}

/// Takes so many bytes, and then no more.
fn takes(mut left: usize, taken: &mut Vec<u8>) -> impl FnMut(&[IoSlice<'_>]) -> io::Result<usize> {
    move |parts| {
        let count = left.min(parts[0].len());
        left -= count;
        taken.extend_from_slice(&parts[0][..count]);
        if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }
}

fn listed(dirty: &Dirty<Outbox>) -> usize {
    let mut outboxes = Vec::new();
    dirty.take(|all| all, &mut outboxes);
    outboxes.len()
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
async fn what_comes_during_a_write_is_written_next() {
    let (outbox, dirty) = fake(9999).await;
    outbox.push(&"a".into(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    let mut taken = Vec::new();
    outbox.flush_by(|parts| {
        outbox.push(&"b".into(), Budget::Talk);
        assert!(!outbox.is_own(), "one writes already");
        taken.extend_from_slice(&parts[0]);
        Ok(parts[0].len())
    });
    assert_eq!(listed(&dirty), 1, "on the list again");
    outbox.flush_by(takes(99, &mut taken));
    assert_eq!(frames(&taken), [b"a", b"b"]);
    outbox.push(&"c".into(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
}

#[tokio::test]
async fn the_own_task_wakes_for_what_is_left_and_then_lets_go() {
    let (outbox, dirty) = fake(9999).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            let (rest, closed) = outbox.next().await;
            assert_eq!(closed, None);
            (bytes(rest), tokio::spawn(async move { outbox.next().await.1 }))
        }
    });
    tokio::task::yield_now().await;
    outbox.push(&"abc".into(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    let mut taken = Vec::new();
    outbox.flush_by(takes(3, &mut taken));
    outbox.push(&"d".into(), Budget::Talk);
    let (rest, own) = own.await.unwrap();
    assert_eq!(frames(&[taken, rest].concat()), [&b"abc"[..], b"d"]);
    // What was left is written: the short way is open again.
    tokio::task::yield_now().await;
    outbox.push(&"e".into(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    outbox.close(CloseCode::Stopping);
    assert_eq!(own.await.unwrap(), Some(CloseCode::Stopping), "and the end wakes the own task");
}

#[tokio::test]
async fn what_is_left_counts_until_it_is_written() {
    let (outbox, dirty) = fake(1000).await;
    outbox.push(&zeros::<900>(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    outbox.flush_by(takes(10, &mut Vec::new()));
    let (rest, _) = outbox.next().await;
    outbox.push(&"fits".into(), Budget::Talk);
    outbox.push(&"one too many".into(), Budget::Talk);
    assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    assert_eq!(bytes(rest).len(), 900 + 4 - 10);
}

#[tokio::test]
async fn a_cut_off_leaves_no_half_a_frame() {
    let (outbox, dirty) = fake(1000).await;
    outbox.push(&zeros::<900>(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    let mut taken = Vec::new();
    outbox.flush_by(takes(100, &mut taken));
    outbox.push(&zeros::<50>(), Budget::Talk);
    outbox.push(&"one too many".into(), Budget::Talk);
    let (rest, closed) = outbox.next().await;
    assert_eq!(closed, Some(CloseCode::TooSlow));
    taken.extend(bytes(rest));
    assert_eq!(frames(&taken), [vec![0; 900]], "what was begun is ended, what was not is dropped");
}

#[tokio::test]
async fn a_cut_off_wakes_the_own_task() {
    let (outbox, _dirty) = fake(10).await;
    let own = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.next().await.1 }
    });
    tokio::task::yield_now().await;
    outbox.push(&zeros::<100>(), Budget::Talk);
    outbox.push(&"one too many".into(), Budget::Talk);
    assert_eq!(own.await.unwrap(), Some(CloseCode::TooSlow));
}

#[tokio::test]
async fn who_writes_the_end_writes_alone() {
    let (outbox, dirty) = fake(9999).await;
    outbox.push(&"abc".into(), Budget::Talk);
    assert_eq!(listed(&dirty), 1);
    let mut ending = pin!(outbox.end());
    let mut end = || ending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let mut taken = Vec::new();
    let mut left = 3;
    outbox.flush_by(|parts| {
        assert!(end().is_pending(), "another one writes");
        let count = left.min(parts[0].len());
        left -= count;
        taken.extend_from_slice(&parts[0][..count]);
        if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    });
    let Poll::Ready(Some(rest)) = end() else { panic!("what is left is to be written before the end") };
    taken.extend(bytes(*rest));
    assert_eq!(frames(&taken), [b"abc"]);

    let (outbox, dirty) = fake(9999).await;
    outbox.push(&"abc".into(), Budget::Talk);
    assert!(outbox.end().await.is_none(), "what was not begun is dropped");
    assert_eq!(listed(&dirty), 1);
    outbox.flush_by(|_| panic!("nothing is written after the end"));
}

#[tokio::test]
async fn several_share_the_list() {
    let dirty = Arc::<Dirty<u8>>::default();
    let workers = [0, 1].map(|_| {
        let dirty = Arc::clone(&dirty);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            dirty.some().await;
            dirty.take(|_| 1, &mut taken);
            taken
        })
    });
    tokio::task::yield_now().await;
    dirty.add(1);
    dirty.add(2);
    let [first, second] = workers;
    let mut all = [first.await.unwrap(), second.await.unwrap()].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}

#[tokio::test]
async fn the_end_comes_after_what_waits() {
    let (outbox, dirty, mut peer) = with_way(9999, 9999, &Total::new(usize::MAX)).await;
    outbox.push(&"a".into(), Budget::Talk);
    outbox.close(CloseCode::Replaced);
    assert_eq!(next(&outbox).await, (vec![b"a".to_vec()], Some(CloseCode::Replaced)));
    assert_eq!(flush(&dirty), 1, "it is on the list still");
    outbox.push(&"b".into(), Budget::Talk);
    assert_eq!(flush(&dirty), 0, "nothing comes after the end");
    drop(outbox);
    let mut written = Vec::new();
    peer.read_to_end(&mut written).await.unwrap();
    assert!(written.is_empty(), "the own task writes it, and nobody else");
}
