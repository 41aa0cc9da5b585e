//! The plan of a world: clients join, talk and leave, and the network fails.

use web_crypto::session::{Input, Intent};

use super::{
    checks::{Checks, Stats},
    hostile_member::Mischief,
    hostile_server::Tampering,
    random::Random,
    server::Server,
    settled,
    world::{Weather, World},
};

/// The hostile parties of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Honest,
    HostileMember,
    HostileServer,
    /// A server and a member that colludes with it.
    Collusion,
}

impl Kind {
    pub fn has_honest_server(self) -> bool {
        matches!(self, Self::Honest | Self::HostileMember)
    }

    pub fn has_honest_members(self) -> bool {
        matches!(self, Self::Honest | Self::HostileServer)
    }
}

/// The plan of one world.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub kind: Kind,
    clients: u64,
    steps: u64,
    replay: usize,
}

const NAMES: [&str; 12] = ["Ana", "Bo", "Cy", "Dee", "Eve", "Flo", "Gus", "Hal", "Ida", "Jo", "Kai", "Lu"];

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x9a7);
        let kind = match random.below(10) {
            0..4 => Kind::Honest,
            4..7 => Kind::HostileMember,
            7..9 => Kind::HostileServer,
            _ => Kind::Collusion,
        };
        let large = random.percent(1);
        let clients = if large { random.between(7, 12) } else { random.between(2, 4) };
        let steps = if large { random.between(40, 80) } else { random.between(6, 16) };
        let replay = random.pick(&[2 << 20, 2 << 20, 20_000, 3_000, 0]).unwrap_or_default();
        Self { seed, kind, clients, steps, replay }
    }

    /// Plays the plan. Panics when an invariant is violated.
    pub fn play(&self, world: &mut World) {
        let mut random = Random::new(self.seed ^ 0x91a);
        world.weather.delay = random.pick(&[5, 40, 40, 300, 1500]).unwrap_or(40);
        world.weather.lost_requests = random.pick(&[0, 0, 10]).unwrap_or(0);
        match self.kind {
            Kind::Honest => {}
            // Tests how the others cope with a hostile member, without the effects of a bad network.
            Kind::HostileMember => world.weather = Weather { delay: 40, lost_requests: 0 },
            Kind::HostileServer | Kind::Collusion => {
                world.tampering = Some(Tampering::new(self.seed));
                world.server.lets_anyone_in = random.percent(50);
            }
        }
        self.act(world, &mut random);
        let fork = random.percent(40).then(|| random.below(self.steps));
        for step in 0..self.steps {
            if !self.kind.has_honest_server() && fork == Some(step) {
                world.note(|| "the server forks the room".to_owned());
                world.server.fork();
            }
            self.act(world, &mut random);
            world.pass(gap(&mut random));
        }
        // A quiet period, in which lost members are removed and the others gather in one group.
        world.tampering = None;
        world.weather = Weather { delay: 20, lost_requests: 0 };
        world.pass(140_000);
        world.note(|| "settled".to_owned());
        settled::look(world);
    }

    fn act(&self, world: &mut World, random: &mut Random) {
        let living = (0..world.clients.len()).filter(|index| world.clients[*index].lives()).collect::<Vec<_>>();
        let room = living.len() < self.clients as usize;
        match random.below(100) {
            _ if living.is_empty() => self.arrive(world, random),
            0..25 if room => self.arrive(world, random),
            0..60 => say(world, random, &living),
            60..78 if self.kind != Kind::HostileMember => {
                let linked = living.iter().filter_map(|index| world.clients[*index].link).collect::<Vec<_>>();
                if let Some(link) = random.pick(&linked) {
                    world.cut(link);
                }
            }
            78..84 => {
                if let Some(index) = random.pick(&living) {
                    world.note(|| format!("{index} leaves"));
                    world.tell(index, Input::Leave);
                }
            }
            84..88 => {
                // A lost member keeps its place during the grace period, which is not a hostile member's doing.
                let honest = |index: &usize| self.kind == Kind::HostileMember && world.clients[*index].is_honest();
                if let Some(index) = random.pick(&living).filter(|index| !honest(index)) {
                    world.note(|| format!("{index} is killed"));
                    world.clients[index].runs = false;
                    if let Some(link) = world.clients[index].link {
                        world.cut(link);
                    }
                }
            }
            _ => {
                if let Some(index) = random.pick(&living) {
                    let there = random.percent(50);
                    world.tell(index, Input::Network(there));
                }
            }
        }
    }

    fn arrive(&self, world: &mut World, random: &mut Random) {
        let taken = |name: &&&str| world.clients.iter().any(|client| client.lives() && client.name == **name);
        let free = NAMES.iter().filter(|name| !taken(name)).copied().collect::<Vec<_>>();
        let name = if random.percent(4) { "ana" } else { random.pick(&free).unwrap_or("Zoe") };
        let intent = if world.server.has_room() { Intent::Join } else { Intent::Create };
        let password = if random.percent(4) && intent == Intent::Join { 2 } else { 1 };
        let index = world.arrive(intent, name, password);
        let hostile = world.clients.iter().filter(|client| client.lives() && !client.is_honest()).count();
        // At least one member is always honest.
        if !self.kind.has_honest_members() && hostile == 0 && index > 0 && random.percent(60) {
            let mischief = Mischief::new(self.seed ^ index as u64);
            world.note(|| format!("{index} is hostile: {mischief:?}"));
            world.clients[index].mischief = Some(mischief);
        }
    }
}

fn say(world: &mut World, random: &mut Random, living: &[usize]) {
    let Some(index) = random.pick(living).filter(|index| world.clients[*index].seat.is_some()) else { return };
    for _ in 0..random.between(1, 4) {
        let text = format!("{index}-{}-{}", world.clients[index].said.len(), "x".repeat(random.below(40) as usize));
        world.tell(index, Input::Say(&text));
    }
}

/// Returns the time until the next event: mostly short, sometimes long.
fn gap(random: &mut Random) -> u64 {
    match random.below(100) {
        0..25 => random.below(10),
        25..60 => random.below(300),
        60..85 => random.below(3_000),
        85..96 => random.below(20_000),
        96..99 => random.below(90_000),
        _ => random.below(20 * 60_000),
    }
}

/// Plays the world of this seed. Returns its statistics or its failure, and its trace.
pub fn play(seed: u64, traced: bool) -> (Result<Stats, String>, Vec<String>) {
    let plan = Plan::new(seed);
    let halves = if plan.kind.has_honest_server() { 1 } else { 2 };
    let server = Server::new(seed, plan.replay, halves);
    let mut world = World::new(seed, server, Checks::new(plan.kind, seed.is_multiple_of(32)), traced);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plan.play(&mut world)));
    let outcome = outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    let stats = world.checks.stats;
    (outcome.map(|()| stats), world.trace.unwrap_or_default())
}
