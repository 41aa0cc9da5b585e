//! Messages: the member's own until the server has taken them, and the other members' as they arrive.

use std::collections::VecDeque;

use wire::{ClientFrame, Counter, MemberId, limits};
use zeroize::Zeroizing;

use super::{
    Picture, Unreadable, View,
    incoming::Incoming,
    io::Io,
    outgoing::Outgoing,
    peers::{Freshness, Peer},
};
use crate::{
    content::{Content, ContentError},
    group::{Group, Me, Stuck},
};

/// The member's own messages that the server has not yet taken, oldest first; and pictures in both directions.
#[derive(Default)]
pub(super) struct Talk {
    /// The counter of the member's last message.
    counter: Counter,
    unsent: VecDeque<Unsent>,
    /// Offers and pieces get a counter when they are sent: texts overtake them.
    outgoing: Outgoing,
    incoming: Incoming,
}

struct Unsent {
    counter: Counter,
    content: Content,
    /// The number of the picture that the content belongs to.
    picture: Option<u32>,
    /// The content sealed in this epoch: within one epoch the client sends the same bytes again.
    sealed: Option<Vec<u8>>,
    /// Whether it was sent on this connection in this epoch.
    sent: bool,
}

impl Talk {
    /// Queues a text, or hands it back to the person. Returns whether it was queued.
    pub(super) fn say(&mut self, me: &Me, text: &str, io: &mut Io) -> bool {
        let words = match Content::text(text) {
            Some(content) if self.count(|content| matches!(content, Content::Text(_))) < limits::UNSENT_MESSAGES => {
                let counter = self.push(content, None);
                io.show(View::Message {
                    id: me.member_id(),
                    name: me.name().as_str().to_owned(),
                    text: text.to_owned(),
                    mine: true,
                    counter,
                });
                return true;
            }
            Some(_) => "Too many messages are waiting to be sent. Wait until the connection is back.",
            None => "A message has 1 to 10,000 characters. Shorten it, or send it in parts.",
        };
        io.show(View::Rejected { text: text.to_owned(), words });
        false
    }

    /// Queues a picture. Returns whether it was queued.
    pub(super) fn picture(&mut self, me: &Me, picture: Picture<'_>, io: &mut Io) -> bool {
        let added = self.outgoing.add(me.member_id(), me.name().as_str(), picture, io);
        if let Err(words) = added {
            io.show(View::Rejected { text: String::new(), words });
        }
        added.is_ok()
    }

    /// Drops the pieces of a picture that were not handed out yet.
    pub(super) fn cancel(&mut self, me: &Me, picture: u32, io: &mut Io) {
        if self.outgoing.cancel(me.member_id(), picture, io) {
            self.push(Content::Cancelled, None);
        }
    }

    /// Called when the member has come into the group: the others learn that before anything else.
    pub(super) fn here(&mut self) {
        // Queued messages have earlier counters, and any message shows that its sender is in the group.
        if self.unsent.is_empty() {
            self.push(Content::Here, None);
        }
    }

    fn push(&mut self, content: Content, picture: Option<u32>) -> Counter {
        self.counter = self.counter.next();
        self.unsent.push_back(Unsent { counter: self.counter, content, picture, sealed: None, sent: false });
        self.counter
    }

    fn count(&self, of: impl Fn(&Content) -> bool) -> usize {
        self.unsent.iter().filter(|message| of(&message.content)).count()
    }

    /// Called when the server has taken all messages up to this counter.
    pub(super) fn accepted(&mut self, me: &Me, up_to: Counter, io: &mut Io) {
        while let Some(message) = self.unsent.pop_front_if(|message| message.counter <= up_to) {
            match (message.content, message.picture) {
                (Content::Text(_), _) => io.show(View::Accepted { counter: message.counter }),
                (Content::Piece(piece), Some(picture)) => {
                    self.outgoing.taken(me.member_id(), picture, piece.bytes.len(), io);
                }
                _ => {}
            }
        }
    }

    /// Called on a new connection: all queued messages are sent again.
    pub(super) fn reconnected(&mut self) {
        self.unsent.iter_mut().for_each(|message| message.sent = false);
    }

    /// Called in a new epoch: all queued messages are sealed again.
    pub(super) fn epoch_changed(&mut self) {
        for message in &mut self.unsent {
            message.sealed = None;
            message.sent = false;
        }
    }

    /// Seals and sends the messages that were not sent on this connection in this epoch.
    pub(super) fn flush(&mut self, me: &Me, group: &mut Group, io: &mut Io) -> Result<(), Stuck> {
        while self.count(|content| matches!(content, Content::Piece(_))) < limits::PIECES_IN_FLIGHT
            && let Some((picture, content)) = self.outgoing.next(me.member_id(), io)
        {
            self.push(content, Some(picture));
        }
        let epoch = group.epoch();
        for message in self.unsent.iter_mut().filter(|message| !message.sent) {
            let sealed = match message.sealed.take() {
                Some(sealed) => sealed,
                None => group.seal(me, &message.content.to_padded(message.counter))?,
            };
            let frame = ClientFrame::Message { epoch, counter: message.counter, sealed: &sealed };
            io.send(&frame);
            message.sealed = Some(sealed);
            message.sent = true;
        }
        Ok(())
    }

    /// Called when a member has gone.
    pub(super) fn left(&mut self, id: MemberId, io: &mut Io) {
        self.incoming.lose(id, io);
    }

    /// Takes another member's message; `padded` is its content, if it opened. Returns whether this changes the list of people.
    pub(super) fn hear(
        &mut self,
        id: MemberId,
        peer: &mut Peer,
        counter: Counter,
        padded: Option<Zeroizing<Vec<u8>>>,
        io: &mut Io,
    ) -> bool {
        let name = peer.name.as_str().to_owned();
        let unreadable = |why| View::Unreadable { id, name: name.clone(), why };
        let content = padded.map_or(Err(ContentError::Malformed), |padded| Content::from_padded(&padded));
        let (inner, content) = match content {
            Ok((inner, content)) => (Some(inner), Ok(content)),
            Err(ContentError::Unknown(inner)) => (Some(inner), Err(Unreadable::Kind)),
            Err(ContentError::Malformed) => (None, Err(Unreadable::Sealed)),
        };
        // The counter inside is the sender's: the server cannot move a message to another place among its sender's.
        if inner != Some(counter) {
            peer.unreadable(counter);
            io.show(unreadable(Unreadable::Sealed));
            return false;
        }
        if counter == Counter(0) {
            // Messages that may be dropped have this counter. This version knows no kind of them.
            return false;
        }
        let Freshness::New { missing } = peer.opened(counter) else {
            io.show(unreadable(Unreadable::Replayed));
            return false;
        };
        let arrived = !std::mem::replace(&mut peer.here, true);
        if missing > 0 {
            io.show(View::Missed { id, name: name.clone(), count: missing });
            self.incoming.lose(id, io);
        }
        match content {
            Ok(Content::Here) => {}
            Ok(Content::Text(text)) => {
                let text = text.as_str().to_owned();
                io.show(View::Message { id, name, text, mine: false, counter });
            }
            Ok(Content::Picture(offer)) => self.incoming.offered(id, &name, counter, offer, io),
            Ok(Content::Piece(piece)) => self.incoming.came(id, &piece, io),
            Ok(Content::Cancelled) => self.incoming.cancelled(id, io),
            Err(why) => io.show(unreadable(why)),
        }
        arrived
    }
}
