//! The member's own commits: to let newcomers in when it has the duty, and to renew its keys.

use std::collections::BTreeSet;

use wire::{ClientFrame, Epoch, MemberId};

use super::{Membership, Trouble};
use crate::group::{Commit, Knock, Newcomer, group_id};

impl Membership {
    /// Does the duty: one commit lets in every newcomer that may come in and removes every member that has gone.
    pub(super) fn serve(&mut self, epoch: Epoch, commits: u32, knocks: &[(MemberId, &[u8])]) -> Result<(), Trouble> {
        // A commit of this client is under way. If it sent a second one, it could not tell which of them the server takes.
        if commits < self.commits && self.committed == Some(epoch) {
            return Ok(());
        }
        // A duty of another epoch has crossed with a commit. The server gives the duty again.
        let Some(group) = self.group.as_mut().filter(|group| group.epoch() == epoch) else { return Ok(()) };
        let group_id = group_id(self.link.room_id(), epoch.generation);
        let mut newcomers: Vec<Newcomer> = Vec::new();
        let mut declined = Vec::new();
        for (member_id, sealed) in knocks {
            let knock = Knock { door_key: &self.door_key, group_id, member_id: *member_id };
            match group.hear(&self.me, &knock, sealed, &newcomers, &self.gone) {
                Ok(newcomer) => newcomers.push(newcomer),
                Err(why) => {
                    self.io.debug("knock declined", &why);
                    declined.push(*member_id);
                }
            }
        }
        let mut commit = group.commit(&self.me, &newcomers, &self.gone);
        // A newcomer does not fit the group in a way that no check foresaw: the others come in without it.
        while let Err(why) = &commit
            && !newcomers.is_empty()
        {
            self.io.debug("commit failed", why);
            let half = newcomers.len() / 2;
            declined.extend(newcomers.drain(half..).map(|newcomer| newcomer.member_id()));
            commit = group.commit(&self.me, &newcomers, &self.gone);
        }
        if !declined.is_empty() {
            self.io.send(&ClientFrame::Decline { epoch, members: declined });
        }
        let commit = commit?;
        if !newcomers.is_empty() || !self.gone.is_empty() {
            self.refresh.tried(self.io.now);
            self.send_commit(epoch, &commit);
        }
        Ok(())
    }

    /// Renews the member's keys, if that is due.
    pub(super) fn renew(&mut self) {
        if self.refresh.due() > self.io.now {
            return;
        }
        self.refresh.tried(self.io.now);
        let Some(group) = &mut self.group else { return };
        // When members have gone, the one on duty commits in any case. Alone in the group there is nobody to hide keys from.
        let is_time = self.gone.is_empty() && self.until <= self.seq && group.roster().len() > 1;
        let epoch = group.epoch();
        if !is_time {
            return;
        }
        match group.commit(&self.me, &[], &BTreeSet::new()) {
            Ok(commit) => self.send_commit(epoch, &commit),
            Err(why) => self.io.debug("refresh failed", &why),
        }
    }

    fn send_commit(&mut self, epoch: Epoch, commit: &Commit) {
        self.commits = self.commits.saturating_add(1);
        self.committed = Some(epoch);
        self.io.send(&ClientFrame::Commit {
            epoch,
            admitted: commit.admitted.clone(),
            removed: commit.removed.clone(),
            commit: &commit.commit,
            welcome: &commit.welcome,
        });
    }
}
