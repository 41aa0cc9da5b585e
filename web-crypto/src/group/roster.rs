//! The members of the group, read from the credentials in its tree.

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

/// A member of the group.
#[derive(Clone)]
pub struct Member {
    /// Its number.
    pub member_id: MemberId,
    /// Its name.
    pub name: UserName,
    /// Its signature key: 32 bytes of Ed25519.
    pub key: Vec<u8>,
    pub(super) leaf: LeafNodeIndex,
    pub(crate) skeleton: Skeleton,
}

impl Member {
    /// Reads a leaf's credential.
    pub(super) fn read(leaf: LeafNodeIndex, credential: &Credential, key: &[u8]) -> Result<Self, Stuck> {
        let basic = openmls::credentials::BasicCredential::try_from(credential.clone()).map_err(Stuck::broken)?;
        let (number, name) =
            basic.identity().split_first_chunk::<4>().ok_or_else(|| Stuck::broken("a short identity"))?;
        let text = core::str::from_utf8(name).map_err(Stuck::broken)?;
        let name = text.parse::<UserName>().map_err(Stuck::broken)?;
        // A signed identity holds the canonical form only.
        if name.as_str() != text {
            return Err(Stuck::broken("a name that is not canonical"));
        }
        let member_id = MemberId(u32::from_be_bytes(*number));
        Ok(Self { member_id, skeleton: name.skeleton(), name, key: key.to_vec(), leaf })
    }

    /// True when the number, the name and the key are the same. The leaf may differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.member_id == other.member_id && self.name == other.name && self.key == other.key
    }

    /// Returns the [`fingerprint`] of its key.
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

/// True when the X25519 half of an X-Wing public key, its last 32 bytes, agrees on a secret. With a point of low order every
/// agreement is zero (RFC 7748, section 6.1), and security would rest on ML-KEM alone.
pub(super) fn is_contributory(public_key: &[u8]) -> bool {
    public_key.last_chunk::<32>().is_some_and(|half| x25519_dalek::x25519([8; 32], *half) != [0; 32])
}

/// True when a leaf has the capabilities that PROTOCOL demands, and a contributory key.
pub(super) fn is_capable(leaf: &LeafNode) -> bool {
    let capabilities = leaf.capabilities();
    let key = leaf.encryption_key().tls_serialize_detached();
    key.is_ok_and(|key| is_contributory(&key))
        && capabilities.ciphersuites().contains(&SUITE.into())
        && capabilities.extensions().contains(&openmls::extensions::ExtensionType::Unknown(KEEPER))
        && leaf.extensions().iter().next().is_none()
}

/// All members of the group. No two have the same number, the same name or the same key.
#[derive(Clone, Default)]
pub struct Roster {
    by_leaf: BTreeMap<LeafNodeIndex, Member>,
    leaves: BTreeMap<MemberId, LeafNodeIndex>,
}

impl Roster {
    /// Reads the whole tree.
    pub(super) fn of(mls: &MlsGroup) -> Result<Self, Stuck> {
        let mut roster = Self::default();
        for leaf in mls.members() {
            if !is_contributory(&leaf.encryption_key) {
                return Err(Stuck::broken("a key of low order"));
            }
            roster.add(Member::read(leaf.index, &leaf.credential, &leaf.signature_key)?)?;
        }
        Ok(roster)
    }

    /// True when the group's tree holds exactly these members: the same leaves, identities and keys.
    pub(super) fn is_of(&self, mls: &MlsGroup) -> bool {
        let mut count = 0;
        let matches = mls.members().all(|leaf| {
            count += 1;
            self.at(leaf.index).is_some_and(|member| {
                let identity = identity(member.member_id, &member.name);
                leaf.signature_key == member.key && leaf.credential.serialized_content() == identity
            })
        });
        matches && count == self.len()
    }

    /// Returns the numbers of all members, ascending.
    pub fn ids(&self) -> impl Iterator<Item = MemberId> {
        self.leaves.keys().copied()
    }

    /// Returns all members, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.leaves.values().filter_map(|leaf| self.by_leaf.get(leaf))
    }

    /// Returns the member with this number.
    #[must_use]
    pub fn get(&self, member_id: MemberId) -> Option<&Member> {
        self.by_leaf.get(self.leaves.get(&member_id)?)
    }

    /// Returns how many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// True when there is no member, which no group comes to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    pub(super) fn at(&self, leaf: LeafNodeIndex) -> Option<&Member> {
        self.by_leaf.get(&leaf)
    }

    fn clashes(&self, member: &Member) -> bool {
        self.by_leaf.values().any(|other| other.key == member.key || other.skeleton.same(&member.skeleton))
    }

    pub(super) fn add(&mut self, member: Member) -> Result<(), Stuck> {
        if self.leaves.contains_key(&member.member_id)
            || self.by_leaf.contains_key(&member.leaf)
            || self.clashes(&member)
        {
            return Err(Stuck::broken("two members with one number, name or key"));
        }
        self.leaves.insert(member.member_id, member.leaf);
        self.by_leaf.insert(member.leaf, member);
        Ok(())
    }

    pub(super) fn remove(&mut self, leaf: LeafNodeIndex) -> Result<Member, Stuck> {
        let member = self.by_leaf.remove(&leaf).ok_or_else(|| Stuck::broken("an empty leaf is removed"))?;
        self.leaves.remove(&member.member_id);
        Ok(member)
    }

    /// Returns the roster that a commit leads to. By RFC 9420, section 7.7, each added member takes the leftmost empty
    /// leaf.
    pub(super) fn after(&self, staged: &StagedCommit) -> Result<Self, Stuck> {
        let mut after = self.clone();
        for removal in staged.remove_proposals() {
            after.remove(removal.remove_proposal().removed())?;
        }
        for addition in staged.add_proposals() {
            let node = addition.add_proposal().key_package().leaf_node();
            let leaf = after.leftmost_empty().ok_or_else(|| Stuck::broken("the tree is full"))?;
            after.add(Member::read(leaf, node.credential(), node.signature_key().as_slice())?)?;
        }
        Ok(after)
    }

    fn leftmost_empty(&self) -> Option<LeafNodeIndex> {
        (0..u32::MAX).map(LeafNodeIndex::new).find(|leaf| !self.by_leaf.contains_key(leaf))
    }
}
