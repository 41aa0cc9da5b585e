//! What openmls reads back during a visit. The group itself lives in memory and is never loaded: writes of it go nowhere.

use core::{cell::RefCell, fmt};
use std::collections::BTreeMap;

use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use postcard::ser_flavors::Size;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Secrets by what they are of. A value is wiped when it is replaced, taken out, or dropped with the store.
#[derive(Default)]
pub(crate) struct Store(RefCell<BTreeMap<Slot, Zeroizing<Vec<u8>>>>);

/// What a value is of. Nothing in it is secret.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Psk(Vec<u8>),
    KeyPackage(Vec<u8>),
    KeyPair(Vec<u8>),
    EpochKeyPairs { group: Vec<u8>, epoch: Vec<u8>, leaf: u32 },
}

/// A value that could not be written, or read back.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot hold this: {0}")]
pub(crate) struct StoreError(#[from] postcard::Error);

impl Store {
    /// Wipes everything.
    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// How much it holds.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// All that it holds.
    #[cfg(any(test, feature = "observe"))]
    pub(crate) fn values(&self) -> Vec<Vec<u8>> {
        self.0.borrow().values().map(|value| value.to_vec()).collect()
    }

    /// How many private keys of knocks it holds, and of which epochs of which groups it holds others.
    #[cfg(any(test, feature = "observe"))]
    pub(crate) fn kept(&self) -> (usize, Vec<(Vec<u8>, u64)>) {
        let entries = self.0.borrow();
        let knocks = entries.keys().filter(|key| matches!(key, Slot::KeyPackage(_) | Slot::KeyPair(_))).count();
        let epochs = entries.keys().filter_map(|key| match key {
            Slot::EpochKeyPairs { group, epoch, .. } => Some((group.clone(), postcard::from_bytes(epoch).ok()?)),
            _ => None,
        });
        (knocks, epochs.collect())
    }

    /// Whether it holds private keys of this epoch, of any group.
    #[cfg(test)]
    pub(crate) fn has_epoch(&self, number: u64) -> bool {
        let number = encode(&number).unwrap();
        self.0.borrow().keys().any(|slot| matches!(slot, Slot::EpochKeyPairs { epoch, .. } if *epoch == *number))
    }

    fn put<T: Serialize + ?Sized>(&self, slot: Slot, value: &T) -> Result<(), StoreError> {
        let bytes = encode(value)?;
        self.0.borrow_mut().insert(slot, bytes);
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, slot: &Slot) -> Result<Option<T>, StoreError> {
        let entries = self.0.borrow();
        entries.get(slot).map(|bytes| postcard::from_bytes(bytes)).transpose().map_err(StoreError)
    }

    fn delete(&self, slot: &Slot) {
        self.0.borrow_mut().remove(slot);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store(…)")
    }
}

/// Counts before it writes: a buffer that grew would leave copies behind.
fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = Zeroizing::new(vec![0; postcard::serialize_with_flavor(value, Size::default())?]);
    postcard::to_slice(value, &mut bytes)?;
    Ok(bytes)
}

fn name<T: Serialize>(name: &T) -> Result<Vec<u8>, StoreError> {
    Ok(core::mem::take(&mut *encode(name)?))
}

fn epoch_key_pairs(group: &impl Serialize, epoch: &impl Serialize, leaf: u32) -> Result<Slot, StoreError> {
    Ok(Slot::EpochKeyPairs { group: name(group)?, epoch: name(epoch)?, leaf })
}

