//! The circle of those in the room's group: coming in, following its commits, doing one's duty at the door.

mod coming;
mod duty;
mod order;

use std::collections::{BTreeSet, VecDeque};

use wire::{Epoch, MemberId, RoomId, Seq, ServerFrame, Standing, Welcome};

use super::{Connection, Env, Output, Picture, View, peers::Peers, refresh::Refresh, talk::Talk};
use crate::{
    group::{Group, Me, Received, group_id},
    keys::Key,
};

/// Why the connection, or the session, cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server did what the protocol does not allow: the connection is not worth keeping.
    Disturbed,
    /// The library failed at what cannot fail.
    Fault,
}

pub(super) struct Circle {
    room_id: RoomId,
    me: Me,
    door_key: Key,
    group: Option<Group>,
    /// The latest epoch that one was in: there is no way back behind it.
    latest: Option<Epoch>,
    /// The last event that one knows of.
    seq: Seq,
    /// What came before this event is made up for; there is no sending until it is.
    until: Seq,
    /// Welcomed, on a connection that is up.
    connected: bool,
    /// Those who are gone and still in the group.
    gone: BTreeSet<MemberId>,
    peers: Peers,
    talk: Talk,
    refresh: Refresh,
    /// Until then one who has founded the group anew says nothing: those who were in it before are about to come in.
    gathering: Option<u64>,
    /// Until then those are waited for who were in the group before it began anew; then they are gone.
    awaiting: Option<u64>,
    /// The last group was dropped, or not gone into, because a member was in it that is not named.
    unlisted: bool,
    /// When the person was last told so.
    told_unlisted: Option<u64>,
    /// Commits sent on this connection, and the epoch that the last one was to end.
    commits: u32,
    committed: Option<Epoch>,
}

impl Circle {
    pub(super) fn new(room_id: RoomId, me: Me, door_key: Key) -> Self {
        Self {
            room_id,
            me,
            door_key,
            group: None,
            latest: None,
            seq: Seq(0),
            until: Seq(0),
            connected: false,
            gone: BTreeSet::new(),
            peers: Peers::default(),
            talk: Talk::default(),
            refresh: Refresh::default(),
            gathering: None,
            awaiting: None,
            unlisted: false,
            told_unlisted: None,
            commits: 0,
            committed: None,
        }
    }

    pub(super) fn me(&self) -> &Me {
        &self.me
    }

