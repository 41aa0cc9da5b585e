//! What a store of rooms promises to its callers.

use std::{
    io::Cursor,
    net::IpAddr,
    sync::LazyLock,
    task::Poll,
    time::{Duration, Instant},
};

use cloakroom::{
    MemoryBudget, Outbox, ServerSecret,
    store::{Ending, Seat, Store},
};
use room::{Address, Bounds, Claim, MAX_STEP, Newcomer, SecondHash, TokenHash};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use wire::{
    ClientFrame, CloseCode, Counter, Departure, Epoch, MemberId, Person, Refusal, RoomId, RoomName, Seq, ServerFrame,
    Standing, Token, Verifier, Welcome, limits,
};

const GRACE: Duration = Duration::from_secs(60);

/// A store with these limits, members per room and rooms, whose frames nobody delivers.
fn undelivered(members: usize, rooms: usize) -> Store {
    let bounds = Bounds { members, grace: GRACE, replay: 100_000 };
    Store::new(bounds, rooms, 1_000_000, MemoryBudget::new(usize::MAX))
}

/// The same, with a delivery task for as long as the test runs.
fn store(members: usize, rooms: usize) -> Store {
    let store = undelivered(members, rooms);
    let delivered = store.clone();
    tokio::spawn(async move { delivered.deliver().await });
    store
}

fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

fn hash(byte: u8) -> SecondHash {
    // Shared, because each secret has its own random key.
    static SECRET: LazyLock<ServerSecret> = LazyLock::new(|| ServerSecret::random().unwrap());
    SECRET.second_hash(&Verifier::from([byte; 32]))
}

fn address() -> Address {
    "192.0.2.1".parse::<IpAddr>().unwrap().into()
}

fn newcomer(user: &str, byte: u8) -> Newcomer {
    Newcomer { user: user.parse().unwrap(), token: TokenHash::from(&Token::from([byte; 32])), address: address() }
}

fn claim(member_id: MemberId, byte: u8) -> Claim {
    Claim { member_id, token: TokenHash::from(&Token::from([byte; 32])), address: address(), hash: None }
}

fn now() -> Instant {
    Instant::now()
}

/// Advances the store's time, in steps of at most [`MAX_STEP`].
fn advance(store: &Store, from: Instant, time: Duration) {
    let mut passed = Duration::ZERO;
    while passed < time {
        passed = (passed + MAX_STEP).min(time);
        store.tick(from + passed);
    }
}

/// Takes everything queued in an outbox. Returns its frames in words, then the close code, if any.
async fn drained(outbox: &Outbox) -> Vec<String> {
    let (mut outgoing, closed) = outbox.next_batch().await;
    let mut bytes = Vec::new();
    let written = outgoing.poll_write(|parts| {
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    });
    assert!(matches!(written, Poll::Ready(Ok(()))));
    let mut lines = Vec::new();
    let mut cursor = Cursor::new(&*bytes);
    while let Some((_, length)) = FrameHeader::parse(&mut cursor).unwrap() {
        let start = cursor.position() as usize;
        let frame = &bytes[start..start + length as usize];
        lines.push(format!("{:?}", ServerFrame::parse(frame).unwrap()));
        cursor.set_position(start as u64 + length);
    }
    lines.extend(closed.map(|code| format!("{code:?}")));
    lines
}

/// Waits for this many frames and compares them.
async fn assert_receives<S: AsRef<str>>(outbox: &Outbox, expected: impl AsRef<[S]>) {
    let expected = expected.as_ref().iter().map(AsRef::as_ref).collect::<Vec<_>>();
    let mut received = Vec::new();
    while received.len() < expected.len() {
        received.extend(drained(outbox).await);
    }
    assert_eq!(received, expected);
}

#[tokio::test]
async fn room_lasts_until_its_last_member_leaves() {
    let store = store(9, 9);
    let id = RoomId([1; 16]);
    let ana = store.create(id, name("Club"), hash(1), newcomer("Ana", 1), now()).unwrap();
    assert_eq!(store.rooms(), 1);
    let (found, bo) = store.admit(&name("Club"), hash(1), newcomer("Bo", 2), now()).unwrap();
    assert_eq!(found, id);
    store.leave(id, claim(ana, 1), now()).unwrap();
    assert_eq!(store.rooms(), 1);
    store.leave(id, claim(bo, 2), now()).unwrap();
    assert_eq!(store.rooms(), 0);
    // The room is gone, and its name and id are free.
    let gone = store.admit(&name("Club"), hash(1), newcomer("Bo", 2), now());
    assert_eq!(gone, Err(Refusal::WrongCredentials));
    assert_eq!(store.leave(id, claim(bo, 2), now()), Err(CloseCode::UnknownToken));
    store.create(id, name("Club"), hash(2), newcomer("Ana", 3), now()).unwrap();
    assert_eq!(store.admit(&name("Club"), hash(1), newcomer("Bo", 2), now()), Err(Refusal::WrongCredentials));
}

