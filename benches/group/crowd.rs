//! Many members join within one second: how long until all are in the group.

use std::time::{Duration, Instant};

use support::server::Server;

use crate::{
    judge,
    member::{Member, Room},
    spread,
};

const PEOPLE: u32 = 50;
const WITHIN: Duration = Duration::from_secs(1);

/// Measures and prints the results.
pub async fn run() {
    println!("\ncrowd: {PEOPLE} people knock within a second at a room of one; all of them share this machine");
    let server = Server::start().await;
    let room = Room::new(&server.address, "crowd").await;
    let _host = room.fill(1).await;
    let began = Instant::now();
    let mut arrivals = Vec::new();
    for number in 1..=PEOPLE {
        let room = room.clone();
        arrivals.push(tokio::spawn(async move {
            tokio::time::sleep(WITHIN * (number - 1) / PEOPLE).await;
            let set_out = Instant::now();
            let mut member = Member::set_out(&room, &format!("guest {number}"), false);
            member.comes_in().await;
            (member, set_out.elapsed(), Instant::now())
        }));
    }
    let (mut waits, mut last, mut members) = (Vec::new(), began, Vec::new());
    for arrival in arrivals {
        let (member, wait, at) = arrival.await.unwrap();
        waits.push(wait.as_secs_f64());
        last = last.max(at);
        members.push(member);
    }
    let (median, greatest) = spread(waits);
    println!("    one waits {median:.2} s, {greatest:.2} s at most");
    judge("seconds from the first one's setting out until all are in", (last - began).as_secs_f64(), 2.0);
}
