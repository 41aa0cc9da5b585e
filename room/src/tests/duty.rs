use super::*;

#[test]
fn a_knock_is_answered_with_one_commit() {
    let mut scene = Scene::new();
    (1..=4).for_each(|id| scene.enter(id));
    scene.told(1);
    scene.knock(&[3]);
    assert_eq!(scene.told(1), ["duty 0.0 after 0: 3"]);
    scene.knock(&[2, 4]);
    assert!(scene.told(1).is_empty(), "it has its hands full");
    scene.told(2);
    scene.told(3);
    scene.commit(1, 0, &[3], &[]);
    assert_eq!(scene.told(1), ["2: committed 0.0", "duty 0.1 after 1: 2,4"], "in the order of their coming");
    assert_eq!(scene.told(3), ["2: let into 0.1 with 1+0,3+0"]);
    assert!(scene.told(2).is_empty());
    scene.say(3, 1);
    scene.commit(1, 1, &[2, 4], &[]);
    assert_eq!(scene.told(3), ["3: accepted 1", "4: 1 ends 0.1 +2,4 -"]);
    assert_eq!(scene.told(2), ["4: let into 0.2 with 1+0,2+0,3+1,4+0"]);
    scene.say(1, 1);
    assert_eq!(scene.told(2), ["5: 1 says 1"], "what is ordered after it");
}

#[test]
fn at_most_so_many_at_once() {
    let mut scene = Scene::with(60, 0);
    (1..=40).for_each(|id| scene.enter(id));
    scene.told(1);
    scene.knock(&[40]);
    scene.knock(&(2..=39).collect::<Vec<_>>());
    scene.told(1);
    scene.commit(1, 0, &[40], &[]);
    let first = (2..=33).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(scene.told(1)[1], format!("duty 0.1 after 1: {first}"));
    scene.say(40, 1);
    scene.commit(1, 1, &(2..=33).collect::<Vec<_>>(), &[]);
    // The next turn is that of one who never had it.
    assert!(scene.told(1).iter().all(|line| !line.starts_with("duty")));
    assert!(scene.told(40).last().unwrap().starts_with("duty 0.2 after 0: 34,35,36,37,38,39"));
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.enter(4);
    scene.told(1);
    scene.told(2);
    // Nobody knocks, nobody is gone.
    scene.commit(1, 1, &[3], &[]);
    scene.commit(1, 1, &[], &[2]);
    assert!(scene.told(1).is_empty());
    scene.knock(&[3]);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 3"]);
    scene.commit(1, 1, &[3], &[]);
    assert!(scene.told(1).is_empty(), "its author was not asked");
    scene.commit(2, 0, &[3], &[]);
    scene.commit(2, 1, &[3, 4], &[]);
    scene.commit(2, 1, &[3], &[1]);
    assert_eq!(scene.told(2), ["duty 0.1 after 1: 3", "duty 0.1 after 2: 3", "duty 0.1 after 3: 3"]);
    scene.commit(2, 2, &[3], &[]);
    assert!(scene.told(2).is_empty(), "not for ever");
    assert!(scene.told(1).is_empty());
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(2), ["4: committed 0.1"]);
    assert_eq!(scene.told(1), ["4: 2 ends 0.1 +3 -"]);
    scene.commit(2, 1, &[3], &[]);
    assert!(scene.told(1).is_empty(), "an epoch ends once");
}

#[test]
fn a_knock_that_is_no_more_is_not_answered() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.knock(&[2]);
    scene.told(1);
    // A second knock: the Welcome would be for the key package of the first.
    scene.knock(&[2]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    scene.lose(2);
    scene.commit(1, 0, &[2], &[]);
    assert!(scene.told(1).is_empty(), "nothing is left to do");
    scene.connect(2, 0).unwrap();
    scene.commit(1, 0, &[2], &[]);
    assert!(scene.told(1).is_empty());
    // One of another generation was under way when the group began anew.
    scene.take(2, &ClientFrame::Knock { generation: 1, sealed: b"knock" }).unwrap();
    assert!(scene.told(1).is_empty());
    scene.knock(&[2]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 3: 2", "2: committed 0.0"]);
}

#[test]
fn who_is_gone_is_removed_before_anything_else() {
    let mut scene = Scene::together(4);
    scene.enter(5);
    scene.knock(&[5]);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 5"]);
    scene.leave(4);
    // Its commit was made before it heard of that.
    scene.commit(2, 1, &[5], &[]);
    assert_eq!(scene.told(2), ["6: 4 left after 1", "duty 0.1 after 1: 5"]);
    scene.leave(3);
    scene.commit(2, 1, &[5], &[4]);
    scene.commit(2, 1, &[5], &[3, 4]);
    assert_eq!(scene.told(2), ["7: 3 left after 1", "duty 0.1 after 2: 5", "8: committed 0.1"]);
    assert_eq!(scene.told(5)[1..], ["8: let into 0.2 with 1+0,2+1,5+0"]);
    assert!(scene.room.group.gone.is_empty());
}

#[test]
fn the_duty_goes_round() {
    let mut scene = Scene::together(3);
    scene.enter(4);
    scene.knock(&[4]);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 4"]);
    scene.wait(2 * SECOND - Duration::from_millis(1));
    assert!(scene.told(3).is_empty());
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.told(3), ["duty 0.1 after 0: 4"]);
    scene.wait(2 * SECOND);
    assert_eq!(scene.told(1), ["duty 0.1 after 1: 4"]);
    scene.wait(2 * SECOND);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 4"]);
    // Who is heard of comes before those who were not; a late commit is a commit.
    scene.say(3, 2);
    scene.wait(2 * SECOND);
    assert_eq!(scene.told(3).last().unwrap(), "duty 0.1 after 0: 4");
    scene.commit(1, 1, &[4], &[]);
    assert_eq!(scene.told(4).last().unwrap(), "6: let into 0.2 with 1+0,2+1,3+2,4+0");
    assert!(scene.room.group.duty.is_none());
    scene.wait(3 * SECOND);
    assert!(scene.told(2).iter().all(|line| !line.starts_with("duty")));
}

