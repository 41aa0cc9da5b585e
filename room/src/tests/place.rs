use super::*;

#[test]
fn names_are_unique_and_places_limited() {
    let mut scene = Scene::with(2, 0);
    assert_eq!(scene.admit("Ana", 1), Ok(MemberId(1)));
    assert_eq!(scene.admit("аna", 2), Err(Refusal::UserNameTaken));
    assert_eq!(scene.admit("Bo", 2), Ok(MemberId(2)));
    assert_eq!(scene.admit("Cy", 3), Err(Refusal::RoomFull));
    assert_eq!(scene.admit("Bo", 3), Err(Refusal::UserNameTaken), "a taken name is reported before a full room");
    scene.leave(2);
    assert_eq!(scene.admit("Bo", 3), Ok(MemberId(3)), "a member id is never reused");
}

#[test]
fn lost_admission_can_be_requested_again() {
    let mut scene = Scene::with(2, 0);
    scene.admit("Ana", 1).unwrap();
    scene.admit("Bo", 2).unwrap();
    assert_eq!(scene.admit("Ana", 1), Err(Refusal::UserNameTaken), "the answer may still arrive");
    scene.wait(15 * SECOND);
    assert_eq!(scene.admit("Ana", 3), Err(Refusal::UserNameTaken), "another address");
    assert_eq!(scene.admit("Ana", 1), Ok(MemberId(3)), "replaces the old place");
    assert_eq!(scene.connect(1, 0), Err(CloseCode::UnknownToken));
    scene.connect(2, 0).unwrap();
    scene.lose(2);
    assert_eq!(scene.admit("Bo", 2), Err(Refusal::UserNameTaken), "a member that has connected keeps its place");
    assert!(scene.told(2).is_empty());
}

#[test]
fn name_like_two_members_waits_for_both() {
    let mut scene = Scene::new();
    scene.admit("ian", 1).unwrap();
    scene.admit("lan", 2).unwrap();
    scene.connect(2, 0).unwrap();
    scene.wait(15 * SECOND);
    assert_eq!(scene.admit("Ian", 1), Err(Refusal::UserNameTaken), "one of them is connected");
    scene.leave(2);
    assert_eq!(scene.admit("Ian", 1), Ok(MemberId(3)));
    assert_eq!(scene.room.members.len(), 1);
}

#[test]
fn claim_needs_token_and_address_or_verifier() {
    let mut scene = Scene::new();
    scene.admit("Ana", 1).unwrap();
    scene.admit("Bo", 2).unwrap();
    let mut check = |id, token_of: u8, from: u8, hash: Option<SecondHash>| {
        let claim = Claim { member_id: MemberId(id), token: token(token_of), address: address(from), hash };
        scene.room.check(&claim)
    };
    assert_eq!(check(1, 1, 1, None), Ok(()));
    assert_eq!(check(3, 1, 1, None), Err(CloseCode::UnknownToken));
    assert_eq!(check(2, 1, 1, None), Err(CloseCode::TokenRefused));
    assert_eq!(check(2, 1, 1, Some(hash(9))), Err(CloseCode::TokenRefused));
    assert_eq!(check(1, 1, 7, None), Err(CloseCode::AddressChanged));
    assert_eq!(check(1, 1, 7, Some(hash(8))), Err(CloseCode::AddressChanged));
    assert_eq!(check(1, 1, 7, Some(hash(9))), Ok(()));
    assert_eq!(check(1, 1, 7, None), Ok(()), "bound to the new address");
    assert_eq!(check(1, 1, 1, None), Err(CloseCode::AddressChanged));
}

#[test]
fn first_member_founds_and_others_stay_outside() {
    let mut scene = Scene::new();
    scene.enter(1);
    assert_eq!(scene.told(1), ["welcome Founder 0.0 counter 0 seq 1"]);
    scene.enter(2);
    assert_eq!(scene.told(2), ["welcome Outside 0.0 counter 0 seq 1"]);
    scene.say(1, 1);
    scene.say(2, 1);
    scene.decline(2, &[1]);
    scene.commit(2, 0, &[], &[]);
    assert_eq!(scene.told(1), ["2: accepted 1"], "frames of a member outside the group are ignored");
    assert!(scene.told(2).is_empty(), "nothing is relayed to it");
    scene.lose(2);
    scene.leave(2);
    assert!(scene.told(1).is_empty(), "nobody learns of it");
}

#[test]
fn founder_that_missed_its_welcome_founds_again() {
    let mut scene = Scene::new();
    scene.enter(1);
    scene.lose(1);
    scene.connect(1, 0).unwrap();
    assert_eq!(scene.told(1), ["welcome Founder 1.0 counter 0 seq 4"], "after a founding, a loss and a reconnect");
    scene.lose(1);
    scene.connect(1, 4).unwrap();
    assert_eq!(scene.told(1), ["welcome Inside 1.0 counter 0 seq 6", "5: 1 down", "6: 1 up"]);
}

