//! What is said: one's own messages until the server has taken them, and the others' as they come.

use std::collections::VecDeque;

use wire::{ClientFrame, Counter, MemberId, limits};
use zeroize::Zeroizing;

use super::{
    Output, Picture, Unreadable, View,
    incoming::Incoming,
    outgoing::Outgoing,
    peers::{Peer, Standing},
};
use crate::{
    content::{Content, ContentError},
    group::{Group, Me, Stuck},
};

/// One's own messages that the server has not yet taken, oldest first; and pictures, either way.
#[derive(Default)]
pub(super) struct Talk {
    /// The counter of the last one.
    counter: Counter,
    unsent: VecDeque<Unsent>,
    /// What is still to be said of pictures has no counter yet: texts overtake it.
    outgoing: Outgoing,
    incoming: Incoming,
}

struct Unsent {
    counter: Counter,
    content: Content,
    /// Which of one's own pictures it is of.
    picture: Option<u32>,
    /// As it was sealed in this epoch: what goes out again in it is the very same.
    sealed: Option<Vec<u8>>,
    /// Sent on this connection, in this epoch.
    sent: bool,
}

impl Talk {
    /// Takes a text; one that cannot be taken is handed back. Whether it was taken.
    pub(super) fn say(&mut self, me: &Me, text: &str, out: &mut VecDeque<Output>) -> bool {
        let words = match Content::text(text) {
            Some(content) if self.count(|content| matches!(content, Content::Text(_))) < limits::UNSENT_MESSAGES => {
                let counter = self.push(content, None);
                out.push_back(Output::Show(View::Message {
                    id: me.member_id(),
                    name: me.name().as_str().to_owned(),
                    text: text.to_owned(),
                    mine: true,
                    counter,
                }));
                return true;
            }
            Some(_) => "Too many messages are waiting to be sent. Wait until the connection is back.",
            None => "A message has 1 to 10,000 characters. Shorten it, or send it in parts.",
        };
        out.push_back(Output::Show(View::Rejected { text: text.to_owned(), words }));
        false
    }

    /// Takes a picture. Whether it was taken.
    pub(super) fn picture(&mut self, me: &Me, picture: Picture<'_>, out: &mut VecDeque<Output>) -> bool {
        let added = self.outgoing.add(me.member_id(), me.name().as_str(), picture, out);
        if let Err(words) = added {
            out.push_back(Output::Show(View::Rejected { text: String::new(), words }));
        }
        added.is_ok()
    }

    /// Sends no more of a picture than is on its way.
    pub(super) fn cancel(&mut self, me: &Me, picture: u32, out: &mut VecDeque<Output>) {
        if self.outgoing.cancel(me.member_id(), picture, out) {
            self.push(Content::Cancelled, None);
        }
    }

    /// One has come in: whatever else waits, the others hear of that first.
    pub(super) fn here(&mut self) {
        // What was taken by the server before is not sent again, and what was not keeps its counter: `here` comes after it,
        // and any of them says as much.
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

    /// The server has taken everything up to here.
    pub(super) fn accepted(&mut self, me: &Me, up_to: Counter, out: &mut VecDeque<Output>) {
        while let Some(message) = self.unsent.pop_front_if(|message| message.counter <= up_to) {
            match (message.content, message.picture) {
                (Content::Text(_), _) => out.push_back(Output::Show(View::Accepted { counter: message.counter })),
                (Content::Piece(piece), Some(picture)) => {
                    self.outgoing.taken(me.member_id(), picture, piece.bytes.len(), out);
                }
                _ => {}
            }
        }
    }

    /// On a new connection everything has to be sent again.
    pub(super) fn reconnected(&mut self) {
        self.unsent.iter_mut().for_each(|message| message.sent = false);
    }

    /// In a new epoch everything has to be sealed anew.
    pub(super) fn epoch_changed(&mut self) {
        for message in &mut self.unsent {
            message.sealed = None;
            message.sent = false;
        }
    }

    /// Seals and sends what is not yet sent.
    pub(super) fn flush(&mut self, me: &Me, group: &mut Group, out: &mut VecDeque<Output>) -> Result<(), Stuck> {
        while self.count(|content| matches!(content, Content::Piece(_))) < limits::PIECES_UNDER_WAY
            && let Some((picture, content)) = self.outgoing.next(me.member_id(), out)
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
            out.push_back(Output::Send(frame.to_bytes()));
            message.sealed = Some(sealed);
            message.sent = true;
        }
        Ok(())
    }

    /// Someone is gone.
    pub(super) fn left(&mut self, id: MemberId, out: &mut VecDeque<Output>) {
        self.incoming.lose(id, out);
    }

    /// Takes what another member sent: `padded` if it opened. Returns whether the list of people has changed by it.
    pub(super) fn hear(
        &mut self,
        id: MemberId,
        peer: &mut Peer,
        counter: Counter,
        padded: Option<Zeroizing<Vec<u8>>>,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let name = peer.name.as_str().to_owned();
        let unreadable = |why| Output::Show(View::Unreadable { id, name: name.clone(), why });
        let content = padded.map_or(Err(ContentError::Malformed), |padded| Content::from_padded(&padded));
        let (inner, content) = match content {
            Ok((inner, content)) => (Some(inner), Ok(content)),
            Err(ContentError::Unknown(inner)) => (Some(inner), Err(Unreadable::Kind)),
            Err(ContentError::Malformed) => (None, Err(Unreadable::Sealed)),
        };
        // The server may not move a message to another place among its sender's.
        if inner != Some(counter) {
            peer.unreadable(counter);
            out.push_back(unreadable(Unreadable::Sealed));
            return false;
        }
        if counter == Counter(0) {
            // Of what may be dropped this version knows no kind.
            return false;
        }
        let Standing::New { missing } = peer.opened(counter) else {
            out.push_back(unreadable(Unreadable::Replayed));
            return false;
        };
        let arrived = !std::mem::replace(&mut peer.here, true);
        if missing > 0 {
            out.push_back(Output::Show(View::Missed { id, name: name.clone(), count: missing }));
            self.incoming.lose(id, out);
        }
        match content {
            Ok(Content::Here) => {}
            Ok(Content::Text(text)) => {
                let text = text.as_str().to_owned();
                out.push_back(Output::Show(View::Message { id, name, text, mine: false, counter }));
            }
            Ok(Content::Picture(offer)) => self.incoming.offered(id, &name, counter, offer, out),
            Ok(Content::Piece(piece)) => self.incoming.came(id, &piece, out),
            Ok(Content::Cancelled) => self.incoming.cancelled(id, out),
            Err(why) => out.push_back(unreadable(why)),
        }
        arrived
    }
}
