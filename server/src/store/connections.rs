//! A room's connections, and the delivery of frames to them: each frame is framed once and written to every connection
//! from the same bytes.

use std::{collections::BTreeMap, mem};

use room::{Budget, Effect};
use wire::{CloseCode, MemberId};

use crate::{
    Outbox,
    outbox::Frame,
    ws::{FramedMessages, Scratch},
};

/// One step of a delivery.
pub(super) enum Step {
    /// A member's new connection, which replaces an older one. It gets no broadcasts yet.
    Open(MemberId, Outbox),
    /// An effect of the room.
    Effect(Effect),
    /// The server stops, and every connection ends.
    Stop,
}

impl Step {
    /// Returns the frame that this step sends, if it sends one.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        match self {
            // A frame for a single member is rare, or the member requested it.
            Self::Effect(Effect::Send(_, payload)) => Some(Frame { payload, substitute: None, budget: Budget::Group }),
            Self::Effect(Effect::Broadcast { frame, substitute, budget, .. }) => {
                Some(Frame { payload: frame, substitute: substitute.as_ref(), budget: *budget })
            }
            _ => None,
        }
    }

    fn is_broadcast(&self) -> bool {
        matches!(self, Self::Effect(Effect::Broadcast { .. }))
    }
}

/// A room's connections.
#[derive(Default)]
pub(super) struct Connections(BTreeMap<MemberId, Connection>);

/// A member's connection.
struct Connection {
    outbox: Outbox,
    /// True when it receives broadcasts.
    follows: bool,
    /// The indices of the current steps whose frames it receives.
    steps_to_send: Vec<usize>,
}

impl Connections {
    /// Returns the number of connections.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Carries out these steps, with one write for each connection.
    pub(super) fn carry_out(&mut self, steps: &[Step]) {
        let mut ended = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Open(member, outbox) => {
                    let connection = Connection { outbox: outbox.clone(), follows: false, steps_to_send: Vec::new() };
                    ended.extend(self.0.insert(*member, connection).map(|older| (older, CloseCode::Replaced)));
                }
                // The connection has ended already.
                Step::Effect(Effect::Gone(member)) => drop(self.0.remove(member)),
                Step::Stop => ended
                    .extend(mem::take(&mut self.0).into_values().map(|connection| (connection, CloseCode::Stopping))),
                Step::Effect(Effect::Close(member, code)) => {
                    ended.extend(self.0.remove(member).map(|connection| (connection, *code)))
                }
                Step::Effect(effect) => self.route(at, effect),
            }
        }
        let framed_steps = FramedSteps::new(steps);
        let mut scratch = Scratch::default();
        for (mut connection, code) in ended {
            framed_steps.write_to(&mut connection, &mut scratch);
            connection.outbox.close(code);
        }
        self.0.values_mut().for_each(|connection| framed_steps.write_to(connection, &mut scratch));
    }

    fn route(&mut self, at: usize, effect: &Effect) {
        match effect {
            Effect::Broadcast { except, .. } => {
                for (_, connection) in
                    self.0.iter_mut().filter(|(member, connection)| connection.follows && *member != except)
                {
                    connection.steps_to_send.push(at);
                }
            }
            Effect::Send(to, _) => self.change(to, |connection| connection.steps_to_send.push(at)),
            Effect::Follow(member) => self.change(member, |connection| connection.follows = true),
            Effect::Unfollow(member) => self.change(member, |connection| connection.follows = false),
            Effect::Close(..) | Effect::Gone(_) | Effect::Open(..) => {}
            // The store carries these out itself.
            Effect::Answer(..) | Effect::Refuse(..) | Effect::Wake(_) => {}
        }
    }

    fn change(&mut self, member: &MemberId, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.0.get_mut(member) {
            change(connection);
        }
    }
}

/// The frames of all steps, encoded for sockets.
struct FramedSteps<'s> {
    steps: &'s [Step],
    framed: FramedMessages<'s>,
    /// The number of each step's frame among all frames, if it has one.
    numbers: Vec<usize>,
}

impl<'s> FramedSteps<'s> {
    fn new(steps: &'s [Step]) -> Self {
        // Broadcasts come first, so that their bytes are adjacent.
        let payloads = |broadcast| {
            let steps = steps.iter().filter(move |step| step.is_broadcast() == broadcast);
            steps.filter_map(Step::frame).map(|frame| frame.payload)
        };
        let framed = FramedMessages::new(payloads(true).chain(payloads(false)));
        let (mut broadcast, mut single) = (0, payloads(true).count());
        let numbers = steps.iter().map(|step| {
            let next = if step.is_broadcast() { &mut broadcast } else { &mut single };
            let number = *next;
            *next += usize::from(step.frame().is_some());
            number
        });
        Self { steps, framed, numbers: numbers.collect() }
    }

