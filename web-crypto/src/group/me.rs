//! The client's own member, for one visit: a name, a number, and the key that signs.

use openmls::{
    credentials::{BasicCredential, CredentialType, CredentialWithKey},
    extensions::ExtensionType,
    framing::MlsMessageOut,
    key_packages::{KeyPackage, Lifetime},
    prelude::Capabilities,
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
    versions::ProtocolVersion,
};
use openmls_traits::OpenMlsProvider as _;
use tls_codec::Serialize as _;
use wire::{MemberId, UserName};
use zeroize::Zeroizing;

use super::{KEEPER, SUITE, Stuck, provider::Provider, roster, signer::Signer};
use crate::keys::Key;

/// The client's own member. Its signature key is made for this visit and is the same in every group of the visit.
pub struct Me {
    pub(super) provider: Provider,
    pub(super) signer: Signer,
    pub(super) member_id: MemberId,
    pub(super) name: UserName,
    room_psk: Key,
    /// For tests that look for it elsewhere.
    #[cfg(any(test, feature = "observe"))]
    pub(super) seed: [u8; 32],
}

impl Me {
    /// Makes the signature key. All randomness of the visit comes from `seed`.
    #[must_use]
    pub fn new(member_id: MemberId, name: UserName, room_psk: Key, seed: Zeroizing<[u8; 32]>) -> Self {
        #[cfg(any(test, feature = "observe"))]
        let observed_seed = *seed;
        let provider = Provider::new(seed);
        let signer = Signer::generate(provider.rand());
        Self {
            provider,
            signer,
            member_id,
            name,
            room_psk,
            #[cfg(any(test, feature = "observe"))]
            seed: observed_seed,
        }
    }

    /// Returns its number.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        self.member_id
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Makes a key package, as an `MLSMessage`. Wipes the keys of an earlier one and of the last group.
    ///
    /// # Errors
    /// Only by a fault of the library.
    pub fn key_package(&self) -> Result<Vec<u8>, Stuck> {
        self.provider.store().clear();
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities())
            .key_package_lifetime(lifetime())
            .build(SUITE, &self.provider, &self.signer, self.credential())
            .map_err(Stuck::broken)?;
        MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().map_err(Stuck::broken)
    }

    pub(super) fn credential(&self) -> CredentialWithKey {
        let identity = roster::identity(self.member_id, &self.name);
        CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.signer.public().into(),
        }
    }

    pub(super) fn keep_room_psk(&self, group_id: &[u8; 20]) -> Result<(), Stuck> {
        let psk = Psk::External(ExternalPsk::new(group_id.to_vec()));
        let id = PreSharedKeyId::new(SUITE, self.provider.rand(), psk).map_err(Stuck::broken)?;
        id.store(&self.provider, self.room_psk.as_bytes()).map_err(Stuck::broken)
    }
}

/// The capabilities of every leaf.
pub(super) fn capabilities() -> Capabilities {
    Capabilities::builder()
        .versions(vec![ProtocolVersion::Mls10])
        .ciphersuites(vec![SUITE])
        .extensions(vec![ExtensionType::Unknown(KEEPER)])
        .proposals(vec![])
        .credentials(vec![CredentialType::Basic])
        .build()
}

/// Without end: a phone's clock may be wrong by years, and a knock lives for seconds.
pub(super) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}
