//! What happened last in a room, as those received it who were there: for those whose connection was lost.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wire::{Counter, Epoch, MemberId, Seq, ServerFrame};

use crate::ws::COPIED_BYTES;

/// What an event costs beyond its bytes.
const OVERHEAD: usize = 160;
/// Short frames are laid one after the other in pages of so many bytes. Each in a place of its own, they would be spread
/// over all the memory that the process has, and every one that is added or dropped would have to be fetched from there.
const PAGE_BYTES: usize = 64 * 1024;
/// All that is kept is so many times a page at least, so that what lies idle in the first and in the last one is little
/// beside it.
const PAGES: usize = 8;
/// Messages beyond this are pieces of pictures; hardly any text is that long.
const LONG: usize = 8 * 1024;
/// The place for so many events is not worth giving back.
const FEW: usize = 16;

/// The last events, without a gap, up to the room's last one. Of long messages, where they take more than half of what
/// there is for all, it may be left only that there was one: or a picture or two would push out all that was said.
pub(super) struct History {
    events: VecDeque<Event>,
    bytes: usize,
    /// Bytes of those events that are long messages, and of how many of the oldest events none is.
    long_bytes: usize,
    short: usize,
    bound: usize,
    /// The rest of the newest page, and how large that is in all.
    page: BytesMut,
    page_bytes: usize,
}

struct Event {
    /// Who brought it about, and what that member receives in place of the frame, if it does.
    author: MemberId,
    own: Option<Own>,
    frame: Bytes,
    is_long: bool,
}

/// What who brought an event about receives.
#[derive(Clone, Copy)]
pub(super) enum Own {
    /// Its message was taken.
    Accepted(Counter),
    /// Its commit ended this epoch.
    Committed(Epoch),
}

impl Own {
    /// As the event of this number.
    pub(super) fn frame(self, seq: Seq) -> Bytes {
        let frame = match self {
            Self::Accepted(counter) => ServerFrame::Accepted { seq, counter },
            Self::Committed(epoch) => ServerFrame::Committed { seq, epoch },
        };
        frame.to_bytes().into()
    }
}

impl Event {
    fn cost(&self) -> usize {
        OVERHEAD + self.frame.len()
    }

    /// Puts in the place of a message what is as true, and short.
    fn shorten(&mut self) {
        if let Ok(ServerFrame::Message { seq, sender, .. }) = ServerFrame::parse(&self.frame) {
            let presence = ServerFrame::Presence { seq, member_id: sender, connected: true };
            self.frame = presence.to_bytes().into();
        }
        self.is_long = false;
    }
}

