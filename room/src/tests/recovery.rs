use super::*;

#[test]
fn stuck_member_is_admitted_again() {
    let mut scene = Scene::together(3);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(2, 1);
    scene.told(2);
    scene.say(1, 1);
    assert!(scene.told(2).is_empty(), "nothing more is relayed to it");
    scene.told(1);
    scene.told(3);
    scene.knock(&[2]);
    scene.commit(3, 2, &[2], &[]);
    assert_eq!(scene.told(3), ["duty 0.2 after 0: 2", "7: committed 0.2"], "2 precedes 3, but is outside the group");
    assert_eq!(scene.told(2), ["7: let into 0.3 with 1+1,2+1,3+1"]);
    assert!(scene.closed.is_empty());
}

#[test]
fn author_is_removed_when_all_others_are_stuck() {
    let mut scene = Scene::together(4);
    scene.lose(4);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(3, 1);
    // Both knock at once. The second knock arrives after the group was founded anew.
    let knock = ClientFrame::Knock { generation: 0, sealed: b"knock" };
    scene.take(3, &knock).unwrap();
    scene.told(2);
    scene.told(3);
    scene.stuck(2, 1);
    scene.take(2, &knock).unwrap();
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert_eq!(scene.told(2), ["9: anew 1 as founder"]);
    assert_eq!(scene.told(3), ["9: anew 1"]);
    scene.knock(&[3]);
    assert_eq!(scene.told(2), ["duty 1.0 after 0: 3"]);
    scene.stuck(2, 9);
    scene.connect(4, 5).unwrap();
    assert!(scene.told(4)[0].starts_with("welcome Outside"), "the former group is gone");
}

#[test]
fn repeatedly_stuck_newcomer_removes_only_itself() {
    let mut scene = Scene::together(1);
    scene.enter(2);
    for n in 0..3 {
        scene.knock(&[2]);
        scene.commit(1, n, &[2], &[]);
        scene.stuck(2, n + 1);
    }
    assert!(scene.closed.is_empty());
    scene.knock(&[2]);
    scene.commit(1, 3, &[2], &[]);
    scene.stuck(2, 4);
    assert_eq!(scene.closed, BTreeMap::from([(2, CloseCode::PutOut)]), "four times is enough");
}

#[test]
fn failed_commit_counts_once_against_its_author() {
    let mut scene = Scene::together(6);
    scene.commit(1, 1, &[], &[]);
    for id in 2..=5 {
        scene.stuck(id, 1);
    }
    assert!(scene.closed.is_empty(), "6 can follow");
    assert_eq!(scene.room.members[&MemberId(1)].strikes, 1);
    // A report of an older epoch does not tell which commit failed.
    scene.stuck(6, 0);
    assert_eq!(scene.room.members[&MemberId(1)].strikes, 1);
    assert_eq!(scene.room.members[&MemberId(6)].strikes, 1);
}

#[test]
fn stuck_newcomer_counts_against_its_welcome_or_the_last_commit() {
    let strikes = |scene: &Scene| (1..=4).map(|id| scene.room.members[&MemberId(id)].strikes).collect::<Vec<_>>();
    let let_in = || {
        let mut scene = Scene::together(3);
        scene.enter(4);
        scene.knock(&[4]);
        scene.commit(2, 1, &[4], &[]);
        scene
    };
    let mut scene = let_in();
    scene.stuck(4, 2);
    assert_eq!(strikes(&scene), [0, 1, 0, 1], "2 made the Welcome");
    let mut scene = let_in();
    scene.commit(1, 2, &[], &[]);
    scene.commit(3, 3, &[], &[]);
    scene.stuck(4, 3);
    assert_eq!(strikes(&scene), [0, 0, 1, 1], "3 made the commit that 4 is stuck at");
}

