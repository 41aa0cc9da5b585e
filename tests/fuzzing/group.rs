use std::{cell::RefCell, collections::BTreeSet};

use web_crypto::{
    group::{Group, Me, Received},
    keys::Key,
};
use wire::{Epoch, MemberId, RoomId};

thread_local! {
    static MEMBER: RefCell<(Me, Group)> = RefCell::new({
        let me = member();
        let group = Group::found(&me, ROOM, 0).unwrap();
        (me, group)
    });
    static NEWCOMER: Me = {
        let me = member();
        me.key_package().unwrap();
        me
    };
}

const ROOM: RoomId = RoomId([7; 16]);
const OTHER: MemberId = MemberId(2);

fn member() -> Me {
    Me::new(MemberId(1), "Ana".parse().unwrap(), Key::from([1; 32]), [1; 32].into())
}

/// The server has no key, so no input opens as a message, a commit or a Welcome, and none changes the group.
pub fn check(bytes: &[u8]) {
    MEMBER.with_borrow_mut(|(me, group)| {
        let before = (group.epoch(), group.authenticator().to_vec());
        let received = Received { author: OTHER, admitted: &[], removed: &[], commit: bytes };
        assert!(group.open(me, bytes).is_err());
        assert!(group.follow(me, &received, &BTreeSet::new()).is_err());
        assert_eq!((group.epoch(), group.authenticator().to_vec()), before);
    });
    let named = BTreeSet::from([MemberId(1), OTHER]);
    NEWCOMER.with(|me| assert!(Group::join(me, ROOM, Epoch { generation: 0, number: 1 }, bytes, &named).is_err()));
}