    #[cfg(any(test, feature = "observe"))]
    pub(super) fn observe(&mut self) -> super::Observed<'_> {
        super::Observed { me: &self.me, group: self.group.as_mut(), gone: &self.gone, connected: self.connected }
    }

    /// What a hello says of where one is: 0 outside the group.
    pub(super) fn seq(&self) -> Seq {
        if self.group.is_some() { self.seq } else { Seq(0) }
    }

    /// Whether one is outside because a member was in the group that is not named.
    pub(super) fn is_unlisted(&self) -> bool {
        self.unlisted
    }

    /// When [`Circle::woken`] is due.
    pub(super) fn next(&self) -> u64 {
        if !self.connected || self.group.is_none() {
            return u64::MAX;
        }
        [self.gathering, self.awaiting].into_iter().flatten().fold(self.refresh.due(), u64::min)
    }

    /// The time may have come to speak, or to renew one's own keys.
    pub(super) fn woken(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        self.gathering.take_if(|until| *until <= env.now());
        if self.awaiting.take_if(|until| *until <= env.now()).is_some()
            && let Some(group) = &self.group
        {
            for id in self.peers.absent(group.roster()) {
                self.talk.left(id, out);
                self.peers.depart(id, out);
            }
        }
        self.renew(env, out);
        self.flush(out)
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
    }

    pub(super) fn welcomed(
        &mut self,
        welcome: Welcome,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        if self.latest.is_some_and(|latest| welcome.epoch.generation < latest.generation) {
            return Err(Trouble::Disturbed);
        }
        self.talk.accepted(&self.me, welcome.counter, out);
        self.talk.reconnected();
        self.commits = 0;
        self.committed = None;
        match welcome.standing {
            Standing::Outside => {
                self.connected = true;
                self.leave_group();
                self.knock(welcome.epoch.generation, env, out)
            }
            Standing::Founder => {
                self.connected = true;
                self.found(welcome.epoch.generation, welcome.seq, env, out)
            }
            Standing::Inside if self.group.is_some() && welcome.seq >= self.seq => {
                self.connected = true;
                self.until = welcome.seq;
                self.caught_up(out)
            }
            Standing::Inside => Err(Trouble::Disturbed),
        }
    }

    pub(super) fn received(
        &mut self,
        frame: ServerFrame<'_>,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        match frame {
            ServerFrame::Message { seq, sender, counter, sealed } => {
                self.advance(seq)?;
                self.hear(sender, counter, sealed, out)?;
                self.caught_up(out)
            }
            ServerFrame::Accepted { seq, counter } => {
                self.advance(seq)?;
                self.talk.accepted(&self.me, counter, out);
                self.caught_up(out)
            }
            ServerFrame::Commit { seq, author, epoch, admitted, removed, commit } => {
                self.advance(seq)?;
                let received = Received { author, admitted: &admitted, removed: &removed, commit };
                self.follow(epoch, &received, env, out)
            }
            ServerFrame::Committed { seq, epoch } => {
                self.advance(seq)?;
                self.confirm(epoch, env, out)
            }
            ServerFrame::Left { seq, member_id, departure, counter } => {
                self.advance(seq)?;
                self.left(member_id, departure, counter, out)?;
                self.caught_up(out)
            }
            ServerFrame::Presence { seq, member_id, connected } => {
                self.advance(seq)?;
                let is_in = self.has(member_id) && !self.gone.contains(&member_id);
                self.peers.get_mut(member_id).filter(|_| is_in).ok_or(Trouble::Disturbed)?.connected = connected;
                self.show_people(out);
                self.caught_up(out)
            }
            ServerFrame::Duty { epoch, commits, knocks } => self.serve(epoch, commits, &knocks, env, out),
            ServerFrame::LetIn { seq, epoch, people, welcome } => self.enter(seq, epoch, &people, welcome, env, out),
            ServerFrame::Anew { seq, generation, founder } => self.begin_anew(seq, generation, founder, env, out),
            ServerFrame::Unanswered => {
                if self.group.is_none() {
                    show(Connection::Knocking, UNANSWERED, out);
                }
                Ok(())
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong => Err(Trouble::Disturbed),
        }
    }

    /// Takes a text to be sent.
    pub(super) fn say(&mut self, text: &str, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        if self.talk.say(&self.me, text, out) {
            self.refresh.spoke();
        }
        self.flush(out)
    }

    /// Takes a picture to be sent.
    pub(super) fn picture(&mut self, picture: Picture<'_>, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        if self.talk.picture(&self.me, picture, out) {
            self.refresh.spoke();
        }
        self.flush(out)
    }

    /// Sends no more of a picture than is on its way.
    pub(super) fn cancel(&mut self, picture: u32, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        self.talk.cancel(&self.me, picture, out);
        self.flush(out)
    }

    /// Asks for the safety words of the present epoch.
    pub(super) fn safety(&self, out: &mut VecDeque<Output>) {
        if let Some(group) = &self.group {
            let epoch = group.epoch();
            let id = group_id(self.room_id, epoch.generation);
            out.push_back(Output::Safety([group.authenticator(), &id, &epoch.number.to_be_bytes()].concat().into()));
        }
    }

    /// Once nothing is to be made up for: shows it, and sends what waits.
    fn caught_up(&mut self, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        if self.seq == self.until {
            // What was sent on an earlier connection and is not in the order by now never will be.
            if let Some(group) = self.group.as_mut().filter(|_| self.commits == 0) {
                group.forget_commit(&self.me).map_err(|_| Trouble::Fault)?;
            }
            show(Connection::Connected, "", out);
            self.show_people(out);
        }
        self.flush(out)
    }

    fn flush(&mut self, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        let may_speak = self.connected && self.seq >= self.until && self.gone.is_empty() && self.gathering.is_none();
        match &mut self.group {
            Some(group) if may_speak => self.talk.flush(&self.me, group, out).map_err(|_| Trouble::Fault),
            _ => Ok(()),
        }
    }

    /// Whether this member is in the group.
    fn has(&self, id: MemberId) -> bool {
        self.group.as_ref().is_some_and(|group| group.roster().get(id).is_some())
    }

    fn show_people(&self, out: &mut VecDeque<Output>) {
        if let Some(group) = &self.group {
            let people = self.peers.view(self.me.member_id(), group.roster());
            out.push_back(Output::Show(View::People { people }));
        }
    }
}

/// What is said when nobody inside answers.
const UNANSWERED: &str = "Nobody in the room has answered yet. Someone has to be there to let you in.";

fn show(state: Connection, words: &'static str, out: &mut VecDeque<Output>) {
    out.push_back(Output::Show(View::Connection { state, retry_in_ms: 0, words }));
}

fn show_missed(id: MemberId, name: &str, count: u64, out: &mut VecDeque<Output>) {
    if count > 0 {
        out.push_back(Output::Show(View::Missed { id, name: name.to_owned(), count }));
    }
}
