//! The member's own pictures: sent one after the other, each cut into pieces as the queue of messages has room.

use std::collections::VecDeque;

use wire::{MemberId, limits};
use zeroize::Zeroizing;

use super::{View, io::Io, view::PictureEnd};
use crate::{
    content::Content,
    picture::{Media, Offer, Piece},
};

/// A picture that the person sends.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// The driver's number for it, different for each picture.
    pub number: u32,
    /// Its encoding, as [`Media::number`].
    pub media: u8,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// A description in words; may be empty.
    pub alt: &'a str,
    /// The picture itself.
    pub bytes: &'a [u8],
}

// Every piece of a picture within the bounds has an index of 16 bits.
const _: () = assert!(limits::PICTURE_BYTES.div_ceil(limits::PIECE_BYTES) <= u16::MAX as usize);

/// Pictures that the server has not wholly taken yet, oldest first. The next one starts only after all pieces of the one
/// before were handed out: so a piece need not name its picture.
#[derive(Default)]
pub(super) struct Outgoing(VecDeque<Sending>);

struct Sending {
    number: u32,
    offer: Offer,
    offered: bool,
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes that were handed out in pieces.
    handed: usize,
    /// Bytes that the server has taken.
    taken: usize,
}

impl Sending {
    fn moved(&self, id: MemberId) -> View {
        let on_its_way = self.handed == self.bytes.len();
        View::PictureMoved { id, picture: self.number.into(), bytes: self.taken, on_its_way }
    }

    fn cut(&mut self) -> Option<Content> {
        if !self.offered {
            self.offered = true;
            return Some(Content::Picture(self.offer.clone()));
        }
        let bytes = self.bytes.get(self.handed..)?.chunks(limits::PIECE_BYTES).next()?.to_vec();
        let index = (self.handed / limits::PIECE_BYTES) as u16;
        self.handed += bytes.len();
        Some(Content::Piece(Piece { index, bytes: bytes.into() }))
    }
}

impl Outgoing {
    /// Queues a picture, or returns what to tell the person.
    pub(super) fn add(
        &mut self,
        me: MemberId,
        name: &str,
        picture: Picture<'_>,
        io: &mut Io,
    ) -> Result<(), &'static str> {
        let Picture { number, media, width, height, alt, bytes } = picture;
        if self.0.len() >= limits::UNSENT_PICTURES {
            return Err("Four pictures are on their way already. Wait until one of them has been sent.");
        }
        let offer = Media::from_number(media).and_then(|media| Offer::of(media, width, height, alt, bytes));
        let offer = offer.ok_or("This picture is too large to be sent.")?;
        io.show(View::Picture {
            id: me,
            name: name.to_owned(),
            mine: true,
            picture: number.into(),
            width,
            height,
            length: bytes.len(),
            alt: alt.to_owned(),
        });
        let bytes = Zeroizing::new(bytes.to_vec());
        self.0.push_back(Sending { number, offer, offered: false, bytes, handed: 0, taken: 0 });
        Ok(())
    }

    /// Returns the next content to send, with the number of its picture.
    pub(super) fn next(&mut self, me: MemberId, io: &mut Io) -> Option<(u32, Content)> {
        let sending = self.0.iter_mut().find(|sending| sending.handed < sending.bytes.len())?;
        let content = sending.cut()?;
        if sending.handed == sending.bytes.len() {
            io.show(sending.moved(me));
        }
        Some((sending.number, content))
    }

    /// Called when the server has taken a piece of this many bytes.
    pub(super) fn taken(&mut self, me: MemberId, number: u32, bytes: usize, io: &mut Io) {
        let Some(sending) = self.0.iter_mut().find(|sending| sending.number == number) else { return };
        sending.taken += bytes;
        io.show(sending.moved(me));
        self.0.retain(|sending| sending.taken < sending.bytes.len());
    }

    /// Drops what was not handed out yet. Returns whether the other members were offered the picture.
    pub(super) fn cancel(&mut self, me: MemberId, number: u32, io: &mut Io) -> bool {
        let is_it = |sending: &Sending| sending.number == number && sending.handed < sending.bytes.len();
        let Some(sending) = self.0.iter().position(is_it).and_then(|at| self.0.remove(at)) else { return false };
        io.show(View::PictureEnded { id: me, picture: number.into(), why: PictureEnd::Cancelled });
        sending.offered
    }
}