#[test]
fn first_member_to_connect_founds() {
    let mut scene = Scene::new();
    scene.admit("Ana", 1).unwrap();
    scene.enter(2);
    assert_eq!(scene.told(2), ["welcome Founder 0.0 counter 0 seq 1"]);
    scene.connect(1, 0).unwrap();
    assert_eq!(scene.told(1), ["welcome Outside 0.0 counter 0 seq 1"]);
}

#[test]
fn newcomer_to_a_room_without_group_founds() {
    let mut scene = Scene::together(2);
    scene.admit("Cy", 3).unwrap();
    scene.leave(1);
    scene.leave(2);
    scene.connect(3, 0).unwrap();
    assert_eq!(scene.told(3), ["welcome Founder 1.0 counter 0 seq 6"]);
    assert!(scene.room.group.gone.is_empty(), "no leaf is left to remove");
}

#[test]
fn reconnecting_member_gets_every_missed_event() {
    let mut scene = Scene::together(3);
    let last = scene.room.seq.0;
    scene.lose(2);
    scene.say(1, 1);
    scene.connect(2, last).unwrap();
    assert_eq!(
        scene.told(2),
        ["welcome Inside 0.1 counter 1 seq 7", "5: 2 down", "6: 1 says 1", "7: 2 up"],
        "its own presence too, because no number is left out"
    );
    assert_eq!(scene.told(3), ["5: 2 down", "6: 1 says 1", "7: 2 up"]);
    // The replay also acknowledges its own frames.
    scene.say(2, 2);
    scene.commit(2, 1, &[], &[]);
    scene.lose(2);
    scene.connect(2, 7).unwrap();
    assert_eq!(
        scene.told(2),
        ["welcome Inside 0.2 counter 2 seq 11", "8: accepted 2", "9: committed 0.1", "10: 2 down", "11: 2 up"]
    );
    scene.say(3, 2);
    assert_eq!(scene.told(2), ["12: 3 says 2"], "then new events");
}

#[test]
fn member_beyond_the_replay_buffer_is_outside() {
    for (replay, seq) in [(0, 4), (300, 3), (100_000, 0), (100_000, 1), (100_000, 99)] {
        let mut scene = Scene::together(2);
        if replay < 100_000 {
            scene.room.history = History::new(replay);
        }
        scene.lose(2);
        scene.connect(2, seq).unwrap();
        let told = scene.told(2);
        assert!(told[0].starts_with("welcome Outside 0.1"), "{replay} {seq}: {told:?}");
        assert_eq!(told.len(), 1);
        scene.say(1, 1);
        assert!(scene.told(2).is_empty());
        // Its old leaf is still in the tree. A commit replaces it.
        scene.told(1);
        scene.knock(&[2]);
        assert_eq!(scene.told(1), ["duty 0.1 after 1: 2"]);
        scene.commit(1, 1, &[2], &[]);
        assert!(scene.told(2)[0].ends_with("let into 0.2 with 1+1,2+1"));
    }
}

#[test]
fn newer_connection_takes_over() {
    let mut scene = Scene::together(2);
    let last = scene.room.seq.0;
    let old = ConnectionId(scene.last_connection);
    scene.connect(2, last).unwrap();
    assert_eq!(scene.told(2), ["welcome Inside 0.1 counter 1 seq 3"]);
    let ending = Ending::Lost(Duration::ZERO);
    scene.apply(Input::Disconnect { member: MemberId(2), connection: old, ending });
    assert!(scene.connected.contains_key(&2));
    assert_eq!(scene.room.holds(MemberId(2), old), Err(CloseCode::Replaced));
    assert!(scene.told(1).is_empty(), "the others notice nothing");
}

#[test]
fn late_or_repeated_hello_changes_nothing() {
    let mut scene = Scene::together(2);
    let last = scene.room.seq.0;
    let was_here = Claim { hash: Some(hash(9)), ..Scene::claim(2) };
    let moved = Claim { address: address(7), ..was_here.clone() };
    scene.attempt(&Scene::claim(2), 11, last).unwrap();
    scene.attempt(&moved, 13, last).unwrap();
    let now = ConnectionId(scene.last_connection);
    scene.told(2);
    for attempt in [0, 1, 12, 13] {
        for claim in [&was_here, &moved] {
            assert_eq!(scene.attempt(claim, attempt, last), Err(CloseCode::Replaced), "{attempt}");
        }
    }
    assert_eq!(scene.room.holds(MemberId(2), now), Ok(()));
    assert!(scene.told(2).is_empty());
    let stolen = Claim { token: token(1), ..Scene::claim(2) };
    assert_eq!(
        scene.attempt(&stolen, 11, last),
        Err(CloseCode::TokenRefused),
        "only the owner of the token learns of it"
    );
    // The same holds while the member is not connected.
    scene.lose(2);
    for attempt in [12, 13] {
        assert_eq!(scene.attempt(&was_here, attempt, last), Err(CloseCode::Replaced));
    }
    // A refused attempt does not count. Otherwise a thief of the token could lock its owner out without the verifier.
    assert_eq!(scene.attempt(&Scene::claim(2), u32::MAX, last), Err(CloseCode::AddressChanged));
    let moved = Claim { hash: None, ..moved };
    assert_eq!(scene.attempt(&moved, 14, last), Ok(()), "still bound to its last address");
}

