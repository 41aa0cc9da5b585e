//! Benchmarks the group alone, natively: without server and network, one member after the other.

use std::{collections::BTreeSet, time::Instant};

use web_crypto::{
    Stretched,
    group::{Commit, Group, Knock, Me, Received, group_id},
    keys::{Key, RoomSecret},
};
use wire::{MemberId, RoomId, limits};
use zeroize::Zeroizing;

use crate::spread;

const ROOM: RoomId = RoomId([7; 16]);
/// Joins and leaves per measurement.
const ARRIVALS: usize = 12;
const MESSAGES: usize = 400;
/// The padded size of most messages.
const PADDED: [u8; 256] = [0x5a; 256];

struct Person {
    me: Me,
    group: Option<Group>,
}

/// Measures and prints the results.
pub fn run(sizes: &[usize]) {
    println!("\nnative: milliseconds, median (greatest); bytes, median");
    println!(
        "  {:>6}  {:>14} {:>14} {:>14} {:>14} {:>14} {:>14}  {:>6} {:>7} {:>8}",
        "people", "knock", "come in", "let in", "follow", "seal", "open", "knock", "commit", "Welcome"
    );
    for size in sizes {
        Bench::new(*size).run();
    }
}

struct Bench {
    size: usize,
    people: Vec<Person>,
    next: u32,
}

#[derive(Default)]
struct Times {
    knock: Vec<f64>,
    come_in: Vec<f64>,
    let_in: Vec<f64>,
    follow: Vec<f64>,
}

impl Bench {
    /// Returns a room with one free place, filled in batches of one commit.
    fn new(size: usize) -> Self {
        let mut bench = Self { size, people: Vec::new(), next: 1 };
        let mut founder = bench.newcomer();
        founder.group = Some(Group::found(&founder.me, ROOM, 0).unwrap());
        bench.people.push(founder);
        let mut turn = 0;
        while bench.people.len() < size - 1 {
            let many = limits::KNOCKS_PER_COMMIT.min(size - 1 - bench.people.len());
            let mut newcomers = (0..many).map(|_| bench.newcomer()).collect::<Vec<_>>();
            let author = turn % bench.people.len();
            bench.arrive(author, &mut newcomers, &mut Times::default());
            bench.people.append(&mut newcomers);
            turn += 1;
        }
        bench
    }

    fn newcomer(&mut self) -> Person {
        let id = self.next;
        self.next += 1;
        let name = format!("user {id}").parse().unwrap();
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&id.to_be_bytes());
        let psk = secret().room_psk(ROOM);
        Person { me: Me::new(MemberId(id), name, psk, Zeroizing::new(seed)), group: None }
    }

    /// Admits these newcomers with one commit that everyone follows. Returns the bytes sent.
    fn arrive(&mut self, author: usize, newcomers: &mut [Person], times: &mut Times) -> (usize, Commit) {
        let door_key = secret().door_key(ROOM);
        let knocks = newcomers
            .iter()
            .map(|newcomer| {
                let began = Instant::now();
                let package = newcomer.me.key_package().unwrap();
                let sealed = knock(&door_key, newcomer).seal([7; 24], &package);
                times.knock.push(millis(began));
                sealed
            })
            .collect::<Vec<_>>();

        let began = Instant::now();
        let Person { me, group } = &mut self.people[author];
        let group = group.as_mut().unwrap();
        let mut heard = Vec::new();
        for (newcomer, sealed) in newcomers.iter().zip(&knocks) {
            heard.push(group.hear(me, &knock(&door_key, newcomer), sealed, &heard, &BTreeSet::new()).unwrap());
        }
        let commit = group.commit(me, &heard, &BTreeSet::new()).unwrap();
        group.confirm(me).unwrap();
        times.let_in.push(millis(began));

        self.follow(author, &commit, &BTreeSet::new(), &mut times.follow);
        let group = self.people[author].group.as_ref().unwrap();
        let (epoch, named) = (group.epoch(), group.roster().ids().collect::<BTreeSet<_>>());
        for newcomer in newcomers {
            let began = Instant::now();
            newcomer.group = Some(Group::join(&newcomer.me, ROOM, epoch, &commit.welcome, &named).unwrap());
            times.come_in.push(millis(began));
        }
        (knocks.iter().map(Vec::len).sum(), commit)
    }

    fn follow(&mut self, author: usize, commit: &Commit, gone: &BTreeSet<MemberId>, times: &mut Vec<f64>) {
        let id = self.people[author].me.member_id();
        for (at, Person { me, group }) in self.people.iter_mut().enumerate() {
            if at == author {
                continue;
            }
            let Commit { admitted, removed, commit, .. } = commit;
            let received = Received { author: id, admitted, removed, commit };
            let began = Instant::now();
            group.as_mut().unwrap().follow(me, &received, gone).unwrap();
            times.push(millis(began));
        }
    }

    /// Removes another member.
    fn depart(&mut self, author: usize, id: MemberId) {
        let gone = BTreeSet::from([id]);
        let Person { me, group } = &mut self.people[author];
        let group = group.as_mut().unwrap();
        let commit = group.commit(me, &[], &gone).unwrap();
        group.confirm(me).unwrap();
        self.follow(author, &commit, &gone, &mut Vec::new());
    }

    fn run(mut self) {
        let mut times = Times::default();
        let (mut knocks, mut commits, mut welcomes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seal, mut open) = (Vec::new(), Vec::new());
        for round in 0..ARRIVALS {
            let author = round % self.people.len();
            let mut newcomer = [self.newcomer()];
            let (knock, commit) = self.arrive(author, &mut newcomer, &mut times);
            knocks.push(knock as f64);
            commits.push(commit.commit.len() as f64);
            welcomes.push(commit.welcome.len() as f64);
            let [newcomer] = &mut newcomer;
            if round == 0 {
                talk(&mut self.people[author], newcomer, &mut seal, &mut open);
            }
            let id = newcomer.me.member_id();
            self.depart(author, id);
        }
        let ms = |all: Vec<f64>| match spread(all) {
            (median, _) if median.is_nan() => "–".to_owned(),
            (median, greatest) => format!("{median:.2} ({greatest:.2})"),
        };
        let bytes = |all: Vec<f64>| kit::grouped(spread(all).0);
        println!(
            "  {:>6}  {:>14} {:>14} {:>14} {:>14} {:>14} {:>14}  {:>6} {:>7} {:>8}",
            self.size,
            ms(times.knock),
            ms(times.come_in),
            ms(times.let_in),
            ms(times.follow),
            ms(seal),
            ms(open),
            bytes(knocks),
            bytes(commits),
            bytes(welcomes)
        );
    }
}

fn talk(from: &mut Person, to: &mut Person, seal: &mut Vec<f64>, open: &mut Vec<f64>) {
    for _ in 0..MESSAGES {
        let began = Instant::now();
        let sealed = from.group.as_mut().unwrap().seal(&from.me, &PADDED).unwrap();
        seal.push(millis(began));
        let began = Instant::now();
        to.group.as_mut().unwrap().open(&to.me, &sealed).unwrap();
        open.push(millis(began));
    }
}

fn secret() -> RoomSecret {
    RoomSecret::extract(b"", Stretched::from([1; 32]))
}

fn knock<'a>(door_key: &'a Key, newcomer: &Person) -> Knock<'a> {
    Knock { door_key, group_id: group_id(ROOM, 0), member_id: newcomer.me.member_id() }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
