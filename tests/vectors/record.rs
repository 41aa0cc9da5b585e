//! Records room.json: a room of three members of the client core.
//!
//! ```text
//! cargo test -p tests --test vectors record -- --ignored
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use openmls::{
    framing::MlsMessageOut,
    key_packages::KeyPackageBundle,
    prelude::{HpkePrivateKey, tls_codec::Serialize as _},
};
use serde_json::{Value, json};
use web_crypto::{
    content::Content,
    group::{Group, Knock, Me, Newcomer, Received, group_id},
    keys::Key,
};
use wire::{Counter, MemberId, RoomId};

use super::{array, hex, path, vectors};

const GENERATION: u32 = 0;
const ANA: MemberId = MemberId(1);
const BO: MemberId = MemberId(2);
const CY: MemberId = MemberId(3);

/// A member of the client core, inside the group or about to join it.
struct Person {
    me: Me,
    group: Option<Group>,
    counter: Counter,
}

impl Person {
    fn group(&mut self) -> (&mut Group, &Me) {
        (self.group.as_mut().unwrap(), &self.me)
    }
}

/// The recording. Its members follow every event too.
struct Recording {
    room: RoomId,
    keys: Value,
    people: BTreeMap<MemberId, Person>,
    members: Vec<Value>,
    events: Vec<Value>,
}

impl Recording {
    fn new() -> Self {
        let keys = vectors("keys.json").swap_remove(0);
        let (people, members, events) = Default::default();
        let mut recording = Self { room: RoomId(array(&keys, "room_id")), keys, people, members, events };
        let mut ana = recording.person(ANA, "Ana");
        ana.group = Some(Group::found(&ana.me, recording.room, GENERATION).unwrap());
        recording.people.insert(ANA, ana);
        recording
    }

    /// All randomness comes from a fixed seed, so that every recording writes the same bytes.
    fn person(&self, id: MemberId, name: &str) -> Person {
        let room_psk = Key::from(array(&self.keys, "room_psk"));
        let me = Me::new(id, name.parse().unwrap(), room_psk, [id.0 as u8; 32].into());
        Person { me, group: None, counter: Counter(0) }
    }

    fn let_in(&mut self, author: MemberId, id: MemberId, name: &str) {
        let person = self.person(id, name);
        let key_package = person.me.key_package().unwrap();
        let door_key = Key::from(array(&self.keys, "door_key"));
        let knock = Knock { door_key: &door_key, group_id: group_id(self.room, GENERATION), member_id: id };
        let sealed = knock.seal([id.0 as u8; 24], &key_package);
        let (kept, signature_private_key) = person.me.secrets();
        let bundle = kept
            .iter()
            .filter_map(|value| postcard::from_bytes::<KeyPackageBundle>(value).ok())
            .find(|bundle| {
                MlsMessageOut::from(bundle.key_package().clone()).tls_serialize_detached().unwrap() == key_package
            })
            .unwrap();
        let encryption = serde_json::to_value(&bundle).unwrap()["private_encryption_key"]["key"].take();
        self.members.push(json!({
            "member_id": id,
            "name": name,
            "signature_key": hex(bundle.key_package().leaf_node().signature_key().as_slice()),
            "signature_private_key": hex(&signature_private_key),
            "init_private_key": hex(bundle.init_private_key()),
            "encryption_private_key": hex(&serde_json::from_value::<HpkePrivateKey>(encryption).unwrap()),
            "key_package": hex(&key_package),
            "knock": hex(&sealed),
        }));
        let (group, me) = self.people.get_mut(&author).unwrap().group();
        let newcomer = group.hear(me, &knock, &sealed, &[], &BTreeSet::new()).unwrap();
        self.people.insert(id, person);
        self.commit(author, &[newcomer], &[]);
    }

