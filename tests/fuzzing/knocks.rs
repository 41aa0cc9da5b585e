use std::collections::BTreeSet;

use web_crypto::{
    group::{Group, Knock, Me, group_id},
    keys::Key,
};
use wire::{MemberId, RoomId};

thread_local! {
    static MEMBER: (Me, Group) = {
        let me = Me::new(MemberId(1), "Ana".parse().unwrap(), Key::from([1; 32]), [1; 32].into());
        let group = Group::found(&me, ROOM, 0).unwrap();
        (me, group)
    };
}

const ROOM: RoomId = RoomId([7; 16]);
const NEWCOMER: MemberId = MemberId(2);

/// The input is checked as a whole knock, as the server could forge it, and as the key package in a knock, as a client
/// with the password could send it.
pub fn check(bytes: &[u8]) {
    let door_key = Key::from([2; 32]);
    let knock = Knock { door_key: &door_key, group_id: group_id(ROOM, 0), member_id: NEWCOMER };
    assert!(knock.open(bytes).is_err());
    let sealed = knock.seal([3; 24], bytes);
    assert_eq!(knock.open(&sealed).unwrap().as_slice(), bytes);
    MEMBER.with(|(me, group)| {
        if let Ok(newcomer) = group.hear(me, &knock, &sealed, &[], &BTreeSet::new()) {
            assert_eq!(newcomer.member_id(), NEWCOMER);
            let twice = group.hear(me, &knock, &sealed, &[newcomer], &BTreeSet::new());
            assert!(twice.is_err(), "a newcomer was admitted twice");
        }
    });
}
