//! A hostile member with real keys: a session whose frames are altered before they are sent.

use web_crypto::{
    Stretched,
    group::{Commit, Forgery, Knock, Me, group_id},
    keys::RoomSecret,
};
use wire::{ClientFrame, Counter, Epoch, MemberId};

use super::{random::Random, world::World};

/// A habit of a hostile member, kept as long as it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Ignores its duty.
    Idle,
    /// Declines every knock.
    PassesAll,
    /// Commits nonsense.
    Garbles,
    /// Commits that only some members can open.
    Splits,
    /// Sends a Welcome that no newcomer can open.
    WrongWelcome,
    /// Admits newcomers without the room's PSK.
    WithoutPsk,
    WithoutPath,
    /// Removes a connected member.
    Removes,
    /// Takes another name.
    Renames,
    /// Adds a leaf to the tree without naming it in the frame.
    Haunts,
    /// Sends a frame that differs from its commit.
    Misstates,
    /// Reports repeatedly that it is stuck.
    Stuck,
    /// Knocks repeatedly with nonsense.
    Knocks,
    /// Sends nothing after it was admitted.
    Silent,
    /// Sends messages that no member can open.
    Mumbles,
    /// Skips counters.
    Skips,
    /// Sends everything twice.
    Doubles,
}

const HABITS: [Habit; 18] = [
    Habit::Idle,
    Habit::PassesAll,
    Habit::Garbles,
    Habit::Splits,
    Habit::WrongWelcome,
    Habit::WithoutPsk,
    Habit::WithoutPath,
    Habit::Removes,
    Habit::Renames,
    // Listed twice, because it acts only in rare situations.
    Habit::Haunts,
    Habit::Haunts,
    Habit::Misstates,
    Habit::Stuck,
    Habit::Knocks,
    Habit::Silent,
    Habit::Mumbles,
    Habit::Skips,
    Habit::Doubles,
];

/// The habits that make commits without a duty.
const UNASKED: [Habit; 3] = [Habit::Renames, Habit::Haunts, Habit::Splits];

/// An epoch, and the knocks in it.
type Duty = (Epoch, Vec<(MemberId, Vec<u8>)>);

/// The habits of one member.
#[derive(Debug)]
pub struct Mischief {
    habits: Vec<Habit>,
    random: Random,
    /// The last one.
    duty: Option<Duty>,
    /// How often it follows the protocol, in percent.
    behaves: u64,
}

impl Mischief {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xbad);
        let habits = (0..random.between(1, 2)).filter_map(|_| random.pick(&HABITS)).collect();
        let behaves = random.pick(&[0, 0, 50]).unwrap_or(0);
        Self { habits, random, duty: None, behaves }
    }

    fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// Observes a frame from the server.
    pub fn hears(&mut self, frame: &wire::ServerFrame<'_>) {
        if let wire::ServerFrame::Duty { epoch, knocks, .. } = frame {
            self.duty = Some((*epoch, knocks.iter().map(|(id, sealed)| (*id, sealed.to_vec())).collect()));
        }
    }
}

/// Returns the frames to send instead of this one.
pub fn outgoing(world: &mut World, index: usize, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let Some(mut mischief) = world.clients[index].mischief.take() else { return vec![frame] };
    let frames = spoil(world, index, &mut mischief, frame);
    world.clients[index].mischief = Some(mischief);
    frames
}

fn spoil(world: &mut World, index: usize, mischief: &mut Mischief, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if mischief.random.percent(mischief.behaves) {
        return vec![frame];
    }
    let again = |is: bool| if is { vec![frame.clone(), frame.clone()] } else { vec![frame.clone()] };
    let Ok(parsed) = ClientFrame::parse(&frame) else { return vec![frame] };
    match parsed {
        ClientFrame::Commit { epoch, admitted, removed, commit, welcome } => {
            let forged = mischief.habits.clone().into_iter().find_map(|habit| forge(world, index, mischief, habit));
            if let Some((forged, breaks)) = forged {
                if breaks && let Ok(ClientFrame::Commit { commit, .. }) = ClientFrame::parse(&forged) {
                    world.checks.forged.insert(commit.to_vec());
                    world.checks.stats.forgeries += 1;
                }
                return vec![forged];
            }
            if mischief.has(Habit::Idle) {
                return vec![];
            }
            if mischief.has(Habit::PassesAll) {
                return vec![ClientFrame::Decline { epoch, members: admitted }.to_bytes()];
            }
            let (mut commit, mut welcome) = (commit.to_vec(), welcome.to_vec());
            let (mut admitted, mut removed) = (admitted, removed);
            if mischief.has(Habit::Garbles) {
                let at = mischief.random.below(commit.len() as u64) as usize;
                commit[at] ^= 1;
            }
            if mischief.has(Habit::WrongWelcome) && !welcome.is_empty() {
                let at = mischief.random.below(welcome.len() as u64) as usize;
                welcome[at] ^= 1;
            }
            if mischief.has(Habit::Misstates) {
                let unsaid = if mischief.random.percent(50) { removed.pop() } else { admitted.pop() };
                if unsaid.is_some() {
                    world.checks.forged.insert(commit.clone());
                }
                if admitted.is_empty() {
                    welcome.clear();
                }
            }
            vec![ClientFrame::Commit { epoch, admitted, removed, commit: &commit, welcome: &welcome }.to_bytes()]
        }
        ClientFrame::Message { epoch, counter, sealed } => {
            if mischief.has(Habit::Silent) {
                return vec![];
            }
            let mut sealed = sealed.to_vec();
            if mischief.has(Habit::Mumbles) {
                let at = mischief.random.below(sealed.len() as u64) as usize;
                sealed[at] ^= 1;
            }
            let skip = u64::from(mischief.has(Habit::Skips) && mischief.random.percent(30));
            let counter = Counter(counter.0 + skip);
            let frame = ClientFrame::Message { epoch, counter, sealed: &sealed }.to_bytes();
            if mischief.has(Habit::Doubles) { vec![frame.clone(), frame] } else { vec![frame] }
        }
        ClientFrame::Ping if mischief.has(Habit::Stuck) => {
            let epoch = world.clients[index].session.observe().and_then(|seen| seen.group.map(|group| group.epoch()));
            let stuck = epoch.map(|epoch| ClientFrame::Stuck { epoch }.to_bytes());
            stuck.into_iter().chain([frame]).collect()
        }
        ClientFrame::Ping if mischief.has(Habit::Knocks) => {
            let mut sealed = vec![0; 1500];
            mischief.random.fill(&mut sealed);
            let generation = world.clients[index].latest.unwrap_or_default().generation;
            let knock = ClientFrame::Knock { generation, sealed: &sealed }.to_bytes();
            let stuck = ClientFrame::Stuck { epoch: world.clients[index].latest.unwrap_or_default() }.to_bytes();
            if mischief.random.percent(50) { vec![knock, frame] } else { vec![stuck, knock, frame] }
        }
        ClientFrame::Ping if UNASKED.iter().any(|habit| mischief.has(*habit)) => {
            // An unrequested refresh.
            let habit = UNASKED.into_iter().find(|habit| mischief.has(*habit)).unwrap_or(Habit::Splits);
            let forged = forge(world, index, mischief, habit);
            if let Some((forged, true)) = &forged
                && let Ok(ClientFrame::Commit { commit, .. }) = ClientFrame::parse(forged)
            {
                world.checks.forged.insert(commit.to_vec());
            }
            forged.map(|(forged, _)| forged).into_iter().chain([frame]).collect()
        }
        ClientFrame::Hello(_) | ClientFrame::Leave => vec![frame],
        _ => again(mischief.has(Habit::Doubles)),
    }
}

