//! A hostile server: drops, repeats, swaps, alters and forges frames in both directions. Forks of the room are in
//! `server`.

use std::collections::{BTreeMap, BTreeSet};

use wire::{ClientFrame, Counter, Departure, Epoch, MemberId, Person, Seq, ServerFrame, Standing};

use super::{random::Random, world::World};

/// How the server tampers with frames.
pub struct Tampering {
    random: Random,
    /// How often it tampers with a frame, in percent.
    rate: u64,
    /// True when it renumbers events, so that its tampering leaves no gap.
    renumbers: bool,
    /// True when it names unnamed leaves to newcomers.
    helps_ghosts: bool,
    seqs: BTreeMap<usize, Seq>,
    /// Frames that it sent earlier, to any client.
    past: Vec<Vec<u8>>,
    /// A frame held back until the connection's next frame.
    held: BTreeMap<(usize, bool), Vec<u8>>,
    pub done: u64,
}

impl Tampering {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xbad5e7);
        Self {
            rate: random.pick(&[2, 5, 20]).unwrap_or(5),
            renumbers: random.percent(70),
            helps_ghosts: random.percent(50),
            random,
            seqs: BTreeMap::new(),
            past: Vec::new(),
            held: BTreeMap::new(),
            done: 0,
        }
    }

    fn carry(&mut self, link: usize, down: bool, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if !self.random.percent(self.rate) {
            frames.push(frame);
        } else {
            self.done += 1;
            match self.random.below(7) {
                0 => {}
                1 => frames.extend([frame.clone(), frame]),
                2 => {
                    let old = self.random.below(self.past.len() as u64 + 1) as usize;
                    frames.extend(self.past.get(old).filter(|_| down).cloned());
                    frames.push(frame);
                }
                3 => {
                    let mut frame = frame;
                    let at = self.random.below(frame.len() as u64) as usize;
                    frame[at] ^= 1 << self.random.below(8);
                    frames.push(frame);
                }
                4 => {
                    self.held.insert((link, down), frame);
                    return frames;
                }
                _ if down => frames.extend(self.lie(&frame)),
                _ => frames.push(frame),
            }
        }
        frames.extend(self.held.remove(&(link, down)));
        frames
    }

    /// Returns the frame with one field changed, or with another frame beside it.
    fn lie(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let Ok(mut parsed) = ServerFrame::parse(frame) else { return vec![] };
        let random = &mut self.random;
        let someone = MemberId(random.between(1, 5) as u32);
        let some = random.below(12);
        let mut beside = None;
        match &mut parsed {
            ServerFrame::Message { seq, sender, counter, .. } => match random.below(3) {
                0 => *sender = someone,
                1 => *counter = Counter(some),
                _ => {
                    let departure = Departure::Lost;
                    let left = ServerFrame::Left { seq: *seq, member_id: someone, departure, counter: Counter(some) };
                    beside = Some(left.to_bytes());
                }
            },
            ServerFrame::Accepted { counter, .. } => *counter = Counter(some),
            ServerFrame::Committed { epoch, .. } | ServerFrame::Duty { epoch, .. } => *epoch = near(*epoch, random),
            ServerFrame::Left { member_id, counter, .. } => {
                if random.percent(50) {
                    *member_id = someone
                } else {
                    *counter = Counter(some)
                }
            }
            ServerFrame::Presence { seq, member_id, .. } => {
                let counter = Counter(some);
                let left = ServerFrame::Left { seq: *seq, member_id: *member_id, departure: Departure::Left, counter };
                beside = Some(left.to_bytes());
            }
            ServerFrame::Commit { author, epoch, admitted, removed, .. } => match random.below(4) {
                0 => *author = someone,
                1 => *epoch = near(*epoch, random),
                2 => admitted.push(someone),
                _ => removed.push(someone),
            },
            ServerFrame::LetIn { epoch, people, .. } => {
                let at = random.below(people.len() as u64) as usize;
                match (random.below(4), people.get_mut(at)) {
                    (0, _) => *epoch = near(*epoch, random),
                    (1, Some(person)) => person.counter = Counter(some),
                    (2, Some(person)) => person.in_group = !person.in_group,
                    _ => people.push(Person {
                        member_id: someone,
                        counter: Counter(some),
                        connected: true,
                        in_group: random.percent(50),
                    }),
                }
            }
            ServerFrame::Welcome(welcome) => match random.below(3) {
                0 => welcome.epoch = near(welcome.epoch, random),
                1 => welcome.counter = Counter(some),
                _ => welcome.standing = random.pick(&[Standing::Founder, Standing::Inside, Standing::Outside]).unwrap(),
            },
            ServerFrame::Anew { generation, founder, .. } => {
                if random.percent(50) {
                    *founder = !*founder
                } else {
                    *generation = random.below(3) as u32
                }
            }
            ServerFrame::Pong | ServerFrame::Unanswered => {
                let generation = random.below(3) as u32;
                let anew = ServerFrame::Anew { seq: Seq(some), generation, founder: random.percent(50) };
                beside = Some(anew.to_bytes());
            }
        }
        beside.into_iter().chain([parsed.to_bytes()]).collect()
    }

    /// Gives the frame the sequence number that its receiver expects.
    fn renumber(&mut self, link: usize, frame: Vec<u8>) -> Vec<u8> {
        let Ok(mut parsed) = ServerFrame::parse(&frame) else { return frame };
        match &mut parsed {
            ServerFrame::Welcome(welcome) => {
                // Continues from the sequence number in the client's hello.
                let last = self.seqs.entry(link).or_default();
                if welcome.standing != Standing::Inside {
                    *last = welcome.seq;
                }
            }
            ServerFrame::LetIn { seq, .. } | ServerFrame::Anew { seq, .. } => {
                self.seqs.insert(link, *seq);
            }
            ServerFrame::Message { seq, .. }
            | ServerFrame::Accepted { seq, .. }
            | ServerFrame::Commit { seq, .. }
            | ServerFrame::Committed { seq, .. }
            | ServerFrame::Left { seq, .. }
            | ServerFrame::Presence { seq, .. } => {
                let last = self.seqs.entry(link).or_default();
                *last = last.next();
                *seq = *last;
            }
            _ => {}
        }
        parsed.to_bytes()
    }
}

