//! The contract of a room log. Every implementation goes through the same suite.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use cloakroom::{
    Address, Outbox, SecondHash, ServerSecret, TokenHash,
    log::{MemoryLog, RoomLog},
    room::{Bounds, Claim, Newcomer},
};
use wire::{CloseCode, Counter, Departure, MemberId, Refusal, RoomId, RoomName, ServerFrame, Token, Verifier};

const GRACE: Duration = Duration::from_secs(60);

/// What an implementation is made with: members a room, rooms.
type Make = fn(usize, usize) -> Box<dyn RoomLog>;

fn memory(members: usize, rooms: usize) -> Box<dyn RoomLog> {
    Box::new(MemoryLog::new(Bounds { members, grace: GRACE }, rooms))
}

/// The suite, for one implementation.
macro_rules! contract {
    ($implementation:ident: $($test:ident)*) => {
        mod $implementation {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::$implementation).await;
                }
            )*
        }
    };
}

contract! { memory:
    a_room_lives_while_someone_is_in_it
    names_and_ids_are_in_use_once
    one_order_for_everyone
    the_newest_connection_wins
    only_the_right_claim_follows_or_leaves
    grace_ends
    stopping_closes_everything
    many_at_once
}

fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

fn hash(byte: u8) -> SecondHash {
    ServerSecret::from_bytes(&[1; 32]).unwrap().second_hash(&Verifier::from([byte; 32]))
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

/// All that waits in an outbox: frames in words, then the end.
async fn drained(outbox: &Outbox) -> Vec<String> {
    let batch = outbox.next().await;
    let mut lines =
        batch.frames.iter().map(|frame| format!("{:?}", ServerFrame::parse(frame).unwrap())).collect::<Vec<_>>();
    lines.extend(batch.closed.map(|code| format!("{code:?}")));
    lines
}

async fn a_room_lives_while_someone_is_in_it(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    assert_eq!(log.rooms(), 1);
    let (found, bo) = log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await.unwrap();
    assert_eq!(found, id);
    log.leave(id, claim(ana, 1)).await.unwrap();
    assert_eq!(log.rooms(), 1);
    log.leave(id, claim(bo, 2)).await.unwrap();
    assert_eq!(log.rooms(), 0);
    // Nothing of it is to be had, and name and id are free.
    let gone = log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await;
    assert_eq!(gone, Err(Refusal::WrongCredentials));
    assert_eq!(log.leave(id, claim(bo, 2)).await, Err(CloseCode::UnknownToken));
    log.create(id, name("Club"), hash(2), newcomer("Ana", 3)).await.unwrap();
    assert_eq!(log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await, Err(Refusal::WrongCredentials));
}

async fn names_and_ids_are_in_use_once(make: Make) {
    let log = make(2, 2);
    log.create(RoomId([1; 16]), name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let again = |id, text| log.create(RoomId([id; 16]), name(text), hash(1), newcomer("Ana", 1));
    assert_eq!(again(2, "CLUВ").await, Err(Refusal::RoomNameTaken));
    assert_eq!(again(1, "Other").await, Err(Refusal::RoomIdTaken));
    again(2, "Other").await.unwrap();
    assert_eq!(again(3, "Third").await, Err(Refusal::ServerFull));
    // Who does not know the password learns nothing of who is in, nor whether there is room.
    assert_eq!(log.admit(name("Club"), hash(2), newcomer("Ana", 2)).await, Err(Refusal::WrongCredentials));
    assert_eq!(log.admit(name("Nowhere"), hash(1), newcomer("Ana", 2)).await, Err(Refusal::WrongCredentials));
    assert_eq!(log.admit(name("Club"), hash(1), newcomer("аnа", 2)).await, Err(Refusal::UserNameTaken));
    log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await.unwrap();
    assert_eq!(log.admit(name("Club"), hash(1), newcomer("Cy", 3)).await, Err(Refusal::RoomFull));
}

async fn one_order_for_everyone(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let (_, bo) = log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await.unwrap();
    let (to_ana, to_bo) = (Outbox::new(9999), Outbox::new(9999));
    let ana_seat = log.follow(id, claim(ana, 1), to_ana.clone()).await.unwrap();
    let bo_seat = log.follow(id, claim(bo, 2), to_bo.clone()).await.unwrap();
    ana_seat.append(Counter(1), b"x").unwrap();
    bo_seat.append(Counter(1), b"y").unwrap();
    bo_seat.append(Counter(1), b"y").unwrap();
    assert_eq!(bo_seat.append(Counter(3), b"z"), Err(CloseCode::CounterSkipped));
    bo_seat.leave();
    let lines = drained(&to_ana).await;
    assert!(lines[0].starts_with("Welcome"), "{lines:?}");
    assert!(lines[1].starts_with("Entered { seq: Seq(2), member_id: MemberId(2)"), "{lines:?}");
    assert_eq!(lines[2], "Accepted { seq: Seq(3), counter: Counter(1) }");
    assert!(lines[3].starts_with("Message { seq: Seq(4), sender: MemberId(2), counter: Counter(1)"), "{lines:?}");
    let left = ServerFrame::Left { seq: wire::Seq(5), member_id: bo, departure: Departure::Left, counter: Counter(1) };
    assert_eq!(lines[4..], [format!("{left:?}")]);
    let lines = drained(&to_bo).await;
    assert!(lines[0].starts_with("Welcome(Welcome { seq: Seq(2)"), "{lines:?}");
    assert!(lines[1].starts_with("Message { seq: Seq(3), sender: MemberId(1)"), "{lines:?}");
    assert_eq!(lines[2..], ["Accepted { seq: Seq(4), counter: Counter(1) }", "Left"]);
    assert_eq!(bo_seat.append(Counter(2), b"late"), Err(CloseCode::UnknownToken));
}

async fn the_newest_connection_wins(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let (older, newer) = (Outbox::new(9999), Outbox::new(9999));
    let old_seat = log.follow(id, claim(ana, 1), older.clone()).await.unwrap();
    let new_seat = log.follow(id, claim(ana, 1), newer.clone()).await.unwrap();
    assert_eq!(drained(&older).await.last().unwrap(), "Replaced");
    // The end of the older one is not the end of the newer one.
    old_seat.disconnect(Instant::now());
    log.expire(Instant::now() + GRACE * 2).await;
    new_seat.append(Counter(1), b"x").unwrap();
    assert_eq!(drained(&newer).await.last().unwrap(), "Accepted { seq: Seq(2), counter: Counter(1) }");
}

async fn only_the_right_claim_follows_or_leaves(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let refused = |id, claim| {
        let log = &log;
        async move { log.follow(id, claim, Outbox::new(1)).await.err() }
    };
    assert_eq!(refused(RoomId([2; 16]), claim(ana, 1)).await, Some(CloseCode::UnknownToken));
    assert_eq!(refused(id, claim(MemberId(9), 1)).await, Some(CloseCode::UnknownToken));
    assert_eq!(refused(id, claim(ana, 2)).await, Some(CloseCode::TokenRefused));
    let elsewhere = || Claim { address: "192.0.2.2".parse::<IpAddr>().unwrap().into(), ..claim(ana, 1) };
    assert_eq!(refused(id, elsewhere()).await, Some(CloseCode::AddressChanged));
    assert_eq!(log.leave(id, claim(ana, 2)).await, Err(CloseCode::TokenRefused));
    assert_eq!(log.leave(id, elsewhere()).await, Err(CloseCode::AddressChanged));
    let moved = Claim { hash: Some(hash(1)), ..elsewhere() };
    assert_eq!(refused(id, moved).await, None);
    log.leave(id, elsewhere()).await.unwrap();
}

async fn grace_ends(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let (_, bo) = log.admit(name("Club"), hash(1), newcomer("Bo", 2)).await.unwrap();
    let to_ana = Outbox::new(9999);
    let _ana = log.follow(id, claim(ana, 1), to_ana.clone()).await.unwrap();
    let bo_seat = log.follow(id, claim(bo, 2), Outbox::new(9999)).await.unwrap();
    let heard = Instant::now();
    bo_seat.disconnect(heard);
    log.expire(heard + GRACE - Duration::from_millis(1)).await;
    assert!(drained(&to_ana).await.last().unwrap().starts_with("Presence"));
    log.expire(heard + GRACE).await;
    assert!(drained(&to_ana).await.last().unwrap().contains("departure: Lost"));
    assert_eq!(bo_seat.append(Counter(1), b"late"), Err(CloseCode::UnknownToken));
    // One who was let in but never came takes the room along when the time is over.
    let other = RoomId([2; 16]);
    log.create(other, name("Other"), hash(1), newcomer("Ana", 1)).await.unwrap();
    log.expire(Instant::now() + GRACE).await;
    assert_eq!(log.rooms(), 1);
}

async fn stopping_closes_everything(make: Make) {
    let log = make(9, 9);
    let id = RoomId([1; 16]);
    let ana = log.create(id, name("Club"), hash(1), newcomer("Ana", 1)).await.unwrap();
    let outbox = Outbox::new(9999);
    let _seat = log.follow(id, claim(ana, 1), outbox.clone()).await.unwrap();
    log.stop().await;
    assert_eq!(drained(&outbox).await.last().unwrap(), "Stopping");
    let late = log.follow(id, claim(ana, 1), Outbox::new(9999)).await.err();
    assert_eq!(late, Some(CloseCode::Stopping));
}

/// Rooms made, filled and left from many threads: none stays, and no name is lost to a race.
async fn many_at_once(make: Make) {
    let log = std::sync::Arc::<dyn RoomLog>::from(make(9, 1000));
    let visit = |n: u8| {
        let log = std::sync::Arc::clone(&log);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for round in 0..200_u8 {
                let id = RoomId([n, round, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                runtime.block_on(async {
                    // Two threads fight for each name.
                    let shared = name(&format!("Club {}", n / 2));
                    match log.create(id, shared.clone(), hash(1), newcomer("Ana", n)).await {
                        Ok(ana) => log.leave(id, claim(ana, n)).await.unwrap(),
                        Err(refusal) => {
                            assert_eq!(refusal, Refusal::RoomNameTaken);
                            if let Ok((id, bo)) = log.admit(shared, hash(1), newcomer("Bo", n)).await {
                                log.leave(id, claim(bo, n)).await.unwrap();
                            }
                        }
                    }
                });
            }
        })
    };
    for thread in (0..8).map(visit).collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    assert_eq!(log.rooms(), 0);
    for n in 0..4 {
        log.create(RoomId([99 + n; 16]), name(&format!("Club {n}")), hash(1), newcomer("Ana", 1)).await.unwrap();
    }
}
