//! Random inputs, some of them plausible. The room must not panic, its memory is bounded, every member in the group
//! receives every event once and in order, and a replica that starts from a snapshot stays equal.

use super::*;

const MEMBERS: usize = 7;
const REPLAY: usize = 3000;

/// A small random number generator (xorshift64), so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn some(&mut self, of: &[MemberId]) -> Vec<MemberId> {
        of.iter().copied().filter(|_| self.one_in(2)).collect()
    }
}

/// The state of a client that follows the protocol.
#[derive(Default)]
struct Client {
    /// The last event received in the group; 0 outside.
    seq: u64,
    epoch: Epoch,
    inside: bool,
    counter: u64,
    named: Vec<MemberId>,
    gone: Vec<MemberId>,
}

impl Client {
    /// Reads a frame and checks the order of events.
    fn read(&mut self, frame: &ServerFrame<'_>) {
        let mut event = |seq: &Seq| {
            assert!(self.inside, "event for a member outside the group: {frame:?}");
            assert_eq!(seq.0, self.seq + 1, "{frame:?}");
            self.seq = seq.0;
        };
        match frame {
            ServerFrame::Welcome(welcome) => {
                self.epoch = welcome.epoch;
                self.counter = welcome.counter.0;
                match welcome.standing {
                    wire::Standing::Outside => (self.inside, self.seq) = (false, 0),
                    wire::Standing::Founder => {
                        (self.inside, self.seq) = (true, welcome.seq.0);
                        self.gone.clear();
                    }
                    wire::Standing::Inside => assert!(self.inside && self.seq <= welcome.seq.0),
                }
            }
            ServerFrame::Message { seq, .. } | ServerFrame::Presence { seq, .. } => event(seq),
            ServerFrame::Accepted { seq, counter } => {
                event(seq);
                self.counter = self.counter.max(counter.0);
            }
            ServerFrame::Left { seq, member_id, .. } => {
                event(seq);
                self.gone.push(*member_id);
            }
            ServerFrame::Commit { seq, epoch, removed, .. } => {
                event(seq);
                assert!(removed.iter().all(|id| self.gone.contains(id)), "removed without having left");
                self.gone.retain(|id| !removed.contains(id));
                self.epoch = epoch.next();
            }
            ServerFrame::Committed { seq, epoch } => {
                event(seq);
                self.epoch = epoch.next();
            }
            ServerFrame::LetIn { seq, epoch, .. } => {
                assert!(!self.inside && *epoch > self.epoch);
                (self.inside, self.seq, self.epoch) = (true, seq.0, *epoch);
                self.gone.clear();
            }
            ServerFrame::Anew { seq, generation, founder } => {
                let epoch = Epoch { generation: *generation, number: 0 };
                assert!(epoch > self.epoch, "epochs only grow");
                (self.inside, self.epoch) = (*founder, epoch);
                self.seq = if *founder { seq.0 } else { 0 };
                self.gone.clear();
            }
            ServerFrame::Duty { epoch, knocks, .. } => {
                assert!(self.inside && knocks.len() <= limits::KNOCKS_PER_COMMIT);
                assert_eq!(*epoch, self.epoch);
                self.named = knocks.iter().map(|(id, _)| *id).collect();
            }
            ServerFrame::Pong | ServerFrame::Unanswered => {}
        }
    }
}

fn frame(dice: &mut Dice, id: u32, client: &Client, scene: &Scene) -> ClientFrame<'static> {
    let odd = |dice: &mut Dice, epoch: Epoch| match dice.below(20) {
        0 => epoch.next(),
        1 => epoch.next_generation(),
        2 => Epoch { number: epoch.number.saturating_sub(1), ..epoch },
        _ => epoch,
    };
    let epoch = odd(dice, client.epoch);
    let all = (1..=scene.room.last_member).map(MemberId).collect::<Vec<_>>();
    match dice.below(12) {
        0..4 => {
            let counter = if dice.one_in(9) { dice.below(4) } else { client.counter + 1 };
            ClientFrame::Message { epoch, counter: Counter(counter), sealed: b"sealed" }
        }
        4..7 if !client.inside => ClientFrame::Knock { generation: epoch.generation, sealed: b"knock" },
        4..8 => {
            let wild = dice.one_in(5);
            let admitted = if wild { dice.some(&all) } else { dice.some(&client.named) };
            let mut removed = if wild { dice.some(&all) } else { client.gone.clone() };
            removed.retain(|member| member.0 != id);
            let welcome: &[u8] = if admitted.is_empty() { b"" } else { b"welcome" };
            ClientFrame::Commit { epoch, admitted, removed, commit: b"commit", welcome }
        }
        8 => ClientFrame::Decline { epoch, members: dice.some(&all) },
        9 if dice.one_in(3) => ClientFrame::Stuck { epoch },
        10 => ClientFrame::Ping,
        _ => ClientFrame::Knock { generation: epoch.generation, sealed: b"knock" },
    }
}