#[tokio::test]
async fn room_names_and_ids_are_unique() {
    let store = store(2, 2);
    store.create(RoomId([1; 16]), name("Club"), hash(1), newcomer("Ana", 1), now()).unwrap();
    let again = |id, text| store.create(RoomId([id; 16]), name(text), hash(1), newcomer("Ana", 1), now());
    assert_eq!(again(2, "CLUВ"), Err(Refusal::RoomNameTaken));
    assert_eq!(again(1, "Other"), Err(Refusal::RoomIdTaken));
    again(2, "Other").unwrap();
    assert_eq!(again(3, "Third"), Err(Refusal::ServerFull));
    // Without the password, a newcomer learns neither the members' names nor whether the room is full.
    assert_eq!(store.admit(&name("Club"), hash(2), newcomer("Ana", 2), now()), Err(Refusal::WrongCredentials));
    assert_eq!(store.admit(&name("Nowhere"), hash(1), newcomer("Ana", 2), now()), Err(Refusal::WrongCredentials));
    assert_eq!(store.admit(&name("Club"), hash(1), newcomer("аnа", 2), now()), Err(Refusal::UserNameTaken));
    store.admit(&name("Club"), hash(1), newcomer("Bo", 2), now()).unwrap();
    assert_eq!(store.admit(&name("Club"), hash(1), newcomer("Cy", 3), now()), Err(Refusal::RoomFull));
}

/// A room with Ana, who founded the group, and Bo, whom she admitted.
struct Pair {
    store: Store,
    ana: Seat,
    bo: Seat,
    to_ana: Outbox,
    to_bo: Outbox,
}

const ROOM: RoomId = RoomId([1; 16]);
const ANA: MemberId = MemberId(1);
const BO: MemberId = MemberId(2);

impl Pair {
    fn new() -> Self {
        Self::in_store(store(9, 9))
    }

    fn in_store(store: Store) -> Self {
        assert_eq!(store.create(ROOM, name("Club"), hash(1), newcomer("Ana", 1), now()), Ok(ANA));
        assert_eq!(store.admit(&name("Club"), hash(1), newcomer("Bo", 2), now()), Ok((ROOM, BO)));
        let (to_ana, to_bo) = (outbox(), outbox());
        let ana = store.connect(ROOM, claim(ANA, 1), 1, Seq(0), to_ana.clone(), now()).unwrap();
        let bo = store.connect(ROOM, claim(BO, 2), 1, Seq(0), to_bo.clone(), now()).unwrap();
        take(&ana, ClientFrame::Message { epoch: epoch(0), counter: Counter(1), sealed: b"alone" }).unwrap();
        take(&bo, ClientFrame::Knock { generation: 0, sealed: b"knock" }).unwrap();
        let commit = ClientFrame::Commit {
            epoch: epoch(0),
            admitted: vec![BO],
            removed: vec![],
            commit: b"commit",
            welcome: b"welcome",
        };
        take(&ana, commit).unwrap();
        Self { store, ana, bo, to_ana, to_bo }
    }
}

fn epoch(number: u64) -> Epoch {
    Epoch { generation: 0, number }
}

fn outbox() -> Outbox {
    Outbox::new(9999, 99_999, &MemoryBudget::new(usize::MAX))
}

fn take(seat: &Seat, frame: ClientFrame<'_>) -> Result<(), CloseCode> {
    seat.take(&frame, now())
}

fn say(seat: &Seat, counter: u64) -> Result<(), CloseCode> {
    take(seat, ClientFrame::Message { epoch: epoch(1), counter: Counter(counter), sealed: b"x" })
}

fn words(frames: &[ServerFrame<'_>]) -> Vec<String> {
    frames.iter().map(|frame| format!("{frame:?}")).collect()
}

fn said(seq: u64, sender: MemberId, counter: u64) -> ServerFrame<'static> {
    ServerFrame::Message { seq: Seq(seq), sender, counter: Counter(counter), sealed: b"x" }
}

fn accepted(seq: u64, counter: u64) -> ServerFrame<'static> {
    ServerFrame::Accepted { seq: Seq(seq), counter: Counter(counter) }
}

