use super::*;

#[test]
fn one_commit_answers_all_knocks_of_a_duty() {
    let mut scene = Scene::new();
    (1..=4).for_each(|id| scene.enter(id));
    scene.told(1);
    scene.knock(&[3]);
    assert_eq!(scene.told(1), ["duty 0.0 after 0: 3"]);
    scene.knock(&[2, 4]);
    assert!(scene.told(1).is_empty(), "the holder already has a duty");
    scene.told(2);
    scene.told(3);
    scene.commit(1, 0, &[3], &[]);
    assert_eq!(scene.told(1), ["2: committed 0.0", "duty 0.1 after 1: 2,4"], "in the order of the knocks");
    assert_eq!(scene.told(3), ["2: let into 0.1 with 1+0,3+0"]);
    assert!(scene.told(2).is_empty());
    scene.say(3, 1);
    scene.commit(1, 1, &[2, 4], &[]);
    assert_eq!(scene.told(3), ["3: accepted 1", "4: 1 ends 0.1 +2,4 -"]);
    assert_eq!(scene.told(2), ["4: let into 0.2 with 1+0,2+0,3+1,4+0"]);
    scene.say(1, 1);
    assert_eq!(scene.told(2), ["5: 1 says 1"], "events after the commit");
}

#[test]
fn duty_lists_a_limited_number_of_knocks() {
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
    // The duty goes to a member that never had it.
    assert!(scene.told(1).iter().all(|line| !line.starts_with("duty")));
    assert!(scene.told(40).last().unwrap().starts_with("duty 0.2 after 0: 34,35,36,37,38,39"));
}

#[test]
fn only_the_requested_commit_is_accepted() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.enter(4);
    scene.told(1);
    scene.told(2);
    // There is no knock and no departed member.
    scene.commit(1, 1, &[3], &[]);
    scene.commit(1, 1, &[], &[2]);
    assert!(scene.told(1).is_empty());
    scene.knock(&[3]);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 3"]);
    scene.commit(1, 1, &[3], &[]);
    assert!(scene.told(1).is_empty(), "its author does not hold the duty");
    scene.commit(2, 0, &[3], &[]);
    scene.commit(2, 1, &[3, 4], &[]);
    scene.commit(2, 1, &[3], &[1]);
    assert_eq!(scene.told(2), ["duty 0.1 after 1: 3", "duty 0.1 after 2: 3", "duty 0.1 after 3: 3"]);
    scene.commit(2, 2, &[3], &[]);
    assert!(scene.told(2).is_empty(), "the holder has used up its tries");
    assert!(scene.told(1).is_empty());
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(2), ["4: committed 0.1"]);
    assert_eq!(scene.told(1), ["4: 2 ends 0.1 +3 -"]);
    scene.commit(2, 1, &[3], &[]);
    assert!(scene.told(1).is_empty(), "an epoch ends once");
}

