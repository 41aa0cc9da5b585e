//! Others' pictures as they come: one of each sender at a time, bounded before anything is kept.

use std::collections::{BTreeMap, VecDeque};

use wire::{Counter, MemberId, limits};
use zeroize::Zeroizing;

use super::{Output, View, view::PictureEnd};
use crate::picture::{Offer, Piece};

#[derive(Default)]
pub(super) struct Incoming {
    open: BTreeMap<MemberId, Coming>,
    /// Counts what came, to tell which picture has not moved for longest.
    moves: u64,
}

struct Coming {
    offer: Offer,
    /// Of the offer: the picture's number.
    counter: Counter,
    bytes: Zeroizing<Vec<u8>>,
    moved: u64,
}

impl Coming {
    /// Whether this is the next piece, and as long as it has to be.
    fn fits(&self, piece: &Piece) -> bool {
        let length = usize::try_from(self.offer.length).unwrap_or_default();
        let rest = length.saturating_sub(self.bytes.len());
        usize::from(piece.index) == self.bytes.len() / limits::PIECE_BYTES
            && piece.bytes.len() == rest.min(limits::PIECE_BYTES)
    }
}

impl Incoming {
    pub(super) fn offered(
        &mut self,
        id: MemberId,
        name: &str,
        counter: Counter,
        offer: Offer,
        out: &mut VecDeque<Output>,
    ) {
        // Nobody who keeps to the protocol begins another one before.
        self.lose(id, out);
        out.push_back(Output::Show(View::Picture {
            id,
            name: name.to_owned(),
            mine: false,
            picture: counter.0,
            width: offer.width,
            height: offer.height,
            length: usize::try_from(offer.length).unwrap_or_default(),
            alt: offer.alt.as_str().to_owned(),
        }));
        self.moves += 1;
        self.open.insert(id, Coming { offer, counter, bytes: Zeroizing::default(), moved: self.moves });
    }

    pub(super) fn came(&mut self, id: MemberId, piece: &Piece, out: &mut VecDeque<Output>) {
        // Without an offer it is of a picture from before one's time, or of one that is lost already.
        let Some(coming) = self.open.get_mut(&id) else { return };
        if !coming.fits(piece) {
            self.lose(id, out);
            return;
        }
        self.moves += 1;
        coming.moved = self.moves;
        if coming.bytes.is_empty() {
            // All at once: growing would leave copies behind that nobody wipes.
            coming.bytes.reserve_exact(usize::try_from(coming.offer.length).unwrap_or_default());
        }
        coming.bytes.extend_from_slice(&piece.bytes);
        let bytes = coming.bytes.len();
        if u32::try_from(bytes) == Ok(coming.offer.length) {
            self.end(id, out);
            return;
        }
        out.push_back(Output::Show(View::PictureMoved { id, picture: coming.counter.0, bytes, on_its_way: true }));
        self.keep_within_bounds(out);
    }

    pub(super) fn cancelled(&mut self, id: MemberId, out: &mut VecDeque<Output>) {
        self.drop(id, PictureEnd::Cancelled, out);
    }

    /// What is missing of this member's picture does not come any more.
    pub(super) fn lose(&mut self, id: MemberId, out: &mut VecDeque<Output>) {
        self.drop(id, PictureEnd::Broken, out);
    }

    fn drop(&mut self, id: MemberId, why: PictureEnd, out: &mut VecDeque<Output>) {
        if let Some(coming) = self.open.remove(&id) {
            out.push_back(Output::Show(View::PictureEnded { id, picture: coming.counter.0, why }));
        }
    }

    fn end(&mut self, id: MemberId, out: &mut VecDeque<Output>) {
        match self.open.remove(&id) {
            Some(Coming { offer, counter, bytes, .. }) if offer.is_of(&bytes) => {
                out.push_back(Output::Picture { id, picture: counter.0, offer, bytes });
            }
            Some(Coming { counter, .. }) => {
                let why = PictureEnd::Broken;
                out.push_back(Output::Show(View::PictureEnded { id, picture: counter.0, why }));
            }
            None => {}
        }
    }

    /// Bytes of memory that unfinished pictures take.
    pub(super) fn held(&self) -> usize {
        self.open.values().map(|coming| coming.bytes.capacity()).sum()
    }

    /// Many members, or one with many names, could fill the memory with beginnings: what has not moved for longest goes.
    fn keep_within_bounds(&mut self, out: &mut VecDeque<Output>) {
        while self.held() > limits::UNFINISHED_BYTES {
            let begun = self.open.iter().filter(|(_, coming)| !coming.bytes.is_empty());
            let Some(id) = begun.min_by_key(|(_, coming)| coming.moved).map(|(id, _)| *id) else { return };
            self.lose(id, out);
        }
    }
}