fn presence(seq: u64, member_id: MemberId, connected: bool) -> ServerFrame<'static> {
    ServerFrame::Presence { seq: Seq(seq), member_id, connected }
}

fn welcome(seq: u64, number: u64, standing: Standing, counter: u64) -> ServerFrame<'static> {
    let (seq, counter) = (Seq(seq), Counter(counter));
    ServerFrame::Welcome(Welcome { seq, epoch: epoch(number), standing, counter })
}

#[tokio::test]
async fn admitted_member_gets_events_from_its_commit_on() {
    let Pair { store: _store, ana, bo, to_ana, to_bo } = Pair::new();
    say(&ana, 2).unwrap();
    let person = |member_id, counter| Person { member_id, counter: Counter(counter), connected: true, in_group: true };
    let let_in = ServerFrame::LetIn {
        seq: Seq(3),
        epoch: epoch(1),
        people: vec![person(ANA, 1), person(BO, 0)],
        welcome: b"welcome",
    };
    let seen = [welcome(1, 0, Standing::Outside, 0), let_in, said(4, ANA, 2)];
    // Bo gets no earlier events.
    assert_receives(&to_bo, words(&seen)).await;
    let duty = ServerFrame::Duty { epoch: epoch(0), commits: 0, knocks: vec![(BO, b"knock")] };
    let committed = ServerFrame::Committed { seq: Seq(3), epoch: epoch(0) };
    let seen = [welcome(1, 0, Standing::Founder, 0), accepted(2, 1), duty, committed, accepted(4, 2)];
    assert_receives(&to_ana, words(&seen)).await;
    // A stuck member gets no further events.
    take(&bo, ClientFrame::Stuck { epoch: epoch(1) }).unwrap();
    say(&ana, 3).unwrap();
    say(&bo, 1).unwrap();
    assert_receives(&to_ana, words(&[accepted(5, 3)])).await;
    bo.leave(now());
    assert_receives(&to_bo, ["Left"]).await;
}

#[tokio::test]
async fn all_members_see_one_order() {
    let Pair { store: _store, ana, bo, to_ana, to_bo } = Pair::new();
    drained(&to_ana).await;
    drained(&to_bo).await;
    say(&ana, 2).unwrap();
    say(&bo, 1).unwrap();
    say(&bo, 1).unwrap();
    assert_eq!(say(&bo, 3), Err(CloseCode::CounterSkipped));
    bo.leave(now());
    let left = ServerFrame::Left { seq: Seq(6), member_id: BO, departure: Departure::Left, counter: Counter(1) };
    let duty = ServerFrame::Duty { epoch: epoch(1), commits: 1, knocks: vec![] };
    assert_receives(&to_ana, words(&[accepted(4, 2), said(5, BO, 1), left, duty])).await;
    let mut seen = words(&[said(4, ANA, 2), accepted(5, 1)]);
    seen.push("Left".into());
    assert_receives(&to_bo, seen).await;
    assert_eq!(say(&bo, 2), Err(CloseCode::UnknownToken));
}

/// No delivery task runs here. The last member to send delivers the frames.
#[tokio::test]
async fn frames_are_delivered_when_all_members_have_sent() {
    let Pair { store: _store, ana, bo, to_ana, to_bo } = Pair::in_store(undelivered(9, 9));
    assert!(ana.after_batch().is_none());
    say(&bo, 1).unwrap();
    assert!(bo.after_batch().is_none());
    assert!(drained(&to_ana).await.ends_with(&words(&[said(4, BO, 1)])));
    assert!(drained(&to_bo).await.ends_with(&words(&[accepted(4, 1)])));
    // Frames that arrive together are delivered together.
    for counter in 2..=3 {
        say(&ana, counter).unwrap();
    }
    assert!(ana.after_batch().is_none());
    for counter in 2..=3 {
        say(&bo, counter).unwrap();
    }
    assert!(bo.after_batch().is_none());
    assert_eq!(drained(&to_ana).await, words(&[accepted(5, 2), accepted(6, 3), said(7, BO, 2), said(8, BO, 3)]));
    assert_eq!(drained(&to_bo).await, words(&[said(5, ANA, 2), said(6, ANA, 3), accepted(7, 2), accepted(8, 3)]));
}

