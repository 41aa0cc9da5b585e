//! Pictures from other members: one of each sender at a time, within bounds that are checked before anything is kept.

use std::collections::BTreeMap;

use wire::{Counter, MemberId, limits};
use zeroize::Zeroizing;

use super::{Output, View, io::Io, view::PictureEnd};
use crate::picture::{Offer, Piece};

#[derive(Default)]
pub(super) struct Incoming {
    open: BTreeMap<MemberId, Coming>,
    /// Counts offers and pieces, to find the picture that has not moved for longest.
    moves: u64,
}

struct Coming {
    offer: Offer,
    /// The offer's counter, which is the picture's number.
    counter: Counter,
    bytes: Zeroizing<Vec<u8>>,
    moved: u64,
}

impl Coming {
    /// True when this is the next piece and has the right length.
    fn fits(&self, piece: &Piece) -> bool {
        let rest = self.offer.size().saturating_sub(self.bytes.len());
        usize::from(piece.index) == self.bytes.len() / limits::PIECE_BYTES
            && piece.bytes.len() == rest.min(limits::PIECE_BYTES)
    }
}

impl Incoming {
    pub(super) fn offered(&mut self, id: MemberId, name: &str, counter: Counter, offer: Offer, io: &mut Io) {
        // A sender that keeps to the protocol finishes or cancels one picture before it offers the next.
        self.lose(id, io);
        io.show(View::Picture {
            id,
            name: name.to_owned(),
            mine: false,
            picture: counter.0,
            width: offer.width,
            height: offer.height,
            length: offer.size(),
            alt: offer.alt.as_str().to_owned(),
        });
        self.moves += 1;
        self.open.insert(id, Coming { offer, counter, bytes: Zeroizing::default(), moved: self.moves });
    }

    pub(super) fn came(&mut self, id: MemberId, piece: &Piece, io: &mut Io) {
        // Without an offer the piece belongs to a picture from before this member came in, or to one that is lost.
        let Some(coming) = self.open.get_mut(&id) else { return };
        if !coming.fits(piece) {
            self.lose(id, io);
            return;
        }
        self.moves += 1;
        coming.moved = self.moves;
        if coming.bytes.is_empty() {
            // All at once: a buffer that grows leaves copies behind that nothing wipes.
            coming.bytes.reserve_exact(coming.offer.size());
        }
        coming.bytes.extend_from_slice(&piece.bytes);
        let bytes = coming.bytes.len();
        if bytes == coming.offer.size() {
            self.end(id, io);
            return;
        }
        io.show(View::PictureMoved { id, picture: coming.counter.0, bytes, on_its_way: true });
        self.keep_within_bounds(io);
    }

    pub(super) fn cancelled(&mut self, id: MemberId, io: &mut Io) {
        self.drop(id, PictureEnd::Cancelled, io);
    }

    /// Drops this member's unfinished picture: the rest of it will not come.
    pub(super) fn lose(&mut self, id: MemberId, io: &mut Io) {
        self.drop(id, PictureEnd::Broken, io);
    }

    fn drop(&mut self, id: MemberId, why: PictureEnd, io: &mut Io) {
        if let Some(coming) = self.open.remove(&id) {
            io.show(View::PictureEnded { id, picture: coming.counter.0, why });
        }
    }

    fn end(&mut self, id: MemberId, io: &mut Io) {
        match self.open.remove(&id) {
            Some(Coming { offer, counter, bytes, .. }) if offer.is_of(&bytes) => {
                io.push(Output::Picture { id, picture: counter.0, offer, bytes });
            }
            Some(Coming { counter, .. }) => {
                let why = PictureEnd::Broken;
                io.show(View::PictureEnded { id, picture: counter.0, why });
            }
            None => {}
        }
    }

    /// Returns the bytes of memory that unfinished pictures take.
    pub(super) fn held(&self) -> usize {
        self.open.values().map(|coming| coming.bytes.capacity()).sum()
    }

    /// Drops the pictures that have not moved for longest until the rest is within the memory budget: many members, or one
    /// with many names, could otherwise fill the memory with beginnings.
    fn keep_within_bounds(&mut self, io: &mut Io) {
        while self.held() > limits::INCOMPLETE_PICTURE_BYTES {
            let begun = self.open.iter().filter(|(_, coming)| !coming.bytes.is_empty());
            let Some(id) = begun.min_by_key(|(_, coming)| coming.moved).map(|(id, _)| *id) else { return };
            self.lose(id, io);
        }
    }
}
