use super::*;
use crate::{Counter, Epoch, MemberId, RoomId, Seq, VERSION, limits};

/// The kind of the shortest frame.
const PING: u8 = 0x04;

const EPOCH: Epoch = Epoch { generation: 2, number: 0x0102_0304_0506_0708 };

fn client_frames() -> Vec<ClientFrame<'static>> {
    let hello = Hello {
        room_id: RoomId([7; 16]),
        member_id: MemberId(3),
        token: [9; 32].into(),
        attempt: 6,
        seq: Seq(5),
        verifier: None,
    };
    vec![
        ClientFrame::Hello(hello.clone()),
        ClientFrame::Hello(Hello { verifier: Some([5; 32].into()), ..hello }),
        ClientFrame::Message { epoch: EPOCH, counter: Counter(u64::MAX), sealed: b"x" },
        ClientFrame::Leave,
        ClientFrame::Ping,
        ClientFrame::Knock { generation: 2, sealed: b"knock" },
        ClientFrame::Commit {
            epoch: EPOCH,
            admitted: vec![MemberId(4), MemberId(9)],
            removed: vec![MemberId(2)],
            commit: b"commit",
            welcome: b"welcome",
        },
        ClientFrame::Commit { epoch: EPOCH, admitted: vec![], removed: vec![], commit: b"c", welcome: b"" },
        ClientFrame::Decline { epoch: EPOCH, members: vec![MemberId(4)] },
        ClientFrame::Stuck { epoch: EPOCH },
    ]
}

fn server_frames() -> Vec<ServerFrame<'static>> {
    let person = |id| Person { member_id: MemberId(id), counter: Counter(4), connected: true, in_group: true };
    let welcome = |standing| Welcome { seq: Seq(9), epoch: EPOCH, standing, counter: Counter(3) };
    vec![
        ServerFrame::Welcome(welcome(Standing::Outside)),
        ServerFrame::Welcome(welcome(Standing::Founder)),
        ServerFrame::Welcome(welcome(Standing::Inside)),
        ServerFrame::Message { seq: Seq(1), sender: MemberId(2), counter: Counter(3), sealed: b"sealed" },
        ServerFrame::Accepted { seq: Seq(1), counter: Counter(1) },
        ServerFrame::Committed { seq: Seq(1), epoch: EPOCH },
        ServerFrame::Left { seq: Seq(1), member_id: MemberId(1), departure: Departure::Lost, counter: Counter(7) },
        ServerFrame::Presence { seq: Seq(1), member_id: MemberId(1), connected: false },
        ServerFrame::Pong,
        ServerFrame::Commit {
            seq: Seq(1),
            author: MemberId(3),
            epoch: EPOCH,
            admitted: vec![MemberId(4)],
            removed: vec![],
            commit: b"commit",
        },
        ServerFrame::Duty { epoch: EPOCH, commits: 3, knocks: vec![(MemberId(4), b"knock"), (MemberId(5), b"")] },
        ServerFrame::LetIn { seq: Seq(1), epoch: EPOCH, people: vec![person(1), person(2)], welcome: b"welcome" },
        ServerFrame::Anew { seq: Seq(1), generation: 7, founder: true },
        ServerFrame::Unanswered,
    ]
}

#[test]
fn every_frame_parses_back() {
    for frame in client_frames() {
        assert_eq!(ClientFrame::parse(&frame.to_bytes()), Ok(frame));
    }
    for frame in server_frames() {
        assert_eq!(ServerFrame::parse(&frame.to_bytes()), Ok(frame));
    }
}

/// Cuts every frame at every offset and sets every byte to every value: parsing must not panic, and a frame that parses
/// must encode to the same bytes.
#[test]
fn damaged_frames_never_panic_and_have_one_encoding() {
    let all = client_frames()
        .iter()
        .map(ClientFrame::to_bytes)
        .chain(server_frames().iter().map(ServerFrame::to_bytes))
        .collect::<Vec<_>>();
    for bytes in all {
        for cut in 0..bytes.len() {
            let _ = ClientFrame::parse(&bytes[..cut]);
            let _ = ServerFrame::parse(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                if let Ok(frame) = ClientFrame::parse(&bytes) {
                    assert_eq!(frame.to_bytes(), bytes, "one frame, one encoding");
                }
                if let Ok(frame) = ServerFrame::parse(&bytes) {
                    assert_eq!(frame.to_bytes(), bytes, "one frame, one encoding");
                }
            }
        }
    }
}