impl History {
    /// Holds so many bytes at most; none at all, if that is 0.
    pub(super) fn new(bound: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, long_bytes: 0, short: 0, bound, page: BytesMut::new(), page_bytes: 0 }
    }

    /// Adds an event, and drops the oldest ones that there is no more room for. Its frame, to be said now.
    pub(super) fn push(&mut self, author: MemberId, own: Option<Own>, frame: Vec<u8>) -> Bytes {
        let frame = self.lay(frame);
        let is_long = matches!(own, Some(Own::Accepted(_))) && frame.len() > LONG;
        let event = Event { author, own, frame: frame.clone(), is_long };
        self.bytes += event.cost();
        self.long_bytes += if is_long { event.cost() } else { 0 };
        self.events.push_back(event);
        self.forget(self.bound);
        frame
    }

    fn lay(&mut self, frame: Vec<u8>) -> Bytes {
        let page_bytes = PAGE_BYTES.min(self.bytes / PAGES);
        // Of a longer one, a queue that it waits in would keep the page, and count the frame only.
        if frame.len() > COPIED_BYTES.min(page_bytes / PAGES) {
            return frame.into();
        }
        if self.page.capacity() < frame.len() {
            self.page = BytesMut::with_capacity(page_bytes);
            self.page_bytes = page_bytes;
        }
        self.page.extend_from_slice(&frame);
        self.page.split().freeze()
    }

    /// Shortens the oldest long messages and drops the oldest events, until no more than so many bytes are left.
    pub(super) fn forget(&mut self, beyond: usize) {
        while self.bytes > beyond && (self.shorten(beyond / 2) || self.drop_oldest()) {}
        // What was made for much is not held for little.
        if self.bytes < self.page_bytes {
            self.page = BytesMut::new();
            self.page_bytes = 0;
            self.events.iter_mut().for_each(|event| event.frame = Bytes::copy_from_slice(&event.frame));
        }
        if self.events.capacity() > 4 * self.events.len().max(FEW) {
            self.events.shrink_to(2 * self.events.len());
        }
    }

    /// Shortens the oldest long message, if all of them have more than so many bytes.
    fn shorten(&mut self, beyond: usize) -> bool {
        while self.long_bytes > beyond
            && let Some(event) = self.events.get_mut(self.short)
        {
            self.short += 1;
            if event.is_long {
                let before = event.cost();
                event.shorten();
                self.long_bytes -= before;
                self.bytes = self.bytes - before + event.cost();
                return true;
            }
        }
        false
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.events.pop_front() else { return false };
        self.bytes -= oldest.cost();
        self.long_bytes -= if oldest.is_long { oldest.cost() } else { 0 };
        self.short = self.short.saturating_sub(1);
        true
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bound);
    }

    /// What this member missed after one event, up to the room's last one; nothing if that is not all here.
    pub(super) fn after(&self, member: MemberId, seq: Seq, last: Seq) -> Option<Vec<Bytes>> {
        let missed = usize::try_from(last.0.checked_sub(seq.0)?).ok()?;
        let known = self.events.len().checked_sub(missed)?;
        let frame = |(number, event): (u64, &Event)| match event.own {
            Some(own) if event.author == member => own.frame(Seq(number)),
            _ => event.frame.clone(),
        };
        Some((seq.0 + 1..).zip(self.events.iter().skip(known)).map(frame).collect())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHOR: MemberId = MemberId(1);

    /// Frames of these lengths, alike only where they are tiny.
    fn frames(lengths: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
        let frame = |(number, length): (usize, usize)| number.to_le_bytes().into_iter().cycle().take(length).collect();
        lengths.into_iter().enumerate().map(frame).collect()
    }

    #[test]
    fn every_frame_comes_back_as_it_was() {
        let mut history = History::new(200_000);
        let frames = frames([0, 1, 300, 20, 9000, 2, 70_000, 300, 4096].into_iter().cycle().take(1000));
        for (seq, frame) in (1_u64..).zip(&frames) {
            assert_eq!(history.push(AUTHOR, None, frame.clone()), frame);
            let kept = history.events.len();
            let before = Seq(seq - kept as u64);
            assert_eq!(
                history.after(MemberId(2), before, Seq(seq)).unwrap(),
                &frames[seq as usize - kept..seq as usize]
            );
        }
        assert!(history.events.len() < 100);
    }

    #[test]
    fn what_fits_to_the_byte_is_kept() {
        let mut history = History::new(2 * (OVERHEAD + 20));
        for (frame, kept) in frames([20, 20, 21]).into_iter().zip([1, 2, 1]) {
            history.push(AUTHOR, None, frame);
            assert_eq!(history.events.len(), kept);
        }
    }

    #[test]
    fn short_frames_lie_side_by_side() {
        let mut history = History::new(1_000_000);
        let frames = frames([300; 4000]).into_iter().map(|frame| history.push(AUTHOR, None, frame)).collect::<Vec<_>>();
        let apart = frames.windows(2).filter(|pair| pair[0].as_ptr_range().end != pair[1].as_ptr()).count();
        assert!(apart < 200, "{apart} of 4000 do not follow their predecessor");
    }

    #[test]
    fn little_is_laid_in_small_pages() {
        let mut history = History::new(1_000_000);
        for frame in frames([20, 300].into_iter().cycle().take(50)) {
            let long = frame.len() > 20;
            history.push(AUTHOR, None, frame);
            assert!(history.page_bytes * PAGES <= history.bytes);
            // A page would hold few of these, and end with much idle.
            assert!(!long || history.events.back().unwrap().frame.is_unique());
        }
        assert!(history.page_bytes > 0);
    }

    #[test]
    fn what_queues_keep_is_no_part_of_a_page() {
        let mut history = History::new(10_000_000);
        for frame in frames([300, 4096, 4097, 8192].into_iter().cycle().take(2000)) {
            let long = frame.len() > COPIED_BYTES;
            history.push(AUTHOR, None, frame);
            let newest = history.events.back().unwrap();
            // The page has a part that is not in use yet, or other frames.
            assert!(!long || newest.frame.is_unique());
        }
    }

    #[test]
    fn a_picture_pushes_out_no_words() {
        const PIECE: usize = 16_000;
        let mut history = History::new(200_000);
        let sender = MemberId(7);
        let mut said = Vec::new();
        for seq in 1..=1200 {
            // Four pieces for every text, and at last texts alone, until no piece is left.
            let length = match seq % 10 {
                0 => 2000,
                5 => 300,
                _ if seq > 900 => 300,
                _ => PIECE,
            };
            let sealed = vec![1; length];
            let counter = Counter(seq);
            let frame = ServerFrame::Message { seq: Seq(seq), sender, counter, sealed: &sealed }.to_bytes();
            said.push(frame.clone());
            assert_eq!(history.push(sender, Some(Own::Accepted(counter)), frame.clone()), frame);
            assert!(history.bytes <= 200_000);
            let costs = |long: bool| {
                history.events.iter().filter(|event| event.is_long || !long).map(Event::cost).sum::<usize>()
            };
            assert_eq!((history.bytes, history.long_bytes), (costs(false), costs(true)));
            let from = Seq(seq.saturating_sub(100));
            let others = history.after(MemberId(8), from, Seq(seq)).expect("more than the last hundred are there");
            for (seq, (kept, said)) in (from.0 + 1..).zip(others.iter().zip(&said[from.0 as usize..])) {
                let instead = ServerFrame::Presence { seq: Seq(seq), member_id: sender, connected: true };
                assert!(*kept == *said || (said.len() > PIECE && *kept == instead.to_bytes()), "{seq}");
            }
            // The last pieces are whole.
            let whole =
                others.iter().zip(&said[from.0 as usize..]).rev().take_while(|(kept, said)| kept == said).count();
            assert!(whole >= 6.min(others.len()), "{whole} of {}", others.len());
            let own = history.after(sender, from, Seq(seq)).unwrap();
            assert!(own.iter().all(|frame| matches!(ServerFrame::parse(frame), Ok(ServerFrame::Accepted { .. }))));
        }
        assert_eq!(history.long_bytes, 0);
        // No commit is shortened: without it, all after it would be lost.
        let mut history = History::new(200_000);
        for frame in frames([100_000; 3]) {
            history.push(sender, Some(Own::Committed(Epoch::default())), frame);
        }
        assert_eq!((history.events.len(), history.long_bytes), (1, 0));
    }

    #[test]
    fn one_that_has_to_forget_gives_back_what_was_for_more() {
        let mut history = History::new(10_000_000);
        for frame in frames([20; 10_000]) {
            history.push(AUTHOR, None, frame);
        }
        assert!(history.page_bytes == PAGE_BYTES && history.events.capacity() >= 10_000);
        let frames = frames([21, 5000, 22]);
        frames.iter().for_each(|frame| drop(history.push(AUTHOR, None, frame.clone())));
        let page = history.events.back().unwrap().frame.clone();
        history.forget(6000);
        assert_eq!((history.page.capacity(), history.page_bytes), (0, 0));
        assert!(page.is_unique() && history.events.capacity() <= 2 * FEW);
        let seq = |seq: u64| Seq(10_000 + seq);
        assert_eq!(history.after(MemberId(2), seq(0), seq(3)).unwrap(), frames);
    }

    #[test]
    fn one_that_keeps_nothing_holds_nothing() {
        let full = || {
            let mut history = History::new(1_000_000);
            frames([300; 2000]).into_iter().for_each(|frame| drop(history.push(AUTHOR, None, frame)));
            let newest = history.events.back().unwrap().frame.clone();
            assert!(history.page.capacity() > 0 && !newest.is_unique());
            (history, newest)
        };
        let (mut history, newest) = full();
        history.forget(0);
        assert!(newest.is_unique(), "its page is held by nobody else");
        let (mut history, newest) = full();
        history.clear();
        assert!(newest.is_unique());
        assert_eq!(history.bound, 1_000_000);
    }
}
