//! The room's group: MLS (RFC 9420), by openmls, and what this protocol adds to it. PROTOCOL, "The group".
//!
//! A [`Group`] only goes forward. When the client cannot follow an event it is [`Stuck`], and drops the group with its
//! secrets.

mod commit;
mod crypto;
mod knock;
mod me;
#[cfg(any(test, feature = "observe"))]
mod observe;
mod provider;
mod random;
mod roster;
mod rules;
mod signer;
mod store;

use std::collections::BTreeSet;

use openmls::{
    framing::{MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, ProcessedMessageContent, ProtocolMessage},
    group::{
        MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, StagedCommit,
        StagedWelcome,
    },
    prelude::{Sender, SenderRatchetConfiguration},
};
use openmls_traits::{OpenMlsProvider as _, types::Ciphersuite};
use tls_codec::{DeserializeBytes as _, Serialize as _};
use wire::{Epoch, MemberId, RoomId, limits};
use zeroize::Zeroizing;

pub use commit::Commit;
pub use knock::{Knock, Newcomer};
pub use me::Me;
#[cfg(any(test, feature = "observe"))]
pub use observe::Forgery;
pub(crate) use random::Random;
pub use roster::{Member, Roster, fingerprint};

/// MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519 (0x004F, draft-ietf-mls-pq-ciphersuites).
const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519;
/// The extension of the group's context that is reserved for the room's keeper.
const KEEPER: u16 = 0xF0C1;
/// How many messages in a row may be lost in one epoch: finding the next one's key takes a hash for each.
const SKIPPED_MESSAGES: u32 = 4096;

/// Why the client cannot follow the group. The text is for a log: it names no one and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// A commit or a Welcome does not open, or breaks a rule of PROTOCOL, (24) or (25); or the library failed. With the
    /// cause.
    #[error("{0}")]
    Broken(String),
    /// The frame names other members than the tree holds: somebody could read unseen.
    #[error("the tree holds other members than the frame names")]
    Unlisted,
}

impl Stuck {
    fn broken(cause: impl ToString) -> Self {
        Self::Broken(cause.to_string())
    }
}

/// A message or a knock that does not open: forged, altered, repeated, or of another epoch. With the cause, for a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unopened(String);

impl Unopened {
    fn new(cause: impl ToString) -> Self {
        Self(cause.to_string())
    }
}

/// group id = room id 16 ‖ generation u32
#[must_use]
pub fn group_id(room: RoomId, generation: u32) -> [u8; 20] {
    let mut id = [0; 20];
    let (room_part, generation_part) = id.split_at_mut(16);
    room_part.copy_from_slice(&room.0);
    generation_part.copy_from_slice(&generation.to_be_bytes());
    id
}

/// Another member's commit, as it arrived.
pub struct Received<'a> {
    /// Its author, as the server claims.
    pub author: MemberId,
    /// The members that it lets in, as the server claims.
    pub admitted: &'a [MemberId],
    /// The members that it removes, as the server claims.
    pub removed: &'a [MemberId],
    /// The commit.
    pub commit: &'a [u8],
}

/// A group that the client is in.
pub struct Group {
    mls: MlsGroup,
    room: RoomId,
    epoch: Epoch,
    roster: Roster,
    /// The roster that the client's own commit leads to, until the server has ordered the commit.
    pending: Option<Roster>,
}

impl Group {
    /// Founds the group of this generation, with the client as its only member.
    ///
    /// # Errors
    /// Only by a fault of the library.
    pub fn found(me: &Me, room: RoomId, generation: u32) -> Result<Self, Stuck> {
        let id = group_id(room, generation);
        me.provider.store().clear();
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(0)
            .number_of_resumption_psks(0)
            .sender_ratchet_configuration(ratchet())
            .capabilities(me::capabilities())
            .lifetime(me::lifetime())
            .build();
        let mls = MlsGroup::new_with_group_id(
            &me.provider,
            &me.signer,
            &config,
            openmls::group::GroupId::from_slice(&id),
            me.credential(),
        )
        .map_err(Stuck::broken)?;
        let roster = Roster::of(&mls)?;
        me.keep_room_psk(&id)?;
        Ok(Self { mls, room, epoch: Epoch { generation, number: 0 }, roster, pending: None })
    }

