//! The client's own commits, which let newcomers in and remove members that have gone.

use std::collections::BTreeSet;

use openmls::{
    key_packages::KeyPackage,
    messages::proposals::{PreSharedKeyProposal, Proposal},
    prelude::{LeafNodeIndex, LeafNodeParameters},
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
};
use openmls_traits::OpenMlsProvider as _;
use wire::MemberId;

use super::{Group, Me, Newcomer, Roster, SUITE, Stuck, me, to_bytes};

/// A commit, ready to be sent.
pub struct Commit {
    /// The members that it lets in.
    pub admitted: Vec<MemberId>,
    /// The members that it removes.
    pub removed: Vec<MemberId>,
    /// An `MLSMessage` for the members of the group.
    pub commit: Vec<u8>,
    /// An `MLSMessage` for the newcomers; empty if there are none.
    pub welcome: Vec<u8>,
}

/// The content of a commit to make.
pub(super) struct Plan<'a> {
    pub(super) newcomers: &'a [Newcomer],
    /// Newcomers that it does not name, which PROTOCOL forbids.
    pub(super) unnamed: Vec<KeyPackage>,
    /// The members that it says to remove.
    pub(super) removed: Vec<MemberId>,
    /// The leaves that it removes: those of `removed`, and the old leaves of members that come in again.
    pub(super) leaves: Vec<LeafNodeIndex>,
    /// The author's leaf on the new path; without it there is no path.
    pub(super) leaf: Option<LeafNodeParameters>,
    /// Whether it carries the room's PSK, which only someone with the password has.
    pub(super) with_psk: bool,
}

impl Group {
    /// Makes the commit that removes the members in `gone` and lets newcomers in. It takes effect by [`Group::confirm`]. An
    /// earlier commit that was not confirmed is dropped.
    ///
    /// # Errors
    /// When a newcomer's key package does not fit the group.
    pub fn commit(&mut self, me: &Me, newcomers: &[Newcomer], gone: &BTreeSet<MemberId>) -> Result<Commit, Stuck> {
        let plan = self.plan(newcomers, gone);
        let (commit, roster) = self.carry_out(me, plan)?;
        self.pending = Some(roster?);
        Ok(commit)
    }

    /// Returns the plan that PROTOCOL allows.
    pub(super) fn plan<'a>(&self, newcomers: &'a [Newcomer], gone: &BTreeSet<MemberId>) -> Plan<'a> {
        let member = |id: MemberId| self.roster.get(id);
        let removed = gone.iter().copied().filter(|id| member(*id).is_some()).collect::<Vec<_>>();
        // A member that comes in again still has its old leaf.
        let returning = newcomers.iter().map(Newcomer::member_id);
        let leaves = removed.iter().copied().chain(returning).filter_map(member).map(|member| member.leaf).collect();
        let leaf = Some(LeafNodeParameters::builder().with_capabilities(me::capabilities()).build());
        Plan { newcomers, unnamed: Vec::new(), removed, leaves, leaf, with_psk: !newcomers.is_empty() }
    }

    /// Makes the commit of a plan. Also returns the roster that it leads to, if that is allowed.
    pub(super) fn carry_out(&mut self, me: &Me, plan: Plan<'_>) -> Result<(Commit, Result<Roster, Stuck>), Stuck> {
        self.forget_commit(me)?;
        let Plan { newcomers, unnamed, removed, leaves, leaf, with_psk } = plan;
        let id = self.id();
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(false)
            .propose_removals(leaves)
            .propose_adds(newcomers.iter().map(|newcomer| newcomer.key_package.clone()).chain(unnamed));
        if let Some(leaf) = leaf {
            builder = builder.force_self_update(true).leaf_node_parameters(leaf);
        }
        if with_psk {
            let psk = PreSharedKeyId::new(SUITE, me.provider.rand(), Psk::External(ExternalPsk::new(id.to_vec())));
            let psk = PreSharedKeyProposal::new(psk.map_err(Stuck::broken)?);
            builder = builder.add_proposal(Proposal::PreSharedKey(Box::new(psk)));
        }
        let bundle = builder
            .load_psks(me.provider.storage())
            .map_err(Stuck::broken)?
            .build(me.provider.rand(), me.provider.crypto(), &me.signer, |_| true)
            .map_err(Stuck::broken)?
            .stage_commit(&me.provider)
            .map_err(Stuck::broken)?;
        // A commit without newcomers has no Welcome.
        let welcome = bundle.to_welcome_msg().map(|welcome| to_bytes(&welcome)).transpose()?.unwrap_or_default();
        let commit = to_bytes(&bundle.into_commit())?;
        let staged = self.mls.pending_commit().ok_or_else(|| Stuck::broken("no commit is pending"))?;
        let roster = self.roster.after(staged);
        let admitted = newcomers.iter().map(Newcomer::member_id).collect();
        Ok((Commit { admitted, removed, commit, welcome }, roster))
    }
}
