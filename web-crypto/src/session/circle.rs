//! The circle of those in the room's group: coming in, following its commits, doing one's duty at the door.

use std::collections::{BTreeSet, VecDeque};

use wire::{ClientFrame, Counter, Departure, Epoch, MemberId, Person, RoomId, Seq, ServerFrame, Standing, Welcome};

use super::{Connection, Env, Output, Picture, View, peers::Peers, refresh::Refresh, talk::Talk};
use crate::{
    group::{Commit, Group, Knock, Me, Newcomer, Received, Roster, Stuck, group_id},
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
            commits: 0,
            committed: None,
        }
    }

    pub(super) fn me(&self) -> &Me {
        &self.me
    }

    #[cfg(feature = "observe")]
    pub(super) fn observe(&mut self) -> super::Observed<'_> {
        super::Observed { me: &self.me, group: self.group.as_mut(), gone: &self.gone, connected: self.connected }
    }

    /// What a hello says of where one is: 0 outside the group.
    pub(super) fn seq(&self) -> Seq {
        if self.group.is_some() { self.seq } else { Seq(0) }
    }

    /// When [`Circle::refresh`] is due.
    pub(super) fn next(&self) -> u64 {
        if self.connected && self.group.is_some() { self.refresh.due() } else { u64::MAX }
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
                self.peers.get_mut(member_id).ok_or(Trouble::Disturbed)?.connected = connected;
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

    /// Renews one's own keys, if it is time.
    pub(super) fn refresh(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) {
        if self.next() > env.now() {
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

    /// Asks for the safety words of the present epoch.
    pub(super) fn safety(&self, out: &mut VecDeque<Output>) {
        if let Some(group) = &self.group {
            let epoch = group.epoch();
            let id = group_id(self.room_id, epoch.generation);
            out.push_back(Output::Safety([group.authenticator(), &id, &epoch.number.to_be_bytes()].concat().into()));
        }
    }

    /// One order without holes: a server that leaves a number out or repeats one is not to be followed.
    fn advance(&mut self, seq: Seq) -> Result<(), Trouble> {
        if self.group.is_none() || seq != self.seq.next() {
            return Err(Trouble::Disturbed);
        }
        self.seq = seq;
        Ok(())
    }

    fn found(
        &mut self,
        generation: u32,
        seq: Seq,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let epoch = Epoch { generation, number: 0 };
        if self.latest.is_some_and(|latest| epoch <= latest) {
            return Err(Trouble::Disturbed);
        }
        self.leave_group();
        let group = Group::found(&self.me, self.room_id, generation).map_err(|Stuck| Trouble::Fault)?;
        self.take_up(group, seq, env, out);
        self.caught_up(out)
    }

    /// Asks those in the group to be let in, with keys that no knock has shown before.
    fn knock(&mut self, generation: u32, env: &mut impl Env, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        let key_package = self.me.key_package().map_err(|Stuck| Trouble::Fault)?;
        let group_id = group_id(self.room_id, generation);
        let knock = Knock { door_key: &self.door_key, group_id, member_id: self.me.member_id() };
        let mut nonce = [0; 24];
        env.random(&mut nonce);
        let sealed = knock.seal(nonce, &key_package);
        out.push_back(Output::Send(ClientFrame::Knock { generation, sealed: &sealed }.to_bytes()));
        show(Connection::Knocking, "", out);
        Ok(())
    }

    fn enter(
        &mut self,
        seq: Seq,
        epoch: Epoch,
        people: &[Person],
        welcome: &[u8],
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let me = self.me.member_id();
        let is_later = self.latest.is_none_or(|latest| epoch > latest);
        if self.group.is_some() || !is_later || !people.iter().any(|person| person.member_id == me) {
            return Err(Trouble::Disturbed);
        }
        let Ok(group) = Group::join(&self.me, self.room_id, epoch, welcome) else {
            return self.stuck(epoch, env, out);
        };
        let first = self.latest.is_none();
        self.take_up(group, seq, env, out);
        let Some(group) = &self.group else { return Err(Trouble::Fault) };
        for mate in group.roster().iter().filter(|mate| mate.member_id != me) {
            // The group says who is in it; the server, how far each one's messages have come.
            let said = people.iter().find(|person| person.member_id == mate.member_id);
            let (connected, counter) = said.map_or((true, Counter(0)), |said| (said.connected, said.counter));
            let found = self.peers.find(mate, connected, counter);
            let name = mate.name.as_str();
            show_missed(mate.member_id, name, found.missing, out);
            if found.is_new && !first {
                out.push_back(Output::Show(View::Entered { id: mate.member_id, name: name.to_owned() }));
            }
        }
        self.caught_up(out)
    }

    /// In a group, one way or the other.
    fn take_up(&mut self, group: Group, seq: Seq, env: &mut impl Env, out: &mut VecDeque<Output>) {
        let epoch = group.epoch();
        let anew = self.latest.is_some_and(|latest| latest.generation < epoch.generation);
        if !anew {
            self.drop_absent(&group, out);
        }
        if let Some(mate) = group.roster().get(self.me.member_id()) {
            self.peers.be(mate);
        }
        self.group = Some(group);
        self.latest = Some(epoch);
        self.seq = seq;
        self.until = seq;
        self.refresh.committed(env);
        self.talk.here();
        out.push_back(Output::Show(View::Keys { epoch, anew }));
    }

    fn follow(
        &mut self,
        epoch: Epoch,
        received: &Received<'_>,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(Trouble::Disturbed)?;
        if received.author == self.me.member_id() {
            return Err(Trouble::Disturbed);
        }
        let before = group.roster().clone();
        match group.follow(&self.me, received, &self.gone) {
            Ok(()) => self.advanced(&before, out),
            Err(Stuck) => self.stuck(epoch, env, out),
        }
    }

    fn confirm(&mut self, epoch: Epoch, env: &mut impl Env, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(Trouble::Disturbed)?;
        let before = group.roster().clone();
        // The server says that it ordered what it was never sent.
        group.confirm(&self.me).map_err(|Stuck| Trouble::Disturbed)?;
        self.refresh.committed(env);
        self.advanced(&before, out)
    }

    /// A commit was merged.
    fn advanced(&mut self, before: &Roster, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        let Some(group) = &self.group else { return Err(Trouble::Fault) };
        let roster = group.roster();
        self.latest = Some(group.epoch());
        self.gone.retain(|id| roster.get(*id).is_some());
        let newcomers = roster.iter().filter(|mate| before.get(mate.member_id).is_none());
        // One who was known before is there at once.
        let came = newcomers.filter(|mate| self.peers.admit(mate)).count() > 0;
        self.talk.epoch_changed();
        out.push_back(Output::Show(View::Keys { epoch: group.epoch(), anew: false }));
        if came {
            self.show_people(out);
        }
        self.caught_up(out)
    }

    /// The group cannot be followed any more: drops it, says so, and asks to be let in again.
    fn stuck(&mut self, epoch: Epoch, env: &mut impl Env, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        self.leave_group();
        out.push_back(Output::Send(ClientFrame::Stuck { epoch }.to_bytes()));
        self.knock(epoch.generation, env, out)
    }

    fn begin_anew(
        &mut self,
        seq: Seq,
        generation: u32,
        founder: bool,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        // To those in the group its end is an event like others.
        let is_next = self.group.is_none() || seq == self.seq.next();
        if !is_next || self.latest.is_some_and(|latest| generation <= latest.generation) {
            return Err(Trouble::Disturbed);
        }
        if founder {
            return self.found(generation, seq, env, out);
        }
        self.leave_group();
        self.knock(generation, env, out)
    }

    fn leave_group(&mut self) {
        self.group = None;
        self.me.forget();
        self.gone.clear();
        self.talk.epoch_changed();
    }

    fn left(
        &mut self,
        id: MemberId,
        departure: Departure,
        counter: Counter,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let is_in = self.group.as_ref().is_some_and(|group| group.roster().get(id).is_some());
        if !is_in || id == self.me.member_id() || !self.gone.insert(id) {
            return Err(Trouble::Disturbed);
        }
        self.talk.left(id, out);
        if let Some(mut peer) = self.peers.remove(id) {
            let name = peer.name.as_str().to_owned();
            let missing = peer.heard_of(counter);
            show_missed(id, &name, missing, out);
            if peer.here {
                out.push_back(Output::Show(View::Left { id, name, lost: departure == Departure::Lost }));
            }
        }
        self.show_people(out);
        Ok(())
    }

    /// Those who went while one was outside. Of a group that begins anew nobody is told to have left: they come in again.
    fn drop_absent(&mut self, group: &Group, out: &mut VecDeque<Output>) {
        for id in self.peers.ids().into_iter().filter(|id| group.roster().get(*id).is_none()) {
            if let Some(peer) = self.peers.remove(id).filter(|peer| peer.here) {
                out.push_back(Output::Show(View::Left { id, name: peer.name.as_str().to_owned(), lost: false }));
            }
        }
    }

    /// One's turn at the door: everyone who may come in is let in by one commit, and everyone who is gone removed.
    fn serve(
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
            Err(Stuck) => Err(Trouble::Fault),
        }
    }

    fn hear(
        &mut self,
        sender: MemberId,
        counter: Counter,
        sealed: &[u8],
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let Some(group) = &mut self.group else { return Err(Trouble::Disturbed) };
        if sender == self.me.member_id() || self.gone.contains(&sender) {
            return Err(Trouble::Disturbed);
        }
        let peer = self.peers.get_mut(sender).ok_or(Trouble::Disturbed)?;
        let opened = group.open(&self.me, sealed);
        if opened.as_ref().is_ok_and(|(from, _)| *from != sender) {
            return Err(Trouble::Disturbed);
        }
        if self.talk.hear(sender, peer, counter, opened.ok().map(|(_, padded)| padded), out) {
            self.show_people(out);
        }
        Ok(())
    }

    /// Once nothing is to be made up for: shows it, and sends what waits.
    fn caught_up(&mut self, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        if self.seq == self.until {
            // What was sent on an earlier connection and is not in the order by now never will be.
            if let Some(group) = self.group.as_mut().filter(|_| self.commits == 0) {
                group.forget_commit(&self.me).map_err(|Stuck| Trouble::Fault)?;
            }
            show(Connection::Connected, "", out);
            self.show_people(out);
        }
        self.flush(out)
    }

    fn flush(&mut self, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        match &mut self.group {
            Some(group) if self.connected && self.seq >= self.until && self.gone.is_empty() => {
                self.talk.flush(&self.me, group, out).map_err(|Stuck| Trouble::Fault)
            }
            _ => Ok(()),
        }
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
