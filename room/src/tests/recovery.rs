use super::*;

#[test]
fn one_who_is_stuck_comes_in_again() {
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
    assert_eq!(scene.told(3), ["duty 0.2 after 0: 2", "7: committed 0.2"], "2 had none before 3, but is outside");
    assert_eq!(scene.told(2), ["7: let into 0.3 with 1+1,2+1,3+1"]);
    assert!(scene.closed.is_empty());
}

#[test]
fn when_all_are_stuck_they_go_on_without_the_author() {
    let mut scene = Scene::together(4);
    scene.lose(4);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(3, 1);
    // It knocks at once, and so does the next one: by then the group is another.
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
    assert!(scene.told(4)[0].starts_with("welcome Outside"), "of the former group nothing is left");
}

#[test]
fn who_came_late_puts_nobody_out() {
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
fn an_author_is_blamed_once_a_commit() {
    let mut scene = Scene::together(6);
    scene.commit(1, 1, &[], &[]);
    for id in 2..=5 {
        scene.stuck(id, 1);
    }
    assert!(scene.closed.is_empty(), "6 can follow");
    assert_eq!(scene.room.members[&MemberId(1)].strikes, 1);
    // An older epoch tells nothing of whose commit it was.
    scene.stuck(6, 0);
    assert_eq!(scene.room.members[&MemberId(1)].strikes, 1);
    assert_eq!(scene.room.members[&MemberId(6)].strikes, 1);
}

#[test]
fn a_newcomer_blames_its_welcome_or_the_commit_that_it_is_stuck_at() {
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
    assert_eq!(strikes(&scene), [0, 0, 1, 1], "3 made the commit that it cannot follow");
}

#[test]
fn four_commits_that_do_not_open() {
    let mut scene = Scene::together(6);
    for (n, id) in [(1, 2), (2, 3), (3, 4), (4, 5)] {
        assert!(!scene.closed.contains_key(&1));
        scene.commit(1, n, &[], &[]);
        scene.stuck(id, n);
        scene.wait(GRACE);
    }
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert!(scene.told(6).iter().any(|line| line.contains("1 lost")), "the others are told, and go on");
    assert_eq!(scene.room.group.epoch.generation, 0);
    scene.wait(3 * SECOND);
    assert!(scene.told(6).is_empty() || scene.room.group.duty_holder() == Some(MemberId(6)));
}

#[test]
fn nobody_answers() {
    let mut scene = Scene::together(2);
    scene.enter(3);
    scene.knock(&[3]);
    scene.told(3);
    scene.wait(9 * SECOND);
    assert!(scene.told(3).is_empty());
    scene.wait(SECOND);
    assert_eq!(scene.told(3), ["unanswered"]);
    scene.wait(50 * SECOND);
    assert!(scene.told(3).is_empty(), "once, and a newcomer ends nobody's group");
    assert_eq!(scene.room.group.epoch, epoch(0, 1));
    scene.told(2);
    scene.commit(2, 1, &[3], &[]);
    assert_eq!(scene.told(3), ["4: let into 0.2 with 1+0,2+1,3+0"]);
}

#[test]
fn one_who_was_in_founds_another_if_nobody_answers() {
    let mut scene = Scene::together(3);
    scene.stuck(3, 1);
    scene.stuck(2, 1);
    scene.enter(4);
    scene.knock(&[4, 2, 3]);
    scene.told(2);
    scene.wait(5 * SECOND);
    // One is answered, so the group is alive; then it is not.
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
    assert!(scene.closed.is_empty(), "nobody is sent away");
    scene.say(1, 1);
    assert!(scene.told(2).is_empty());
    scene.knock(&[1]);
    scene.commit(2, 0, &[1], &[]);
    scene.say(1, 1);
    assert_eq!(scene.told(2), ["duty 1.0 after 0: 1", "8: committed 1.0", "9: 1 says 1"], "counters go on");
}

#[test]
fn the_last_one_inside_leaves_those_who_wait() {
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
fn alone_and_stuck() {
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
fn an_author_that_is_stuck_itself_does_not_found_the_next_group() {
    let mut scene = Scene::together(2);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(1, 1);
    scene.stuck(2, 1);
    assert_eq!(scene.closed[&1], CloseCode::PutOut);
    assert!(scene.told(2).last().unwrap().ends_with("anew 1 as founder"));
}

#[test]
fn a_newcomer_is_told_how_far_those_outside_have_come() {
    let mut scene = Scene::together(3);
    scene.commit(1, 1, &[], &[]);
    scene.stuck(3, 1);
    scene.stuck(2, 1);
    scene.told(2);
    (4..=5).for_each(|id| scene.enter(id));
    scene.knock(&[4]);
    scene.commit(2, 0, &[4], &[]);
    // Of the fifth there is nothing to tell: it has said nothing yet.
    let let_in = scene.told(4).pop().unwrap();
    assert!(let_in.ends_with("let into 1.1 with 2+1,3+1,4+0"), "{let_in}");
}
