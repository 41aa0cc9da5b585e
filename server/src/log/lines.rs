//! The connections to one room, and how what it says gets to them: framed once for all, and written to each from the
//! same bytes.

use std::{collections::BTreeMap, mem};

use wire::{CloseCode, MemberId};

use crate::{
    Budget, Outbox,
    outbox::Frame,
    room::Effect,
    ws::{Framed, Scratch},
};

/// What is to be done with a room's connections, one after the other.
pub(super) enum Step {
    /// A member's connection is there, in place of any other that it has. It does not follow yet.
    Come(MemberId, Outbox),
    /// It is over.
    Gone(MemberId),
    /// What follows from what happened in the room.
    Effect(Effect),
    /// All of them end, since the server does.
    Stop,
}

impl Step {
    /// What is said, if something is.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        match self {
            // What is for one member alone is rare, or was asked for.
            Self::Effect(Effect::Send(_, payload)) => Some(Frame { payload, instead: None, budget: Budget::Group }),
            Self::Effect(Effect::Relay { frame, instead, budget, .. }) => {
                Some(Frame { payload: frame, instead: instead.as_ref(), budget: *budget })
            }
            _ => None,
        }
    }

    fn is_relayed(&self) -> bool {
        matches!(self, Self::Effect(Effect::Relay { .. }))
    }
}

/// A room's connections.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<MemberId, Line>);

/// A member's connection.
struct Line {
    outbox: Outbox,
    /// Whether it receives what happens in the group.
    follows: bool,
    /// Which steps of those that are being carried out say something to it.
    hears: Vec<usize>,
}

impl Lines {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Does all of this, and says to each what is for it in one write.
    pub(super) fn carry_out(&mut self, steps: &[Step]) {
        let mut ended = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Come(who, outbox) => {
                    let line = Line { outbox: outbox.clone(), follows: false, hears: Vec::new() };
                    ended.extend(self.0.insert(*who, line).map(|older| (older, CloseCode::Replaced)));
                }
                // Nobody is there to be told.
                Step::Gone(who) => drop(self.0.remove(who)),
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
            Effect::Relay { but, .. } => {
                for (_, line) in self.0.iter_mut().filter(|(who, line)| line.follows && *who != but) {
                    line.hears.push(at);
                }
            }
            Effect::Send(to, _) => self.change(to, |line| line.hears.push(at)),
            Effect::Follow(who) => self.change(who, |line| line.follows = true),
            Effect::Unfollow(who) => self.change(who, |line| line.follows = false),
            Effect::Close(..) | Effect::Expire(_) => {}
        }
    }

    fn change(&mut self, who: &MemberId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.0.get_mut(who) {
            change(line);
        }
    }
}

/// What is said, and the bytes of it.
struct Said<'s> {
    steps: &'s [Step],
    framed: Framed<'s>,
    /// Each step's number among what is framed, if it says something.
    numbers: Vec<usize>,
}

impl<'s> Said<'s> {
    fn new(steps: &'s [Step]) -> Self {
        // What is for all comes first, and so stands together.
        let payloads = |relayed| {
            let steps = steps.iter().filter(move |step| step.is_relayed() == relayed);
            steps.filter_map(Step::frame).map(|frame| frame.payload)
        };
        let framed = Framed::new(payloads(true).chain(payloads(false)));
        let (mut relayed, mut alone) = (0, payloads(true).count());
        let numbers = steps.iter().map(|step| {
            let next = if step.is_relayed() { &mut relayed } else { &mut alone };
            let number = *next;
            *next += usize::from(step.frame().is_some());
            number
        });
        Self { steps, framed, numbers: numbers.collect() }
    }

