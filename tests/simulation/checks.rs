//! The invariants of a world, checked after every step and at the end.

use std::collections::{BTreeMap, BTreeSet};

use web_crypto::session::{Connection, Unreadable, View};
use wire::{ClientFrame, Counter, Epoch, MemberId, RoomId, ServerFrame, Standing, UserName, Welcome, door::Admission};

use super::{
    client::Client,
    plan::Kind,
    readers::{self, Readers},
    scan::Scan,
    world::World,
};

/// The members of a group by id, with name and key.
type People = BTreeMap<MemberId, (String, Vec<u8>)>;

/// The longest time in milliseconds that one hostile member can keep an honest one from joining or talking, while an
/// honest member that has been in the group is connected.
const STALL: u64 = 40_000;

/// The observations in one world.
pub struct Checks {
    pub kind: Kind,
    /// The authenticator and members of each epoch, as seen by its first member.
    epochs: BTreeMap<(RoomId, Epoch, Vec<u8>), People>,
    authenticators: BTreeMap<(RoomId, Epoch), Vec<u8>>,
    identities: BTreeMap<(RoomId, MemberId), (String, Vec<u8>)>,
    /// The last counter that the server accepted from each member.
    pub counters: BTreeMap<(RoomId, MemberId), Counter>,
    /// A sample of sealed messages.
    pub sealed: Vec<(RoomId, Epoch, Vec<u8>)>,
    /// Invalid commits, which no honest client may follow.
    pub forged: BTreeSet<Vec<u8>>,
    /// The commit that is being handed to a client.
    commit: Option<Vec<u8>>,
    pub scan: Option<Scan>,
    pub readers: Readers,
    /// Since when an honest member that has been in the group is connected.
    honest_since: Option<u64>,
    pub stats: Stats,
}

/// The counts and the worst times of a world.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    pub texts: u64,
    pub commits: u64,
    pub generations: u64,
    pub outs: u64,
    pub missed: u64,
    pub forgeries: u64,
    pub stuck: u64,
    pub unlisted: u64,
    pub ghosts: u64,
    /// Milliseconds from the door's answer to being in the group, and from sending a text to its acceptance.
    pub worst_entry: u64,
    pub worst_talk: u64,
}

impl Stats {
    pub fn add(&mut self, other: &Self) {
        self.texts += other.texts;
        self.commits += other.commits;
        self.generations += other.generations;
        self.outs += other.outs;
        self.missed += other.missed;
        self.forgeries += other.forgeries;
        self.stuck += other.stuck;
        self.unlisted += other.unlisted;
        self.ghosts += other.ghosts;
        self.worst_entry = self.worst_entry.max(other.worst_entry);
        self.worst_talk = self.worst_talk.max(other.worst_talk);
    }
}

impl Checks {
    pub fn new(kind: Kind, scans: bool) -> Self {
        Self {
            kind,
            epochs: BTreeMap::new(),
            authenticators: BTreeMap::new(),
            identities: BTreeMap::new(),
            counters: BTreeMap::new(),
            sealed: Vec::new(),
            forged: BTreeSet::new(),
            commit: None,
            honest_since: None,
            scan: scans.then(Scan::default),
            readers: Readers::default(),
            stats: Stats::default(),
        }
    }

    /// Called after the door's answer.
    pub fn answered(world: &mut World, index: usize, status: u16, body: &[u8]) {
        if status == 200
            && let Ok(admission) = serde_json::from_slice::<Admission>(body)
        {
            let client = &mut world.clients[index];
            client.seat = Some((admission.room_id, admission.member_id, admission.token));
            client.admitted_at = Some(world.now);
        }
    }

    /// Called before a client takes a frame.
    pub fn before(world: &mut World, index: usize, frame: &[u8]) {
        let client = &mut world.clients[index];
        world.checks.commit = None;
        let parsed = ServerFrame::parse(frame);
        if let (Some(mischief), Ok(frame)) = (&mut client.mischief, &parsed) {
            mischief.hears(frame);
        }
        match parsed {
            Ok(ServerFrame::Left { member_id, .. }) => {
                client.gone.insert(member_id);
            }
            // A member inside the group ignores it and drops the connection.
            Ok(ServerFrame::LetIn { people, .. }) if client.epoch.is_none() => {
                client.gone.clear();
                for person in people.iter().filter(|person| !client.met.contains(&person.member_id)) {
                    client.heard.entry(person.member_id).or_default().before = person.counter;
                }
            }
            Ok(
                ServerFrame::Anew { founder: true, generation: 1.., .. }
                | ServerFrame::Welcome(Welcome {
                    standing: Standing::Founder, epoch: Epoch { generation: 1.., .. }, ..
                }),
            ) if client.latest.is_none() => client.founded_late = true,
            Ok(ServerFrame::Commit { commit, .. }) => world.checks.commit = Some(commit.to_vec()),
            _ => {}
        }
    }

