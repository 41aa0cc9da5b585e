//! Commits: which one ends an epoch, and who comes in by it.

use std::time::Instant;

use bytes::Bytes;
use wire::{Counter, Epoch, MemberId, Person, ServerFrame, limits};

use super::{
    Effect, Room,
    history::Own,
    member::{Member, Standing},
};
use crate::Budget;

/// A commit as its author sent it.
pub(super) struct Commit<'a> {
    pub epoch: Epoch,
    pub admitted: &'a [MemberId],
    pub removed: &'a [MemberId],
    pub commit: &'a [u8],
    pub welcome: &'a [u8],
}

/// The commit that led to the current epoch.
pub(super) struct Last {
    pub author: MemberId,
    pub ended: Epoch,
}

impl Commit<'_> {
    /// Whether it does what the duty asks for; if not, it only refreshes its author's keys.
    fn works(&self) -> bool {
        !self.admitted.is_empty() || !self.removed.is_empty()
    }
}

impl Room {
    /// Takes a commit, if it may end this epoch; passes it over if not.
    pub(super) fn commit(&mut self, id: MemberId, commit: &Commit<'_>, now: Instant, effects: &mut Vec<Effect>) {
        let fits = self.fits(id, commit, now);
        let Some(member) = self.members.get_mut(&id) else { return };
        member.commits = member.commits.saturating_add(1);
        if !fits {
            if self.group.holder() == Some(id) {
                self.ask_again(effects);
            }
            return;
        }
        member.heard();
        if commit.works() {
            self.group.gone.clear();
            self.group.worked = Some(now);
            self.group.duty = None;
        } else {
            member.refreshed = Some(now);
        }
        let ended = commit.epoch;
        self.group.epoch = ended.next();
        self.group.last = Some(Last { author: id, ended });
        self.group.stuck.clear();

        let frame = |seq| ServerFrame::Commit {
            seq,
            author: id,
            epoch: ended,
            admitted: commit.admitted.to_vec(),
            removed: commit.removed.to_vec(),
            commit: commit.commit,
        };
        let own = Some(Own::Committed(ended));
        self.order(id, Budget::Group, frame, own, effects);
        self.let_in(id, commit, now, effects);
        // Where the duty is not done, its holder is asked for a commit that ends the new epoch.
        self.ask_again(effects);
        self.tend(now, effects);
    }

    fn fits(&self, id: MemberId, commit: &Commit<'_>, now: Instant) -> bool {
        let Some(member) = self.members.get(&id).filter(|member| member.is_in()) else { return false };
        if commit.epoch != self.group.epoch {
            return false;
        }
        if !commit.works() {
            return member.refreshed.is_none_or(|at| now.duration_since(at) >= limits::REFRESH_AFTER);
        }
        let Some(asked) = member.asked.as_ref().filter(|asked| asked.epoch == commit.epoch) else { return false };
        let knocks = |id: &MemberId| self.members.get(id).and_then(|member| member.knock()).map(|knock| knock.number);
        // Everyone who is gone: a newcomer was never told of them, and could not make sense of a later removal.
        commit.removed.len() == self.group.gone.len()
            && commit.removed.iter().all(|id| self.group.gone.contains(id))
            && commit.admitted.iter().all(|id| asked.named.get(id).is_some_and(|number| knocks(id) == Some(*number)))
    }

    fn let_in(&mut self, by: MemberId, commit: &Commit<'_>, now: Instant, effects: &mut Vec<Effect>) {
        if commit.admitted.is_empty() {
            return;
        }
        let until = now + limits::ANSWER_WITHIN;
        for id in commit.admitted {
            let Some(member) = self.members.get_mut(id) else { continue };
            member.standing = Standing::LetIn { until, by, epoch: self.group.epoch };
            member.leaf = true;
            member.since = self.seq;
            member.lapses = 0;
        }
        // After a beginning anew some are still outside who said something before: that is not missing to a newcomer.
        let counts = |member: &Member| member.leaf || member.counter > Counter(0);
        let people = self.members.iter().filter(|(_, member)| counts(member)).map(|(id, member)| Person {
            member_id: *id,
            counter: member.counter,
            connected: member.is_connected(),
            in_group: member.leaf,
        });
        let people = people.collect();
        let frame = ServerFrame::LetIn { seq: self.seq, epoch: self.group.epoch, people, welcome: commit.welcome };
        let frame = Bytes::from(frame.to_bytes());
        for id in commit.admitted {
            effects.push(Effect::Send(*id, frame.clone()));
            effects.push(Effect::Follow(*id));
        }
        self.wake_at(until, effects);
    }
}