#[test]
fn withdrawn_knock_is_not_answered() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.knock(&[2]);
    scene.told(1);
    // A second knock invalidates the commit, whose Welcome is for the key package of the first.
    scene.knock(&[2]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    scene.lose(2);
    scene.commit(1, 0, &[2], &[]);
    assert!(scene.told(1).is_empty(), "no duty is left");
    scene.connect(2, 0).unwrap();
    scene.commit(1, 0, &[2], &[]);
    assert!(scene.told(1).is_empty());
    // A knock of another generation, sent before the group was founded anew.
    scene.take(2, &ClientFrame::Knock { generation: 1, sealed: b"knock" }).unwrap();
    assert!(scene.told(1).is_empty());
    scene.knock(&[2]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 3: 2", "2: committed 0.0"]);
}

#[test]
fn commit_must_remove_departed_members() {
    let mut scene = Scene::together(4);
    scene.enter(5);
    scene.knock(&[5]);
    assert_eq!(scene.told(2), ["duty 0.1 after 0: 5"]);
    scene.leave(4);
    // The holder made this commit before it learned of the departure.
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
fn lapsed_duty_passes_to_the_next_member() {
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
    // A member that has sent something comes before silent ones. A late commit still counts.
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
fn duty_of_a_departing_holder_passes_on_at_once() {
    for departure in 0..4 {
        let mut scene = Scene::together(3);
        scene.enter(4);
        scene.knock(&[4]);
        assert_eq!(scene.told(2), ["duty 0.1 after 0: 4"]);
        match departure {
            0 => scene.lose(2),
            1 => scene.leave(2),
            2 => scene.stuck(2, 1),
            _ => scene.connect(2, 0).unwrap(),
        }
        assert_eq!(scene.told(3).last().unwrap(), "duty 0.1 after 0: 4", "{departure}");
        assert_eq!(scene.room.members.get(&MemberId(2)).map_or(0, |member| member.lapses), 0);
    }
}

#[test]
fn reconnecting_holder_gets_the_duty_again() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.knock(&[2]);
    scene.told(1);
    scene.commit(1, 7, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    let last = scene.room.seq.0;
    scene.connect(1, last).unwrap();
    assert_eq!(scene.told(1)[1..], ["duty 0.0 after 0: 2"], "the count of commits starts again on a new connection");
}

#[test]
fn knock_declined_by_all_is_refused() {
    let mut scene = Scene::together(3);
    scene.enter(4);
    scene.enter(5);
    scene.knock(&[4, 5]);
    scene.decline(2, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(3)), "2 declined the only knock in its duty");
    scene.decline(1, &[4, 5]);
    scene.decline(3, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(3)), "3 declined one of the two knocks in its duty");
    assert!(scene.closed.is_empty(), "1 did not hold the duty, so its decline does not count");
    scene.commit(3, 1, &[5], &[]);
    assert_eq!(scene.told(1).last().unwrap(), "duty 0.2 after 1: 4");
    scene.say(5, 1);
    scene.decline(1, &[4]);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(5)));
    scene.take(5, &ClientFrame::Decline { epoch: epoch(0, 1), members: ids(&[4]) }).unwrap();
    assert!(scene.closed.is_empty(), "a decline of another epoch");
    scene.decline(5, &[4]);
    assert_eq!(scene.closed[&4], CloseCode::NotLetIn);
    assert!(
        scene.told(1).iter().all(|line| !line.contains("left") && !line.contains("lost")),
        "4 was never in the group"
    );
    assert!(scene.room.group.duty.is_none());
}

#[test]
fn new_knock_clears_earlier_declines() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.decline(2, &[3]);
    scene.knock(&[3]);
    scene.decline(1, &[3]);
    assert!(scene.closed.is_empty(), "1 declined the earlier knock, and 2 has not seen this one");
    // When 1 is lost, 2 is the only connected member, and it has declined the knock.
    scene.told(2);
    scene.wait(2 * SECOND);
    scene.decline(2, &[3]);
    scene.lose(1);
    assert_eq!(scene.closed.get(&3), Some(&CloseCode::NotLetIn));
}

#[test]
fn knock_waits_for_a_member_that_has_not_declined() {
    let mut scene = Scene::together(3);
    scene.enter(4);
    scene.knock(&[4]);
    scene.decline(2, &[4]);
    scene.decline(3, &[4]);
    scene.lose(2);
    scene.lose(3);
    assert!(scene.closed.is_empty(), "1, the only connected member, has not declined it");
    scene.decline(1, &[4]);
    assert_eq!(scene.closed.get(&4), Some(&CloseCode::NotLetIn));
}

#[test]
fn replaced_knock_does_not_count_as_a_lapse() {
    for again in [false, true] {
        let mut scene = Scene::together(2);
        scene.enter(3);
        scene.knock(&[3]);
        assert_eq!(scene.told(2), ["duty 0.1 after 0: 3"]);
        if again {
            scene.knock(&[3]);
        }
        scene.wait(limits::DUTY_TIMEOUT);
        assert_eq!(scene.room.group.duty_holder(), Some(MemberId(1)));
        assert_eq!(scene.room.members[&MemberId(2)].lapses, u32::from(!again));
    }
}