/// One value by one key: written, read and deleted. The types of the read stand in the trait's order.
macro_rules! kept {
    ($($write:ident, $read:ident<$A:ident, $B:ident>, $delete:ident: $Key:ident => $Value:ident as $slot:path;)+) => {$(
        fn $write<$Key: traits::$Key<CURRENT_VERSION>, $Value: traits::$Value<CURRENT_VERSION>>(
            &self,
            key: &$Key,
            value: &$Value,
        ) -> Result<(), StoreError> {
            self.put($slot(name(key)?), value)
        }

        fn $read<$A: traits::$A<CURRENT_VERSION>, $B: traits::$B<CURRENT_VERSION>>(
            &self,
            key: &$Key,
        ) -> Result<Option<$Value>, StoreError> {
            self.get(&$slot(name(key)?))
        }

        fn $delete<$Key: traits::$Key<CURRENT_VERSION>>(&self, key: &$Key) -> Result<(), StoreError> {
            self.delete(&$slot(name(key)?));
            Ok(())
        }
    )+};
}

/// Writes that go nowhere, and reads that find nothing.
macro_rules! not_kept {
    ($($method:ident<$($Type:ident),+>($($argument:ty),+) -> $Found:ty;)+) => {$(
        fn $method<$($Type: traits::$Type<CURRENT_VERSION>),+>(&self, $(_: $argument),+) -> Result<$Found, StoreError> {
            Ok(Default::default())
        }
    )+};
}

impl StorageProvider<CURRENT_VERSION> for Store {
    type Error = StoreError;

    kept! {
        write_psk, psk<PskBundle, PskId>, delete_psk:
            PskId => PskBundle as Slot::Psk;
        write_key_package, key_package<HashReference, KeyPackage>, delete_key_package:
            HashReference => KeyPackage as Slot::KeyPackage;
        write_encryption_key_pair, encryption_key_pair<HpkeKeyPair, EncryptionKey>, delete_encryption_key_pair:
            EncryptionKey => HpkeKeyPair as Slot::KeyPair;
    }

