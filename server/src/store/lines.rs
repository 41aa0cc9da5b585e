//! A room's connections, and how frames reach them: framed once for all connections, and written to each from the same
//! bytes.

use std::{collections::BTreeMap, mem};

use room::{Budget, Effect};
use wire::{CloseCode, MemberId};

use crate::{
    Outbox,
    outbox::Frame,
    ws::{FramedMessages, Scratch},
};

/// One step in the life of a room's connections.
pub(super) enum Step {
    /// A member's new connection, in place of an older one. It does not follow the group yet.
    Open(MemberId, Outbox),
    /// An effect of the room.
    Effect(Effect),
    /// The server stops: every connection ends.
    Stop,
}

impl Step {
    /// Returns the frame that this step sends, if it sends one.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        match self {
            // A frame for one member alone is rare, or the member asked for it.
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
pub(super) struct Lines(BTreeMap<MemberId, Line>);

/// A member's connection.
struct Line {
    outbox: Outbox,
    /// Whether it receives broadcasts.
    follows: bool,
    /// The steps being carried out whose frames are for it, by index.
    hears: Vec<usize>,
}

impl Lines {
    /// Returns the number of connections.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Carries out these steps, with one write for each connection.
    pub(super) fn carry_out(&mut self, steps: &[Step]) {
        let mut ended = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Open(who, outbox) => {
                    let line = Line { outbox: outbox.clone(), follows: false, hears: Vec::new() };
                    ended.extend(self.0.insert(*who, line).map(|older| (older, CloseCode::Replaced)));
                }
                // The connection is over: nothing can be sent to it.
                Step::Effect(Effect::Gone(who)) => drop(self.0.remove(who)),
                Step::Stop => {
                    ended.extend(mem::take(&mut self.0).into_values().map(|line| (line, CloseCode::Stopping)))
                }
                Step::Effect(Effect::Close(who, code)) => ended.extend(self.0.remove(who).map(|line| (line, *code))),
                Step::Effect(effect) => self.hear(at, effect),
            }
        }
        let said = Said::new(steps);
        let mut scratch = Scratch::default();
        for (mut line, code) in ended {
            said.to(&mut line, &mut scratch);
            line.outbox.close(code);
        }
        self.0.values_mut().for_each(|line| said.to(line, &mut scratch));
    }

    fn hear(&mut self, at: usize, effect: &Effect) {
        match effect {
            Effect::Broadcast { except, .. } => {
                for (_, line) in self.0.iter_mut().filter(|(who, line)| line.follows && *who != except) {
                    line.hears.push(at);
                }
            }
            Effect::Send(to, _) => self.change(to, |line| line.hears.push(at)),
            Effect::Follow(who) => self.change(who, |line| line.follows = true),
            Effect::Unfollow(who) => self.change(who, |line| line.follows = false),
            Effect::Close(..) | Effect::Gone(_) | Effect::Open(..) => {}
            // The store has taken these out.
            Effect::Answer(..) | Effect::Refuse(..) | Effect::Wake(_) => {}
        }
    }

    fn change(&mut self, who: &MemberId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.0.get_mut(who) {
            change(line);
        }
    }
}

/// The frames of all steps, as bytes for the socket.
struct Said<'s> {
    steps: &'s [Step],
    framed: FramedMessages<'s>,
    /// The number of each step's frame among all frames, if it has one.
    numbers: Vec<usize>,
}

impl<'s> Said<'s> {
    fn new(steps: &'s [Step]) -> Self {
        // Broadcasts come first, so that they lie together.
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

    /// Writes to one connection all frames that are for it.
    fn to(&self, line: &mut Line, scratch: &mut Scratch<'s>) {
        let hears = mem::take(&mut line.hears);
        if hears.is_empty() {
            return;
        }
        let frames = hears.iter().filter_map(|at| self.steps.get(*at)?.frame());
        let numbers = hears.iter().filter_map(|at| self.numbers.get(*at).copied());
        self.framed.write(numbers, scratch, |parts| line.outbox.send(parts, frames));
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

    fn follow(who: MemberId) -> Step {
        Step::Effect(Effect::Follow(who))
    }

    /// Returns what an outbox holds: frames of one letter each, and the end.
    async fn heard(outbox: &Outbox) -> (String, Option<CloseCode>) {
        let (mut outgoing, closed) = outbox.next_batch().await;
        let mut bytes = Vec::new();
        let Poll::Ready(Ok(())) = Outgoing::poll_write(&mut outgoing, |parts| {
            bytes.extend_from_slice(&parts[0]);
            Poll::Ready(Ok(parts[0].len()))
        }) else {
            panic!("all of it is written");
        };
        (bytes.chunks(3).map(|frame| char::from(frame[2])).collect(), closed)
    }

    #[tokio::test]
    async fn each_connection_gets_its_frames_in_order() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut lines = Lines::default();
        lines.carry_out(&[
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
        assert_eq!(heard(&ana).await, ("cefh".into(), None));
        assert_eq!(heard(&bo).await, ("adi".into(), None));
        assert_eq!(heard(&cy).await, ("g".into(), None));
        // Both last: that a connection follows, and that a new one is there.
        lines.carry_out(&[broadcast(BO, "j"), send(CY, "k")]);
        assert_eq!(heard(&ana).await.0, "j");
        assert_eq!(heard(&cy).await.0, "k");
    }

    #[tokio::test]
    async fn a_connection_that_ends_gets_what_came_before() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut lines = Lines::default();
        let come = [(ANA, &ana), (BO, &bo), (CY, &cy)];
        let come = come.into_iter().flat_map(|(who, outbox)| [Step::Open(who, outbox.clone()), follow(who)]);
        lines.carry_out(&come.collect::<Vec<_>>());
        let again = outbox();
        lines.carry_out(&[
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
        assert_eq!(heard(&bo).await, ("a".into(), Some(CloseCode::TokenRefused)));
        assert_eq!(heard(&ana).await, (String::new(), Some(CloseCode::Replaced)));
        assert_eq!(heard(&again).await, ("d".into(), Some(CloseCode::Stopping)));
        let late = outbox();
        lines.carry_out(&[Step::Open(CY, late.clone()), send(CY, "g")]);
        assert_eq!(heard(&late).await, ("g".into(), None));
    }

    #[tokio::test]
    async fn a_slow_connection_gets_substitutes() {
        let slow = Outbox::new(200, 9999, &MemoryBudget::new(usize::MAX));
        let mut lines = Lines::default();
        let typing = || {
            let (frame, substitute) = (Bytes::from("t"), Some(Bytes::from("s")));
            Step::Effect(Effect::Broadcast { except: BO, frame, substitute, budget: Budget::Talk })
        };
        let come = [Step::Open(ANA, slow.clone()), follow(ANA)];
        lines.carry_out(&come.into_iter().chain([typing(), broadcast(BO, "a"), typing()]).collect::<Vec<_>>());
        assert_eq!(heard(&slow).await, ("tas".into(), None));
    }
}