/// Commits and declines name members, not knocks, so the room must tell which knock they answer.
#[test]
fn answer_to_an_older_knock_does_not_count_for_a_newer_one() {
    let again = |scene: &mut Scene| {
        scene.enter(2);
        scene.knock(&[2]);
        assert_eq!(scene.told(1).last().unwrap(), "duty 0.0 after 0: 2");
        scene.knock(&[2]);
        // The duty lapses, and the same member gets it again.
        scene.wait(limits::DUTY_TIMEOUT);
        assert!(scene.told(1).is_empty(), "the room still waits for its answer to the earlier knock");
    };
    let mut scene = Scene::together(1);
    again(&mut scene);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["duty 0.0 after 1: 2"]);
    scene.commit(1, 0, &[2], &[]);
    assert_eq!(scene.told(1), ["2: committed 0.0"]);

    let mut scene = Scene::together(1);
    again(&mut scene);
    scene.decline(1, &[2]);
    assert!(scene.closed.is_empty());
    assert_eq!(scene.told(1), ["duty 0.0 after 0: 2"]);
    scene.decline(1, &[2]);
    assert_eq!(scene.closed.get(&2), Some(&CloseCode::NotLetIn));
}

#[test]
fn former_group_member_that_is_declined_is_removed() {
    let mut scene = Scene::together(2);
    scene.stuck(2, 1);
    scene.knock(&[2]);
    scene.told(1);
    scene.decline(1, &[2]);
    assert_eq!(scene.closed[&2], CloseCode::NotLetIn);
    assert_eq!(scene.told(1), ["4: 2 lost after 1", "duty 0.1 after 1: "]);
}

#[test]
fn refresh_is_accepted_once_a_minute() {
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
fn refresh_does_not_fulfil_the_duty() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.told(2);
    scene.commit(1, 1, &[], &[]);
    assert_eq!(scene.told(2), ["4: 1 ends 0.1 + -", "duty 0.2 after 0: 3"]);
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(2), ["duty 0.2 after 1: 3"], "it was sent before the refresh");
    scene.commit(2, 2, &[], &[]);
    assert_eq!(scene.told(2), ["5: committed 0.2", "duty 0.3 after 2: 3"]);
    scene.commit(2, 3, &[3], &[]);
    assert_eq!(scene.told(2), ["6: committed 0.3"]);
}

#[test]
fn admitted_member_must_confirm_its_welcome() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    scene.enter(3);
    scene.knock(&[2, 3]);
    scene.commit(1, 0, &[2], &[]);
    scene.wait(5 * SECOND);
    scene.lose(2);
    scene.wait(9 * SECOND);
    scene.connect(2, 2).unwrap();
    assert!(scene.told(2)[0].starts_with("welcome Inside"), "the deadline applies only while it is connected");
    scene.told(1);
    scene.wait(10 * SECOND - Duration::from_millis(1));
    assert!(!scene.closed.contains_key(&2));
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.closed[&2], CloseCode::UnknownToken);
    assert_eq!(scene.told(1).iter().find(|line| line.contains("lost")).unwrap(), "5: 2 lost after 0");
}

#[test]
fn admitted_member_that_may_not_send_keeps_its_place() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.commit(2, 1, &[3], &[]);
    scene.leave(2);
    scene.told(3);
    // 1 holds the duty, then 3. By fulfilling it, 3 confirms its Welcome.
    scene.wait(2 * SECOND);
    assert_eq!(scene.told(3), ["duty 0.2 after 0: "]);
    scene.commit(3, 2, &[], &[2]);
    scene.wait(60 * SECOND);
    assert!(!scene.closed.contains_key(&3));
}

#[test]
fn admitted_member_is_kept_until_it_has_had_the_duty() {
    let mut scene = Scene::together(7);
    scene.enter(8);
    scene.knock(&[8]);
    scene.commit(2, 1, &[8], &[]);
    scene.leave(2);
    scene.wait(12 * SECOND);
    assert_eq!(scene.room.group.duty_holder(), Some(MemberId(8)), "after six members let the duty lapse");
    scene.commit(8, 2, &[], &[2]);
    scene.wait(60 * SECOND);
    assert!(!scene.closed.contains_key(&8));
}

#[test]
fn unresponsive_newcomer_does_not_block_the_room() {
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
