//! Groups of real members, honest and not.

mod spite;

use super::*;
use crate::{Stretched, keys::RoomSecret};

const ROOM: RoomId = RoomId([7; 16]);

fn secret(password: u8) -> RoomSecret {
    RoomSecret::extract(b"", Stretched::from([password; 32]))
}

fn me(id: u32, name: &str, password: u8) -> Me {
    let seed = Zeroizing::new([id as u8; 32]);
    Me::new(MemberId(id), name.parse().unwrap(), secret(password).room_psk(ROOM), seed)
}

fn knock_of(id: u32, generation: u32, key: &crate::keys::Key) -> Knock<'_> {
    Knock { door_key: key, group_id: group_id(ROOM, generation), member_id: MemberId(id) }
}

/// Someone with its group.
struct Person {
    me: Me,
    group: Option<Group>,
}

impl Person {
    fn new(id: u32, name: &str) -> Self {
        Self { me: me(id, name, 1), group: None }
    }

    fn group(&mut self) -> &mut Group {
        self.group.as_mut().unwrap()
    }

    fn id(&self) -> MemberId {
        self.me.member_id
    }

    fn epoch(&self) -> Epoch {
        self.group.as_ref().unwrap().epoch()
    }

    fn knock(&self) -> (MemberId, Vec<u8>) {
        let key = secret(1).door_key(ROOM);
        let package = self.me.key_package().unwrap();
        (self.id(), knock_of(self.id().0, 0, &key).seal([self.id().0 as u8; 24], &package))
    }

    fn hear(&self, knocks: &[(MemberId, Vec<u8>)], gone: &BTreeSet<MemberId>) -> (Vec<Newcomer>, Vec<MemberId>) {
        let key = secret(1).door_key(ROOM);
        let (mut newcomers, mut passed) = (Vec::new(), Vec::new());
        for (id, sealed) in knocks {
            match self.group.as_ref().unwrap().hear(&self.me, &knock_of(id.0, 0, &key), sealed, &newcomers, gone) {
                Ok(newcomer) => newcomers.push(newcomer),
                Err(_) => passed.push(*id),
            }
        }
        (newcomers, passed)
    }

    fn commit(&mut self, newcomers: &[Newcomer], gone: &BTreeSet<MemberId>) -> Commit {
        let Self { me, group } = self;
        group.as_mut().unwrap().commit(me, newcomers, gone).unwrap()
    }

    fn confirm(&mut self) {
        let Self { me, group } = self;
        group.as_mut().unwrap().confirm(me).unwrap();
        self.is_sound();
    }

    fn follow(&mut self, author: MemberId, commit: &Commit, gone: &BTreeSet<MemberId>) -> Result<(), Stuck> {
        let received =
            Received { author, admitted: &commit.admitted, removed: &commit.removed, commit: &commit.commit };
        let Self { me, group } = self;
        let followed = group.as_mut().unwrap().follow(me, &received, gone);
        if followed.is_ok() {
            self.is_sound();
        }
        followed
    }

    fn join(&mut self, epoch: Epoch, welcome: &[u8]) -> Result<(), Stuck> {
        self.group = Some(Group::open_welcome(&self.me, ROOM, epoch, welcome)?);
        self.is_sound();
        Ok(())
    }

    fn say(&mut self, text: &[u8]) -> Vec<u8> {
        let Self { me, group } = self;
        group.as_mut().unwrap().seal(me, text).unwrap()
    }

    fn open(&mut self, sealed: &[u8]) -> Result<(u32, Vec<u8>), Unopened> {
        let Self { me, group } = self;
        group.as_mut().unwrap().open(me, sealed).map(|(from, text)| (from.0, text.to_vec()))
    }

    /// The roster that was reckoned is the one in the tree.
    fn is_sound(&self) {
        let group = self.group.as_ref().unwrap();
        let list = |roster: &Roster| {
            roster.iter().map(|member| (member.member_id, member.leaf, member.key.clone())).collect::<Vec<_>>()
        };
        assert_eq!(list(&group.roster), list(&Roster::of(&group.mls).unwrap()));
    }
}

fn none() -> BTreeSet<MemberId> {
    BTreeSet::new()
}

/// Ana founds; the others come in one by one, let in by the one before.
fn people(names: &[&str]) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let mut person = Person::new(index as u32 + 1, name);
        if index == 0 {
            person.group = Some(Group::found(&person.me, ROOM, 0).unwrap());
        } else {
            let door = index - 1;
            let (newcomers, passed) = people[door].hear(&[person.knock()], &none());
            assert!(passed.is_empty());
            let commit = people[door].commit(&newcomers, &none());
            let author = people[door].id();
            for other in people.iter_mut().filter(|other| other.id() != author) {
                other.follow(author, &commit, &none()).unwrap();
            }
            people[door].confirm();
            person.join(people[door].epoch(), &commit.welcome).unwrap();
        }
        people.push(person);
    }
    people
}

