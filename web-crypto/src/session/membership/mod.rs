//! A member's part in its room: the events of the group, what the person does, and the connection that carries both.

mod duty;
mod entry;
mod order;

use std::collections::BTreeSet;

use wire::{
    CloseCode, Epoch, FrameError, MemberId, Seq, ServerFrame, Standing, UserName, Verifier, Welcome,
    door::{self, Admission, Object, SaltAnswer},
};

use super::{
    Connection, Input, Output, View,
    connection::Due,
    io::Io,
    link::{self, Link},
    peers::Peers,
    refresh::Refresh,
    talk::Talk,
};
use crate::{
    group::{Group, Me, Received, Stuck, group_id},
    keys::{Key, RoomSecret},
};

/// Shown while no member of the group answers a knock.
const UNANSWERED: &str = "Nobody in the room has answered yet. Someone has to be there to let you in.";
/// Shown at the end of a session whose group held other members than the server named, time after time.
const UNLISTED: &str =
    "The list of people and the encryption group differ: somebody could read unseen. This page stayed out.";

/// The server speaks of a member that is not in the group, or has gone.
const NOT_INSIDE: Trouble = Trouble::Disturbed("an event of a member that is not in the group");

/// What becomes of the session after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    /// The person leaves, and the server does not know it yet.
    Leave,
    Over,
}

/// Why the connection or the session ends.
#[derive(Debug)]
enum Trouble {
    /// The server broke the protocol, in this way: the client drops the connection and opens another.
    Disturbed(&'static str),
    /// The group's library failed where it cannot fail: the session is over.
    Fault(Stuck),
    /// The person leaves.
    Leave,
    /// The session is over, for this reason.
    Over(CloseCode),
}

impl From<Stuck> for Trouble {
    fn from(why: Stuck) -> Self {
        Self::Fault(why)
    }
}

pub(super) struct Membership {
    pub(super) io: Io,
    link: Link,
    me: Me,
    door_key: Key,
    group: Option<Group>,
    /// The latest epoch that this client was in. It never goes back to an earlier one.
    latest: Option<Epoch>,
    /// The last event that this client knows of.
    seq: Seq,
    /// The last event of the replay after a reconnect. Nothing is sent before it has arrived.
    until: Seq,
    /// Whether the server has welcomed the client on the current connection.
    connected: bool,
    /// Members that have gone and are still in the group.
    gone: BTreeSet<MemberId>,
    peers: Peers,
    talk: Talk,
    refresh: Refresh,
    /// After founding the group anew, the client says nothing before this time: members of the old group are coming in.
    gathering: Option<u64>,
    /// Members of the old group that have not come in by this time are shown as gone.
    awaiting: Option<u64>,
    /// Whether the last group was dropped, or not entered, because it held a member that the server did not name.
    unlisted: bool,
    /// When the person was last told so.
    told_unlisted: Option<u64>,
    /// How many commits were sent on this connection, and the epoch that the last one ends.
    commits: u32,
    committed: Option<Epoch>,
}

impl Membership {
    /// Starts the first connection of a member that the door has admitted.
    pub(super) fn new(
        admission: Admission,
        name: UserName,
        secret: &RoomSecret,
        verifier: Verifier,
        mut io: Io,
        now: u64,
    ) -> Self {
        io.now = now;
        let room_id = admission.room_id;
        let me = Me::new(admission.member_id, name, secret.room_psk(room_id), io.random());
        let link = Link::open(admission, verifier, &mut io);
        let mut membership = Self {
            io,
            link,
            me,
            door_key: secret.door_key(room_id),
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
        };
        membership.ask_to_be_woken();
        membership
    }

    #[cfg(any(test, feature = "observe"))]
    pub(super) fn observe(&mut self) -> super::Observed<'_> {
        super::Observed { me: &self.me, group: self.group.as_mut(), gone: &self.gone, connected: self.connected }
    }

    /// Ends the membership: all keys are wiped.
    pub(super) fn into_parts(self) -> (Link, Io) {
        (self.link, self.io)
    }

    /// Takes an input.
    pub(super) fn handle(&mut self, input: Input<'_>, now: u64) -> Next {
        self.io.now = now;
        let (before, is_woken) = (self.next(), matches!(input, Input::Woken));
        match self.take(input) {
            Ok(()) => {}
            Err(Trouble::Disturbed(why)) => {
                self.io.debug("connection dropped", &why);
                self.drop_connection("");
            }
            Err(Trouble::Leave) => return Next::Leave,
            Err(Trouble::Fault(why)) => {
                self.io.debug("session ended", &why);
                return self.end(CloseCode::PutOut);
            }
            Err(Trouble::Over(code)) => return self.end(code),
        }
        if is_woken || self.next() != before {
            self.ask_to_be_woken();
        }
        Next::GoOn
    }