#[tokio::test]
async fn reconnecting_member_gets_missed_events() {
    let Pair { store, ana, bo, to_ana: _to_ana, to_bo } = Pair::new();
    say(&bo, 1).unwrap();
    assert!(!drained(&to_bo).await.is_empty());
    say(&bo, 2).unwrap();
    bo.disconnect(Ending::Lost(now()), now());
    say(&ana, 2).unwrap();
    let again = outbox();
    let bo = store.connect(ROOM, claim(BO, 2), 2, Seq(4), again.clone(), now()).unwrap();
    say(&ana, 3).unwrap();
    let missed = [accepted(5, 2), presence(6, BO, false), said(7, ANA, 2), presence(8, BO, true)];
    let seen = [&[welcome(8, 1, Standing::Inside, 2)], &missed[..], &[said(9, ANA, 3)]].concat();
    assert_receives(&again, words(&seen)).await;
    // A member that reconnects without its last event is outside, and gets none.
    bo.disconnect(Ending::Lost(now()), now());
    let again = outbox();
    let _bo = store.connect(ROOM, claim(BO, 2), 3, Seq(0), again.clone(), now()).unwrap();
    say(&ana, 4).unwrap();
    assert_receives(&again, words(&[welcome(11, 1, Standing::Outside, 2)])).await;
}

/// The limit for all replay buffers together holds what ten busy rooms fill.
#[tokio::test]
async fn silent_rooms_leave_replay_memory_to_others() {
    let store = store(9, 99);
    let mut seats = Vec::new();
    for room in 1..=30 {
        let id = RoomId([room; 16]);
        let ana = store.create(id, name(&format!("Club {room}")), hash(1), newcomer("Ana", 1), now()).unwrap();
        let ana = store.connect(id, claim(ana, 1), 1, Seq(0), outbox(), now()).unwrap();
        for counter in 1..=100 {
            let message =
                ClientFrame::Message { epoch: Epoch::default(), counter: Counter(counter), sealed: &[0; 1000] };
            take(&ana, message).unwrap();
        }
        seats.push((id, ana));
    }
    for (id, ana) in &seats {
        ana.disconnect(Ending::Lost(now()), now());
        let again = outbox();
        // 103 events: the founding, a hundred messages, her loss and her return.
        let _back = store.connect(*id, claim(ANA, 1), 2, Seq(92), again.clone(), now()).unwrap();
        let received = drained(&again).await;
        assert_eq!(received[0], words(&[welcome(103, 0, Standing::Inside, 100)])[0], "in room {id:?}");
    }
}

#[tokio::test]
async fn newer_connection_takes_over() {
    let Pair { store, ana, bo, to_ana: _to_ana, to_bo: older } = Pair::new();
    say(&bo, 1).unwrap();
    let newer = outbox();
    let new_seat = store.connect(ROOM, claim(BO, 2), 2, Seq(4), newer.clone(), now()).unwrap();
    assert_eq!(drained(&older).await.last().unwrap(), "Replaced");
    assert_eq!(say(&bo, 2), Err(CloseCode::Replaced));
    // The end of the older connection does not affect the newer one.
    bo.disconnect(Ending::Lost(now()), now());
    bo.leave(now());
    advance(&store, now(), GRACE * 2);
    say(&new_seat, 2).unwrap();
    say(&ana, 2).unwrap();
    let seen = [welcome(4, 1, Standing::Inside, 1), accepted(5, 2), said(6, ANA, 2)];
    assert_receives(&newer, words(&seen)).await;
}

#[tokio::test]
async fn welcome_comes_first() {
    let Pair { store, ana: _ana, bo, .. } = Pair::new();
    bo.disconnect(Ending::Lost(now()), now());
    let again = outbox();
    let bo = store.connect(ROOM, claim(BO, 2), 2, Seq(3), again.clone(), now()).unwrap();
    take(&bo, ClientFrame::Ping).unwrap();
    say(&bo, 1).unwrap();
    take(&bo, ClientFrame::Ping).unwrap();
    let missed = [presence(4, BO, false), presence(5, BO, true)];
    let seen =
        [&[welcome(5, 1, Standing::Inside, 0)], &missed[..], &[ServerFrame::Pong, accepted(6, 1), ServerFrame::Pong]];
    assert_receives(&again, words(&seen.concat())).await;
}

#[tokio::test]
async fn removed_member_gets_the_reason() {
    let Pair { store, ana: _ana, bo, to_ana: _to_ana, to_bo } = Pair::new();
    store.leave(ROOM, claim(BO, 2), now()).unwrap();
    // A frame sent at the same time is refused, but that is not the reason for the close.
    assert_eq!(say(&bo, 1), Err(CloseCode::UnknownToken));
    assert_eq!(to_bo.close(CloseCode::UnknownToken), CloseCode::Left);
}