#[test]
fn people_come_in_talk_and_go() {
    let mut all = people(&["Ana", "Bo", "Cy"]);
    let same =
        all.iter().map(|person| person.group.as_ref().unwrap().authenticator().to_vec()).collect::<BTreeSet<_>>();
    assert_eq!(same.len(), 1);
    let sealed = all[2].say(b"hello");
    assert_eq!(all[0].open(&sealed), Ok((3, b"hello".to_vec())));
    assert!(matches!(all[0].open(&sealed), Err(Unopened(_))), "repeated");
    assert_eq!(all[1].open(&sealed), Ok((3, b"hello".to_vec())));
    assert!(matches!(all[2].open(&sealed), Err(Unopened(_))), "one's own");

    // Cy is gone: what is said after opens for Cy no more.
    let gone = BTreeSet::from([MemberId(3)]);
    let commit = all[1].commit(&[], &gone);
    assert_eq!(commit.removed, [MemberId(3)]);
    all[0].follow(MemberId(2), &commit, &gone).unwrap();
    all[1].confirm();
    let sealed = all[0].say(b"without Cy");
    assert_eq!(all[1].open(&sealed), Ok((1, b"without Cy".to_vec())));
    assert!(matches!(all[2].open(&sealed), Err(Unopened(_))));
    assert!(
        matches!(all[2].follow(MemberId(2), &commit, &gone), Err(Stuck::Broken(_))),
        "nobody removes itself by another's hand"
    );
}

#[test]
fn many_come_in_at_once_while_another_goes() {
    let mut all = people(&["Ana", "Bo", "Cy"]);
    let gone = BTreeSet::from([MemberId(1)]);
    let mut new = (4..30).map(|id| Person::new(id, &format!("P{id}"))).collect::<Vec<_>>();
    // Someone takes the name of the one who is gone.
    new.push(Person::new(30, "ana"));
    let knocks = new.iter().map(Person::knock).collect::<Vec<_>>();
    let (newcomers, passed) = all[1].hear(&knocks, &gone);
    assert!(passed.is_empty());
    let commit = all[1].commit(&newcomers, &gone);
    all[2].follow(MemberId(2), &commit, &gone).unwrap();
    all[1].confirm();
    let epoch = all[1].epoch();
    for person in &mut new {
        person.join(epoch, &commit.welcome).unwrap();
    }
    let sealed = new[26].say(b"hi");
    assert_eq!(all[2].open(&sealed), Ok((30, b"hi".to_vec())));
    assert_eq!(new[0].open(&sealed), Ok((30, b"hi".to_vec())));
}

#[test]
fn one_who_is_stuck_comes_back_under_the_same_key() {
    let mut all = people(&["Ana", "Bo", "Cy"]);
    all[2].group = None;
    let key = all[0].group().roster().get(MemberId(3)).unwrap().key.clone();
    let (newcomers, passed) = all[0].hear(&[all[2].knock()], &none());
    assert!(passed.is_empty());
    let commit = all[0].commit(&newcomers, &none());
    assert!(commit.removed.is_empty(), "the old leaf goes with the new one's coming");
    all[1].follow(MemberId(1), &commit, &none()).unwrap();
    all[0].confirm();
    let epoch = all[0].epoch();
    all[2].join(epoch, &commit.welcome).unwrap();
    assert_eq!(all[0].group().roster().get(MemberId(3)).unwrap().key, key);
    let sealed = all[2].say(b"back");
    assert_eq!(all[1].open(&sealed), Ok((3, b"back".to_vec())));
}

#[test]
fn knocks_that_are_passed_over() {
    let all = people(&["Ana", "Bo"]);
    let key = secret(1).door_key(ROOM);
    let heard = |knock| all[0].hear(&[knock], &none()).1.len();
    let seal = |id: u32, person: &Person, generation, key: &crate::keys::Key| {
        let sealed = knock_of(id, generation, key).seal([0; 24], &person.me.key_package().unwrap());
        (MemberId(id), sealed)
    };
    let cy = Person::new(3, "Cy");
    assert_eq!(heard(seal(3, &cy, 0, &key)), 0, "an honest one is not");
    assert_eq!(heard(seal(3, &cy, 0, &secret(2).door_key(ROOM))), 1, "without the password");
    assert_eq!(heard(seal(3, &cy, 1, &key)), 1, "at another group's door");
    assert_eq!(heard(seal(4, &cy, 0, &key)), 1, "under another number");
    assert_eq!(heard((MemberId(4), seal(3, &cy, 0, &key).1)), 1, "passed off as another's");
    assert_eq!(
        heard(seal(2, &Person { me: me(2, "Bo", 1), group: None }, 0, &key)),
        0,
        "the same seed makes the same key: Bo comes back"
    );
    let other = Me::new(MemberId(2), "Bo".parse().unwrap(), secret(1).room_psk(ROOM), Zeroizing::new([99; 32]));
    assert_eq!(heard(seal(2, &Person { me: other, group: None }, 0, &key)), 1, "Bo under another key");
    for name in ["Bo", "ВО", "ana"] {
        assert_eq!(heard(seal(3, &Person::new(3, name), 0, &key)), 1, "{name} is there already");
    }
    let (id, sealed) = seal(3, &cy, 0, &key);
    for at in (0..sealed.len()).step_by(7) {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(heard((id, altered)), 1, "byte {at}");
        assert_eq!(heard((id, sealed[..at].to_vec())), 1, "cut at {at}");
    }
    // Two of the same name at once: the first comes in.
    let both = [seal(3, &cy, 0, &key), seal(4, &Person::new(4, "cy"), 0, &key)];
    let (newcomers, passed) = all[0].hear(&both, &none());
    assert_eq!((newcomers.len(), passed), (1, vec![MemberId(4)]));
}