    fn take(&mut self, input: Input<'_>) -> Result<(), Trouble> {
        match input {
            Input::Opened => {
                // Outside the group the client knows of no event.
                let seq = if self.group.is_some() { self.seq } else { Seq(0) };
                self.link.opened(seq, &mut self.io);
                Ok(())
            }
            Input::Received(bytes) => {
                self.link.heard(self.io.now);
                match ServerFrame::parse(bytes) {
                    Ok(frame) => self.received(frame),
                    Err(FrameError::Version(_)) => Err(Trouble::Over(CloseCode::UnknownVersion)),
                    Err(FrameError::Malformed) => Err(Trouble::Disturbed("a malformed frame")),
                }
            }
            Input::Closed(number) => self.closed(number),
            Input::Answered { status, body } => {
                let is_doors = status == 200 && serde_json::from_slice::<Object<SaltAnswer>>(body).is_ok();
                self.link.door_answered(is_doors, &mut self.io);
                Ok(())
            }
            Input::Unanswered => {
                self.link.door_answered(false, &mut self.io);
                Ok(())
            }
            Input::Woken => self.woken(),
            Input::Network(is_there) => {
                self.link.network(is_there, &mut self.io);
                Ok(())
            }
            Input::Say(text) => {
                if self.talk.say(&self.me, text, &mut self.io) {
                    self.refresh.spoke();
                }
                self.flush()
            }
            Input::Picture(picture) => {
                if self.talk.picture(&self.me, picture, &mut self.io) {
                    self.refresh.spoke();
                }
                self.flush()
            }
            Input::Cancel(picture) => {
                self.talk.cancel(&self.me, picture, &mut self.io);
                self.flush()
            }
            Input::Safety => {
                self.ask_for_safety_words();
                Ok(())
            }
            Input::Leave => Err(Trouble::Leave),
            // Answers to what was asked at the door.
            Input::Stretched(_) | Input::NotStretched(..) => Ok(()),
        }
    }

    /// Returns when [`Membership::woken`] has something to do next.
    fn next(&self) -> u64 {
        let timers = [self.gathering, self.awaiting, Some(self.refresh.due())];
        let timers = timers.into_iter().flatten().filter(|_| self.connected && self.group.is_some());
        timers.fold(self.link.next(), u64::min)
    }

    fn ask_to_be_woken(&mut self) {
        let wait = self.next().saturating_sub(self.io.now);
        self.io.push(Output::Wake(wait));
    }

    fn woken(&mut self) -> Result<(), Trouble> {
        match self.link.due(self.io.now) {
            Due::Connect => self.link.connect(&mut self.io),
            Due::GiveUp => self.drop_connection(CloseCode::Silent.words()),
            Due::Ping => self.link.ping(false, &mut self.io),
            Due::Nothing if self.link.is_up() => return self.timers_expired(),
            Due::Nothing => {}
        }
        Ok(())
    }

    /// Does what the group's timers ask for.
    fn timers_expired(&mut self) -> Result<(), Trouble> {
        let now = self.io.now;
        self.gathering.take_if(|until| *until <= now);
        if self.awaiting.take_if(|until| *until <= now).is_some()
            && let Some(group) = &self.group
        {
            for id in self.peers.absent(group.roster()) {
                self.talk.left(id, &mut self.io);
                self.peers.depart(id, &mut self.io);
            }
        }
        self.renew();
        self.flush()
    }

    fn drop_connection(&mut self, words: &'static str) {
        self.connected = false;
        self.link.drop(words, &mut self.io);
    }

    fn closed(&mut self, number: u16) -> Result<(), Trouble> {
        let code = CloseCode::from_number(number);
        if let Some(code) = code.filter(|code| !code.reconnect()) {
            return Err(Trouble::Over(code));
        }
        self.connected = false;
        self.link.closed(code, &mut self.io);
        Ok(())
    }

    /// Ends the session.
    fn end(&mut self, code: CloseCode) -> Next {
        self.io.push(Output::Disconnect);
        // The server still counts the client as a member: leaving frees the name at once.
        if matches!(
            code,
            CloseCode::Malformed | CloseCode::UnknownVersion | CloseCode::CounterSkipped | CloseCode::PutOut
        ) {
            self.io.push(Output::Post(door::LEAVE, self.link.farewell()));
        }
        let name = match code {
            CloseCode::Left => "left",
            CloseCode::UnknownToken => "unknown_token",
            CloseCode::Replaced => "replaced",
            _ => "refused",
        };
        let words = if code == CloseCode::PutOut && self.unlisted { UNLISTED } else { code.words() };
        self.io.show(View::Ended { code: name, words, remake: code == CloseCode::UnknownToken });
        Next::Over
    }

    fn received(&mut self, frame: ServerFrame<'_>) -> Result<(), Trouble> {
        match (frame, self.link.is_up()) {
            (ServerFrame::Welcome(welcome), false) => {
                self.welcomed(welcome)?;
                self.link.welcomed(&self.io);
                Ok(())
            }
            (ServerFrame::Pong, true) => Ok(()),
            (ServerFrame::Welcome(_), true) => Err(Trouble::Disturbed("a second welcome")),
            (_, false) => Err(Trouble::Disturbed("a frame before the welcome")),
            (frame, true) => self.happened(frame),
        }
    }

