//! Replays room.json (PROTOCOL, "A recorded room") with openmls and its stock provider, which shares no cryptography
//! with the client core.

use std::fs;

use openmls::{
    framing::{MlsMessageBodyIn, MlsMessageIn, ProcessedMessage, ProcessedMessageContent, Sender},
    group::{MlsGroup, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, StagedCommit, StagedWelcome},
    key_packages::KeyPackageBundle,
    prelude::{
        BasicCredential, Ciphersuite, Credential, HpkePrivateKey, LeafNodeIndex, OpenMlsCrypto as _,
        OpenMlsProvider as _, tls_codec::DeserializeBytes as _,
    },
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
    versions::ProtocolVersion,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::storage::StorageProvider as _;
use serde_json::{Value, json};
use web_crypto::{
    content::Content,
    group::{Knock, group_id},
    keys::Key,
};
use wire::{Counter, MemberId, RoomId};

use super::{array, bytes, hex, number, path, text};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519;

/// A member that uses the stock provider.
struct Stock {
    id: MemberId,
    provider: OpenMlsRustCrypto,
    group: Option<MlsGroup>,
}

impl Stock {
    /// Creates a newcomer with the private keys of its knock.
    fn new(room: &Value, member: &Value) -> Self {
        let provider = OpenMlsRustCrypto::default();
        let psk = Psk::External(ExternalPsk::new(bytes(room, "group_id")));
        let psk = PreSharedKeyId::new(SUITE, provider.rand(), psk).unwrap();
        psk.store(&provider, &bytes(room, "room_psk")).unwrap();

        let MlsMessageBodyIn::KeyPackage(unverified) = mls_message(member, "key_package") else {
            panic!("no key package")
        };
        let key_package = unverified.validate(provider.crypto(), ProtocolVersion::Mls10).unwrap();
        let leaf = key_package.leaf_node();
        let id = MemberId(number(member, "member_id"));
        assert_eq!(identity(leaf.credential()), (id, text(member, "name").to_owned()));
        let public = leaf.signature_key().as_slice();
        assert_eq!(hex(public), text(member, "signature_key"));
        let scheme = SUITE.signature_algorithm();
        let signed = provider.crypto().sign(scheme, b"by its own key", &bytes(member, "signature_private_key"));
        provider.crypto().verify_signature(scheme, b"by its own key", public, &signed.unwrap()).unwrap();

        // openmls creates such a bundle only with new keys, but it can read one from a store.
        let private = |field| HpkePrivateKey::from(bytes(member, field));
        let bundle = json!({
            "key_package": key_package,
            "private_init_key": private("init_private_key"),
            "private_encryption_key": { "key": private("encryption_private_key") },
        });
        let bundle = serde_json::from_value::<KeyPackageBundle>(bundle).unwrap();
        let reference = key_package.hash_ref(provider.crypto()).unwrap();
        provider.storage().write_key_package(&reference, &bundle).unwrap();
        Self { id, provider, group: None }
    }

    fn join(&mut self, event: &Value) {
        let config = MlsGroupJoinConfig::builder().wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY).build();
        let MlsMessageBodyIn::Welcome(welcome) = mls_message(event, "welcome") else { panic!("no Welcome") };
        let joining = StagedWelcome::build_from_welcome(&self.provider, &config, welcome).unwrap();
        let staged = joining.skip_lifetime_validation().build().unwrap();
        self.group = Some(staged.into_group(&self.provider).unwrap());
    }

    fn process(&mut self, event: &Value, field: &str) -> ProcessedMessage {
        let group = self.group.as_mut().unwrap();
        assert_eq!(group.epoch().as_u64(), number::<u64>(event, "epoch"));
        let MlsMessageBodyIn::PrivateMessage(message) = mls_message(event, field) else { panic!("no private message") };
        group.process_message(&self.provider, message).unwrap()
    }

    fn follow(&mut self, event: &Value) {
        let processed = self.process(event, "commit");
        assert_eq!(self.sender(&processed), MemberId(number(event, "author")));
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            panic!("no commit")
        };
        assert_eq!(added(&staged), ids(event, "admitted"));
        assert_eq!(self.removed(&staged), ids(event, "removed"));
        assert_eq!(staged.psk_proposals().count(), usize::from(!ids(event, "admitted").is_empty()));
        self.group.as_mut().unwrap().merge_staged_commit(&self.provider, *staged).unwrap();
    }

    fn open(&mut self, event: &Value) {
        let processed = self.process(event, "sealed");
        assert_eq!(self.sender(&processed), MemberId(number(event, "sender")));
        assert!(processed.aad().is_empty());
        let ProcessedMessageContent::ApplicationMessage(message) = processed.into_content() else {
            panic!("no message")
        };
        assert_eq!(hex(&message.into_bytes()), text(event, "padded"));
    }

    fn sender(&self, processed: &ProcessedMessage) -> MemberId {
        let Sender::Member(leaf) = processed.sender() else { panic!("not of a member") };
        self.at(*leaf)
    }

    fn at(&self, leaf: LeafNodeIndex) -> MemberId {
        identity(&self.group.as_ref().unwrap().member_at(leaf).unwrap().credential).0
    }

    fn removed(&self, staged: &StagedCommit) -> Vec<MemberId> {
        staged.remove_proposals().map(|removal| self.at(removal.remove_proposal().removed())).collect()
    }

    /// Checks that the member is in the epoch after this commit.
    fn is_in_the_epoch_after(&self, room: &Value, event: &Value) {
        let group = self.group.as_ref().unwrap();
        assert_eq!(hex(group.group_id().as_slice()), text(room, "group_id"));
        assert_eq!(group.epoch().as_u64(), number::<u64>(event, "epoch") + 1);
        assert_eq!(hex(group.epoch_authenticator().as_slice()), text(event, "authenticator"));
    }
}

