//! One's own commits: at the door, and to renew one's keys.

use std::collections::{BTreeSet, VecDeque};

use wire::{ClientFrame, Epoch, MemberId};

use super::{Circle, Trouble};
use crate::{
    group::{Commit, Knock, Newcomer, group_id},
    session::{Env, Output},
};

impl Circle {
    /// One's turn at the door: everyone who may come in is let in by one commit, and everyone who is gone removed.
    pub(super) fn serve(
        &mut self,
        epoch: Epoch,
        commits: u32,
        knocks: &[(MemberId, &[u8])],
        env: &impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        // A commit of one's own is under way: were there a second one, which of them is taken would be anybody's guess.
        if commits < self.commits && self.committed == Some(epoch) {
            return Ok(());
        }
        // A duty of another epoch has crossed with a commit: the server gives it anew.
        let Some(group) = self.group.as_mut().filter(|group| group.epoch() == epoch) else { return Ok(()) };
        let group_id = group_id(self.room_id, epoch.generation);
        let mut newcomers: Vec<Newcomer> = Vec::new();
        let mut passed = Vec::new();
        for (member_id, sealed) in knocks {
            let knock = Knock { door_key: &self.door_key, group_id, member_id: *member_id };
            match group.hear(&self.me, &knock, sealed, &newcomers, &self.gone) {
                Ok(newcomer) => newcomers.push(newcomer),
                Err(_) => passed.push(*member_id),
            }
        }
        let mut commit = group.commit(&self.me, &newcomers, &self.gone);
        // One of them does not go with the group in a way that was not foreseen: the others shall not suffer for it.
        while commit.is_err() && !newcomers.is_empty() {
            let half = newcomers.len() / 2;
            passed.extend(newcomers.drain(half..).map(|newcomer| newcomer.member_id()));
            commit = group.commit(&self.me, &newcomers, &self.gone);
        }
        if !passed.is_empty() {
            out.push_back(Output::Send(ClientFrame::Pass { epoch, members: passed }.to_bytes()));
        }
        match commit {
            Ok(commit) if !newcomers.is_empty() || !self.gone.is_empty() => {
                self.refresh.tried(env);
                self.send_commit(epoch, &commit, out);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(_) => Err(Trouble::Fault),
        }
    }

    /// Renews one's own keys, if it is time.
    pub(super) fn renew(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) {
        if self.refresh.due() > env.now() {
            return;
        }
        self.refresh.tried(env);
        let Some(group) = &mut self.group else { return };
        // Whoever is on duty commits in any case, and alone there is nobody to hide from. A commit of minutes ago that has
        // no place in the order has none to come.
        let is_time = self.gone.is_empty() && self.until <= self.seq && group.roster().len() > 1;
        let epoch = group.epoch();
        if is_time && let Ok(commit) = group.commit(&self.me, &[], &BTreeSet::new()) {
            self.send_commit(epoch, &commit, out);
        }
    }

    fn send_commit(&mut self, epoch: Epoch, commit: &Commit, out: &mut VecDeque<Output>) {
        self.commits = self.commits.saturating_add(1);
        self.committed = Some(epoch);
        let frame = ClientFrame::Commit {
            epoch,
            admitted: commit.admitted.clone(),
            removed: commit.removed.clone(),
            commit: &commit.commit,
            welcome: &commit.welcome,
        };
        out.push_back(Output::Send(frame.to_bytes()));
    }
}
