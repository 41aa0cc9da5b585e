use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    framing::{MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent},
    group::{
        GroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, StagedWelcome,
    },
    key_packages::{KeyPackage, KeyPackageIn, Lifetime},
    messages::proposals::{PreSharedKeyProposal, Proposal},
    prelude::{
        LeafNodeIndex,
        tls_codec::{DeserializeBytes as _, Serialize as _},
    },
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
    storage::OpenMlsProvider as AnyProvider,
    versions::ProtocolVersion,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::{crypto::OpenMlsCrypto as _, signatures::Signer as SignsMls, types::SignatureScheme};

use super::*;
use crate::group::{SUITE, signer::Signer};

const PSK: [u8; 32] = [7; 32];

fn provider(seed: u8) -> Provider {
    Provider::new(Zeroizing::new([seed; 32]))
}

/// Someone in the group, by this provider or by another.
struct Member<P, S> {
    provider: P,
    signer: S,
    credential: CredentialWithKey,
    group: Option<MlsGroup>,
}

fn member(seed: u8) -> Member<Provider, Signer> {
    let provider = provider(seed);
    let signer = Signer::generate(provider.rand());
    let public = signer.public().to_vec();
    Member::new(provider, signer, public)
}

/// Someone who uses the stock provider of openmls.
fn stock() -> Member<OpenMlsRustCrypto, SignatureKeyPair> {
    let signer = SignatureKeyPair::new(SignatureScheme::ED25519).unwrap();
    let public = signer.public().to_vec();
    Member::new(OpenMlsRustCrypto::default(), signer, public)
}

impl<P: AnyProvider, S: SignsMls> Member<P, S> {
    fn new(provider: P, signer: S, public: Vec<u8>) -> Self {
        let credential = BasicCredential::new(public.clone()).into();
        let member = Self {
            provider,
            signer,
            credential: CredentialWithKey { credential, signature_key: public.into() },
            group: None,
        };
        member.psk_id().store(&member.provider, &PSK).unwrap();
        member
    }

    fn psk_id(&self) -> PreSharedKeyId {
        PreSharedKeyId::new(SUITE, self.provider.rand(), Psk::External(ExternalPsk::new(b"room".to_vec()))).unwrap()
    }

    fn found(&mut self) {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .lifetime(Lifetime::init(0, u64::MAX))
            .build();
        let id = GroupId::from_slice(b"group");
        let group = MlsGroup::new_with_group_id(&self.provider, &self.signer, &config, id, self.credential.clone());
        self.group = Some(group.unwrap());
    }

    fn key_package(&self) -> Vec<u8> {
        let bundle = KeyPackage::builder()
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .build(SUITE, &self.provider, &self.signer, self.credential.clone())
            .unwrap();
        bundle.key_package().tls_serialize_detached().unwrap()
    }

    /// Commits, and merges it: for those who are in, and for those who come in.
    fn commit(&mut self, key_packages: &[Vec<u8>], removed: &[u32]) -> (Vec<u8>, Vec<u8>) {
        let psk = Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(self.psk_id())));
        let key_packages = key_packages.iter().map(|bytes| {
            let (unverified, _) = KeyPackageIn::tls_deserialize_bytes(bytes).unwrap();
            unverified.validate(self.provider.crypto(), ProtocolVersion::Mls10).unwrap()
        });
        let group = self.group.as_mut().unwrap();
        let bundle = group
            .commit_builder()
            .propose_adds(key_packages)
            .propose_removals(removed.iter().copied().map(LeafNodeIndex::new))
            .add_proposal(psk)
            .force_self_update(true)
            .load_psks(self.provider.storage())
            .unwrap()
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let welcome = bundle.to_welcome_msg().map(|welcome| welcome.tls_serialize_detached().unwrap());
        let commit = bundle.into_commit().tls_serialize_detached().unwrap();
        group.merge_pending_commit(&self.provider).unwrap();
        (commit, welcome.unwrap_or_default())
    }

    fn join(&mut self, welcome: &[u8]) {
        assert!(self.try_join(welcome), "the Welcome should open");
    }

    fn try_join(&mut self, welcome: &[u8]) -> bool {
        let config = MlsGroupJoinConfig::builder().wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY).build();
        let (message, _) = MlsMessageIn::tls_deserialize_bytes(welcome).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("no Welcome") };
        let staged = StagedWelcome::new_from_welcome(&self.provider, &config, welcome, None);
        self.group = staged.ok().map(|staged| staged.into_group(&self.provider).unwrap());
        self.group.is_some()
    }

    /// Opens a message, or merges a commit.
    fn receive(&mut self, message: &[u8]) -> Vec<u8> {
        let (message, _) = MlsMessageIn::tls_deserialize_bytes(message).unwrap();
        let group = self.group.as_mut().unwrap();
        let processed = group.process_message(&self.provider, message.try_into_protocol_message().unwrap()).unwrap();
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(content) => content.into_bytes(),
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                group.merge_staged_commit(&self.provider, *staged).unwrap();
                Vec::new()
            }
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, words: &[u8]) -> Vec<u8> {
        let message = self.group.as_mut().unwrap().create_message(&self.provider, &self.signer, words);
        message.unwrap().tls_serialize_detached().unwrap()
    }

    fn authenticator(&self) -> Vec<u8> {
        self.group.as_ref().unwrap().epoch_authenticator().as_slice().to_vec()
    }
}

