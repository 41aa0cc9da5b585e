//! For simulations: a look at what is kept, and the hand of one who holds real keys and keeps no rule.

use std::collections::BTreeSet;

use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    messages::proposals::{PreSharedKeyProposal, Proposal},
    prelude::LeafNodeParameters,
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
};
use openmls_traits::OpenMlsProvider as _;
use wire::{MemberId, UserName};

use super::{Commit, Group, Me, Newcomer, SUITE, Stuck, group_id, me, roster, to_bytes};

/// What is wrong with a commit.
pub enum Forgery {
    /// It lets people in without the room's PSK.
    WithoutPsk,
    /// It has no path.
    WithoutPath,
    /// It removes this member too, and says so or not.
    Removing(MemberId, bool),
    /// Its author takes this name.
    Named(UserName),
}

impl Group {
    /// Makes a commit as [`Group::commit`] does, but for the forgery.
    ///
    /// # Errors
    /// When the library will not have it.
    pub fn forge(
        &mut self,
        me: &Me,
        newcomers: &[Newcomer],
        gone: &BTreeSet<MemberId>,
        forgery: &Forgery,
    ) -> Result<Commit, Stuck> {
        self.forget_commit(me)?;
        let mut removed = gone.iter().copied().filter(|id| self.roster.get(*id).is_some()).collect::<Vec<_>>();
        let mut leaves = removed.iter().filter_map(|id| self.roster.get(*id)).map(|mate| mate.leaf).collect::<Vec<_>>();
        leaves.extend(newcomers.iter().filter_map(|new| self.roster.get(new.member_id())).map(|mate| mate.leaf));
        let mut leaf = LeafNodeParameters::builder().with_capabilities(me::capabilities());
        match forgery {
            Forgery::Removing(id, says_so) => {
                leaves.push(self.roster.get(*id).ok_or(Stuck)?.leaf);
                removed.extend(says_so.then_some(*id));
            }
            Forgery::Named(name) => {
                leaf = leaf.with_credential_with_key(CredentialWithKey {
                    credential: BasicCredential::new(roster::identity(me.member_id, name)).into(),
                    signature_key: me.signer.public().into(),
                });
            }
            Forgery::WithoutPsk | Forgery::WithoutPath => {}
        }
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(false)
            .propose_removals(leaves)
            .propose_adds(newcomers.iter().map(|newcomer| newcomer.key_package.clone()));
        if !matches!(forgery, Forgery::WithoutPath) {
            builder = builder.force_self_update(true).leaf_node_parameters(leaf.build());
        }
        if !newcomers.is_empty() && !matches!(forgery, Forgery::WithoutPsk) {
            let id = group_id(self.room, self.epoch.generation);
            let psk = PreSharedKeyId::new(SUITE, me.provider.rand(), Psk::External(ExternalPsk::new(id.to_vec())));
            let psk = PreSharedKeyProposal::new(psk.map_err(|_| Stuck)?);
            builder = builder.add_proposal(Proposal::PreSharedKey(Box::new(psk)));
        }
        let bundle = builder
            .load_psks(me.provider.storage())
            .map_err(|_| Stuck)?
            .build(me.provider.rand(), me.provider.crypto(), &me.signer, |_| true)
            .map_err(|_| Stuck)?
            .stage_commit(&me.provider)
            .map_err(|_| Stuck)?;
        let welcome = bundle.to_welcome_msg().map(|welcome| to_bytes(&welcome)).transpose()?.unwrap_or_default();
        let commit = to_bytes(&bundle.into_commit())?;
        let staged = self.mls.pending_commit().ok_or(Stuck)?;
        self.pending = self.roster.after(staged).ok();
        Ok(Commit { admitted: newcomers.iter().map(Newcomer::member_id).collect(), removed, commit, welcome })
    }
}

impl Me {
    /// How many private keys of knocks are kept, and of which epochs of which groups others are.
    #[must_use]
    pub fn kept(&self) -> (usize, Vec<(Vec<u8>, u64)>) {
        self.provider.store().kept()
    }

    /// All that the store holds, the room's PSK and the private keys among it; and the key that signs.
    #[must_use]
    pub fn secrets(&self) -> (Vec<Vec<u8>>, [u8; 32]) {
        (self.provider.store().values(), self.signer.secret())
    }

    /// From now on, seals to public keys of such a first byte are spoilt: what is made opens for some and not for others.
    pub fn spoil(&self, is_spoilt: [bool; 2]) {
        self.provider.spoil(is_spoilt);
    }
}