#[test]
fn a_holder_that_goes_hands_it_on_at_once() {
    for how in 0..4 {
        let mut scene = Scene::together(3);
        scene.enter(4);
        scene.knock(&[4]);
        assert_eq!(scene.told(2), ["duty 0.1 after 0: 4"]);
        match how {
            0 => scene.lose(2),
            1 => scene.leave(2),
            2 => scene.stuck(2, 1),
            _ => scene.connect(2, 0).unwrap(),
        }
        assert_eq!(scene.told(3).last().unwrap(), "duty 0.1 after 0: 4", "{how}");
        assert_eq!(scene.room.members.get(&MemberId(2)).map_or(0, |member| member.lapses), 0);
    }
}

#[test]
fn who_takes_its_place_again_is_asked_again() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.knock(&[2]);
    scene.told(1);
    scene.commit(1, 7, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    let last = scene.room.seq.0;
    scene.connect(1, last).unwrap();
    assert_eq!(scene.told(1)[1..], ["duty 0.0 after 0: 2"], "its connection is new, and so is the count");
}

#[test]
fn nobody_lets_them_in() {
    let mut scene = Scene::together(3);
    scene.enter(4);
    scene.enter(5);
    scene.knock(&[4, 5]);
    scene.pass(2, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(3)), "only 4 was named, and 2 is done");
    scene.pass(1, &[4, 5]);
    scene.pass(3, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(3)), "5 waits, and 3 was named both");
    assert!(scene.closed.is_empty(), "1 was not asked, so what it passed over does not count");
    scene.commit(3, 1, &[5], &[]);
    assert_eq!(scene.told(1).last().unwrap(), "duty 0.2 after 1: 4");
    scene.say(5, 1);
    scene.pass(1, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(5)));
    scene.take(5, &ClientFrame::Pass { epoch: epoch(0, 1), members: ids(&[4]) }).unwrap();
    assert!(scene.closed.is_empty(), "of another epoch");
    scene.pass(5, &[4]);
    assert_eq!(scene.closed[&4], CloseCode::NotLetIn);
    assert!(scene.told(1).iter().all(|line| !line.contains("left") && !line.contains("lost")), "4 was never in");
    assert!(scene.room.group.duty.is_none());
}

#[test]
fn a_new_knock_is_looked_at_anew() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.pass(2, &[3]);
    scene.knock(&[3]);
    scene.pass(1, &[3]);
    assert!(scene.closed.is_empty(), "what 1 passed over is no more, and 2 has not seen this one");
    // The last one to have passed over it decides, whoever has gone meanwhile.
    scene.told(2);
    scene.wait(2 * SECOND);
    scene.pass(2, &[3]);
    scene.lose(1);
    assert_eq!(scene.closed.get(&3), Some(&CloseCode::NotLetIn));
}

#[test]
fn a_knock_waits_for_the_one_who_has_not_seen_it() {
    let mut scene = Scene::together(3);
    scene.enter(4);
    scene.knock(&[4]);
    scene.pass(2, &[4]);
    scene.pass(3, &[4]);
    scene.lose(2);
    scene.lose(3);
    assert!(scene.closed.is_empty(), "as many have passed over it as are there, but 1 has not");
    scene.pass(1, &[4]);
    assert_eq!(scene.closed.get(&4), Some(&CloseCode::NotLetIn));
}

#[test]
fn a_knock_that_was_replaced_is_not_held_against_the_duty() {
    for again in [false, true] {
        let mut scene = Scene::together(2);
        scene.enter(3);
        scene.knock(&[3]);
        assert_eq!(scene.told(2), ["duty 0.1 after 0: 3"]);
        if again {
            scene.knock(&[3]);
        }
        scene.wait(limits::DUTY_WITHIN);
        assert_eq!(scene.room.group.duty_holder(), Some(MemberId(1)));
        assert_eq!(scene.room.members[&MemberId(2)].lapses, u32::from(!again));
    }
}