#[test]
fn three_come_together_and_one_goes() {
    let [mut ada, mut bob, mut cyd] = [member(1), member(2), member(3)];
    ada.found();
    let (_, welcome) = ada.commit(&[bob.key_package(), cyd.key_package()], &[]);
    bob.join(&welcome);
    cyd.join(&welcome);

    let message = ada.say(b"good evening");
    assert_eq!((bob.receive(&message), cyd.receive(&message)), (b"good evening".to_vec(), b"good evening".to_vec()));
    let message = cyd.say(b"and to you");
    assert_eq!((ada.receive(&message), bob.receive(&message)), (b"and to you".to_vec(), b"and to you".to_vec()));

    let before = ada.authenticator();
    let (commit, welcome) = bob.commit(&[], &[2]);
    assert!(welcome.is_empty());
    ada.receive(&commit);
    assert_eq!(ada.authenticator(), bob.authenticator());
    assert_ne!(ada.authenticator(), before);
    // Someone who is removed merges that, and stays behind.
    cyd.receive(&commit);
    assert!(!cyd.group.as_ref().unwrap().is_active());
    assert_ne!(cyd.authenticator(), ada.authenticator());
}

#[test]
fn a_welcome_does_not_open_without_the_psk() {
    let [mut ada, mut bob] = [member(1), member(2)];
    ada.found();
    bob.psk_id().store(&bob.provider, &[8; 32]).unwrap();
    let (_, welcome) = ada.commit(&[bob.key_package()], &[]);
    assert!(!bob.try_join(&welcome));
}

#[test]
fn no_keys_outlive_their_epoch() {
    let [mut ada, mut bob] = [member(1), member(2)];
    ada.found();
    let key_package = bob.key_package();
    assert_eq!(bob.provider.store().len(), 2, "the PSK and the key package");
    let (_, welcome) = ada.commit(&[key_package], &[]);
    bob.join(&welcome);

    for epoch in 1..6 {
        for store in [ada.provider.store(), bob.provider.store()] {
            assert!(store.has_epoch(epoch) && !store.has_epoch(epoch - 1), "epoch {epoch}");
            assert_eq!(store.len(), 2, "the PSK and the keys of epoch {epoch}");
        }
        let (commit, _) = if epoch % 2 == 0 { ada.commit(&[], &[]) } else { bob.commit(&[], &[]) };
        if epoch % 2 == 0 {
            bob.receive(&commit)
        } else {
            ada.receive(&commit)
        };
    }

    ada.provider.store().clear();
    assert_eq!(ada.provider.store().len(), 0);
}

/// Two of each kind, so that commits have nodes whose keys both kinds derive.
fn understand_each_other<P: AnyProvider, S: SignsMls, Q: AnyProvider, T: SignsMls>(
    [mut ada, mut bob]: [Member<P, S>; 2],
    [mut cyd, mut dan]: [Member<Q, T>; 2],
) {
    ada.found();
    let (_, welcome) = ada.commit(&[cyd.key_package(), bob.key_package(), dan.key_package()], &[]);
    bob.join(&welcome);
    cyd.join(&welcome);
    dan.join(&welcome);

    let (by_cyd, _) = cyd.commit(&[], &[]);
    let heard = [ada.receive(&by_cyd), bob.receive(&by_cyd), dan.receive(&by_cyd)];
    assert_eq!(heard.concat(), b"", "a commit says nothing");
    let (by_bob, _) = bob.commit(&[], &[]);
    ada.receive(&by_bob);
    cyd.receive(&by_bob);
    dan.receive(&by_bob);
    let all = [ada.authenticator(), bob.authenticator(), cyd.authenticator(), dan.authenticator()];
    assert_eq!(all, [(); 4].map(|()| ada.authenticator()));

    let message = bob.say(b"this way");
    assert_eq!(dan.receive(&message), b"this way");
    let message = dan.say(b"and that");
    assert_eq!(bob.receive(&message), b"and that");
}

#[test]
fn the_stock_provider_is_understood() {
    understand_each_other([stock(), stock()], [member(1), member(2)]);
}

#[test]
fn the_stock_provider_understands() {
    understand_each_other([member(1), member(2)], [stock(), stock()]);
}

#[test]
fn a_seed_determines_every_byte() {
    let transcript = |seed: u8| {
        let mut ada = member(seed);
        let mut others = (1..12).map(|number| member(seed + number)).collect::<Vec<_>>();
        ada.found();
        let key_packages = others.iter().map(Member::key_package).collect::<Vec<_>>();
        let (commit, welcome) = ada.commit(&key_packages, &[]);
        for other in &mut others {
            other.join(&welcome);
        }
        let bob = &mut others[0];
        let message = bob.say(b"hello");
        let (refresh, _) = bob.commit(&[], &[5]);
        ada.receive(&message);
        ada.receive(&refresh);
        [key_packages.concat(), commit, welcome, message, refresh, ada.authenticator()]
    };
    assert_eq!(transcript(1), transcript(1));
    assert_ne!(transcript(1)[5], transcript(100)[5]);
}

#[test]
fn the_order_of_sealing_does_not_matter() {
    let (one, other) = (provider(1), provider(1));
    let to = one.crypto().derive_hpke_keypair(SUITE.hpke_config(), &[5; 32]).unwrap();
    let seal = |provider: &Provider, text: &[u8]| {
        provider.crypto().hpke_seal(SUITE.hpke_config(), &to.public, b"info", &[], text).unwrap()
    };
    let forwards = [seal(&one, b"first"), seal(&one, b"second")];
    let [second, first] = [seal(&other, b"second"), seal(&other, b"first")];
    assert_eq!(forwards, [first, second]);
    assert_ne!(forwards[0].kem_output, forwards[1].kem_output);

    let again = seal(&one, b"first");
    assert_eq!(again, forwards[0]);
    one.rand().fill(&mut []);
    assert_ne!(seal(&one, b"first").kem_output, again.kem_output, "a request for bytes should replace the keys");
}
