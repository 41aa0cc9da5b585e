//! The room's one order: every event gets the next number, and every member in the group receives it.

use wire::{CloseCode, Counter, Epoch, MemberId, Seq, ServerFrame, limits};

use super::{Budget, Effect, Room, history::Receipt};

impl Room {
    /// Orders an event and broadcasts it. Its author receives the receipt instead of the frame, if there is one.
    pub(super) fn order<'f>(
        &mut self,
        author: MemberId,
        budget: Budget,
        frame: impl FnOnce(Seq) -> ServerFrame<'f>,
        receipt: Option<Receipt>,
    ) {
        let seq = self.seq.next();
        self.seq = seq;
        let frame = self.history.push(author, receipt, frame(seq).to_bytes());
        self.out.push(Effect::Broadcast { except: author, frame, substitute: None, budget });
        self.out.extend(receipt.map(|receipt| Effect::Send(author, receipt.frame(seq))));
    }

    pub(super) fn order_presence(&mut self, member_id: MemberId, connected: bool) {
        let frame = |seq| ServerFrame::Presence { seq, member_id, connected };
        self.order(member_id, Budget::Talk, frame, None);
    }

    /// Takes a member's message. Ignores a message that came before, that was sealed for another epoch, or that a member
    /// that is gone could still open: its sender sends it again.
    pub(super) fn message(
        &mut self,
        id: MemberId,
        epoch: Epoch,
        counter: Counter,
        sealed: &[u8],
    ) -> Result<(), CloseCode> {
        if sealed.len() > limits::MESSAGE_BYTES {
            return Err(CloseCode::TooBig);
        }
        let is_current = epoch == self.group.epoch && self.group.gone.is_empty();
        let Some(member) = self.members.get_mut(&id).filter(|member| is_current && member.is_in_group()) else {
            return Ok(());
        };
        if counter > Counter(0) {
            if counter <= member.counter {
                return Ok(());
            }
            if counter != member.counter.next() {
                return Err(CloseCode::CounterSkipped);
            }
            member.counter = counter;
        }
        member.proves_membership();
        let frame = |seq| ServerFrame::Message { seq, sender: id, counter, sealed };
        self.order(id, Budget::Talk, frame, Some(Receipt::Accepted(counter)));
        if counter == Counter(0) {
            self.make_droppable(id);
        }
        Ok(())
    }

    /// Lets full queues drop the event that was just ordered: gives it a short `presence` as its substitute. Without one,
    /// clients would find a number missing, and reconnect.
    fn make_droppable(&mut self, author: MemberId) {
        let presence = ServerFrame::Presence { seq: self.seq, member_id: author, connected: true };
        let last = self.out.iter_mut().rev().find_map(|effect| match effect {
            Effect::Broadcast { substitute, .. } => Some(substitute),
            _ => None,
        });
        if let Some(substitute) = last {
            *substitute = Some(presence.to_bytes().into());
        }
    }
}