    /// Says to one connection what it is to hear.
    fn to(&self, line: &mut Line, scratch: &mut Scratch<'s>) {
        let hears = mem::take(&mut line.hears);
        if hears.is_empty() {
            return;
        }
        let frames = hears.iter().filter_map(|at| self.steps.get(*at)?.frame());
        let numbers = hears.iter().filter_map(|at| self.numbers.get(*at).copied());
        self.framed.write(numbers, scratch, |parts| line.outbox.say(parts, frames));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use bytes::Bytes;

    use super::*;
    use crate::{Total, ws::Outgoing};

    const ANA: MemberId = MemberId(1);
    const BO: MemberId = MemberId(2);
    const CY: MemberId = MemberId(3);

    fn outbox() -> Outbox {
        Outbox::new(9999, 9999, &Total::new(usize::MAX))
    }

    fn relay(but: MemberId, frame: &'static str) -> Step {
        let frame = Bytes::from_static(frame.as_bytes());
        Step::Effect(Effect::Relay { but, frame, instead: None, budget: Budget::Talk })
    }

    fn send(to: MemberId, frame: &'static str) -> Step {
        Step::Effect(Effect::Send(to, Bytes::from_static(frame.as_bytes())))
    }

    fn follow(who: MemberId) -> Step {
        Step::Effect(Effect::Follow(who))
    }

    /// What an outbox has: frames of a letter each, and the end.
    async fn heard(outbox: &Outbox) -> (String, Option<CloseCode>) {
        let (mut outgoing, closed) = outbox.next().await;
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
    async fn each_hears_what_is_for_it_in_order() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut lines = Lines::default();
        lines.carry_out(&[
            Step::Come(ANA, ana.clone()),
            Step::Come(BO, bo.clone()),
            send(BO, "a"),
            relay(CY, "b"),
            follow(ANA),
            relay(CY, "c"),
            follow(BO),
            relay(ANA, "d"),
            send(ANA, "e"),
            Step::Come(CY, cy.clone()),
            relay(BO, "f"),
            send(CY, "g"),
            Step::Effect(Effect::Unfollow(BO)),
            relay(CY, "h"),
            send(BO, "i"),
        ]);
        assert_eq!(heard(&ana).await, ("cefh".into(), None));
        assert_eq!(heard(&bo).await, ("adi".into(), None));
        assert_eq!(heard(&cy).await, ("g".into(), None));
        // Who follows is known the next time, and who came is there from the first step on.
        lines.carry_out(&[relay(BO, "j"), send(CY, "k")]);
        assert_eq!(heard(&ana).await.0, "j");
        assert_eq!(heard(&cy).await.0, "k");
    }

    #[tokio::test]
    async fn who_ends_hears_what_was_before() {
        let (ana, bo, cy) = (outbox(), outbox(), outbox());
        let mut lines = Lines::default();
        let come = [(ANA, &ana), (BO, &bo), (CY, &cy)];
        let come = come.into_iter().flat_map(|(who, outbox)| [Step::Come(who, outbox.clone()), follow(who)]);
        lines.carry_out(&come.collect::<Vec<_>>());
        let again = outbox();
        lines.carry_out(&[
            relay(ANA, "a"),
            Step::Effect(Effect::Close(BO, CloseCode::TokenRefused)),
            relay(ANA, "b"),
            send(BO, "c"),
            Step::Come(ANA, again.clone()),
            send(ANA, "d"),
            relay(BO, "e"),
            Step::Gone(CY),
            Step::Stop,
            relay(BO, "f"),
        ]);
        assert_eq!(heard(&bo).await, ("a".into(), Some(CloseCode::TokenRefused)));
        assert_eq!(heard(&ana).await, (String::new(), Some(CloseCode::Replaced)));
        assert_eq!(heard(&again).await, ("d".into(), Some(CloseCode::Stopping)));
        let late = outbox();
        lines.carry_out(&[Step::Come(CY, late.clone()), send(CY, "g")]);
        assert_eq!(heard(&late).await, ("g".into(), None));
    }

    #[tokio::test]
    async fn what_may_be_dropped_has_something_in_its_place() {
        let slow = Outbox::new(200, 9999, &Total::new(usize::MAX));
        let mut lines = Lines::default();
        let typing = || {
            let (frame, instead) = (Bytes::from("t"), Some(Bytes::from("s")));
            Step::Effect(Effect::Relay { but: BO, frame, instead, budget: Budget::Talk })
        };
        let come = [Step::Come(ANA, slow.clone()), follow(ANA)];
        lines.carry_out(&come.into_iter().chain([typing(), relay(BO, "a"), typing()]).collect::<Vec<_>>());
        assert_eq!(heard(&slow).await, ("tas".into(), None));
    }
}