/// Checks the invariants of a room.
fn check_invariants(scene: &Scene) {
    let room = &scene.room;
    let leaves = room.members.values().filter(|member| member.leaf).count();
    assert!(
        leaves + room.group.gone.len() <= MEMBERS,
        "the tree has at most as many leaves as a room may have members"
    );
    assert!(room.group.gone.iter().all(|id| !room.members.contains_key(id)));
    assert!(room.history.bytes() <= REPLAY);
    for (id, member) in &room.members {
        assert!(member.leaf || !member.is_in_group(), "a member in the group has a leaf");
        assert!(member.knock().is_none() || member.is_connected());
        let connection = scene.connected.get(&id.0);
        assert_eq!(connection.is_some(), member.is_connected());
        assert_eq!(
            connection.is_some_and(|connection| connection.follows),
            member.is_connected() && member.is_in_group()
        );
    }
    if let Some(holder) = room.group.duty_holder() {
        assert!(room.members[&holder].is_in_group() && room.members[&holder].is_connected());
    }
    if room.members.values().any(Member::is_connected) {
        assert!(room.members.values().any(Member::is_in_group), "a member is in the group");
    }
}

fn run(seed: u64) -> [bool; 4] {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed << 20));
    let mut scene = Scene::with(MEMBERS, REPLAY);
    let mut clients = BTreeMap::<u32, Client>::new();
    let mut seen = [false; 4];
    let mut snapshot_at = dice.below(600);
    for step in 0..600 {
        if scene.room.is_empty() {
            // The room is over, and another one begins.
            (scene, clients) = (Scene::with(MEMBERS, REPLAY), BTreeMap::new());
            snapshot_at = step + dice.below(600 - step);
        } else if step >= snapshot_at && scene.replica.is_none() {
            scene.replica = Some(replica(&scene.room));
        }
        let id = if clients.is_empty() || dice.one_in(40) {
            0
        } else {
            let nth = usize::try_from(dice.below(clients.len() as u64)).unwrap();
            *clients.keys().nth(nth).unwrap()
        };
        let connected = scene.connected.contains_key(&id);
        let what = dice.below(40);
        if id == 0 {
            let byte = u8::try_from(scene.room.last_member + 1).unwrap_or(0);
            if byte > 0
                && let Ok(id) = scene.admit(&format!("Member {byte}"), byte)
            {
                clients.insert(id.0, Client::default());
            }
        } else if !connected || what == 0 {
            if what < 20 {
                // Stuck members forget their last event, and others do at random.
                let seq = if dice.one_in(8) { 0 } else { clients[&id].seq };
                if seq == 0 {
                    clients.get_mut(&id).unwrap().inside = false;
                }
                scene.connect(id, seq).unwrap();
            }
        } else if what == 1 {
            scene.lose(id);
        } else if what == 2 && dice.one_in(3) {
            scene.leave(id);
        } else if what < 8 {
            let time = Duration::from_millis(dice.below(4000));
            if dice.one_in(4) {
                // A tick that is late or unnecessary.
                scene.now = scene.now + time;
                scene.tick();
            } else {
                scene.wait(time);
            }
        } else {
            let frame = frame(&mut dice, id, &clients[&id], &scene);
            let generation = scene.room.group.epoch.generation;
            if matches!(frame, ClientFrame::Stuck { epoch } if epoch.generation == generation) {
                let client = clients.get_mut(&id).unwrap();
                (client.inside, client.seq) = (false, 0);
            }
            if let Err(code) = scene.take(id, &frame) {
                assert_eq!(code, CloseCode::CounterSkipped);
                scene.lose(id);
            }
        }
        check_invariants(&scene);
        for (id, connection) in &mut scene.connected {
            for frame in mem::take(&mut connection.frames) {
                let frame = ServerFrame::parse(&frame).unwrap();
                seen[0] |= matches!(frame, ServerFrame::LetIn { .. });
                seen[1] |= matches!(frame, ServerFrame::Anew { .. });
                seen[2] |= matches!(&frame, ServerFrame::Commit { removed, .. } if !removed.is_empty());
                seen[3] |=
                    matches!(&frame, ServerFrame::Welcome(welcome) if welcome.standing == wire::Standing::Inside);
                clients.get_mut(id).unwrap().read(&frame);
            }
        }
        clients.retain(|id, _| scene.room.members.contains_key(&MemberId(*id)));
    }
    seen
}

#[test]
fn random_inputs_keep_the_invariants() {
    let mut counts = [0; 4];
    for seed in 1..=400 {
        let seen = std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        counts.iter_mut().zip(seen).for_each(|(count, seen)| *count += u32::from(seen));
    }
    assert!(counts.iter().all(|count| *count > 100), "each event occurs in many runs: {counts:?}");
}
