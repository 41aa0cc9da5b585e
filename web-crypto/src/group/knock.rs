//! Knocks: a key package, sealed for those who know the password. PROTOCOL, "The group".

use std::collections::BTreeSet;

use chacha20poly1305::{Key as AeadKey, KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use openmls::{
    framing::{MlsMessageBodyIn, MlsMessageIn},
    key_packages::KeyPackage,
    prelude::LeafNodeIndex,
    versions::ProtocolVersion,
};
use openmls_traits::OpenMlsProvider as _;
use tls_codec::DeserializeBytes as _;
use wire::{MemberId, VERSION};
use zeroize::Zeroizing;

use super::{
    Group, Me, SUITE, Unopened,
    roster::{Member, is_capable, is_contributory},
};
use crate::keys::Key;

const NONCE: usize = 24;
const TAG: usize = 16;

/// Seals and opens knocks at one group's door.
pub struct Knock<'a> {
    /// door_key
    pub door_key: &'a Key,
    /// The group to enter.
    pub group_id: [u8; 20],
    /// The member that knocks.
    pub member_id: MemberId,
}

impl Knock<'_> {
    /// knock = nonce ‖ XChaCha20-Poly1305(door_key, nonce, aad, key package)
    #[must_use]
    #[expect(clippy::expect_used, reason = "a knock without its tag would show the key package")]
    pub fn seal(&self, nonce: [u8; NONCE], key_package: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE + key_package.len() + TAG);
        sealed.extend(nonce);
        sealed.extend(key_package);
        let (_, text) = sealed.split_at_mut(NONCE);
        let tag = self.cipher().encrypt_inout_detached(&XNonce::from(nonce), &self.aad(), text.into());
        sealed.extend(tag.expect("the cipher takes 256 GiB"));
        sealed
    }

    /// Opens what [`Knock::seal`] sealed. It does not check the key package.
    ///
    /// # Errors
    /// When it was sealed otherwise, or altered.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or_else(|| Unopened::new("a short knock"))?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or_else(|| Unopened::new("a short knock"))?;
        let mut text = Zeroizing::new(text.to_vec());
        self.cipher()
            .decrypt_inout_detached(&XNonce::from(*nonce), &self.aad(), text.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(Unopened::new)?;
        Ok(text)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&AeadKey::from(*self.door_key.as_bytes()))
    }

    /// aad = version u8 ‖ group id 20 ‖ member id u32
    fn aad(&self) -> [u8; 25] {
        let mut aad = [VERSION; 25];
        let (_, rest) = aad.split_at_mut(1);
        let (group, member) = rest.split_at_mut(20);
        group.copy_from_slice(&self.group_id);
        member.copy_from_slice(&self.member_id.0.to_be_bytes());
        aad
    }
}

/// A member that may come in.
pub struct Newcomer {
    pub(super) key_package: KeyPackage,
    member: Member,
}

impl Newcomer {
    /// Its number.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        self.member.member_id
    }
}

impl Group {
    /// Opens a knock and checks that its member may come in together with `others`, after the members in `gone` are removed.
    ///
    /// # Errors
    /// When the knock does not open, or its member may not come in.
    pub fn hear(
        &self,
        me: &Me,
        knock: &Knock<'_>,
        sealed: &[u8],
        others: &[Newcomer],
        gone: &BTreeSet<MemberId>,
    ) -> Result<Newcomer, Unopened> {
        let bytes = knock.open(sealed)?;
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&bytes).map_err(Unopened::new)?;
        let MlsMessageBodyIn::KeyPackage(unverified) = message.extract() else {
            return Err(Unopened::new("expected a key package"));
        };
        let key_package = unverified.validate(me.provider.crypto(), ProtocolVersion::Mls10).map_err(Unopened::new)?;
        let leaf = key_package.leaf_node();
        let key = leaf.signature_key().as_slice();
        // Its leaf is not known yet, and not used.
        let member = Member::read(LeafNodeIndex::new(u32::MAX), leaf.credential(), key).map_err(Unopened::new)?;
        let returning = self.roster().get(member.member_id);
        let stays = |other: &&Member| other.member_id != member.member_id && !gone.contains(&other.member_id);
        let clashes = |other: &Member| {
            other.skeleton.same(&member.skeleton) || other.key == member.key || other.member_id == member.member_id
        };
        let is_fit = key_package.ciphersuite() == SUITE
            && is_capable(leaf)
            && is_contributory(key_package.hpke_init_key().as_slice())
            && key_package.extensions().iter().next().is_none();
        let is_knocking = member.member_id == knock.member_id
            && member.member_id != me.member_id()
            && !gone.contains(&member.member_id)
            && returning.is_none_or(|former| former.is(&member));
        if !is_fit {
            return Err(Unopened::new("a key package that does not fit the group"));
        }
        if !is_knocking {
            return Err(Unopened::new("a key package of another member than the one that knocks"));
        }
        if self.roster().iter().filter(stays).any(clashes) || others.iter().any(|other| clashes(&other.member)) {
            return Err(Unopened::new("a number, name or key that another member has"));
        }
        Ok(Newcomer { key_package, member })
    }
}
