//! Mutates the inputs of a corpus.

/// Bytes that parsers treat specially: integer bounds, and the delimiters of text formats.
const SPECIAL: &[u8] = b"\x00\x01\x7d\x7e\x7f\x80\x81\x82\x88\x89\xfe\xff 09,;:\"\\{}[]\r\n";
const MAX_BYTES: usize = 16 * 1024;

/// A mutator with a random number generator that starts from a seed.
pub struct Mutator(u64);

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// Returns an input of the corpus with a few random changes.
    pub fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(corpus).clone();
        for _ in 0..=self.below(5) {
            let (start, end) = self.range(bytes.len());
            match self.below(7) {
                0 if start < bytes.len() => bytes[start] ^= 1 << self.below(8),
                1 if start < bytes.len() => bytes[start] = *self.pick(SPECIAL),
                2 if start < bytes.len() => bytes[start] = bytes[start].wrapping_add(1),
                3 => drop(bytes.drain(start..end)),
                4 => {
                    let copy = bytes[start..end].to_vec();
                    let (at, _) = self.range(bytes.len());
                    bytes.splice(at..at, copy);
                }
                5 => {
                    let other = self.pick(corpus);
                    let (from, to) = self.range(other.len());
                    bytes.splice(start..end, other[from..to].iter().copied());
                }
                _ => {
                    let byte = *self.pick(SPECIAL);
                    bytes.insert(start, byte);
                }
            }
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    /// Returns a random range, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length + 1);
        let most = 1 << self.below(12);
        (start, length.min(start + self.below(most)))
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
