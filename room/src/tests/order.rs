use super::*;

#[test]
fn all_members_see_one_order() {
    let mut scene = Scene::together(2);
    scene.say(1, 1);
    scene.say(2, 2);
    scene.say(2, 2);
    assert_eq!(scene.told(1), ["4: accepted 1", "5: 2 says 2"], "a repeated message is not ordered twice");
    assert_eq!(scene.told(2), ["4: 1 says 1", "5: accepted 2"]);
    let skipped = ClientFrame::Message { epoch: epoch(0, 1), counter: Counter(4), sealed: b"x" };
    assert_eq!(scene.take(2, &skipped), Err(CloseCode::CounterSkipped));
    // A droppable message has a sequence number but no counter.
    scene.say(2, 0);
    scene.say(2, 0);
    scene.say(2, 3);
    assert_eq!(scene.told(1), ["6: 2 says 0", "7: 2 says 0", "8: 2 says 3"]);
}

#[test]
fn droppable_message_has_a_substitute_with_its_number() {
    let mut scene = Scene::together(2);
    for (counter, expected) in [(1, None), (0, Some("5: 1 up"))] {
        let message = ClientFrame::Message { epoch: epoch(0, 1), counter: Counter(counter), sealed: b"x" };
        let mut effects = Vec::new();
        let connection = scene.connected[&1].id;
        let input = Input::Frame { member: MemberId(1), connection, frame: &message };
        scene.room.apply(scene.now, input, &mut effects);
        let [Effect::Broadcast { substitute, .. }, ..] = &effects[..] else { panic!("{effects:?}") };
        let substitute = substitute.as_ref().map(|frame| words(&ServerFrame::parse(frame).unwrap()));
        assert_eq!(substitute.as_deref(), expected);
    }
}

#[test]
fn messages_of_other_epochs_are_ignored() {
    let mut scene = Scene::together(2);
    for epoch in [epoch(0, 0), epoch(0, 2), epoch(1, 1)] {
        // The counter is not checked, because the member sends this message and those before it again.
        let message = ClientFrame::Message { epoch, counter: Counter(7), sealed: b"x" };
        assert_eq!(scene.take(2, &message), Ok(()));
    }
    assert!(scene.told(1).is_empty());
    assert_eq!(scene.room.seq, Seq(3));
}

#[test]
fn messages_wait_until_departed_members_are_removed() {
    let mut scene = Scene::together(3);
    scene.leave(3);
    scene.told(2);
    scene.say(1, 1);
    assert!(scene.told(2).is_empty());
    scene.commit(2, 1, &[], &[3]);
    scene.say(1, 1);
    assert_eq!(scene.told(2), ["6: committed 0.1", "7: 1 says 1"]);
}

#[test]
fn message_size_is_limited() {
    let mut scene = Scene::together(2);
    let say = |counter, sealed| ClientFrame::Message { epoch: epoch(0, 1), counter: Counter(counter), sealed };
    assert_eq!(scene.take(1, &say(1, &[1; limits::MESSAGE_BYTES])), Ok(()));
    assert_eq!(scene.take(1, &say(2, &[1; limits::MESSAGE_BYTES + 1])), Err(CloseCode::TooBig));
}

#[test]
fn frames_outside_the_protocol_are_answered_or_refused() {
    let mut scene = Scene::together(2);
    let hello = wire::Hello {
        room_id: RoomId([1; 16]),
        member_id: MemberId(1),
        token: [1; 32].into(),
        attempt: 0,
        seq: Seq(0),
        verifier: None,
    };
    assert_eq!(scene.take(1, &ClientFrame::Hello(hello)), Err(CloseCode::Malformed));
    assert_eq!(scene.take(1, &ClientFrame::Ping), Ok(()));
    assert_eq!(scene.told(1), ["pong"]);
    assert_eq!(scene.take(9, &ClientFrame::Ping), Err(CloseCode::UnknownToken));
    scene.lose(2);
    scene.told(1);
    assert_eq!(scene.take(2, &ClientFrame::Ping), Err(CloseCode::Replaced), "its connection has ended");
    assert!(scene.told(1).is_empty());
}

#[test]
fn replay_buffer_is_bounded_in_bytes() {
    let mut scene = Scene::together(2);
    scene.room.history = History::new(10_000);
    scene.lose(2);
    for counter in 1..=100 {
        scene.say(1, counter);
        assert!((1..=10_000).contains(&scene.room.replay_bytes()));
    }
    let known = scene.room.history.after(MemberId(2), Seq(0), Seq(0)).map(|frames| frames.len());
    assert_eq!(known, Some(0));
    let reach = (0..100).rev().take_while(|n| {
        scene.room.history.after(MemberId(2), Seq(scene.room.seq.0 - (100 - n)), scene.room.seq).is_some()
    });
    let reach = reach.count();
    assert!((30..100).contains(&reach), "{reach}: the newest are kept, and each costs more than its bytes");
    scene.apply(Input::Trim { bytes: 5000 });
    assert!((4000..=5000).contains(&scene.room.replay_bytes()));
}
