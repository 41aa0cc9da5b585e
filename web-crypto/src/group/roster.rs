//! Who is in the group, by the credentials in its tree.

use std::collections::BTreeMap;

use openmls::{
    credentials::Credential,
    group::{MlsGroup, StagedCommit},
    prelude::{LeafNode, LeafNodeIndex},
};
use sha2::{Digest, Sha256};
use tls_codec::Serialize as _;
use wire::{MemberId, Skeleton, UserName};

use super::{KEEPER, SUITE, Stuck};

/// identity = member id u32 ‖ canonical user name
pub(super) fn identity(member_id: MemberId, name: &UserName) -> Vec<u8> {
    [&member_id.0.to_be_bytes()[..], name.as_str().as_bytes()].concat()
}

/// Someone in the group.
#[derive(Clone)]
pub struct Mate {
    /// Its number.
    pub member_id: MemberId,
    /// Its name.
    pub name: UserName,
    /// Its signature key: 32 bytes of Ed25519.
    pub key: Vec<u8>,
    pub(super) leaf: LeafNodeIndex,
    pub(crate) skeleton: Skeleton,
}

impl Mate {
    /// Reads a leaf's credential.
    pub(super) fn read(leaf: LeafNodeIndex, credential: &Credential, key: &[u8]) -> Result<Self, Stuck> {
        let basic = openmls::credentials::BasicCredential::try_from(credential.clone()).map_err(Stuck::broken)?;
        let (number, name) =
            basic.identity().split_first_chunk::<4>().ok_or_else(|| Stuck::broken("a short identity"))?;
        let text = core::str::from_utf8(name).map_err(Stuck::broken)?;
        let name = text.parse::<UserName>().map_err(Stuck::broken)?;
        // Only the canonical form is signed.
        if name.as_str() != text {
            return Err(Stuck::broken("a name that is not canonical"));
        }
        let member_id = MemberId(u32::from_be_bytes(*number));
        Ok(Self { member_id, skeleton: name.skeleton(), name, key: key.to_vec(), leaf })
    }

    /// Whether this is the same person by the same key, at another leaf perhaps.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.member_id == other.member_id && self.name == other.name && self.key == other.key
    }

    /// The [`fingerprint`] of its key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }
}

/// SHA-256("cloakroom/1 fingerprint" ‖ signature key), its first 13 bytes as a number modulo 10³⁰, in six groups of five
/// digits.
#[must_use]
pub fn fingerprint(signature_key: &[u8]) -> String {
    let hash = Sha256::new().chain_update("cloakroom/1 fingerprint").chain_update(signature_key).finalize();
    let number = hash.iter().take(13).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let digits = format!("{:030}", number % 10_u128.pow(30));
    digits.as_bytes().chunks(5).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// Whether a public key of X-Wing has an X25519 half that agrees on a secret. The half stands last, in 32 bytes. With a
/// point of low order every agreement comes out as zero (RFC 7748, section 6.1), and ML-KEM would stand alone.
pub(super) fn is_contributory(public_key: &[u8]) -> bool {
    public_key.last_chunk::<32>().is_some_and(|half| x25519_dalek::x25519([8; 32], *half) != [0; 32])
}

/// Whether a leaf can do what the protocol may ask of it one day, and its key is a good one.
pub(super) fn is_capable(leaf: &LeafNode) -> bool {
    let capabilities = leaf.capabilities();
    let key = leaf.encryption_key().tls_serialize_detached();
    key.is_ok_and(|key| is_contributory(&key))
        && capabilities.ciphersuites().contains(&SUITE.into())
        && capabilities.extensions().contains(&openmls::extensions::ExtensionType::Unknown(KEEPER))
        && leaf.extensions().iter().next().is_none()
}

/// Everyone in the group. No two have the same number, the same name or the same key.
#[derive(Clone, Default)]
pub struct Roster {
    by_leaf: BTreeMap<LeafNodeIndex, Mate>,
    leaves: BTreeMap<MemberId, LeafNodeIndex>,
}

impl Roster {
    /// Reads the whole tree.
    pub(super) fn of(mls: &MlsGroup) -> Result<Self, Stuck> {
        let mut roster = Self::default();
        for member in mls.members() {
            if !is_contributory(&member.encryption_key) {
                return Err(Stuck::broken("a key of low order"));
            }
            roster.add(Mate::read(member.index, &member.credential, &member.signature_key)?)?;
        }
        Ok(roster)
    }

    /// Whether the group's tree holds exactly these people: the same leaves, identities and keys.
    pub(super) fn is_of(&self, mls: &MlsGroup) -> bool {
        let mut count = 0;
        let matches = mls.members().all(|member| {
            count += 1;
            self.at(member.index).is_some_and(|mate| {
                let identity = identity(mate.member_id, &mate.name);
                member.signature_key == mate.key && member.credential.serialized_content() == identity
            })
        });
        matches && count == self.len()
    }

    /// The numbers of all members, ascending.
    pub fn ids(&self) -> impl Iterator<Item = MemberId> {
        self.leaves.keys().copied()
    }

    /// Everyone, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Mate> {
        self.leaves.values().filter_map(|leaf| self.by_leaf.get(leaf))
    }

    /// The one of this number.
    #[must_use]
    pub fn get(&self, member_id: MemberId) -> Option<&Mate> {
        self.by_leaf.get(self.leaves.get(&member_id)?)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Nobody is in it, which no group comes to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    pub(super) fn at(&self, leaf: LeafNodeIndex) -> Option<&Mate> {
        self.by_leaf.get(&leaf)
    }

    fn clashes(&self, mate: &Mate) -> bool {
        self.by_leaf.values().any(|other| other.key == mate.key || other.skeleton.same(&mate.skeleton))
    }

    pub(super) fn add(&mut self, mate: Mate) -> Result<(), Stuck> {
        if self.leaves.contains_key(&mate.member_id) || self.by_leaf.contains_key(&mate.leaf) || self.clashes(&mate) {
            return Err(Stuck::broken("two members with one number, name or key"));
        }
        self.leaves.insert(mate.member_id, mate.leaf);
        self.by_leaf.insert(mate.leaf, mate);
        Ok(())
    }

    pub(super) fn remove(&mut self, leaf: LeafNodeIndex) -> Result<Mate, Stuck> {
        let mate = self.by_leaf.remove(&leaf).ok_or_else(|| Stuck::broken("an empty leaf is removed"))?;
        self.leaves.remove(&mate.member_id);
        Ok(mate)
    }

    /// What a commit makes of it. Where those added stand in the tree follows from RFC 9420, section 7.7: each takes the
    /// leftmost empty leaf.
    pub(super) fn after(&self, staged: &StagedCommit) -> Result<Self, Stuck> {
        let mut after = self.clone();
        for removal in staged.remove_proposals() {
            after.remove(removal.remove_proposal().removed())?;
        }
        for addition in staged.add_proposals() {
            let node = addition.add_proposal().key_package().leaf_node();
            let leaf = after.leftmost_empty().ok_or_else(|| Stuck::broken("the tree is full"))?;
            after.add(Mate::read(leaf, node.credential(), node.signature_key().as_slice())?)?;
        }
        Ok(after)
    }

    fn leftmost_empty(&self) -> Option<LeafNodeIndex> {
        (0..u32::MAX).map(LeafNodeIndex::new).find(|leaf| !self.by_leaf.contains_key(leaf))
    }
}