#[test]
fn author_of_four_failed_commits_is_removed() {
    let mut scene = Scene::together(6);
    for (n, id) in [(1, 2), (2, 3), (3, 4), (4, 5)] {
        assert!(!scene.closed.contains_key(&1));
        scene.commit(1, n, &[], &[]);
        scene.stuck(id, n);
        scene.wait(GRACE);
    }
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert!(scene.told(6).iter().any(|line| line.contains("1 lost")), "the others learn of it and continue");
    assert_eq!(scene.room.group.epoch.generation, 0);
    scene.wait(3 * SECOND);
    assert!(scene.told(6).is_empty() || scene.room.group.duty_holder() == Some(MemberId(6)));
}

#[test]
fn unanswered_newcomer_is_told_once() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.told(3);
    scene.wait(9 * SECOND);
    assert!(scene.told(3).is_empty());
    scene.wait(SECOND);
    assert_eq!(scene.told(3), ["unanswered"]);
    scene.wait(50 * SECOND);
    assert!(scene.told(3).is_empty(), "once, and a newcomer does not found another group");
    assert_eq!(scene.room.group.epoch, epoch(0, 1));
    scene.told(2);
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(3), ["4: let into 0.2 with 1+0,2+1,3+0"]);
}

#[test]
fn unanswered_former_member_founds_the_group_anew() {
    let mut scene = Scene::together(3);
    scene.stuck(3, 1);
    scene.stuck(2, 1);
    scene.enter(4);
    scene.knock(&[4, 2, 3]);
    scene.told(2);
    scene.wait(5 * SECOND);
    // A commit answers one knock, which proves that the group is alive. Then no commit follows.
    scene.commit(1, 1, &[4], &[]);
    scene.say(4, 1);
    scene.told(4);
    scene.wait(10 * SECOND - Duration::from_millis(1));
    assert_eq!(scene.told(2), ["unanswered"]);
    scene.told(1);
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.told(2), ["7: anew 1 as founder"]);
    for id in [1, 3, 4] {
        assert_eq!(scene.told(id).last().unwrap(), "7: anew 1", "{id}");
    }
    assert!(scene.closed.is_empty(), "nobody is removed");
    scene.say(1, 1);
    assert!(scene.told(2).is_empty());
    scene.knock(&[1]);
    scene.commit(2, 0, &[1], &[]);
    scene.say(1, 1);
    assert_eq!(scene.told(2), ["duty 1.0 after 0: 1", "8: committed 1.0", "9: 1 says 1"], "counters continue");
}

#[test]
fn waiting_members_found_the_group_anew_after_the_last_departure() {
    for away in [false, true] {
        let mut scene = Scene::together(1);
        (2..=4).for_each(|id| scene.enter(id));
        scene.knock(&[4, 3]);
        scene.lose(2);
        scene.told(3);
        if away {
            scene.lose(1);
            scene.wait(GRACE - SECOND);
            assert_eq!(scene.told(3), ["unanswered"]);
            scene.wait(SECOND);
        } else {
            scene.leave(1);
        }
        assert!(scene.told(3).last().unwrap().ends_with("anew 1 as founder"));
        assert!(scene.told(4).last().unwrap().ends_with("anew 1"));
    }
}

#[test]
fn lone_stuck_member_is_removed_after_four_tries() {
    let mut scene = Scene::together(1);
    for generation in 1..4 {
        scene.stuck(1, 0);
        assert_eq!(scene.told(1), [format!("{}: anew {generation} as founder", generation + 1)]);
    }
    scene.stuck(1, 0);
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert!(scene.room.is_empty());
}

#[test]
fn stuck_author_does_not_found_the_next_group() {
    let mut scene = Scene::together(2);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(1, 1);
    scene.stuck(2, 1);
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert!(scene.told(2).last().unwrap().ends_with("anew 1 as founder"));
}

#[test]
fn admission_lists_counters_of_members_outside() {
    let mut scene = Scene::together(3);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(3, 1);
    scene.stuck(2, 1);
    scene.told(2);
    (4..=5).for_each(|id| scene.enter(id));
    scene.knock(&[4]);
    scene.commit(2, 0, &[4], &[]);
    // The fifth member has sent nothing, so it is not listed.
    let let_in = scene.told(4).pop().unwrap();
    assert!(let_in.ends_with("let into 1.1 with 2+1,3+1,4+0"), "{let_in}");
}