/// A commit and a pass name members, not knocks.
#[test]
fn an_answer_to_an_older_knock_is_not_taken_for_one_to_the_last() {
    let again = |scene: &mut Scene| {
        scene.enter(2);
        scene.knock(&[2]);
        assert_eq!(scene.told(1).last().unwrap(), "duty 0.0 after 0: 2");
        scene.knock(&[2]);
        // The turn is over, and the next is the same member's.
        scene.wait(limits::DUTY_WITHIN);
        assert!(scene.told(1).is_empty(), "its answer is under way");
    };
    let mut scene = Scene::together(1);
    again(&mut scene);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["2: committed 0.0"]);

    let mut scene = Scene::together(1);
    again(&mut scene);
    scene.pass(1, &[2]);
    assert!(scene.closed.is_empty());
    assert_eq!(scene.told(1), ["duty 0.0 after 0: 2"]);
    scene.pass(1, &[2]);
    assert_eq!(scene.closed.get(&2), Some(&CloseCode::NotLetIn));
}

#[test]
fn one_who_was_in_and_is_not_let_in_again_is_removed() {
    let mut scene = Scene::together(2);
    scene.stuck(2, 1);
    scene.knock(&[2]);
    scene.told(1);
    scene.pass(1, &[2]);
    assert_eq!(scene.closed[&2], CloseCode::NotLetIn);
    assert_eq!(scene.told(1), ["4: 2 lost after 1", "duty 0.1 after 1: "]);
}

#[test]
fn refreshing_once_a_minute() {
    let mut scene = Scene::together(2);
    scene.commit(1, 1, &[], &[]);
    scene.commit(1, 2, &[], &[]);
    assert_eq!(scene.told(1), ["4: committed 0.1"]);
    scene.commit(2, 2, &[], &[]);
    assert_eq!(scene.told(1), ["5: 2 ends 0.2 + -"]);
    scene.wait(GRACE);
    scene.commit(1, 3, &[], &[]);
    assert_eq!(scene.told(1), ["6: committed 0.3"]);
}

#[test]
fn a_refresh_does_not_do_the_duty() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.told(2);
    scene.commit(1, 1, &[], &[]);
    assert_eq!(scene.told(2), ["4: 1 ends 0.1 + -", "duty 0.2 after 0: 3"]);
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(2), ["duty 0.2 after 1: 3"], "it was sent before");
    scene.commit(2, 2, &[], &[]);
    assert_eq!(scene.told(2), ["5: committed 0.2", "duty 0.3 after 2: 3"]);
    scene.commit(2, 3, &[3], &[]);
    assert_eq!(scene.told(2), ["6: committed 0.3"]);
}

#[test]
fn who_is_let_in_says_so() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.enter(3);
    scene.knock(&[2, 3]);
    scene.commit(1, 0, &[2], &[]);
    scene.wait(5 * SECOND);
    scene.lose(2);
    scene.wait(9 * SECOND);
    scene.connect(2, 2).unwrap();
    assert!(scene.told(2)[0].starts_with("welcome Inside"), "it has till then only while it is there");
    scene.told(1);
    scene.wait(10 * SECOND - Duration::from_millis(1));
    assert!(!scene.closed.contains_key(&2));
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.closed[&2], CloseCode::UnknownToken);
    assert_eq!(scene.told(1).iter().find(|line| line.contains("lost")).unwrap(), "5: 2 lost after 0");
}

#[test]
fn who_may_not_speak_is_not_removed_for_that() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.commit(2, 1, &[3], &[]);
    scene.leave(2);
    scene.told(3);
    // 1 holds the duty, and then 3, which does it: that says that it is in.
    scene.wait(2 * SECOND);
    assert_eq!(scene.told(3), ["duty 0.2 after 0: "]);
    scene.commit(3, 2, &[], &[2]);
    scene.wait(60 * SECOND);
    assert!(!scene.closed.contains_key(&3));
}

#[test]
fn who_has_not_had_its_turn_is_waited_for() {
    let mut scene = Scene::together(7);
    scene.enter(8);
    scene.knock(&[8]);
    scene.commit(2, 1, &[8], &[]);
    scene.leave(2);
    scene.wait(12 * SECOND);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(8)), "after six who let the duty lapse");
    scene.commit(8, 2, &[], &[2]);
    scene.wait(60 * SECOND);
    assert!(!scene.closed.contains_key(&8));
}

#[test]
fn a_dead_newcomer_does_not_hold_the_room() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.knock(&[2]);
    scene.commit(1, 0, &[2], &[]);
    scene.enter(3);
    scene.leave(1);
    scene.knock(&[3]);
    scene.told(3);
    scene.wait(10 * SECOND);
    assert_eq!(scene.closed[&2], CloseCode::UnknownToken);
    assert_eq!(scene.told(3).last().unwrap(), "5: anew 1 as founder");
}