fn near(epoch: Epoch, random: &mut Random) -> Epoch {
    let number = (epoch.number + random.below(3)).saturating_sub(1);
    Epoch { number, generation: epoch.generation + u32::from(random.percent(20)) }
}

pub fn upward(world: &mut World, link: usize, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let Some(tampering) = &mut world.tampering else { return vec![frame] };
    if let Ok(ClientFrame::Hello(hello)) = ClientFrame::parse(&frame) {
        tampering.seqs.insert(link, hello.seq);
        return vec![frame];
    }
    if let Some(commit) = served(world, link, &frame) {
        for other in (0..world.links.len()).filter(|other| *other != link) {
            let Some(tampering) = &mut world.tampering else { return vec![] };
            let commit = if tampering.renumbers { tampering.renumber(other, commit.clone()) } else { commit.clone() };
            world.slip(other, commit);
        }
        return vec![];
    }
    world.tampering.as_mut().map_or_else(Vec::new, |tampering| tampering.carry(link, false, frame))
}

/// For a commit of a member that colludes with the server: returns the frame that reports it as ordered to the others.
fn served(world: &mut World, link: usize, frame: &[u8]) -> Option<Vec<u8>> {
    let client = &world.clients[world.links[link].client];
    let author = client.id().filter(|_| !client.is_honest())?;
    let ClientFrame::Commit { epoch, admitted, removed, commit, .. } = ClientFrame::parse(frame).ok()? else {
        return None;
    };
    let seq = Seq(world.random.below(20));
    Some(ServerFrame::Commit { seq, author, epoch, admitted, removed, commit }.to_bytes())
}

/// Names the leaves that a colluding member added to a newcomer as members of the group.
fn names_ghosts(world: &World, frame: Vec<u8>) -> Vec<u8> {
    let Ok(ServerFrame::LetIn { seq, epoch, mut people, welcome }) = ServerFrame::parse(&frame) else { return frame };
    let ghosts = world.checks.readers.ghosts_in(epoch).collect::<BTreeSet<_>>();
    people.extend(ghosts.into_iter().map(|member_id| Person {
        member_id,
        counter: Counter(1),
        connected: true,
        in_group: true,
    }));
    ServerFrame::LetIn { seq, epoch, people, welcome }.to_bytes()
}

pub fn downward(world: &mut World, link: usize, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let helps = world.tampering.as_ref().is_some_and(|tampering| tampering.helps_ghosts);
    let frame = if helps { names_ghosts(world, frame) } else { frame };
    let Some(tampering) = &mut world.tampering else { return vec![frame] };
    let frames = tampering.carry(link, true, frame.clone());
    if tampering.past.len() < 60 {
        tampering.past.push(frame);
    }
    if !tampering.renumbers {
        return frames;
    }
    frames.into_iter().map(|frame| tampering.renumber(link, frame)).collect()
}
