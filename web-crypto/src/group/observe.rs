//! For simulations: access to what a member keeps, and commits of a member that holds real keys and keeps no rule.

use std::collections::BTreeSet;

use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    framing::{MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent},
    prelude::LeafNodeParameters,
    versions::ProtocolVersion,
};
use openmls_traits::OpenMlsProvider as _;
use tls_codec::DeserializeBytes as _;
use wire::{Epoch, MemberId, RoomId, UserName};

use super::{Commit, Group, Me, Newcomer, Roster, Stuck, me, protocol_message, roster};

/// What is wrong with a commit.
pub enum Forgery {
    /// It lets people in without the room's PSK.
    WithoutPsk,
    /// It has no path.
    WithoutPath,
    /// It also removes this member, and says so or not.
    Removing(MemberId, bool),
    /// Its author takes this name.
    Named(UserName),
    /// It also lets in the member of this key package, an `MLSMessage`, and does not name it. The Welcome is for it too.
    Unnamed(Vec<u8>),
}

impl Group {
    /// Makes a commit as [`Group::commit`] does, apart from the forgery.
    ///
    /// # Errors
    /// When the library refuses to make it.
    pub fn forge(
        &mut self,
        me: &Me,
        newcomers: &[Newcomer],
        gone: &BTreeSet<MemberId>,
        forgery: &Forgery,
    ) -> Result<Commit, Stuck> {
        let mut plan = self.plan(newcomers, gone);
        match forgery {
            Forgery::WithoutPsk => plan.with_psk = false,
            Forgery::WithoutPath => plan.leaf = None,
            Forgery::Removing(id, says_so) => {
                plan.leaves.push(self.roster.get(*id).ok_or_else(|| Stuck::broken("nobody to remove"))?.leaf);
                plan.removed.extend(says_so.then_some(*id));
            }
            Forgery::Named(name) => {
                let as_another = CredentialWithKey {
                    credential: BasicCredential::new(roster::identity(me.member_id, name)).into(),
                    signature_key: me.signer.public().into(),
                };
                let leaf = LeafNodeParameters::builder().with_capabilities(me::capabilities());
                plan.leaf = Some(leaf.with_credential_with_key(as_another).build());
            }
            Forgery::Unnamed(key_package) => {
                let message = MlsMessageIn::tls_deserialize_exact_bytes(key_package).map_err(Stuck::broken)?;
                let MlsMessageBodyIn::KeyPackage(unverified) = message.extract() else {
                    return Err(Stuck::broken("expected a key package"));
                };
                let checked = unverified.validate(me.provider.crypto(), ProtocolVersion::Mls10);
                plan.unnamed.push(checked.map_err(Stuck::broken)?);
                plan.with_psk = true;
            }
        }
        let (commit, roster) = self.carry_out(me, plan)?;
        // A forged commit may lead to no roster at all.
        self.pending = roster.ok();
        Ok(commit)
    }

    /// Joins by a Welcome, without a check of the members.
    ///
    /// # Errors
    /// When it does not open, or leads to a group of another kind than the room's.
    pub fn sneak(me: &Me, room: RoomId, epoch: Epoch, welcome: &[u8]) -> Result<Self, Stuck> {
        Self::open_welcome(me, room, epoch, welcome)
    }

    /// Merges any commit that the library merges.
    ///
    /// # Errors
    /// When it does not open, or removes this client.
    pub fn trail(&mut self, me: &Me, commit: &[u8]) -> Result<(), Stuck> {
        let message = protocol_message(commit)?;
        let processed = self.mls.process_message(&me.provider, message).map_err(Stuck::broken)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(Stuck::broken("expected a commit"));
        };
        self.merge(me, *staged)?;
        let roster = Roster::of(&self.mls)?;
        self.advanced(roster)
    }
}

impl Me {
    /// The seed of all the randomness of the member's group.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.seed
    }

    /// Returns the public signature key: 32 bytes of Ed25519.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.signer.public().to_vec()
    }

    /// Returns how many private keys of knocks are kept, and the groups and epochs of the others.
    #[must_use]
    pub fn kept(&self) -> (usize, Vec<(Vec<u8>, u64)>) {
        self.provider.store().kept()
    }

    /// Returns all that the store holds, including the room's PSK and private keys; and the secret signature key.
    #[must_use]
    pub fn secrets(&self) -> (Vec<Vec<u8>>, [u8; 32]) {
        (self.provider.store().values(), self.signer.secret())
    }

    /// Makes a key package whose public keys have an X25519 half of zeros.
    ///
    /// # Errors
    /// Only by a fault of the library.
    pub fn halved_key_package(&self) -> Result<Vec<u8>, Stuck> {
        self.provider.halve(true);
        let key_package = self.key_package();
        self.provider.halve(false);
        key_package
    }

    /// From now on, spoils what is sealed to public keys with an even, or an odd, first byte: a commit then opens for some
    /// members only.
    pub fn spoil(&self, is_spoilt: [bool; 2]) {
        self.provider.spoil(is_spoilt);
    }
}