    fn commit(&mut self, author: MemberId, newcomers: &[Newcomer], gone: &[MemberId]) {
        let gone = gone.iter().copied().collect();
        let (group, me) = self.people.get_mut(&author).unwrap().group();
        let commit = group.commit(me, newcomers, &gone).unwrap();
        let (epoch, received) = (
            group.epoch(),
            Received { author, admitted: &commit.admitted, removed: &commit.removed, commit: &commit.commit },
        );
        let stays = |id: &MemberId| !commit.removed.contains(id);
        let named = group.roster().ids().filter(stays).chain(commit.admitted.iter().copied()).collect();
        for (id, person) in &mut self.people {
            if *id == author {
                let (group, me) = person.group();
                group.confirm(me).unwrap();
            } else if commit.admitted.contains(id) {
                let joined = Group::join(&person.me, self.room, epoch.next(), &commit.welcome, &named);
                person.group = Some(joined.unwrap());
            } else {
                let (group, me) = person.group();
                group.follow(me, &received, &gone).unwrap();
            }
        }
        self.events.push(json!({
            "type": "commit",
            "epoch": epoch.number,
            "author": author,
            "admitted": commit.admitted,
            "removed": commit.removed,
            "commit": hex(&commit.commit),
            "welcome": hex(&commit.welcome),
            "authenticator": hex(self.people.get_mut(&author).unwrap().group().0.authenticator()),
        }));
    }

    fn say(&mut self, sender: MemberId, content: &Content) {
        let person = self.people.get_mut(&sender).unwrap();
        person.counter.0 += 1;
        let counter = person.counter;
        let padded = content.to_padded(counter);
        let (group, me) = person.group();
        let (epoch, sealed) = (group.epoch().number, group.seal(me, &padded).unwrap());
        for (_, other) in self.people.iter_mut().filter(|(id, _)| **id != sender) {
            let (group, me) = other.group();
            assert!(group.open(me, &sealed).unwrap() == (sender, padded.clone()));
        }
        self.events.push(json!({
            "type": "message",
            "epoch": epoch,
            "sender": sender,
            "counter": counter,
            "text": if let Content::Text(text) = content { json!(text.as_str()) } else { Value::Null },
            "padded": hex(&padded),
            "sealed": hex(&sealed),
        }));
    }

    fn text(&mut self, sender: MemberId, text: &str) {
        self.say(sender, &Content::text(text).unwrap());
    }

    /// Lets a member leave. The next commit removes it.
    fn leave(&mut self, id: MemberId, author: MemberId) {
        self.people.remove(&id);
        self.commit(author, &[], &[id]);
    }
}

#[test]
#[ignore = "writes room.json"]
fn record() {
    let mut room = Recording::new();
    room.let_in(ANA, BO, "Bo");
    room.say(BO, &Content::Here);
    room.text(BO, "Good evening, Ana.");
    room.text(ANA, "Good evening, Bo. Is Cy coming too?");
    room.let_in(ANA, CY, "Cy");
    room.say(CY, &Content::Here);
    room.text(BO, "There you are.");
    room.text(CY, "Here I am \u{1f375}");
    room.text(ANA, &"a long story, ".repeat(30));
    room.commit(ANA, &[], &[]);
    room.text(CY, "And then?");
    room.text(BO, "And then?");
    room.text(BO, "Tell us.");
    room.commit(BO, &[], &[]);
    room.text(BO, "I have to go.");
    room.leave(BO, ANA);
    room.text(ANA, "That was all.");
    room.text(CY, "Good night.");
    let Recording { room, keys, members, events, .. } = room;
    let recorded = json!({
        "name": "three meet, one goes",
        "room_id": hex(&room.0),
        "generation": GENERATION,
        "group_id": hex(&group_id(room, GENERATION)),
        "room_psk": keys["room_psk"],
        "door_key": keys["door_key"],
        "members": members,
        "events": events,
    });
    fs::write(path("room.json"), serde_json::to_string_pretty(&recorded).unwrap() + "\n").unwrap();
}