/// Returns a commit that no honest client would make, and whether it is invalid, so that no honest client may follow
/// it.
fn forge(world: &mut World, index: usize, mischief: &mut Mischief, habit: Habit) -> Option<(Vec<u8>, bool)> {
    let client = &mut world.clients[index];
    let (room, own) = client.seat.as_ref().map(|(room, id, _)| (*room, *id))?;
    let observed = client.session.observe()?;
    let group = observed.group?;
    let epoch = group.epoch();
    let door_key = RoomSecret::extract(b"", Stretched::from([client.password; 32])).door_key(room);
    let id = group_id(room, epoch.generation);
    let mut newcomers = Vec::new();
    for (member_id, sealed) in mischief.duty.iter().filter(|(of, _)| *of == epoch).flat_map(|(_, knocks)| knocks) {
        let knock = Knock { door_key: &door_key, group_id: id, member_id: *member_id };
        newcomers.extend(group.hear(observed.me, &knock, sealed, &newcomers, observed.gone));
    }
    let others = group.roster().iter().map(|mate| mate.member_id);
    let others = others.filter(|id| *id != own && !observed.gone.contains(id)).collect::<Vec<_>>();
    let returns = newcomers.iter().any(|newcomer| group.roster().get(newcomer.member_id()).is_some());
    let staying = others.iter().copied().filter(|id| newcomers.iter().all(|newcomer| newcomer.member_id() != *id));
    let staying = staying.collect::<Vec<_>>();
    let only_adds = !newcomers.is_empty() && !returns && observed.gone.is_empty();
    let forgery = match habit {
        Habit::WithoutPsk if !newcomers.is_empty() => Forgery::WithoutPsk,
        // A removal always has a path.
        Habit::WithoutPath if only_adds => Forgery::WithoutPath,
        Habit::Removes => Forgery::Removing(mischief.random.pick(&staying)?, mischief.random.percent(50)),
        Habit::Renames => Forgery::Named(format!("Mallory {}", mischief.random.next()).parse().ok()?),
        Habit::Haunts => {
            let number = 900 + mischief.random.below(90) as u32;
            let name = if mischief.random.percent(30) { "Zoe".to_owned() } else { format!("Ghost {number}") };
            let psk = RoomSecret::extract(b"", Stretched::from([client.password; 32])).room_psk(room);
            let mut seed = [0; 32];
            mischief.random.fill(&mut seed);
            let ghost = Me::new(MemberId(number), name.parse().ok()?, psk, seed.into());
            let forgery = Forgery::Unnamed(ghost.key_package().ok()?);
            // A frame that names no newcomer must not carry a Welcome.
            let commit = group.forge(observed.me, &newcomers, observed.gone, &forgery).ok()?;
            world.checks.readers.haunt(room, ghost, epoch.next(), &commit.welcome);
            world.checks.stats.ghosts += 1;
            let welcome = if commit.admitted.is_empty() { vec![] } else { commit.welcome };
            return Some((to_frame(epoch, &Commit { welcome, ..commit }), true));
        }
        Habit::Splits => {
            let even = mischief.random.percent(50);
            observed.me.spoil([even, !even]);
            let commit = group.commit(observed.me, &newcomers, observed.gone);
            observed.me.spoil([false, false]);
            return commit.ok().map(|commit| (to_frame(epoch, &commit), false));
        }
        _ => return None,
    };
    let commit = group.forge(observed.me, &newcomers, observed.gone, &forgery).ok()?;
    Some((to_frame(epoch, &commit), true))
}

fn to_frame(epoch: Epoch, commit: &Commit) -> Vec<u8> {
    let (admitted, removed) = (commit.admitted.clone(), commit.removed.clone());
    ClientFrame::Commit { epoch, admitted, removed, commit: &commit.commit, welcome: &commit.welcome }.to_bytes()
}