    /// Called after a client has handled an input.
    pub fn after(world: &mut World, index: usize) {
        readers::look(world, index);
        let World { clients, checks, .. } = world;
        // A former room with the same name had the same member ids.
        let (room, password) = (clients[index].room(), clients[index].password);
        let honest = |other: &&Client| other.is_honest() && other.room() == room && other.password == password;
        let honest_ids = clients.iter().filter(honest).filter_map(Client::id).collect::<BTreeSet<_>>();
        let client = &mut clients[index];
        let honest = client.is_honest();
        let Some(mut observed) = client.session.observe() else {
            client.is_in = false;
            checks.count_honest(clients, world.now);
            return;
        };
        let Some(group) = observed.group.as_mut() else {
            if client.epoch.take().is_some() {
                client.was_out = true;
                checks.stats.outs += 1;
                client.roster.clear();
                assert_eq!(observed.me.kept().1, [], "{index} keeps keys of a group that it has dropped");
            }
            return;
        };
        let epoch = group.epoch();
        if client.epoch == Some(epoch) || !honest {
            return;
        }
        let Some((room, me, _)) = client.seat.clone() else { return };
        let people = group.roster().iter();
        let people = people.map(|mate| (mate.member_id, (mate.name.as_str().to_owned(), mate.key.clone())));
        let people = people.collect::<People>();
        let authenticator = group.authenticator().to_vec();

        // Epochs only grow.
        assert!(
            client.latest.is_none_or(|latest| epoch > latest),
            "{index} went back from {:?} to {epoch:?}",
            client.latest
        );
        // All members of an epoch have the same key and the same list of members.
        if checks.kind.has_honest_server() {
            let first = checks.authenticators.entry((room, epoch)).or_insert_with(|| authenticator.clone());
            assert_eq!(*first, authenticator, "{index} has another key than others in {epoch:?}");
        }
        let first = checks.epochs.entry((room, epoch, authenticator.clone())).or_insert_with(|| people.clone());
        assert_eq!(*first, people, "{index} sees other people than others in {epoch:?}");
        // An id keeps its name and key, and no two members share a name.
        let skeletons =
            people.values().map(|(name, _)| name.parse::<UserName>().unwrap().skeleton()).collect::<Vec<_>>();
        for (place, skeleton) in skeletons.iter().enumerate() {
            assert!(
                !skeletons[..place].iter().any(|other| other.same(skeleton)),
                "two members with one name: {people:?}"
            );
        }
        let follows = client.epoch.is_some_and(|before| before.generation == epoch.generation);
        for (id, person) in &people {
            let before = client.roster.get(id).filter(|_| follows);
            assert!(before.is_none_or(|before| before == person), "{index}: {id} has become another");
            // A hostile member may deceive newcomers that it admits about itself, but not about others.
            if honest_ids.contains(id) {
                let first = checks.identities.entry((room, *id)).or_insert_with(|| person.clone());
                assert_eq!(first, person, "{index}: {id} has become another");
            }
        }
        // Only members reported as gone are removed. A member that returns stays in the list.
        if follows {
            assert!(
                !checks.commit.as_ref().is_some_and(|commit| checks.forged.contains(commit)),
                "{index} followed a commit that is against the rules"
            );
            for id in client.roster.keys().filter(|id| !people.contains_key(id)) {
                assert!(client.gone.contains(id), "{index} removed {id}, which was not reported as gone");
            }
        }
        // No key of the previous epoch remains.
        let (knocks, kept) = observed.me.kept();
        assert_eq!(knocks, 0, "{index} keeps the keys of a knock that was answered");
        assert!(kept.iter().all(|(_, number)| *number == epoch.number), "{index} in {epoch:?} keeps keys of {kept:?}");
        for (_, of, sealed) in
            checks.sealed.iter().rev().filter(|(in_room, of, _)| *in_room == room && *of != epoch).take(2)
        {
            assert!(group.open(observed.me, sealed).is_err(), "{index} in {epoch:?} opens what was said in {of:?}");
        }
        if let Some(scan) = &mut checks.scan {
            scan.keep(&authenticator);
            let (values, signer) = observed.me.secrets();
            scan.keep(&signer);
            scan.keep(&observed.me.seed());
            values.iter().for_each(|value| scan.keep_value(value));
        }
        client.gone.retain(|id| people.contains_key(id));
        client.met.extend(people.keys().filter(|id| **id != me));
        if client.latest.is_some_and(|latest| latest.generation < epoch.generation) {
            checks.stats.generations += 1;
            client.was_out = true;
        }
        client.roster = people;
        client.epoch = Some(epoch);
        client.latest = Some(epoch);
        checks.count_honest(clients, world.now);
        // A member with the wrong password must not be in a group.
        let strangers =
            clients.iter().filter(|other| other.room() == Some(room) && other.password != clients[index].password);
        for stranger in strangers {
            let their = stranger.id().unwrap_or_default();
            assert!(
                clients[index].roster.get(&their).is_none_or(|(name, _)| *name != stranger.name),
                "{index} admitted {their}, which does not know the password"
            );
        }
    }

