//! Many rooms, few of them active: measures whether the number of idle rooms matters.

use kit::grouped;

use crate::{
    Effort,
    figures::{Figures, Goal, seconds},
    peer::Peer,
};

const LIVELY: usize = 10;
const PEOPLE: usize = 10;

/// Measures and prints the results.
pub fn run(effort: Effort) {
    println!(
        "\nrooms: {LIVELY} rooms of {PEOPLE}, 300 bytes, one message of each sender in flight, by number of rooms"
    );
    Figures::head();
    let mut first = None;
    for rooms in effort.rooms {
        let mut rounds = Vec::new();
        let process = Peer::Cloakroom.start(&[]);
        let mut door = kit::Door::open(process.address);
        let before = process.memory();
        for room in LIVELY..*rooms {
            door.make_room(&format!("room {room}"), 1);
        }
        let each = process.memory().saturating_sub(before) as f64 / (rooms - LIVELY).max(1) as f64;
        let mut fleet = Peer::Cloakroom.fleet(&process, LIVELY, PEOPLE, 300);
        fleet.connect_all();
        fleet.greet_all();
        fleet.saturate(1, |_| true);
        fleet.run(seconds(effort.warm_up));
        for _ in 0..effort.rounds {
            rounds.push(Figures::of(&mut fleet, &process, |fleet| fleet.run(seconds(effort.seconds))));
        }
        fleet.settle();
        let figures = Figures::median(&rounds);
        figures.show(&format!("{} rooms", grouped(*rooms as f64)));
        if *rooms > LIVELY {
            println!("    memory for a room that nobody is connected to: {} B", grouped(each));
        }
        let least = first.get_or_insert(figures);
        if *rooms > LIVELY {
            Goal::AtMost(1.3).judge("CPU per delivery, times that with 10 rooms", figures.cpu / least.cpu);
        }
    }
}