    fn write_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &GroupId,
        epoch: &EpochKey,
        leaf: u32,
        pairs: &[HpkeKeyPair],
    ) -> Result<(), StoreError> {
        self.put(epoch_key_pairs(group, epoch, leaf)?, pairs)
    }

    fn encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &GroupId,
        epoch: &EpochKey,
        leaf: u32,
    ) -> Result<Vec<HpkeKeyPair>, StoreError> {
        Ok(self.get(&epoch_key_pairs(group, epoch, leaf)?)?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group: &GroupId,
        epoch: &EpochKey,
        leaf: u32,
    ) -> Result<(), StoreError> {
        self.delete(&epoch_key_pairs(group, epoch, leaf)?);
        Ok(())
    }

    not_kept! {
        write_mls_join_config<GroupId, MlsGroupJoinConfig>(&GroupId, &MlsGroupJoinConfig) -> ();
        append_own_leaf_node<GroupId, LeafNode>(&GroupId, &LeafNode) -> ();
        queue_proposal<GroupId, ProposalRef, QueuedProposal>(&GroupId, &ProposalRef, &QueuedProposal) -> ();
        write_tree<GroupId, TreeSync>(&GroupId, &TreeSync) -> ();
        write_interim_transcript_hash<GroupId, InterimTranscriptHash>(&GroupId, &InterimTranscriptHash) -> ();
        write_context<GroupId, GroupContext>(&GroupId, &GroupContext) -> ();
        write_confirmation_tag<GroupId, ConfirmationTag>(&GroupId, &ConfirmationTag) -> ();
        write_group_state<GroupState, GroupId>(&GroupId, &GroupState) -> ();
        write_message_secrets<GroupId, MessageSecrets>(&GroupId, &MessageSecrets) -> ();
        write_resumption_psk_store<GroupId, ResumptionPskStore>(&GroupId, &ResumptionPskStore) -> ();
        write_own_leaf_index<GroupId, LeafNodeIndex>(&GroupId, &LeafNodeIndex) -> ();
        write_group_epoch_secrets<GroupId, GroupEpochSecrets>(&GroupId, &GroupEpochSecrets) -> ();
        write_signature_key_pair<SignaturePublicKey, SignatureKeyPair>(&SignaturePublicKey, &SignatureKeyPair) -> ();

        mls_group_join_config<GroupId, MlsGroupJoinConfig>(&GroupId) -> Option<MlsGroupJoinConfig>;
        own_leaf_nodes<GroupId, LeafNode>(&GroupId) -> Vec<LeafNode>;
        queued_proposal_refs<GroupId, ProposalRef>(&GroupId) -> Vec<ProposalRef>;
        queued_proposals<GroupId, ProposalRef, QueuedProposal>(&GroupId) -> Vec<(ProposalRef, QueuedProposal)>;
        tree<GroupId, TreeSync>(&GroupId) -> Option<TreeSync>;
        group_context<GroupId, GroupContext>(&GroupId) -> Option<GroupContext>;
        interim_transcript_hash<GroupId, InterimTranscriptHash>(&GroupId) -> Option<InterimTranscriptHash>;
        confirmation_tag<GroupId, ConfirmationTag>(&GroupId) -> Option<ConfirmationTag>;
        group_state<GroupState, GroupId>(&GroupId) -> Option<GroupState>;
        message_secrets<GroupId, MessageSecrets>(&GroupId) -> Option<MessageSecrets>;
        resumption_psk_store<GroupId, ResumptionPskStore>(&GroupId) -> Option<ResumptionPskStore>;
        own_leaf_index<GroupId, LeafNodeIndex>(&GroupId) -> Option<LeafNodeIndex>;
        group_epoch_secrets<GroupId, GroupEpochSecrets>(&GroupId) -> Option<GroupEpochSecrets>;
        signature_key_pair<SignaturePublicKey, SignatureKeyPair>(&SignaturePublicKey) -> Option<SignatureKeyPair>;

        remove_proposal<GroupId, ProposalRef>(&GroupId, &ProposalRef) -> ();
        delete_own_leaf_nodes<GroupId>(&GroupId) -> ();
        delete_group_config<GroupId>(&GroupId) -> ();
        delete_tree<GroupId>(&GroupId) -> ();
        delete_confirmation_tag<GroupId>(&GroupId) -> ();
        delete_group_state<GroupId>(&GroupId) -> ();
        delete_context<GroupId>(&GroupId) -> ();
        delete_interim_transcript_hash<GroupId>(&GroupId) -> ();
        delete_message_secrets<GroupId>(&GroupId) -> ();
        delete_all_resumption_psk_secrets<GroupId>(&GroupId) -> ();
        delete_own_leaf_index<GroupId>(&GroupId) -> ();
        delete_group_epoch_secrets<GroupId>(&GroupId) -> ();
        clear_proposal_queue<GroupId, ProposalRef>(&GroupId) -> ();
        delete_signature_key_pair<SignaturePublicKey>(&SignaturePublicKey) -> ();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_fits_to_the_byte() {
        let bytes = encode(&(vec![1_u8; 1000], "name", u64::MAX)).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (1000 + 2 + 5 + 10, bytes.len()));
    }

    #[test]
    fn a_value_is_replaced_read_back_and_deleted() {
        let store = Store::default();
        let slot = || Slot::Psk(vec![1]);
        assert_eq!(store.get::<Vec<u8>>(&slot()).unwrap(), None);
        store.put(slot(), &vec![1_u8, 2, 3]).unwrap();
        store.put(slot(), &vec![4_u8]).unwrap();
        // What one kind is named by is not found under another.
        store.put(Slot::KeyPair(vec![1]), &vec![5_u8]).unwrap();
        assert_eq!((store.get::<Vec<u8>>(&slot()).unwrap(), store.len()), (Some(vec![4]), 2));
        store.delete(&slot());
        assert_eq!((store.get::<Vec<u8>>(&slot()).unwrap(), store.len()), (None, 1));
        store.clear();
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn a_value_of_another_shape_is_an_error() {
        let store = Store::default();
        store.put(Slot::Psk(vec![1]), &1_u8).unwrap();
        assert!(store.get::<(u64, u64)>(&Slot::Psk(vec![1])).is_err());
    }
}
