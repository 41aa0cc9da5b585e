//! Message loads.

use crate::{
    Effort,
    figures::{Figures, Goal, seconds},
    peer::Peer,
};

/// A load.
pub struct Load {
    pub name: &'static str,
    about: &'static str,
    rooms: usize,
    people: usize,
    frame_bytes: usize,
    /// Talking clients per room.
    talkers: usize,
    pace: Pace,
    peers: &'static [Peer],
    goals: &'static [(Figure, Peer, Goal)],
}

/// The rate of messages.
enum Pace {
    /// As many as the relay carries, with this many of each sender in flight.
    Window(usize),
    /// So that this many are received per second.
    Offered(f64),
}

/// A comparison: Cloakroom's figure as a multiple of another relay's.
#[derive(Clone, Copy)]
enum Figure {
    Cpu,
    Rate,
    P99,
}

/// The protocol's limit on members: a commit for more would not fit into a frame.
const MOST: usize = wire::limits::MEMBERS;

impl Load {
    pub const ALL: [Self; 5] = [
        Self {
            name: "W1",
            about: "100 rooms of 10, 300 bytes, every sender one on its way",
            rooms: 100,
            people: 10,
            frame_bytes: 300,
            talkers: 10,
            pace: Pace::Window(1),
            peers: &[Peer::Limit, Peer::AtOnce, Peer::Cloakroom, Peer::Tls, Peer::Plain],
            goals: &[
                (Figure::Cpu, Peer::Limit, Goal::AtMost(1.3)),
                // TLS costs at most 1.6 times as much.
                (Figure::Cpu, Peer::Tls, Goal::AtLeast(1.0 / 1.6)),
                (Figure::Cpu, Peer::Plain, Goal::AtMost(1.0 / 6.0)),
                (Figure::Rate, Peer::Plain, Goal::AtLeast(6.0)),
            ],
        },
        Self {
            name: "W1r",
            about: "100 rooms of 10, 300 bytes, 45,000 deliveries a second offered",
            rooms: 100,
            people: 10,
            frame_bytes: 300,
            talkers: 10,
            pace: Pace::Offered(45_000.0),
            peers: &[Peer::Limit, Peer::Cloakroom, Peer::Plain],
            goals: &[(Figure::Cpu, Peer::Limit, Goal::AtMost(1.25)), (Figure::P99, Peer::Limit, Goal::AtMost(1.5))],
        },
        Self {
            name: "W2",
            about: "one room of 256, the most that the protocol has, 300 bytes, one sender, one on its way",
            rooms: 1,
            people: MOST,
            frame_bytes: 300,
            talkers: 1,
            pace: Pace::Window(1),
            peers: &[Peer::Limit, Peer::Cloakroom, Peer::Plain],
            goals: &[(Figure::Rate, Peer::Limit, Goal::AtLeast(0.9))],
        },
        Self {
            name: "W2x8",
            about: "the same with 8 on their way",
            rooms: 1,
            people: MOST,
            frame_bytes: 300,
            talkers: 1,
            pace: Pace::Window(8),
            peers: &[Peer::Limit, Peer::AtOnce, Peer::Cloakroom, Peer::Plain],
            goals: &[(Figure::Rate, Peer::Limit, Goal::AtLeast(1.3)), (Figure::Rate, Peer::AtOnce, Goal::AtLeast(1.3))],
        },
        Self {
            name: "W3",
            about: "20 rooms of 5, 64 KiB, every sender one on its way",
            rooms: 20,
            people: 5,
            frame_bytes: 64 * 1024,
            talkers: 5,
            pace: Pace::Window(1),
            peers: &[Peer::Limit, Peer::Cloakroom, Peer::Plain],
            goals: &[(Figure::Cpu, Peer::Limit, Goal::AtMost(1.1))],
        },
    ];

    /// Measures and prints the results.
    pub fn run(&self, effort: Effort) {
        println!("\n{}: {}", self.name, self.about);
        let mut measured =
            self.peers.iter().filter(|peer| peer.is_wanted()).map(|peer| (*peer, Vec::new())).collect::<Vec<_>>();
        // Interleaves the rounds of all relays, so that other processes disturb them equally.
        for _ in 0..effort.rounds {
            for (peer, rounds) in &mut measured {
                rounds.push(self.measure(*peer, effort));
            }
        }
        Figures::head();
        let measured = measured.iter().map(|(peer, rounds)| (*peer, Figures::median(rounds))).collect::<Vec<_>>();
        measured.iter().for_each(|(peer, figures)| figures.show(peer.name()));
        let of = |peer: Peer| measured.iter().find(|(other, _)| *other == peer).map(|(_, figures)| *figures);
        for (figure, than, goal) in self.goals {
            let (Some(ours), Some(theirs)) = (of(Peer::Cloakroom), of(*than)) else { continue };
            let (what, ratio) = match figure {
                Figure::Cpu => ("CPU per delivery", ours.cpu / theirs.cpu),
                Figure::Rate => ("deliveries a second", ours.rate / theirs.rate),
                Figure::P99 => ("p99", ours.p99 / theirs.p99),
            };
            goal.judge(&format!("{what}, times that of {}", than.name()), ratio);
        }
    }

    fn measure(&self, peer: Peer, effort: Effort) -> Figures {
        let process = peer.start(&[]);
        let mut fleet = peer.fleet(&process, self.rooms, self.people, self.frame_bytes);
        fleet.connect_all();
        fleet.greet_all();
        let talks = |slot: usize| slot % self.people < self.talkers;
        let figures = match self.pace {
            Pace::Window(window) => {
                fleet.saturate(window, talks);
                fleet.run(seconds(effort.warm_up));
                Figures::of(&mut fleet, &process, |fleet| fleet.run(seconds(effort.seconds)))
            }
            Pace::Offered(deliveries) => {
                let messages = deliveries / (self.people - 1) as f64;
                fleet.pace(messages, seconds(effort.warm_up), talks);
                Figures::of(&mut fleet, &process, |fleet| fleet.pace(messages, seconds(effort.seconds), talks))
            }
        };
        fleet.settle();
        figures
    }
}