#[test]
fn malformed_frames_are_refused() {
    assert_eq!(ClientFrame::parse(&[]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[2, PING]), Err(FrameError::Version(2)));
    assert_eq!(ClientFrame::parse(&[VERSION]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[VERSION, 0x7f]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[VERSION, PING, 0]), Err(FrameError::Malformed));
    let empty = ClientFrame::Message { epoch: EPOCH, counter: Counter(1), sealed: b"" };
    assert_eq!(ClientFrame::parse(&empty.to_bytes()), Err(FrameError::Malformed));
    let twice = ClientFrame::Decline { epoch: EPOCH, members: vec![MemberId(1), MemberId(1)] };
    assert_eq!(ClientFrame::parse(&twice.to_bytes()), Err(FrameError::Malformed));
    let largest = ClientFrame::Knock { generation: 0, sealed: &[0; limits::KNOCK_BYTES] };
    assert_eq!(ClientFrame::parse(&largest.to_bytes()), Ok(largest));
    for sealed in [&[0; limits::KNOCK_BYTES + 1][..], &[]] {
        let knock = ClientFrame::Knock { generation: 0, sealed };
        assert_eq!(ClientFrame::parse(&knock.to_bytes()), Err(FrameError::Malformed));
    }
    for (admitted, commit, welcome) in [(vec![], "", ""), (vec![MemberId(1)], "c", ""), (vec![], "c", "w")] {
        let (commit, welcome) = (commit.as_bytes(), welcome.as_bytes());
        let commit = ClientFrame::Commit { epoch: EPOCH, admitted, removed: vec![], commit, welcome };
        assert_eq!(ClientFrame::parse(&commit.to_bytes()), Err(FrameError::Malformed));
    }
}

#[test]
fn member_id_0_is_malformed_in_every_field() {
    let nobody = MemberId(0);
    let Some(ClientFrame::Hello(hello)) = client_frames().into_iter().next() else { panic!("a hello") };
    let lists =
        |admitted, removed| ClientFrame::Commit { epoch: EPOCH, admitted, removed, commit: b"c", welcome: b"w" };
    for frame in [
        ClientFrame::Hello(Hello { member_id: nobody, ..hello }),
        lists(vec![nobody], vec![]),
        lists(vec![MemberId(1)], vec![MemberId(2), nobody]),
        ClientFrame::Decline { epoch: EPOCH, members: vec![nobody] },
    ] {
        assert_eq!(ClientFrame::parse(&frame.to_bytes()), Err(FrameError::Malformed), "{frame:?}");
    }
    let (seq, counter, connected) = (Seq(1), Counter(1), true);
    let commit = |author, admitted, removed| ServerFrame::Commit {
        seq,
        author,
        epoch: EPOCH,
        admitted,
        removed,
        commit: b"commit",
    };
    for frame in [
        ServerFrame::Message { seq, sender: nobody, counter, sealed: b"sealed" },
        ServerFrame::Left { seq, member_id: nobody, departure: Departure::Left, counter },
        ServerFrame::Presence { seq, member_id: nobody, connected },
        commit(nobody, vec![], vec![]),
        commit(MemberId(1), vec![nobody], vec![]),
        commit(MemberId(1), vec![], vec![nobody]),
        ServerFrame::Duty { epoch: EPOCH, commits: 0, knocks: vec![(nobody, b"knock")] },
        ServerFrame::LetIn {
            seq,
            epoch: EPOCH,
            people: vec![Person { member_id: nobody, counter, connected, in_group: true }],
            welcome: b"welcome",
        },
    ] {
        assert_eq!(ServerFrame::parse(&frame.to_bytes()), Err(FrameError::Malformed), "{frame:?}");
    }
}

#[test]
fn lists_above_the_limit_or_with_duplicates_are_malformed() {
    let person = |id| Person { member_id: MemberId(id), counter: Counter(1), connected: true, in_group: true };
    let let_in = |ids: &[u32]| {
        let people = ids.iter().copied().map(person).collect();
        ServerFrame::LetIn { seq: Seq(1), epoch: EPOCH, people, welcome: b"welcome" }
    };
    let duty = |ids: &[u32]| {
        let knocks = ids.iter().map(|id| (MemberId(*id), &b"knock"[..])).collect();
        ServerFrame::Duty { epoch: EPOCH, commits: 0, knocks }
    };
    fn check<'a>(frame: impl Fn(&[u32]) -> ServerFrame<'a>, most: usize) {
        let ids: Vec<u32> = (1..).take(most + 1).collect();
        let largest = frame(&ids[..most]);
        assert_eq!(ServerFrame::parse(&largest.to_bytes()), Ok(largest));
        assert_eq!(ServerFrame::parse(&frame(&ids).to_bytes()), Err(FrameError::Malformed), "one more than {most}");
        assert_eq!(ServerFrame::parse(&frame(&[1, 1]).to_bytes()), Err(FrameError::Malformed), "one twice");
    }
    check(let_in, limits::MEMBERS);
    check(duty, limits::KNOCKS_PER_COMMIT);
}
