//! The rules for a commit and a Welcome beyond those of MLS. PROTOCOL, "What is checked before a commit is merged".

use std::collections::BTreeSet;

use openmls::{
    group::StagedCommit,
    key_packages::KeyPackage,
    messages::proposals::{PreSharedKeyProposal, Proposal, ProposalOrRefType},
    prelude::{LeafNodeIndex, Sender},
    schedule::{PreSharedKeyId, Psk},
};
use tls_codec::{DeserializeBytes as _, Serialize as _};
use wire::MemberId;

use super::{
    Received, Stuck,
    roster::{Member, Roster, is_capable, is_contributory},
};

fn is_fit(key_package: &KeyPackage) -> bool {
    is_capable(key_package.leaf_node()) && is_contributory(key_package.hpke_init_key().as_slice())
}

/// Checks that there is exactly one PSK, the room's.
pub(super) fn is_room_psk(psks: &[PreSharedKeyId], group_id: &[u8; 20]) -> Result<(), Stuck> {
    match psks {
        [psk] if matches!(psk.psk(), Psk::External(external) if external.psk_id() == group_id) => Ok(()),
        _ => Err(Stuck::broken("other PSKs than the room's")),
    }
}

/// Reads a PSK's id. openmls keeps it private, but a proposal's encoding is the id's (RFC 9420, section 12.1.4).
fn psk_id(proposal: &PreSharedKeyProposal) -> Result<PreSharedKeyId, Stuck> {
    let encoded = proposal.tls_serialize_detached().map_err(Stuck::broken)?;
    PreSharedKeyId::tls_deserialize_exact_bytes(&encoded).map_err(Stuck::broken)
}

/// Returns the roster that a commit leads to, if PROTOCOL allows the commit.
pub(super) fn judge(
    roster: &Roster,
    staged: &StagedCommit,
    author: LeafNodeIndex,
    received: &Received<'_>,
    gone: &BTreeSet<MemberId>,
    group_id: &[u8; 20],
) -> Result<Roster, Stuck> {
    let former = roster.at(author).ok_or_else(|| Stuck::broken("the author is not in the roster"))?;
    // openmls lets a path put another credential into the author's leaf: a member could take another one's name.
    let path = staged.update_path_leaf_node().ok_or_else(|| Stuck::broken("a commit without a path"))?;
    let renewed = Member::read(author, path.credential(), path.signature_key().as_slice())?;
    if former.member_id != received.author || !former.is(&renewed) || !is_capable(path) || staged.self_removed() {
        return Err(Stuck::broken("another author, an author under another identity, or this client removed"));
    }

    let (mut psks, mut added, mut removed) = (0_usize, Vec::new(), Vec::new());
    for queued in staged.queued_proposals() {
        if !matches!(queued.proposal_or_ref_type(), ProposalOrRefType::Proposal)
            || !matches!(queued.sender(), Sender::Member(leaf) if *leaf == author)
        {
            return Err(Stuck::broken("a proposal by reference, or by another member"));
        }
        match queued.proposal() {
            Proposal::Add(add) if is_fit(add.key_package()) => {
                let node = add.key_package().leaf_node();
                added.push(Member::read(author, node.credential(), node.signature_key().as_slice())?);
            }
            Proposal::Remove(remove) => {
                removed.push(roster.at(remove.removed()).ok_or_else(|| Stuck::broken("an empty leaf is removed"))?)
            }
            Proposal::PreSharedKey(psk) if is_room_psk(&[psk_id(psk)?], group_id).is_ok() => psks += 1,
            _ => return Err(Stuck::broken("a proposal that is not allowed")),
        }
    }

    let returns = |member: &&Member| added.iter().any(|other| other.is(member));
    let (_, left): (Vec<&Member>, Vec<&Member>) = removed.into_iter().partition(returns);
    let added_ids = added.iter().map(|member| member.member_id).collect::<BTreeSet<_>>();
    let left_ids = left.iter().map(|member| member.member_id).collect::<BTreeSet<_>>();
    if added_ids != received.admitted.iter().copied().collect() || added.len() != received.admitted.len() {
        return Err(Stuck::Unlisted);
    }
    if psks != usize::from(!added.is_empty())
        || left_ids != received.removed.iter().copied().collect()
        || !left_ids.is_subset(gone)
    {
        return Err(Stuck::broken("other removals than the frame names, or PSKs without newcomers"));
    }
    // Names and numbers stay unique.
    roster.after(staged)
}