fn mls_message(of: &Value, field: &str) -> MlsMessageBodyIn {
    MlsMessageIn::tls_deserialize_exact_bytes(&bytes(of, field)).unwrap().extract()
}

fn added(staged: &StagedCommit) -> Vec<MemberId> {
    let leaves = staged.add_proposals().map(|addition| addition.add_proposal().key_package().leaf_node().clone());
    leaves.map(|leaf| identity(leaf.credential()).0).collect()
}

fn ids(event: &Value, field: &str) -> Vec<MemberId> {
    serde_json::from_value(event[field].clone()).unwrap()
}

/// Returns member id and name from a credential, as PROTOCOL encodes them.
fn identity(credential: &Credential) -> (MemberId, String) {
    let basic = BasicCredential::try_from(credential.clone()).unwrap();
    let (id, name) = basic.identity().split_first_chunk().unwrap();
    (MemberId(u32::from_be_bytes(*id)), String::from_utf8(name.to_vec()).unwrap())
}

fn room() -> Value {
    serde_json::from_str(&fs::read_to_string(path("room.json")).unwrap()).unwrap()
}

#[test]
fn replay() {
    let room = room();
    let mut followed = Vec::new();
    for member in room["members"].as_array().unwrap() {
        let mut stock = Stock::new(&room, member);
        let (mut commits, mut messages) = (0, 0);
        for event in room["events"].as_array().unwrap() {
            match (text(event, "type"), stock.group.is_some()) {
                ("commit", false) if ids(event, "admitted").contains(&stock.id) => {
                    stock.join(event);
                    stock.is_in_the_epoch_after(&room, event);
                }
                // The recording lacks the author's private state of its own commit.
                ("commit", true) if number::<u32>(event, "author") == stock.id.0 => break,
                ("commit", true) => {
                    stock.follow(event);
                    stock.is_in_the_epoch_after(&room, event);
                    commits += 1;
                }
                ("message", true) if number::<u32>(event, "sender") != stock.id.0 => {
                    stock.open(event);
                    messages += 1;
                }
                ("commit" | "message", _) => {}
                (other, _) => panic!("{other}"),
            }
        }
        followed.push((stock.id, commits, messages));
    }
    assert_eq!(followed, [(MemberId(2), 2, 5), (MemberId(3), 3, 6)]);
}

/// Checks the parts outside MLS: the knocks, and the contents of messages.
#[test]
fn recorded_knocks_and_contents_are_valid() {
    let room = room();
    let door_key = Key::from(array(&room, "door_key"));
    let group_id = group_id(RoomId(array(&room, "room_id")), number(&room, "generation"));
    assert_eq!(hex(&group_id), text(&room, "group_id"));
    for member in room["members"].as_array().unwrap() {
        let knock = Knock { door_key: &door_key, group_id, member_id: MemberId(number(member, "member_id")) };
        assert_eq!(hex(&knock.open(&bytes(member, "knock")).unwrap()), text(member, "key_package"));
    }
    let messages = room["events"].as_array().unwrap().iter().filter(|event| event["type"] == "message");
    for event in messages {
        let content = event["text"].as_str().map_or(Content::Here, |text| Content::text(text).unwrap());
        assert_eq!(hex(&content.to_padded(Counter(number(event, "counter")))), text(event, "padded"));
    }
}
