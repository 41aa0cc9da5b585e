//! The room's one order: every event gets the next number, and everyone in the group receives it.

use wire::{CloseCode, Counter, Epoch, MemberId, Seq, ServerFrame, limits};

use super::{Effect, Room, history::Own};
use crate::Budget;

impl Room {
    /// Orders an event. Its author receives `own` in place of the frame, if it brought the event about itself.
    pub(super) fn order<'f>(
        &mut self,
        author: MemberId,
        budget: Budget,
        frame: impl FnOnce(Seq) -> ServerFrame<'f>,
        own: Option<Own>,
        effects: &mut Vec<Effect>,
    ) {
        let seq = self.seq.next();
        self.seq = seq;
        let frame = self.history.push(author, own, frame(seq).to_bytes());
        effects.push(Effect::Relay { but: author, frame, instead: None, budget });
        effects.extend(own.map(|own| Effect::Send(author, own.frame(seq))));
    }

    pub(super) fn order_presence(&mut self, member_id: MemberId, connected: bool, effects: &mut Vec<Effect>) {
        let frame = |seq| ServerFrame::Presence { seq, member_id, connected };
        self.order(member_id, Budget::Talk, frame, None, effects);
    }

    /// A member's message. One that came before, that was sealed for another epoch, or that those who are gone could
    /// still open is passed over: it was taken, or its sender will send it again.
    pub(super) fn message(
        &mut self,
        id: MemberId,
        epoch: Epoch,
        counter: Counter,
        sealed: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        if sealed.len() > limits::MESSAGE_BYTES {
            return Err(CloseCode::TooBig);
        }
        let current = epoch == self.group.epoch && self.group.gone.is_empty();
        let Some(member) = self.members.get_mut(&id).filter(|member| current && member.is_in()) else { return Ok(()) };
        if counter > Counter(0) {
            if counter <= member.counter {
                return Ok(());
            }
            if counter != member.counter.next() {
                return Err(CloseCode::CounterSkipped);
            }
            member.counter = counter;
        }
        member.heard();
        let frame = |seq| ServerFrame::Message { seq, sender: id, counter, sealed };
        self.order(id, Budget::Talk, frame, Some(Own::Accepted(counter)), effects);
        if counter == Counter(0) {
            self.may_be_dropped(id, effects);
        }
        Ok(())
    }

    /// The event that was just ordered may be dropped, but its number not be left out: what is as true, and short,
    /// can stand in its place.
    fn may_be_dropped(&self, author: MemberId, effects: &mut [Effect]) {
        let presence = ServerFrame::Presence { seq: self.seq, member_id: author, connected: true };
        let relayed = effects.iter_mut().rev().find_map(|effect| match effect {
            Effect::Relay { instead, .. } => Some(instead),
            _ => None,
        });
        if let Some(instead) = relayed {
            *instead = Some(presence.to_bytes().into());
        }
    }
}
