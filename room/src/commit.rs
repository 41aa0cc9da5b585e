//! Commits: which one ends an epoch, and which members come in by it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::{Counter, Epoch, MemberId, Person, ServerFrame, limits};

use super::{
    Budget, Effect, Room,
    history::Receipt,
    member::{GroupState, Member},
};

/// A commit as its author sent it.
pub(super) struct Commit<'a> {
    pub epoch: Epoch,
    pub admitted: &'a [MemberId],
    pub removed: &'a [MemberId],
    pub commit: &'a [u8],
    pub welcome: &'a [u8],
}

/// The commit that led to the current epoch.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct LastCommit {
    pub author: MemberId,
    /// The epoch that it ended.
    pub ended: Epoch,
}

impl Commit<'_> {
    /// True when the commit does what the duty asks for. A commit that does not only refreshes its author's keys.
    fn does_duty(&self) -> bool {
        !self.admitted.is_empty() || !self.removed.is_empty()
    }
}

impl Room {
    /// Takes a commit if it may end the current epoch, and ignores it if not.
    pub(super) fn commit(&mut self, id: MemberId, commit: &Commit<'_>) {
        let fits = self.fits(id, commit);
        let Some(member) = self.members.get_mut(&id) else { return };
        member.commits = member.commits.saturating_add(1);
        if !fits {
            if self.group.duty_holder() == Some(id) {
                self.ask_for_duty();
            }
            return;
        }
        member.proves_membership();
        if commit.does_duty() {
            self.group.gone.clear();
            self.group.worked = Some(self.clock.now);
            self.group.duty = None;
        } else {
            member.refreshed = Some(self.clock.now);
        }
        let ended = commit.epoch;
        self.group.epoch = ended.next();
        self.group.last_commit = Some(LastCommit { author: id, ended });
        self.group.stuck.clear();

        let frame = |seq| ServerFrame::Commit {
            seq,
            author: id,
            epoch: ended,
            admitted: commit.admitted.to_vec(),
            removed: commit.removed.to_vec(),
            commit: commit.commit,
        };
        self.order(id, Budget::Group, frame, Some(Receipt::Committed(ended)));
        self.let_in(id, commit);
        // If the duty is not done, its holder is asked for a commit that ends the new epoch.
        self.ask_for_duty();
        self.tend();
    }

    fn fits(&self, id: MemberId, commit: &Commit<'_>) -> bool {
        let Some(member) = self.members.get(&id).filter(|member| member.is_in_group()) else { return false };
        if commit.epoch != self.group.epoch {
            return false;
        }
        if !commit.does_duty() {
            return member.refreshed.is_none_or(|at| self.clock.now.since(at) >= limits::REFRESH_AFTER);
        }
        let Some(asked) = member.asked.as_ref().filter(|asked| asked.epoch == commit.epoch) else { return false };
        let knock = |id: &MemberId| self.members.get(id).and_then(|member| member.knock()).map(|knock| knock.number);
        // A commit removes all that are gone: a newcomer was never told of them, and could not follow a later removal.
        commit.removed.len() == self.group.gone.len()
            && commit.removed.iter().all(|id| self.group.gone.contains(id))
            && commit.admitted.iter().all(|id| asked.named.get(id).is_some_and(|number| knock(id) == Some(*number)))
    }

    fn let_in(&mut self, by: MemberId, commit: &Commit<'_>) {
        if commit.admitted.is_empty() {
            return;
        }
        let until = self.clock.now + limits::ANSWER_TIMEOUT;
        for id in commit.admitted {
            let Some(member) = self.members.get_mut(id) else { continue };
            member.state = GroupState::LetIn { until, by, epoch: self.group.epoch };
            member.leaf = true;
            member.since = self.seq;
            member.lapses = 0;
        }
        // After a recovery, members that said something before may still be outside. A newcomer needs their counters, or
        // it would take their old messages for missing ones.
        let is_listed = |member: &Member| member.leaf || member.counter > Counter(0);
        let people = self.members.iter().filter(|(_, member)| is_listed(member)).map(|(id, member)| Person {
            member_id: *id,
            counter: member.counter,
            connected: member.is_connected(),
            in_group: member.leaf,
        });
        let people = people.collect();
        let frame = ServerFrame::LetIn { seq: self.seq, epoch: self.group.epoch, people, welcome: commit.welcome };
        let frame = Bytes::from(frame.to_bytes());
        for id in commit.admitted {
            self.out.push(Effect::Send(*id, frame.clone()));
            self.out.push(Effect::Follow(*id));
        }
        self.wake_at(until);
    }
}