/// Points of low order, by RFC 7748 in 255 bits, and two that stand for them beyond the modulus.
#[test]
fn x25519_halves_of_low_order_are_refused() {
    let modulus = |less: u8| {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (0xed - less, 0x7f);
        point
    };
    let small = |value: u8| {
        let mut point = [0; 32];
        point[0] = value;
        point
    };
    for mut point in
        [small(0), small(1), modulus(1), modulus(0), [&[0xee], &modulus(0)[1..]].concat().try_into().unwrap()]
    {
        for high in [0, 0x80] {
            point[31] |= high;
            let key = [&[9; 1184][..], &point].concat();
            assert!(!roster::is_contributory(&key), "{point:x?}");
        }
    }
    assert!(roster::is_contributory(&[9; 1216]));
    assert!(!roster::is_contributory(&[9; 31]));

    let mut all = people(&["Ana"]);
    let (cy, mut bo) = (Person::new(3, "Cy"), Person::new(2, "Bo"));
    let key = secret(1).door_key(ROOM);
    let knock = |halved: bool| {
        let package = if halved { cy.me.halved_key_package() } else { cy.me.key_package() }.unwrap();
        (cy.id(), knock_of(3, 0, &key).seal([3; 24], &package))
    };
    assert_eq!(all[0].hear(&[knock(false)], &none()).1, []);
    assert_eq!(all[0].hear(&[knock(true)], &none()).1, [MemberId(3)]);
    // Nor is a group gone into that holds such a key.
    let (newcomers, _) = all[0].hear(&[bo.knock()], &none());
    let Person { me, group } = &mut all[0];
    let forgery = Forgery::Unnamed(cy.me.halved_key_package().unwrap());
    let commit = group.as_mut().unwrap().forge(me, &newcomers, &none(), &forgery).unwrap();
    assert!(matches!(bo.join(Epoch { generation: 0, number: 1 }, &commit.welcome), Err(Stuck::Broken(_))));
}

#[test]
fn one_who_knows_no_password_gets_nothing_from_a_welcome() {
    let mut all = people(&["Ana"]);
    let cy = Person::new(2, "Cy");
    let (newcomers, _) = all[0].hear(&[cy.knock()], &none());
    let commit = all[0].commit(&newcomers, &none());
    all[0].confirm();
    let epoch = all[0].epoch();
    // The same keys, another password.
    let mut thief = Person { me: me(2, "Cy", 2), group: None };
    let _ = thief.me.key_package().unwrap();
    assert!(matches!(thief.join(epoch, &commit.welcome), Err(Stuck::Broken(_))));
}

#[test]
fn a_welcome_to_another_place_is_refused() {
    let mut all = people(&["Ana"]);
    let mut cy = Person::new(2, "Cy");
    let (newcomers, _) = all[0].hear(&[cy.knock()], &none());
    let commit = all[0].commit(&newcomers, &none());
    all[0].confirm();
    assert!(matches!(cy.join(all[0].epoch().next(), &commit.welcome), Err(Stuck::Broken(_))));
}

#[test]
fn a_commit_that_lost_is_forgotten() {
    let mut all = people(&["Ana", "Bo"]);
    let lost = all[0].commit(&[], &none());
    let won = all[1].commit(&[], &none());
    all[0].follow(MemberId(2), &won, &none()).unwrap();
    all[1].confirm();
    let Person { me, group } = &mut all[0];
    assert!(matches!(group.as_mut().unwrap().confirm(me), Err(Stuck::Broken(_))));
    assert!(matches!(all[1].follow(MemberId(1), &lost, &none()), Err(Stuck::Broken(_))), "of an epoch that is over");
}

#[test]
fn a_fingerprint_is_thirty_digits() {
    let ana = &mut people(&["Ana"])[0];
    let mine = ana.group().roster().get(MemberId(1)).unwrap().fingerprint();
    assert_eq!(mine.len(), 35);
    assert!(mine.split(' ').all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit())));
}