    /// Writes all frames for one connection.
    fn write_to(&self, connection: &mut Connection, scratch: &mut Scratch<'s>) {
        let steps_to_send = mem::take(&mut connection.steps_to_send);
        if steps_to_send.is_empty() {
            return;
        }
        let frames = steps_to_send.iter().filter_map(|at| self.steps.get(*at)?.frame());
        let numbers = steps_to_send.iter().filter_map(|at| self.numbers.get(*at).copied());
        self.framed.write(numbers, scratch, |parts| connection.outbox.send(parts, frames));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use bytes::Bytes;

    use super::*;
    use crate::{MemoryBudget, ws::Outgoing};

    const ANA: MemberId = MemberId(1);
    const BO: MemberId = MemberId(2);
    const CY: MemberId = MemberId(3);

    fn outbox() -> Outbox {
        Outbox::new(9999, 9999, &MemoryBudget::new(usize::MAX))
    }

    fn broadcast(except: MemberId, frame: &'static str) -> Step {
        let frame = Bytes::from_static(frame.as_bytes());
        Step::Effect(Effect::Broadcast { except, frame, substitute: None, budget: Budget::Talk })
    }

    fn send(to: MemberId, frame: &'static str) -> Step {
        Step::Effect(Effect::Send(to, Bytes::from_static(frame.as_bytes())))
    }

    fn follow(member: MemberId) -> Step {
        Step::Effect(Effect::Follow(member))
    }

    /// Takes everything queued in an outbox. Returns its frames, of one letter each, and the close code, if any.
    async fn drained(outbox: &Outbox) -> (String, Option<CloseCode>) {
        let (mut outgoing, closed) = outbox.next_batch().await;
        let mut bytes = Vec::new();
        let Poll::Ready(Ok(())) = Outgoing::poll_write(&mut outgoing, |parts| {
            bytes.extend_from_slice(&parts[0]);
            Poll::Ready(Ok(parts[0].len()))
        }) else {
            panic!("everything is written");
        };
        (bytes.chunks(3).map(|frame| char::from(frame[2])).collect(), closed)
    }

    #[tokio::test]
    async fn each_connection_gets_its_frames_in_order() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut connections = Connections::default();
        connections.carry_out(&[
            Step::Open(ANA, ana.clone()),
            Step::Open(BO, bo.clone()),
            send(BO, "a"),
            broadcast(CY, "b"),
            follow(ANA),
            broadcast(CY, "c"),
            follow(BO),
            broadcast(ANA, "d"),
            send(ANA, "e"),
            Step::Open(CY, cy.clone()),
            broadcast(BO, "f"),
            send(CY, "g"),
            Step::Effect(Effect::Unfollow(BO)),
            broadcast(CY, "h"),
            send(BO, "i"),
        ]);
        assert_eq!(drained(&ana).await, ("cefh".into(), None));
        assert_eq!(drained(&bo).await, ("adi".into(), None));
        assert_eq!(drained(&cy).await, ("g".into(), None));
        // Both the follow and the new connection persist until the next delivery.
        connections.carry_out(&[broadcast(BO, "j"), send(CY, "k")]);
        assert_eq!(drained(&ana).await.0, "j");
        assert_eq!(drained(&cy).await.0, "k");
    }

    #[tokio::test]
    async fn ending_connection_gets_the_frames_before_its_end() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut connections = Connections::default();
        let opened = [(ANA, &ana), (BO, &bo), (CY, &cy)];
        let opened =
            opened.into_iter().flat_map(|(member, outbox)| [Step::Open(member, outbox.clone()), follow(member)]);
        connections.carry_out(&opened.collect::<Vec<_>>());
        let again = outbox();
        connections.carry_out(&[
            broadcast(ANA, "a"),
            Step::Effect(Effect::Close(BO, CloseCode::TokenRefused)),
            broadcast(ANA, "b"),
            send(BO, "c"),
            Step::Open(ANA, again.clone()),
            send(ANA, "d"),
            broadcast(BO, "e"),
            Step::Effect(Effect::Gone(CY)),
            Step::Stop,
            broadcast(BO, "f"),
        ]);
        assert_eq!(drained(&bo).await, ("a".into(), Some(CloseCode::TokenRefused)));
        assert_eq!(drained(&ana).await, (String::new(), Some(CloseCode::Replaced)));
        assert_eq!(drained(&again).await, ("d".into(), Some(CloseCode::Stopping)));
        let late = outbox();
        connections.carry_out(&[Step::Open(CY, late.clone()), send(CY, "g")]);
        assert_eq!(drained(&late).await, ("g".into(), None));
    }

    #[tokio::test]
    async fn slow_connection_gets_substitutes() {
        let slow = Outbox::new(200, 9999, &MemoryBudget::new(usize::MAX));
        let mut connections = Connections::default();
        let typing = || {
            let (frame, substitute) = (Bytes::from("t"), Some(Bytes::from("s")));
            Step::Effect(Effect::Broadcast { except: BO, frame, substitute, budget: Budget::Talk })
        };
        let opened = [Step::Open(ANA, slow.clone()), follow(ANA)];
        connections.carry_out(&opened.into_iter().chain([typing(), broadcast(BO, "a"), typing()]).collect::<Vec<_>>());
        assert_eq!(drained(&slow).await, ("tas".into(), None));
    }
}
