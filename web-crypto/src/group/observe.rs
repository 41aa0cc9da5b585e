//! For simulations: a look at what is kept, and the hand of one who holds real keys and keeps no rule.

use std::collections::BTreeSet;

use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    prelude::LeafNodeParameters,
};
use wire::{MemberId, UserName};

use super::{Commit, Group, Me, Newcomer, Stuck, me, roster};

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
        let mut plan = self.plan(newcomers, gone);
        match forgery {
            Forgery::WithoutPsk => plan.with_psk = false,
            Forgery::WithoutPath => plan.leaf = None,
            Forgery::Removing(id, says_so) => {
                plan.leaves.push(self.roster.get(*id).ok_or(Stuck)?.leaf);
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
        }
        self.carry_out(me, plan)
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
