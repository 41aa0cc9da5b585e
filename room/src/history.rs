//! The replay buffer: the last events, as members in the group received them, for members that reconnect.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wire::{Counter, Epoch, MemberId, Seq, ServerFrame};

/// What an event costs beyond its bytes.
const OVERHEAD: usize = 160;
/// Short frames lie one after the other in pages of this many bytes. In allocations of their own they would be spread
/// over all of the process's memory, and every frame that is added or dropped would be a cache miss.
const PAGE_BYTES: usize = 64 * 1024;
/// The buffer holds at least this many pages, so that unused space in the first and the last one is small beside it.
const PAGES: usize = 8;
/// Only frames up to this many bytes are laid in pages. A queue has to copy frames of this size: if it kept the frame
/// itself, it would keep a whole page and count only the frame.
pub const PAGED_BYTES: usize = 4 * 1024;
/// Messages beyond this are pieces of pictures; hardly any text is as long.
const LONG: usize = 8 * 1024;
/// The memory for this many events is not worth giving back.
const FEW: usize = 16;

/// The last events, without a gap, up to the room's last one. If long messages take more than half of the buffer, the
/// oldest of them are replaced by short events: otherwise a picture or two would push out all text.
///
/// A snapshot holds the events. How they lie in memory is not part of it.
#[derive(Serialize, Deserialize)]
pub(super) struct History {
    events: VecDeque<Event>,
    bytes: usize,
    /// Bytes of long messages.
    long_bytes: usize,
    bound: usize,
    /// The number of oldest events that are known not to be long.
    #[serde(skip)]
    short: usize,
    /// The unused rest of the newest page.
    #[serde(skip)]
    page: BytesMut,
    /// The size of that page.
    #[serde(skip)]
    page_bytes: usize,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Event {
    author: MemberId,
    /// What the author receives instead of the frame.
    receipt: Option<Receipt>,
    frame: Bytes,
    is_long: bool,
}

/// What the author of an event receives instead of its own frame.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Receipt {
    /// Its message was accepted.
    Accepted(Counter),
    /// Its commit ended this epoch.
    Committed(Epoch),
}

impl Receipt {
    /// Returns the frame for the event of this number.
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

    /// Replaces a message by a short `presence` of its sender, which keeps its number.
    fn shorten(&mut self) {
        if let Ok(ServerFrame::Message { seq, sender, .. }) = ServerFrame::parse(&self.frame) {
            let presence = ServerFrame::Presence { seq, member_id: sender, connected: true };
            self.frame = presence.to_bytes().into();
        }
        self.is_long = false;
    }
}

/// Two replay buffers are equal when they hold the same events within the same bound, however those lie in memory.
impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.bound == other.bound && self.bytes == other.bytes && self.events == other.events
    }
}

