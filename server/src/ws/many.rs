//! Messages that go to many: framed once, and written to each from the same bytes.

use std::{io::IoSlice, ops::Range};

use bytes::Bytes;

use super::{COPIED_BYTES, Opcode, head};

/// Up to so many bytes, to copy what is in several places costs less than to have one write take it from there.
const GATHERED_BYTES: usize = 16 * 1024;

/// Binary messages, as bytes for sockets that each get some of them.
pub struct Framed<'m> {
    /// All of them one after the other; of a long one only its head.
    bytes: Vec<u8>,
    messages: Vec<Stretch<'m>>,
}

/// Some of those bytes, and after them a payload that is written from where it lies.
#[derive(Clone)]
struct Stretch<'m> {
    place: Range<usize>,
    long: Option<&'m [u8]>,
}

/// What is of use again for the next socket.
#[derive(Default)]
pub struct Scratch<'m> {
    stretches: Vec<Stretch<'m>>,
    gathered: Vec<u8>,
}

impl<'m> Framed<'m> {
    /// Frames these messages, numbered from 0.
    #[must_use]
    pub fn new(payloads: impl Iterator<Item = &'m Bytes> + Clone) -> Self {
        let (count, all) = payloads.clone().fold((0, 0), |(count, all), payload| {
            let (_, head) = head::of(Opcode::Binary, payload.len());
            (count + 1, all + head + if is_long(payload) { 0 } else { payload.len() })
        });
        let mut framed = Self { bytes: Vec::with_capacity(all), messages: Vec::with_capacity(count) };
        payloads.for_each(|payload| framed.push(payload));
        framed
    }

    fn push(&mut self, payload: &'m [u8]) {
        let start = self.bytes.len();
        let (head, length) = head::of(Opcode::Binary, payload.len());
        self.bytes.extend_from_slice(head.get(..length).unwrap_or_default());
        let long = is_long(payload).then_some(payload);
        if long.is_none() {
            self.bytes.extend_from_slice(payload);
        }
        self.messages.push(Stretch { place: start..self.bytes.len(), long });
    }

    /// Has the messages with these numbers written, in that order and in as few parts as make sense.
    pub fn write<T>(
        &self,
        numbers: impl Iterator<Item = usize>,
        scratch: &mut Scratch<'m>,
        write: impl FnOnce(&[IoSlice<'_>]) -> T,
    ) -> T {
        let Scratch { stretches, gathered } = scratch;
        stretches.clear();
        for message in numbers.filter_map(|number| self.messages.get(number)) {
            match stretches.last_mut() {
                Some(last) if last.long.is_none() && last.place.end == message.place.start => {
                    *last = Stretch { place: last.place.start..message.place.end, long: message.long };
                }
                _ => stretches.push(message.clone()),
            }
        }
        if let [Stretch { place, long: None }] = &**stretches {
            return write(&[IoSlice::new(self.bytes(place))]);
        }
        let all = stretches.iter().map(|stretch| stretch.place.len()).sum::<usize>();
        if all <= GATHERED_BYTES && stretches.iter().all(|stretch| stretch.long.is_none()) {
            gathered.clear();
            stretches.iter().for_each(|stretch| gathered.extend_from_slice(self.bytes(&stretch.place)));
            return write(&[IoSlice::new(gathered)]);
        }
        let parts = stretches.iter().flat_map(|Stretch { place, long }| [Some(self.bytes(place)), *long]);
        write(&parts.flatten().map(IoSlice::new).collect::<Vec<_>>())
    }

    fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }
}

fn is_long(payload: &[u8]) -> bool {
    payload.len() > COPIED_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written for these of all messages, and in how many parts.
    fn written(payloads: &[Bytes], numbers: &[usize]) -> (Vec<u8>, usize) {
        let framed = Framed::new(payloads.iter());
        framed.write(numbers.iter().copied(), &mut Scratch::default(), |parts| (all(parts), parts.len()))
    }

    fn all(parts: &[IoSlice<'_>]) -> Vec<u8> {
        parts.iter().flat_map(|part| part.iter().copied()).collect()
    }

    fn zeros(counts: &[usize]) -> Vec<Bytes> {
        counts.iter().zip(1..).map(|(count, number)| vec![number; *count].into()).collect()
    }

    #[test]
    fn everyone_gets_theirs_in_order() {
        let payloads = zeros(&[0, 1, 125, 126, 300, 4096, 4097, 70_000, 5, 9000]);
        let mut scratch = Scratch::default();
        let framed = Framed::new(payloads.iter());
        for chosen in 0..1_usize << payloads.len() {
            let numbers = (0..payloads.len()).filter(|number| chosen >> number & 1 == 1);
            let mut expected = Vec::new();
            for payload in numbers.clone().map(|number| &payloads[number]) {
                let (head, length) = head::of(Opcode::Binary, payload.len());
                expected.extend_from_slice(&head[..length]);
                expected.extend_from_slice(payload);
            }
            let got = framed.write(numbers, &mut scratch, all);
            assert!(got == expected, "{chosen:b}");
        }
    }

    #[test]
    fn what_stands_together_is_one_part() {
        let small = zeros(&[300; 10]);
        assert_eq!(written(&small, &[0, 1, 2, 3]).1, 1);
        assert_eq!(written(&small, &[0, 1, 9, 4]).1, 1, "so little is copied together");
        let many = zeros(&[4000; 10]);
        assert_eq!(written(&many, &[0, 1, 2, 3, 4, 5, 6, 7, 8]).1, 1, "it lies as it is written");
        assert_eq!(written(&many, &[0, 1, 2, 4, 5, 6, 9]).1, 3);
        let long = zeros(&[9000, 9000]);
        assert_eq!(written(&long, &[0, 1]).1, 4, "a head and a payload each");
        assert_eq!(written(&zeros(&[300, 9000, 300]), &[0, 1, 2]).1, 3);
    }

    #[test]
    fn the_order_is_the_callers() {
        let payloads = [Bytes::from("a"), "b".into(), "c".into()];
        assert_eq!(written(&payloads, &[2, 0]).0, b"\x82\x01c\x82\x01a");
        assert_eq!(written(&payloads, &[]).0, b"");
    }
}