    /// Joins by a Welcome that answers the last knock, if the tree holds exactly the members in `named`.
    ///
    /// # Errors
    /// [`Stuck::Unlisted`] when the tree holds another set of members; [`Stuck::Broken`] when the Welcome does not
    /// open, or leads to a group that breaks a rule of PROTOCOL, (25).
    pub fn join(
        me: &Me,
        room: RoomId,
        epoch: Epoch,
        welcome: &[u8],
        named: &BTreeSet<MemberId>,
    ) -> Result<Self, Stuck> {
        let group = Self::open_welcome(me, room, epoch, welcome)?;
        if group.roster.ids().eq(named.iter().copied()) { Ok(group) } else { Err(Stuck::Unlisted) }
    }

    /// [`Group::join`] without the comparison with the list.
    pub(crate) fn open_welcome(me: &Me, room: RoomId, epoch: Epoch, welcome: &[u8]) -> Result<Self, Stuck> {
        let id = group_id(room, epoch.generation);
        me.keep_room_psk(&id)?;
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(0)
            .number_of_resumption_psks(0)
            .sender_ratchet_configuration(ratchet())
            .build();
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).map_err(Stuck::broken)?;
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            return Err(Stuck::broken("expected a Welcome"));
        };
        let joining = StagedWelcome::build_from_welcome(&me.provider, &config, welcome)
            .map_err(Stuck::broken)?
            .skip_lifetime_validation();
        rules::is_room_psk(joining.processed_welcome().psks(), &id)?;
        let staged = joining.build().map_err(Stuck::broken)?;
        let context = staged.group_context();
        if context.group_id().as_slice() != id
            || context.epoch().as_u64() != epoch.number
            || context.ciphersuite() != SUITE
            || context.extensions().iter().next().is_some()
        {
            return Err(Stuck::broken("the Welcome leads to another group"));
        }
        let mls = staged.into_group(&me.provider).map_err(Stuck::broken)?;
        let roster = Roster::of(&mls)?;
        let own = roster.get(me.member_id).ok_or_else(|| Stuck::broken("the tree lacks this client"))?;
        if own.name != me.name || own.key != me.signer.public() || own.leaf != mls.own_leaf_index() {
            return Err(Stuck::broken("the tree has another key or name for this client"));
        }
        Ok(Self { mls, room, epoch, roster, pending: None })
    }

    /// Returns the current epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns its members.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the epoch authenticator (RFC 9420, section 8.7): the same for all members in the same epoch.
    #[must_use]
    pub fn authenticator(&self) -> &[u8] {
        self.mls.epoch_authenticator().as_slice()
    }

    /// True when the client's own commit waits to be ordered.
    #[must_use]
    pub fn has_commit(&self) -> bool {
        self.pending.is_some()
    }

    /// Merges the client's own commit, which the server has ordered.
    ///
    /// # Errors
    /// When there is none.
    pub fn confirm(&mut self, me: &Me) -> Result<(), Stuck> {
        let roster = self.pending.take().ok_or_else(|| Stuck::broken("no commit is pending"))?;
        self.mls.merge_pending_commit(&me.provider).map_err(Stuck::broken)?;
        self.advanced(roster)
    }

    /// Merges another member's commit, if PROTOCOL allows it. `gone` are the members that the server said have gone.
    ///
    /// # Errors
    /// When it does not open, or is not allowed.
    pub fn follow(&mut self, me: &Me, received: &Received<'_>, gone: &BTreeSet<MemberId>) -> Result<(), Stuck> {
        self.forget_commit(me)?;
        let message = protocol_message(received.commit)?;
        let processed = self.mls.process_message(&me.provider, message).map_err(Stuck::broken)?;
        let &Sender::Member(author) = processed.sender() else {
            return Err(Stuck::broken("a commit from outside the group"));
        };
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(Stuck::broken("expected a commit"));
        };
        let roster = rules::judge(&self.roster, &staged, author, received, gone, &self.id())?;
        self.merge(me, *staged)?;
        self.advanced(roster)
    }

    /// Seals a padded content in the current epoch: an `MLSMessage`.
    ///
    /// # Errors
    /// Only by a fault of the library.
    pub fn seal(&mut self, me: &Me, padded: &[u8]) -> Result<Vec<u8>, Stuck> {
        to_bytes(&self.mls.create_message(&me.provider, &me.signer, padded).map_err(Stuck::broken)?)
    }

    /// Opens another member's message of this epoch. Returns the sender and the padded content.
    ///
    /// # Errors
    /// When it does not open, or is no message.
    pub fn open(&mut self, me: &Me, sealed: &[u8]) -> Result<(MemberId, Zeroizing<Vec<u8>>), Unopened> {
        let message = protocol_message(sealed).map_err(Unopened::new)?;
        // Opening a commit that is passed off as a message would use up the key that opens the commit.
        if message.is_handshake_message() {
            return Err(Unopened::new("expected an application message, found a handshake"));
        }
        let processed = self.mls.process_message(&me.provider, message).map_err(Unopened::new)?;
        let (&Sender::Member(leaf), []) = (processed.sender(), processed.aad()) else {
            return Err(Unopened::new("a message from outside the group, or with additional data"));
        };
        let ProcessedMessageContent::ApplicationMessage(content) = processed.into_content() else {
            return Err(Unopened::new("expected an application message"));
        };
        let sender = self.roster.at(leaf).ok_or_else(|| Unopened::new("the sender is not in the roster"))?.member_id;
        Ok((sender, Zeroizing::new(content.into_bytes())))
    }

    fn id(&self) -> [u8; 20] {
        group_id(self.room, self.epoch.generation)
    }

    /// Drops the client's own commit.
    ///
    /// # Errors
    /// Only by a fault of the library.
    pub fn forget_commit(&mut self, me: &Me) -> Result<(), Stuck> {
        self.pending = None;
        self.mls.clear_pending_commit(me.provider.storage()).map_err(Stuck::broken)
    }

    fn merge(&mut self, me: &Me, staged: StagedCommit) -> Result<(), Stuck> {
        self.mls.merge_staged_commit(&me.provider, staged).map_err(Stuck::broken)
    }

    fn advanced(&mut self, roster: Roster) -> Result<(), Stuck> {
        self.roster = roster;
        self.epoch = self.epoch.next();
        // The roster decides what the person sees, and the tree decides who can read: the two must agree.
        if !self.roster.is_of(&self.mls) {
            return Err(Stuck::Unlisted);
        }
        if self.mls.epoch().as_u64() != self.epoch.number || !self.mls.is_active() {
            return Err(Stuck::broken("the commit removes this client, or leads to another epoch"));
        }
        Ok(())
    }
}

/// Messages arrive in one order. A message that is not its sender's next shows that others were lost: their keys are not
/// kept.
fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(0, SKIPPED_MESSAGES)
}

fn to_bytes(message: &MlsMessageOut) -> Result<Vec<u8>, Stuck> {
    message.tls_serialize_detached().map_err(Stuck::broken)
}

/// Reads a private message. PROTOCOL forbids public ones.
fn protocol_message(bytes: &[u8]) -> Result<ProtocolMessage, Stuck> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).map_err(Stuck::broken)?;
    match message.extract() {
        MlsMessageBodyIn::PrivateMessage(message) => Ok(message.into()),
        _ => Err(Stuck::broken("expected a private message")),
    }
}

const _: () = assert!(limits::KNOCKS_PER_COMMIT <= limits::MEMBERS);

#[cfg(test)]
mod tests;
