//! The invariants at the end of a world, after a quiet period with a good network.

use std::collections::{BTreeMap, BTreeSet};

use wire::MemberId;

use super::world::World;

/// With an honest server, all honest members are in one group and have received every message.
pub fn look(world: &mut World) {
    if world.checks.kind.has_honest_server() {
        together(world);
        heard(world);
    }
    forward_and_backward(world);
    if let Some(scan) = world.checks.scan.take() {
        scan.look(&world.clients);
    }
}

fn together(world: &World) {
    let living = world.clients.iter().enumerate();
    let living = living.filter(|(_, client)| client.lives() && client.seat.is_some()).collect::<Vec<_>>();
    let honest = living.iter().filter(|(_, client)| client.is_honest()).collect::<Vec<_>>();
    // If only a hostile member is in the group, nobody admits the others, and none of them may found the group anew.
    if !world.checks.kind.has_honest_members() && honest.iter().all(|(_, client)| client.latest.is_none()) {
        return;
    }
    let epochs = honest.iter().map(|(_, client)| client.epoch).collect::<BTreeSet<_>>();
    assert!(epochs.len() <= 1 && !epochs.contains(&None), "not in one epoch: {epochs:?}");
    let ids = living.iter().filter_map(|(_, client)| client.id()).collect::<BTreeSet<_>>();
    for (index, client) in &honest {
        assert!(client.is_in, "{index} is not in");
        let present = client.roster.keys().copied().collect::<BTreeSet<MemberId>>();
        let wanted = honest.iter().filter_map(|(_, client)| client.id()).collect::<BTreeSet<_>>();
        assert!(wanted.is_subset(&present), "{index} does not see {wanted:?} but {present:?}");
        assert!(present.is_subset(&ids), "{index} sees {present:?}, but there are {ids:?}");
        // No member is stuck any more, so the members shown are exactly those that can read.
        let shown = client.shown.keys().map(|(id, _)| *id).collect::<BTreeSet<_>>();
        assert_eq!(shown, present, "{index} is shown others than those in the tree");
        for (counter, (text, _)) in &client.said {
            assert!(client.accepted.contains(counter), "{index} said {text:?}, and it was not taken");
        }
    }
}

/// Every text that the server accepted was shown or counted as missing by every member.
fn heard(world: &World) {
    let living = |client: &&super::client::Client| client.lives() && client.seat.is_some() && client.is_honest();
    let nothing = BTreeMap::new();
    for (index, client) in world.clients.iter().enumerate().filter(|(_, client)| living(client)) {
        for author in world.clients.iter().filter(|author| author.is_honest() && author.room() == client.room()) {
            let Some(room) = client.room() else { continue };
            let Some(id) = author.id().filter(|id| client.met.contains(id)) else { continue };
            // A client outside the group does not learn the counter of a member that leaves meanwhile.
            if client.was_out && !client.roster.contains_key(&id) {
                continue;
            }
            let heard = client.heard.get(&id);
            let before = heard.map_or(Default::default(), |heard| heard.before);
            let shown = heard.map_or(&nothing, |heard| &heard.shown);
            let missed = heard.map_or(0, |heard| heard.missed);
            assert!(missed == 0 || client.was_out, "{index} missed {missed} of {id}, and was never out");
            // Counting starts with the first message that opens.
            if client.founded_late {
                continue;
            }
            let (unreadable, replayed) = heard.map_or((0, 0), |heard| (heard.unreadable, heard.replayed));
            assert_eq!((unreadable, replayed), (0, 0), "{index}: of {id} something was unreadable, or came twice");
            let last = world.checks.counters.get(&(room, id)).copied().unwrap_or_default();
            let took = author.said.range(before.next()..).filter(|(counter, _)| **counter <= last);
            let unseen = took.filter(|(counter, _)| !shown.contains_key(counter)).count() as u64;
            assert!(unseen <= missed, "{index} was told of {missed} missing of {id}, but did not see {unseen}");
            // A hostile member may have removed the author from the group before the client joined.
            if !world.checks.kind.has_honest_members() {
                continue;
            }
            let all = last.0.saturating_sub(before.0);
            let not_shown = all - shown.range(before.next()..).count() as u64;
            assert!(
                missed <= not_shown,
                "{index} was told of {missed} missing of {id}, but {not_shown} were not shown"
            );
        }
    }
}

/// No member can open messages from before its admission or after its removal.
fn forward_and_backward(world: &mut World) {
    let sealed = &world.checks.sealed;
    for (index, client) in world.clients.iter_mut().enumerate().filter(|(_, client)| client.is_honest()) {
        let Some(room) = client.room() else { continue };
        let Some(observed) = client.session.observe() else { continue };
        let Some(group) = observed.group else { continue };
        let epoch = group.epoch();
        for (_, of, sealed) in sealed.iter().filter(|(in_room, of, _)| *in_room == room && *of != epoch) {
            assert!(group.open(observed.me, sealed).is_err(), "{index} in {epoch:?} opens what was said in {of:?}");
        }
    }
}