#[tokio::test]
async fn only_a_valid_claim_connects_or_leaves() {
    let store = store(9, 9);
    let id = RoomId([1; 16]);
    let ana = store.create(id, name("Club"), hash(1), newcomer("Ana", 1), now()).unwrap();
    let refused = |id, claim| {
        let store = &store;
        async move { store.connect(id, claim, 1, Seq(0), outbox(), now()).err() }
    };
    assert_eq!(refused(RoomId([2; 16]), claim(ana, 1)).await, Some(CloseCode::UnknownToken));
    assert_eq!(refused(id, claim(MemberId(9), 1)).await, Some(CloseCode::UnknownToken));
    assert_eq!(refused(id, claim(ana, 2)).await, Some(CloseCode::TokenRefused));
    let elsewhere = || Claim { address: "192.0.2.2".parse::<IpAddr>().unwrap().into(), ..claim(ana, 1) };
    assert_eq!(refused(id, elsewhere()).await, Some(CloseCode::AddressChanged));
    assert_eq!(store.leave(id, claim(ana, 2), now()), Err(CloseCode::TokenRefused));
    assert_eq!(store.leave(id, elsewhere(), now()), Err(CloseCode::AddressChanged));
    let moved = Claim { hash: Some(hash(1)), ..elsewhere() };
    assert_eq!(refused(id, moved).await, None);
    store.leave(id, elsewhere(), now()).unwrap();
}

#[tokio::test]
async fn grace_period_and_duty_expire() {
    let Pair { store, ana: _ana, bo, to_ana, to_bo } = Pair::new();
    drained(&to_ana).await;
    say(&bo, 1).unwrap();
    let lost_at = now();
    bo.disconnect(Ending::Lost(lost_at), lost_at);
    advance(&store, lost_at, GRACE - Duration::from_millis(1));
    assert_receives(&to_ana, words(&[said(4, BO, 1), presence(5, BO, false)])).await;
    store.tick(lost_at + GRACE);
    let lost = ServerFrame::Left { seq: Seq(6), member_id: BO, departure: Departure::Lost, counter: Counter(1) };
    let duty = |commits| ServerFrame::Duty { epoch: epoch(1), commits, knocks: vec![] };
    assert_receives(&to_ana, words(&[lost, duty(1)])).await;
    drop(to_bo);
    assert_eq!(say(&bo, 2), Err(CloseCode::UnknownToken));
    // The duty lapses and is given again.
    store.tick(lost_at + GRACE + limits::DUTY_TIMEOUT);
    assert_receives(&to_ana, words(&[duty(1)])).await;
    // A room is removed when its only member never connects within the grace period.
    let other = RoomId([2; 16]);
    store.create(other, name("Other"), hash(1), newcomer("Ana", 1), now()).unwrap();
    assert_eq!(store.rooms(), 2);
    advance(&store, now(), GRACE);
    assert_eq!(store.rooms(), 1);
}

#[tokio::test]
async fn stopping_closes_every_connection() {
    let Pair { store, ana: _ana, bo: _bo, to_ana, to_bo } = Pair::new();
    store.stop();
    for outbox in [to_ana, to_bo] {
        assert_eq!(drained(&outbox).await.last().unwrap(), "Stopping");
    }
    let late = store.connect(ROOM, claim(ANA, 1), 1, Seq(0), outbox(), now()).err();
    assert_eq!(late, Some(CloseCode::Stopping));
}

/// Creates, joins and leaves rooms from many threads. No room remains, and every name is free afterwards.
#[tokio::test]
async fn concurrent_rooms_are_all_removed() {
    let store = store(9, 1000);
    let visit = |n: u8| {
        let store = store.clone();
        std::thread::spawn(move || {
            for round in 0..200_u8 {
                let id = RoomId([n, round, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                // Two threads compete for each name.
                let shared = name(&format!("Club {}", n / 2));
                match store.create(id, shared.clone(), hash(1), newcomer("Ana", n), now()) {
                    Ok(ana) => store.leave(id, claim(ana, n), now()).unwrap(),
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::RoomNameTaken);
                        if let Ok((id, bo)) = store.admit(&shared, hash(1), newcomer("Bo", n), now()) {
                            store.leave(id, claim(bo, n), now()).unwrap();
                        }
                    }
                }
            }
        })
    };
    for thread in (0..8).map(visit).collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    assert_eq!(store.rooms(), 0);
    for n in 0..4 {
        store.create(RoomId([99 + n; 16]), name(&format!("Club {n}")), hash(1), newcomer("Ana", 1), now()).unwrap();
    }
}
