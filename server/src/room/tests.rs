use super::*;
use std::net::Ipv4Addr;
use wire::Token;

fn address(last: u8) -> Address {
    std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
}

fn token(byte: u8) -> TokenHash {
    TokenHash::from(&Token::from([byte; 32]))
}

struct Scene {
    room: Room,
    effects: Vec<Effect>,
    now: Instant,
}

impl Scene {
    fn new(members: usize) -> Self {
        let bounds = Bounds { members, grace: Duration::from_secs(60) };
        let room = Room::new(RoomId([1; 16]), "Book club".parse().unwrap(), SecondHash::of(9), bounds);
        Self { room, effects: Vec::new(), now: Instant::now() }
    }

    fn admit(&mut self, user: &str, byte: u8) -> Result<MemberId, Refusal> {
        let newcomer = Newcomer { user: user.parse().unwrap(), token: token(byte), address: address(byte) };
        self.room.admit(newcomer, self.now, &mut self.effects)
    }

    fn claim(id: u32, byte: u8) -> Claim {
        Claim { member_id: MemberId(id), token: token(byte), address: address(byte), hash: None }
    }

    fn connect(&mut self, id: u32, byte: u8, connection: u64) -> Result<(), CloseCode> {
        self.room.connect(&Self::claim(id, byte), ConnectionId(connection), &mut self.effects)
    }

    /// What others than the one named are told, as frames.
    fn told(&mut self) -> Vec<String> {
        let tell = |effect: &Effect| match effect {
            Effect::SendOthers(but, frame) => format!("not {but}: {:?}", ServerFrame::parse(frame).unwrap()),
            Effect::Send(to, frame) => format!("{to}: {:?}", ServerFrame::parse(frame).unwrap()),
            other => format!("{other:?}"),
        };
        let told = self.effects.iter().map(tell).filter(|line| !line.starts_with("Expire")).collect();
        self.effects.clear();
        told
    }
}

#[test]
fn names_and_places() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.admit("Ana", 1), Ok(MemberId(1)));
    assert_eq!(scene.admit("аna", 2), Err(Refusal::UserNameTaken));
    assert_eq!(scene.admit("Bo", 2), Ok(MemberId(2)));
    assert_eq!(scene.admit("Cy", 3), Err(Refusal::RoomFull));
    assert_eq!(scene.admit("Bo", 3), Err(Refusal::UserNameTaken), "a name is told of before a full room");
    scene.room.leave(MemberId(2), &mut scene.effects);
    assert_eq!(scene.admit("Bo", 3), Ok(MemberId(3)), "a number is never used again");
}

#[test]
fn who_is_who() {
    let mut scene = Scene::new(9);
    scene.admit("Ana", 1).unwrap();
    scene.admit("Bo", 2).unwrap();
    let mut check = |id, token_of: u8, from: u8, hash: Option<SecondHash>| {
        let claim = Claim { member_id: MemberId(id), token: token(token_of), address: address(from), hash };
        scene.room.check(&claim)
    };
    assert_eq!(check(1, 1, 1, None), Ok(()));
    assert_eq!(check(3, 1, 1, None), Err(CloseCode::UnknownToken));
    assert_eq!(check(2, 1, 1, None), Err(CloseCode::TokenRefused));
    assert_eq!(check(2, 1, 1, Some(SecondHash::of(9))), Err(CloseCode::TokenRefused));
    assert_eq!(check(1, 1, 7, None), Err(CloseCode::AddressChanged));
    assert_eq!(check(1, 1, 7, Some(SecondHash::of(8))), Err(CloseCode::AddressChanged));
    assert_eq!(check(1, 1, 7, Some(SecondHash::of(9))), Ok(()));
    assert_eq!(check(1, 1, 7, None), Ok(()), "bound anew");
    assert_eq!(check(1, 1, 1, None), Err(CloseCode::AddressChanged));
}

#[test]
fn one_order_for_all() {
    let mut scene = Scene::new(9);
    scene.admit("Ana", 1).unwrap();
    scene.admit("Bo", 2).unwrap();
    scene.connect(1, 1, 1).unwrap();
    scene.connect(2, 2, 2).unwrap();
    let told = scene.told();
    assert!(told[0].starts_with("not 1: Entered { seq: Seq(1), member_id: MemberId(1)"), "{told:?}");
    assert!(told[1].starts_with("1: Welcome(Welcome { seq: Seq(1)") && !told[1].contains("MemberId(2)"), "{told:?}");
    assert!(told[2].starts_with("not 2: Entered { seq: Seq(2), member_id: MemberId(2)"), "{told:?}");
    assert!(told[3].starts_with("2: Welcome(Welcome { seq: Seq(2)"), "{told:?}");

    let say = |scene: &mut Scene, counter| scene.room.append(MemberId(1), Counter(counter), b"x", &mut scene.effects);
    assert_eq!(say(&mut scene, 1), Ok(()));
    assert_eq!(say(&mut scene, 1), Ok(()), "sent again: it has its place");
    assert_eq!(say(&mut scene, 3), Err(CloseCode::CounterSkipped));
    let told = scene.told();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("not 1: Message { seq: Seq(3), sender: MemberId(1), counter: Counter(1)"));
    assert_eq!(told[1], "1: Accepted { seq: Seq(3), counter: Counter(1) }");
}

#[test]
fn lost_and_back_and_gone() {
    let mut scene = Scene::new(9);
    scene.admit("Ana", 1).unwrap();
    scene.connect(1, 1, 1).unwrap();
    scene.told();
    let heard = scene.now;
    // A newer connection takes over; the end of the older one changes nothing.
    scene.connect(1, 1, 2).unwrap();
    scene.room.disconnect(MemberId(1), ConnectionId(1), heard, &mut scene.effects);
    assert_eq!(scene.told().len(), 1, "only the welcome");
    scene.room.disconnect(MemberId(1), ConnectionId(2), heard, &mut scene.effects);
    assert_eq!(scene.told(), ["not 1: Presence { seq: Seq(2), member_id: MemberId(1), connected: false }"]);
    scene.connect(1, 1, 3).unwrap();
    assert!(scene.told()[0].contains("connected: true"));
    scene.room.expire(heard + Duration::from_secs(61), &mut scene.effects);
    assert!(!scene.room.is_empty(), "it is back");
    scene.room.disconnect(MemberId(1), ConnectionId(3), heard, &mut scene.effects);
    scene.room.expire(heard + Duration::from_secs(59), &mut scene.effects);
    assert!(!scene.room.is_empty());
    scene.room.expire(heard + Duration::from_secs(60), &mut scene.effects);
    assert!(scene.room.is_empty());
    assert_eq!(scene.connect(1, 1, 4), Err(CloseCode::UnknownToken));
}

#[test]
fn who_never_came_is_not_missed() {
    let mut scene = Scene::new(9);
    scene.admit("Ana", 1).unwrap();
    scene.room.expire(scene.now + Duration::from_secs(60), &mut scene.effects);
    assert_eq!(scene.told(), ["Close(MemberId(1), UnknownToken)"]);
}