    fn welcomed(&mut self, welcome: Welcome) -> Result<(), Trouble> {
        if self.latest.is_some_and(|latest| welcome.epoch.generation < latest.generation) {
            return Err(Trouble::Disturbed("a welcome to an earlier generation"));
        }
        self.talk.accepted(&self.me, welcome.counter, &mut self.io);
        self.talk.reconnected();
        self.commits = 0;
        self.committed = None;
        match welcome.standing {
            Standing::Outside => {
                self.connected = true;
                self.leave_group();
                self.knock(welcome.epoch.generation)
            }
            Standing::Founder => {
                self.connected = true;
                self.found(welcome.epoch.generation, welcome.seq)
            }
            Standing::Inside if self.group.is_some() && welcome.seq >= self.seq => {
                self.connected = true;
                self.until = welcome.seq;
                self.caught_up()
            }
            Standing::Inside => Err(Trouble::Disturbed("a welcome into a group that the client is not in")),
        }
    }

    fn happened(&mut self, frame: ServerFrame<'_>) -> Result<(), Trouble> {
        match frame {
            ServerFrame::Message { seq, sender, counter, sealed } => {
                self.advance(seq)?;
                self.hear(sender, counter, sealed)?;
                self.caught_up()
            }
            ServerFrame::Accepted { seq, counter } => {
                self.advance(seq)?;
                self.talk.accepted(&self.me, counter, &mut self.io);
                self.caught_up()
            }
            ServerFrame::Commit { seq, author, epoch, admitted, removed, commit } => {
                self.advance(seq)?;
                self.follow(epoch, &Received { author, admitted: &admitted, removed: &removed, commit })
            }
            ServerFrame::Committed { seq, epoch } => {
                self.advance(seq)?;
                self.confirm(epoch)
            }
            ServerFrame::Left { seq, member_id, departure, counter } => {
                self.advance(seq)?;
                self.left(member_id, departure, counter)?;
                self.caught_up()
            }
            ServerFrame::Presence { seq, member_id, connected } => {
                self.advance(seq)?;
                let is_in = self.has(member_id) && !self.gone.contains(&member_id);
                self.peers.get_mut(member_id).filter(|_| is_in).ok_or(NOT_INSIDE)?.connected = connected;
                self.show_people();
                self.caught_up()
            }
            ServerFrame::Duty { epoch, commits, knocks } => self.serve(epoch, commits, &knocks),
            ServerFrame::LetIn { seq, epoch, people, welcome } => self.enter(seq, epoch, &people, welcome),
            ServerFrame::Anew { seq, generation, founder } => self.recover(seq, generation, founder),
            ServerFrame::Unanswered => {
                if self.group.is_none() {
                    self.show_connection(Connection::Knocking, UNANSWERED);
                }
                Ok(())
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong => Err(Trouble::Disturbed("a second welcome")),
        }
    }

    /// Asks for the safety words of the current epoch.
    fn ask_for_safety_words(&mut self) {
        if let Some(group) = &self.group {
            let epoch = group.epoch();
            let id = group_id(self.link.room_id(), epoch.generation);
            let of = [group.authenticator(), &id, &epoch.number.to_be_bytes()].concat();
            self.io.push(Output::Safety(of.into()));
        }
    }

    /// Called after each event. Once the replay is over, shows the room; and sends queued messages.
    fn caught_up(&mut self) -> Result<(), Trouble> {
        if self.seq == self.until {
            // A commit that was sent on an earlier connection and was not ordered by now never will be.
            if let Some(group) = self.group.as_mut().filter(|_| self.commits == 0) {
                group.forget_commit(&self.me)?;
            }
            self.show_connection(Connection::Connected, "");
            self.show_people();
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        let may_speak = self.connected && self.seq >= self.until && self.gone.is_empty() && self.gathering.is_none();
        match &mut self.group {
            Some(group) if may_speak => Ok(self.talk.flush(&self.me, group, &mut self.io)?),
            _ => Ok(()),
        }
    }

    /// Returns whether this member is in the group.
    fn has(&self, id: MemberId) -> bool {
        self.group.as_ref().is_some_and(|group| group.roster().get(id).is_some())
    }

    fn show_people(&mut self) {
        if let Some(group) = &self.group {
            let people = self.peers.view(self.me.member_id(), group.roster());
            self.io.show(View::People { people });
        }
    }

    fn show_connection(&mut self, state: Connection, words: &'static str) {
        link::show(state, 0, words, &mut self.io);
    }
}

fn show_missed(id: MemberId, name: &str, count: u64, io: &mut Io) {
    if count > 0 {
        io.show(View::Missed { id, name: name.to_owned(), count });
    }
}