/// Attempts count from 1, so attempt 0 is always late.
#[test]
fn attempt_zero_is_late() {
    let mut scene = Scene::new();
    scene.admit("Ana", 1).unwrap();
    assert_eq!(scene.attempt(&Scene::claim(1), 0, 0), Err(CloseCode::Replaced));
    assert_eq!(scene.attempt(&Scene::claim(1), 1, 0), Ok(()));
}

#[test]
fn member_is_lost_after_the_grace_period() {
    let mut scene = Scene::together(2);
    scene.lose(2);
    scene.wait(GRACE - SECOND);
    scene.connect(2, 3).unwrap();
    scene.wait(GRACE * 2);
    scene.told(1);
    scene.lose(2);
    scene.wait(GRACE - Duration::from_millis(1));
    assert_eq!(scene.told(1), ["6: 2 down"]);
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.told(1), ["7: 2 lost after 1", "duty 0.1 after 1: "]);
    assert_eq!(scene.connect(2, 7), Err(CloseCode::UnknownToken));
    scene.lose(1);
    scene.wait(GRACE);
    assert!(scene.room.is_empty());
}

#[test]
fn grace_period_begins_when_a_sign_of_life_was_due() {
    let mut scene = Scene::together(4);
    // Two connections close, one of them just after a frame. The third counts as lost after too long a silence.
    scene.lose_after(2, Duration::ZERO);
    scene.lose_after(3, SECOND);
    scene.lose_after(4, limits::SILENCE_TIMEOUT);
    scene.told(1);
    scene.wait(GRACE - (limits::SILENCE_TIMEOUT - limits::PING_INTERVAL) - SECOND);
    assert!(scene.told(1).is_empty());
    scene.wait(SECOND);
    assert_eq!(scene.told(1)[0], "9: 4 lost after 1");
    scene.wait(limits::SILENCE_TIMEOUT - limits::PING_INTERVAL - SECOND);
    assert!(!scene.told(1).iter().any(|told| told.contains("lost")));
    scene.wait(SECOND);
    let lost = scene.told(1).into_iter().filter(|told| told.contains("lost")).collect::<Vec<_>>();
    assert_eq!(lost.len(), 2, "{lost:?}");
}

#[test]
fn closing_page_has_a_short_grace_period() {
    let mut scene = Scene::together(2);
    scene.end(2, Ending::Going);
    scene.wait(limits::CLOSING_GRACE - SECOND);
    scene.connect(2, 3).unwrap();
    scene.end(2, Ending::Going);
    scene.told(1);
    scene.wait(limits::CLOSING_GRACE);
    assert_eq!(scene.told(1)[0], "7: 2 lost after 1");
}

#[test]
fn member_that_never_connects_is_removed_silently() {
    let mut scene = Scene::new();
    scene.admit("Ana", 1).unwrap();
    scene.wait(GRACE - SECOND);
    assert!(!scene.room.is_empty());
    scene.wait(SECOND);
    assert!(scene.room.is_empty());
    assert_eq!(scene.room.seq, Seq(0));
}

#[test]
fn hellos_are_limited_per_member() {
    let mut scene = Scene::together(2);
    for hello in 2..limits::HELLOS {
        assert_eq!(scene.connect(1, 0), Ok(()), "hello {hello} after the first two");
    }
    scene.told(2);
    let said = scene.room.seq;
    for _ in 0..3 {
        assert_eq!(scene.connect(1, 0), Err(CloseCode::TooOften));
    }
    assert_eq!(scene.connect(2, said.0), Ok(()), "members are limited separately");
    assert_eq!(scene.room.seq, said, "nobody learns of it");
    scene.wait(SECOND);
    assert_eq!(scene.connect(1, 0), Ok(()));
    assert_eq!(scene.connect(1, 0), Err(CloseCode::TooOften));
    scene.wait(limits::HELLOS * SECOND);
    for _ in 0..limits::HELLOS {
        assert_eq!(scene.connect(1, 0), Ok(()));
    }
    assert_eq!(scene.connect(1, 0), Err(CloseCode::TooOften), "the bucket holds no more");
}

#[test]
fn a_snapshot_goes_on_without_its_connections() {
    let mut scene = Scene::together(3);
    scene.lose(3);
    let mut room = replica(&scene.room);
    let mut effects = Vec::new();
    let connections = room.connections().collect::<Vec<_>>();
    assert_eq!(connections.iter().map(|(member, _)| *member).collect::<Vec<_>>(), ids(&[1, 2]));
    for (member, connection) in connections {
        let ending = Ending::Lost(Duration::ZERO);
        room.apply(scene.now, Input::Disconnect { member, connection, ending }, &mut effects);
    }
    let mut now = scene.now;
    while !room.is_empty() {
        room.apply(now, Input::Tick, &mut effects);
        let wakes = effects.drain(..).filter_map(|effect| if let Effect::Wake(at) = effect { Some(at) } else { None });
        now = wakes.max().unwrap_or(now);
        assert!(now <= scene.now + GRACE, "the room asks for a tick until its last place ends");
    }
}