impl History {
    /// A buffer of at most this many bytes. With a bound of 0 it keeps nothing.
    pub(super) fn new(bound: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, long_bytes: 0, bound, short: 0, page: BytesMut::new(), page_bytes: 0 }
    }

    /// Adds an event, and drops the oldest ones beyond the bound. Returns the frame, to be broadcast.
    pub(super) fn push(&mut self, author: MemberId, receipt: Option<Receipt>, frame: Vec<u8>) -> Bytes {
        let is_long = matches!(receipt, Some(Receipt::Accepted(_))) && frame.len() > LONG;
        let frame = self.lay(frame);
        let event = Event { author, receipt, frame: frame.clone(), is_long };
        self.bytes += event.cost();
        self.long_bytes += if is_long { event.cost() } else { 0 };
        self.events.push_back(event);
        self.trim(self.bound);
        frame
    }

    /// Puts a frame into the newest page, or into memory of its own.
    fn lay(&mut self, frame: Vec<u8>) -> Bytes {
        let page_bytes = PAGE_BYTES.min(self.bytes / PAGES);
        if frame.len() > PAGED_BYTES.min(page_bytes / PAGES) {
            return frame.into();
        }
        if self.page.capacity() < frame.len() {
            self.page = BytesMut::with_capacity(page_bytes);
            self.page_bytes = page_bytes;
        }
        self.page.extend_from_slice(&frame);
        self.page.split().freeze()
    }

    /// Shortens the oldest long messages and drops the oldest events until at most this many bytes are left.
    pub(super) fn trim(&mut self, most: usize) {
        while self.bytes > most && (self.shorten(most / 2) || self.drop_oldest()) {}
        // A large page is not kept for a small buffer.
        if self.bytes < self.page_bytes {
            self.page = BytesMut::new();
            self.page_bytes = 0;
            self.events.iter_mut().for_each(|event| event.frame = Bytes::copy_from_slice(&event.frame));
        }
        if self.events.capacity() > 4 * self.events.len().max(FEW) {
            self.events.shrink_to(2 * self.events.len());
        }
    }

    /// Shortens the oldest long message if all of them have more than this many bytes.
    fn shorten(&mut self, most: usize) -> bool {
        while self.long_bytes > most
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

    /// Returns what this member missed after the event `seq`, up to the room's last one, or `None` if a part of it is no
    /// longer here.
    pub(super) fn after(&self, member: MemberId, seq: Seq, last: Seq) -> Option<Vec<Bytes>> {
        let missed = usize::try_from(last.0.checked_sub(seq.0)?).ok()?;
        let known = self.events.len().checked_sub(missed)?;
        let frame = |(number, event): (u64, &Event)| match event.receipt {
            Some(receipt) if event.author == member => receipt.frame(Seq(number)),
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

    /// Frames of these lengths; only tiny ones are equal.
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
    fn frames_that_fit_exactly_are_kept() {
        let mut history = History::new(2 * (OVERHEAD + 20));
        for (frame, kept) in frames([20, 20, 21]).into_iter().zip([1, 2, 1]) {
            history.push(AUTHOR, None, frame);
            assert_eq!(history.events.len(), kept);
        }
    }

    #[test]
    fn short_frames_share_pages() {
        let mut history = History::new(1_000_000);
        let frames = frames([300; 4000]).into_iter().map(|frame| history.push(AUTHOR, None, frame)).collect::<Vec<_>>();
        let apart = frames.windows(2).filter(|pair| pair[0].as_ptr_range().end != pair[1].as_ptr()).count();
        assert!(apart < 200, "{apart} of 4000 do not follow their predecessor");
    }

    #[test]
    fn small_buffers_use_small_pages() {
        let mut history = History::new(1_000_000);
        for frame in frames([20, 300].into_iter().cycle().take(50)) {
            let long = frame.len() > 20;
            history.push(AUTHOR, None, frame);
            assert!(history.page_bytes * PAGES <= history.bytes);
            // A page would hold few of these, and leave much of it unused.
            assert!(!long || history.events.back().unwrap().frame.is_unique());
        }
        assert!(history.page_bytes > 0);
    }

    #[test]
    fn long_frames_have_memory_of_their_own() {
        let mut history = History::new(10_000_000);
        for frame in frames([300, 4096, 4097, 8192].into_iter().cycle().take(2000)) {
            let long = frame.len() > PAGED_BYTES;
            history.push(AUTHOR, None, frame);
            let newest = history.events.back().unwrap();
            // A page is shared with its unused rest, or with other frames.
            assert!(!long || newest.frame.is_unique());
        }
    }

    #[test]
    fn pictures_do_not_push_out_text() {
        const PIECE: usize = 16_000;
        let mut history = History::new(200_000);
        let sender = MemberId(7);
        let mut said = Vec::new();
        for seq in 1..=1200 {
            // Four pieces for each text; at the end only texts, until no piece is left.
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
            assert_eq!(history.push(sender, Some(Receipt::Accepted(counter)), frame.clone()), frame);
            assert!(history.bytes <= 200_000);
            let costs = |long: bool| {
                history.events.iter().filter(|event| event.is_long || !long).map(Event::cost).sum::<usize>()
            };
            assert_eq!((history.bytes, history.long_bytes), (costs(false), costs(true)));
            let from = Seq(seq.saturating_sub(100));
            let others = history.after(MemberId(8), from, Seq(seq)).expect("the buffer has more than the last hundred");
            for (seq, (kept, said)) in (from.0 + 1..).zip(others.iter().zip(&said[from.0 as usize..])) {
                let instead = ServerFrame::Presence { seq: Seq(seq), member_id: sender, connected: true };
                assert!(*kept == *said || (said.len() > PIECE && *kept == instead.to_bytes()), "{seq}");
            }
            // The newest pieces are whole.
            let whole =
                others.iter().zip(&said[from.0 as usize..]).rev().take_while(|(kept, said)| kept == said).count();
            assert!(whole >= 6.min(others.len()), "{whole} of {}", others.len());
            let own = history.after(sender, from, Seq(seq)).unwrap();
            assert!(own.iter().all(|frame| matches!(ServerFrame::parse(frame), Ok(ServerFrame::Accepted { .. }))));
        }
        assert_eq!(history.long_bytes, 0);
        // Commits are never shortened: without one, a member could open nothing after it.
        let mut history = History::new(200_000);
        for frame in frames([100_000; 3]) {
            history.push(sender, Some(Receipt::Committed(Epoch::default())), frame);
        }
        assert_eq!((history.events.len(), history.long_bytes), (1, 0));
    }

    #[test]
    fn trimming_gives_memory_back() {
        let mut history = History::new(10_000_000);
        for frame in frames([20; 10_000]) {
            history.push(AUTHOR, None, frame);
        }
        assert!(history.page_bytes == PAGE_BYTES && history.events.capacity() >= 10_000);
        let frames = frames([21, 5000, 22]);
        frames.iter().for_each(|frame| drop(history.push(AUTHOR, None, frame.clone())));
        let page = history.events.back().unwrap().frame.clone();
        history.trim(6000);
        assert_eq!((history.page.capacity(), history.page_bytes), (0, 0));
        assert!(page.is_unique() && history.events.capacity() <= 2 * FEW);
        let seq = |seq: u64| Seq(10_000 + seq);
        assert_eq!(history.after(MemberId(2), seq(0), seq(3)).unwrap(), frames);
    }

    #[test]
    fn an_empty_buffer_holds_no_page() {
        let full = || {
            let mut history = History::new(1_000_000);
            frames([300; 2000]).into_iter().for_each(|frame| drop(history.push(AUTHOR, None, frame)));
            let newest = history.events.back().unwrap().frame.clone();
            assert!(history.page.capacity() > 0 && !newest.is_unique());
            (history, newest)
        };
        let (mut history, newest) = full();
        history.trim(0);
        assert!(newest.is_unique(), "nothing else holds its page");
        let (mut history, newest) = full();
        history.clear();
        assert!(newest.is_unique());
        assert_eq!(history.bound, 1_000_000);
    }

    #[test]
    fn a_snapshot_keeps_every_event_and_the_bound() {
        let mut history = History::new(60_000);
        for (seq, frame) in (1_u64..).zip(frames([20, 300, 9000, 2, 12_000].into_iter().cycle().take(60))) {
            history.push(AUTHOR, Some(Receipt::Accepted(Counter(seq))), frame);
        }
        let bytes = postcard::to_allocvec(&history).unwrap();
        let mut copy = postcard::from_bytes::<History>(&bytes).unwrap();
        assert!(copy == history && copy.long_bytes == history.long_bytes);
        for frame in frames([9000; 20]) {
            history.push(AUTHOR, None, frame.clone());
            copy.push(AUTHOR, None, frame);
            assert!(copy == history);
        }
    }
}
