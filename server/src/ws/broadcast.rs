//! Broadcast messages: framed once, and written to every socket from the same bytes.

use std::{io::IoSlice, ops::Range};

use bytes::Bytes;

use super::{MAX_COPIED_BYTES, Opcode, head};

/// Up to this size, copying scattered bytes together costs less than a vectored write.
const GATHERED_BYTES: usize = 16 * 1024;

/// Framed binary messages, of which each socket gets a selection.
pub struct FramedMessages<'m> {
    /// All frames in a row, but without the payloads of long messages.
    bytes: Vec<u8>,
    messages: Vec<Segment<'m>>,
}

/// A range of these bytes, followed by a long payload that is written without a copy.
#[derive(Clone)]
struct Segment<'m> {
    range: Range<usize>,
    long: Option<&'m [u8]>,
}

/// Buffers to reuse for the next socket.
#[derive(Default)]
pub struct Scratch<'m> {
    segments: Vec<Segment<'m>>,
    gathered: Vec<u8>,
}

impl<'m> FramedMessages<'m> {
    /// Frames these messages. They are numbered from 0.
    #[must_use]
    pub fn new(payloads: impl Iterator<Item = &'m Bytes> + Clone) -> Self {
        let (count, all) = payloads.clone().fold((0, 0), |(count, all), payload| {
            let (_, head) = head::encode(Opcode::Binary, payload.len());
            (count + 1, all + head + if is_long(payload) { 0 } else { payload.len() })
        });
        let mut framed = Self { bytes: Vec::with_capacity(all), messages: Vec::with_capacity(count) };
        payloads.for_each(|payload| framed.push(payload));
        framed
    }

    fn push(&mut self, payload: &'m [u8]) {
        let start = self.bytes.len();
        let (head, length) = head::encode(Opcode::Binary, payload.len());
        self.bytes.extend_from_slice(head.get(..length).unwrap_or_default());
        let long = is_long(payload).then_some(payload);
        if long.is_none() {
            self.bytes.extend_from_slice(payload);
        }
        self.messages.push(Segment { range: start..self.bytes.len(), long });
    }

    /// Calls `write` once with the messages of these numbers, in that order, in as few parts as pay off.
    pub fn write<T>(
        &self,
        numbers: impl Iterator<Item = usize>,
        scratch: &mut Scratch<'m>,
        write: impl FnOnce(&[IoSlice<'_>]) -> T,
    ) -> T {
        let Scratch { segments, gathered } = scratch;
        segments.clear();
        for message in numbers.filter_map(|number| self.messages.get(number)) {
            match segments.last_mut() {
                Some(last) if last.long.is_none() && last.range.end == message.range.start => {
                    *last = Segment { range: last.range.start..message.range.end, long: message.long };
                }
                _ => segments.push(message.clone()),
            }
        }
        if let [Segment { range, long: None }] = &**segments {
            return write(&[IoSlice::new(self.bytes(range))]);
        }
        let all = segments.iter().map(|segment| segment.range.len()).sum::<usize>();
        if all <= GATHERED_BYTES && segments.iter().all(|segment| segment.long.is_none()) {
            gathered.clear();
            segments.iter().for_each(|segment| gathered.extend_from_slice(self.bytes(&segment.range)));
            return write(&[IoSlice::new(gathered)]);
        }
        let parts = segments.iter().flat_map(|Segment { range, long }| [Some(self.bytes(range)), *long]);
        write(&parts.flatten().map(IoSlice::new).collect::<Vec<_>>())
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

fn is_long(payload: &[u8]) -> bool {
    payload.len() > MAX_COPIED_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes that are written for a selection of messages, and the number of parts.
    fn written(payloads: &[Bytes], numbers: &[usize]) -> (Vec<u8>, usize) {
        let framed = FramedMessages::new(payloads.iter());
        framed.write(numbers.iter().copied(), &mut Scratch::default(), |parts| (all(parts), parts.len()))
    }

    fn all(parts: &[IoSlice<'_>]) -> Vec<u8> {
        parts.iter().flat_map(|part| part.iter().copied()).collect()
    }

    fn zeros(counts: &[usize]) -> Vec<Bytes> {
        counts.iter().zip(1..).map(|(count, number)| vec![number; *count].into()).collect()
    }

    #[test]
    fn every_selection_is_written_in_order() {
        let payloads = zeros(&[0, 1, 125, 126, 300, 4096, 4097, 70_000, 5, 9000]);
        let mut scratch = Scratch::default();
        let framed = FramedMessages::new(payloads.iter());
        for chosen in 0..1_usize << payloads.len() {
            let numbers = (0..payloads.len()).filter(|number| chosen >> number & 1 == 1);
            let mut expected = Vec::new();
            for payload in numbers.clone().map(|number| &payloads[number]) {
                let (head, length) = head::encode(Opcode::Binary, payload.len());
                expected.extend_from_slice(&head[..length]);
                expected.extend_from_slice(payload);
            }
            let got = framed.write(numbers, &mut scratch, all);
            assert!(got == expected, "{chosen:b}");
        }
    }

    #[test]
    fn adjacent_messages_are_one_part() {
        let small = zeros(&[300; 10]);
        assert_eq!(written(&small, &[0, 1, 2, 3]).1, 1);
        assert_eq!(written(&small, &[0, 1, 9, 4]).1, 1, "small messages are copied together");
        let many = zeros(&[4000; 10]);
        assert_eq!(written(&many, &[0, 1, 2, 3, 4, 5, 6, 7, 8]).1, 1, "adjacent bytes need no copy");
        assert_eq!(written(&many, &[0, 1, 2, 4, 5, 6, 9]).1, 3);
        let long = zeros(&[9000, 9000]);
        assert_eq!(written(&long, &[0, 1]).1, 4, "a head and a payload each");
        assert_eq!(written(&zeros(&[300, 9000, 300]), &[0, 1, 2]).1, 3);
    }

    #[test]
    fn callers_order_is_kept() {
        let payloads = [Bytes::from("a"), "b".into(), "c".into()];
        assert_eq!(written(&payloads, &[2, 0]).0, b"\x82\x01c\x82\x01a");
        assert_eq!(written(&payloads, &[]).0, b"");
    }
}