    /// Updates since when an honest member that has been in the group is connected.
    fn count_honest(&mut self, clients: &[Client], now: u64) {
        let is_there = |client: &Client| client.lives() && client.is_honest() && client.latest.is_some();
        self.honest_since = clients.iter().any(is_there).then(|| self.honest_since.unwrap_or(now));
    }

    /// Called when a client shows a view to its user.
    pub fn shown(world: &mut World, index: usize, view: View) {
        let now = world.now;
        world.note(|| format!("{index}   shows {}", summary(&view)));
        let World { clients, checks, .. } = world;
        let client = &mut clients[index];
        let honest = client.is_honest();
        match view {
            View::Message { mine: true, counter, text, .. } => {
                if let Some(scan) = &mut checks.scan {
                    scan.keep(text.as_bytes());
                }
                checks.stats.texts += 1;
                client.said.insert(counter, (text, now));
            }
            View::Accepted { counter } => {
                assert!(client.accepted.insert(counter), "{index}: {counter} was taken twice");
                let (_, at) = client.said.get(&counter).unwrap_or_else(|| panic!("{index}: never said {counter}"));
                // While only a hostile member is in the group, it may block everybody.
                let stalled = now - (*at).max(checks.honest_since.unwrap_or(now));
                if honest && checks.kind == Kind::HostileMember {
                    checks.stats.worst_talk = checks.stats.worst_talk.max(stalled);
                    assert!(stalled <= STALL, "{index} waited for {stalled} ms to say {counter}");
                }
            }
            View::Message { id, name, text, counter, .. } => {
                let heard = client.heard.entry(id).or_default();
                let last = heard.shown.last_key_value().map(|(last, _)| *last);
                heard.shown.insert(counter, text.clone());
                if !client.is_honest() {
                    return;
                }
                assert!(last.is_none_or(|last| counter > last), "{index}: {counter} of {id} came after {last:?}");
                // The text contains its author.
                let author = text.split('-').next().and_then(|number| number.parse::<usize>().ok());
                let author = author.and_then(|number| clients.get(number));
                let author = author.unwrap_or_else(|| panic!("{index}: {text:?} was said by nobody"));
                assert_eq!(author.id(), Some(id), "{index}: {text:?} is shown as of {id}");
                assert!(!author.is_honest() || author.name == name, "{index}: {text:?} is shown as of {name}");
                let said = author.said.get(&counter).map(|(said, _)| said);
                assert!(!author.is_honest() || said == Some(&text), "{index}: {id} did not say {text:?} as {counter}");
            }
            View::Missed { id, count, .. } => {
                client.heard.entry(id).or_default().missed += count;
                if client.is_honest() {
                    checks.stats.missed += count;
                }
            }
            View::Unreadable { id, why, .. } => {
                let heard = client.heard.entry(id).or_default();
                match why {
                    Unreadable::Replayed => heard.replayed += 1,
                    _ => heard.unreadable += 1,
                }
            }
            View::Connection { state, .. } => {
                client.is_in = state == Connection::Connected;
                if client.is_in
                    && let Some(at) = client.admitted_at.take()
                    && honest
                {
                    let stalled = now - at.max(checks.honest_since.unwrap_or(now));
                    if checks.kind == Kind::HostileMember {
                        checks.stats.worst_entry = checks.stats.worst_entry.max(stalled);
                        assert!(stalled <= STALL, "{index} waited for {stalled} ms to come in");
                    }
                }
            }
            View::People { people } => client.shown = readers::shown(&people),
            View::Unlisted => checks.stats.unlisted += 1,
            View::Ended { code, words, .. } => client.ended = Some(format!("{code}: {words}")),
            View::Refused { code, .. } => client.ended = Some(code),
            _ => {}
        }
    }

    pub fn seen_by_server(world: &mut World, frame: &[u8]) {
        if let Some(scan) = &mut world.checks.scan {
            scan.seen(frame);
        }
        if let Ok(ClientFrame::Stuck { .. }) = ClientFrame::parse(frame) {
            world.checks.stats.stuck += 1;
        }
        if let Ok(ClientFrame::Message { epoch, sealed, .. }) = ClientFrame::parse(frame)
            && let Some(room) = world.server.room_id()
        {
            world.checks.sealed.push((room, epoch, sealed.to_vec()));
        }
    }

    pub fn sent_by_server(world: &mut World, to: MemberId, frame: &[u8]) {
        let Some(room) = world.server.room_id() else { return };
        match ServerFrame::parse(frame) {
            Ok(ServerFrame::Accepted { counter, .. }) => {
                let last = world.checks.counters.entry((room, to)).or_default();
                *last = (*last).max(counter);
            }
            Ok(ServerFrame::Committed { epoch, .. }) => {
                world.checks.stats.commits += 1;
                world.checks.readers.committed(room, to, epoch);
            }
            _ => {}
        }
    }
}

fn summary(view: &View) -> String {
    serde_json::to_string(view).unwrap_or_default().chars().take(220).collect()
}
