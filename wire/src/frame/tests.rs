use super::*;

fn client_frames() -> Vec<ClientFrame<'static>> {
    let hello = Hello { room_id: RoomId([7; 16]), member_id: MemberId(3), token: [9; 32].into(), verifier: None };
    vec![
        ClientFrame::Hello(hello.clone()),
        ClientFrame::Hello(Hello { verifier: Some([5; 32].into()), ..hello }),
        ClientFrame::Message { counter: Counter(u64::MAX), sealed: b"x" },
        ClientFrame::Leave,
        ClientFrame::Ping,
    ]
}

fn server_frames() -> Vec<ServerFrame<'static>> {
    let name: UserName = "Ána".parse().unwrap();
    let person = Person { member_id: MemberId(1), name: name.clone(), counter: Counter(4), connected: true };
    vec![
        ServerFrame::Welcome(Welcome { seq: Seq(9), people: vec![person.clone(), person] }),
        ServerFrame::Message { seq: Seq(1), sender: MemberId(2), counter: Counter(3), sealed: b"sealed" },
        ServerFrame::Accepted { seq: Seq(1), counter: Counter(1) },
        ServerFrame::Entered { seq: Seq(1), member_id: MemberId(1), name },
        ServerFrame::Left { seq: Seq(1), member_id: MemberId(1), departure: Departure::Lost, counter: Counter(7) },
        ServerFrame::Presence { seq: Seq(1), member_id: MemberId(1), connected: false },
        ServerFrame::Pong,
    ]
}

#[test]
fn every_frame_survives_the_way() {
    for frame in client_frames() {
        assert_eq!(ClientFrame::parse(&frame.to_bytes()), Ok(frame));
    }
    for frame in server_frames() {
        assert_eq!(ServerFrame::parse(&frame.to_bytes()), Ok(frame));
    }
}

/// Every frame cut at every place, lengthened, and with every byte changed: parsed or refused, never a panic.
#[test]
fn damaged_frames_are_refused_or_read() {
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
fn wrong_frames_are_told_apart() {
    assert_eq!(ClientFrame::parse(&[]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[2, PING]), Err(FrameError::Version(2)));
    assert_eq!(ClientFrame::parse(&[VERSION]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[VERSION, 0x7f]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[VERSION, PING, 0]), Err(FrameError::Malformed));
    assert_eq!(ClientFrame::parse(&[VERSION, MESSAGE, 0, 0, 0, 0, 0, 0, 0, 1]), Err(FrameError::Malformed));
}
