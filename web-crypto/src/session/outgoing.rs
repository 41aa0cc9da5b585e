//! One's own pictures on their way out: one after the other, each cut into pieces as there is place for them.

use std::collections::VecDeque;

use wire::{MemberId, limits};
use zeroize::Zeroizing;

use super::{Output, View, view::PictureEnd};
use crate::{
    content::Content,
    picture::{Media, Offer, Piece},
};

/// A picture that the person sends.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// By which the driver knows it: another one for each.
    pub number: u32,
    /// What it is encoded as, [`Media::number`].
    pub media: u8,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// What it shows, in words; or nothing.
    pub alt: &'a str,
    /// The picture itself.
    pub bytes: &'a [u8],
}

/// Pictures of which the server has not taken everything yet, oldest first. Of those behind the first that is not wholly
/// handed out nothing is: so a piece needs no name of its picture.
#[derive(Default)]
pub(super) struct Outgoing(VecDeque<Sending>);

struct Sending {
    number: u32,
    offer: Offer,
    offered: bool,
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes that were cut off and handed out.
    handed: usize,
    /// Bytes that the server has taken.
    taken: usize,
}

impl Sending {
    fn moved(&self, id: MemberId) -> Output {
        let on_its_way = self.handed == self.bytes.len();
        Output::Show(View::PictureMoved { id, picture: self.number.into(), bytes: self.taken, on_its_way })
    }

    fn cut(&mut self) -> Option<Content> {
        if !self.offered {
            self.offered = true;
            return Some(Content::Picture(self.offer.clone()));
        }
        let bytes = self.bytes.get(self.handed..)?.chunks(limits::PIECE_BYTES).next()?.to_vec();
        let index = u16::try_from(self.handed / limits::PIECE_BYTES).ok()?;
        self.handed += bytes.len();
        Some(Content::Piece(Piece { index, bytes: bytes.into() }))
    }
}

impl Outgoing {
    /// Takes a picture; why not, if it cannot be taken.
    pub(super) fn add(
        &mut self,
        me: MemberId,
        name: &str,
        picture: Picture<'_>,
        out: &mut VecDeque<Output>,
    ) -> Result<(), &'static str> {
        let Picture { number, media, width, height, alt, bytes } = picture;
        if self.0.len() >= limits::UNSENT_PICTURES {
            return Err("Four pictures are on their way already. Wait until one of them has been sent.");
        }
        let offer = Media::from_number(media).and_then(|media| Offer::of(media, width, height, alt, bytes));
        let offer = offer.ok_or("This picture is too large to be sent.")?;
        out.push_back(Output::Show(View::Picture {
            id: me,
            name: name.to_owned(),
            mine: true,
            picture: number.into(),
            width,
            height,
            length: bytes.len(),
            alt: alt.to_owned(),
        }));
        let bytes = Zeroizing::new(bytes.to_vec());
        self.0.push_back(Sending { number, offer, offered: false, bytes, handed: 0, taken: 0 });
        Ok(())
    }

    /// The next thing to say of a picture, and of which one.
    pub(super) fn next(&mut self, me: MemberId, out: &mut VecDeque<Output>) -> Option<(u32, Content)> {
        let sending = self.0.iter_mut().find(|sending| sending.handed < sending.bytes.len())?;
        let content = sending.cut()?;
        if sending.handed == sending.bytes.len() {
            out.push_back(sending.moved(me));
        }
        Some((sending.number, content))
    }

    /// The server has taken a piece of so many bytes.
    pub(super) fn taken(&mut self, me: MemberId, number: u32, bytes: usize, out: &mut VecDeque<Output>) {
        let Some(sending) = self.0.iter_mut().find(|sending| sending.number == number) else { return };
        sending.taken += bytes;
        out.push_back(sending.moved(me));
        self.0.retain(|sending| sending.taken < sending.bytes.len());
    }

    /// Holds back what is not handed out yet. Whether the others have to be told.
    pub(super) fn cancel(&mut self, me: MemberId, number: u32, out: &mut VecDeque<Output>) -> bool {
        let is_it = |sending: &Sending| sending.number == number && sending.handed < sending.bytes.len();
        let Some(sending) = self.0.iter().position(is_it).and_then(|at| self.0.remove(at)) else { return false };
        out.push_back(Output::Show(View::PictureEnded { id: me, picture: number.into(), why: PictureEnd::Cancelled }));
        sending.offered
    }
}
