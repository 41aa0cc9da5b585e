//! A prepared message, in which only three numbers change.

use wire::{ClientFrame, Counter, Epoch};

use crate::ws::{MASK, opcode, put};

/// The bytes before the sealed part, the same number from client and server.
const HEADER_BYTES: usize = 22;
const EPOCH_AT: usize = 2;
const COUNTER_AT: usize = 14;
const TIME_AT: usize = 22;

/// A masked frame.
pub(super) struct Template {
    bytes: Vec<u8>,
    payload: usize,
}

impl Template {
    pub(super) fn new(frame_bytes: usize) -> Self {
        let sealed = vec![0x5a; frame_bytes - HEADER_BYTES];
        let frame = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(0), sealed: &sealed }.to_bytes();
        let mut bytes = Vec::new();
        put(&mut bytes, opcode::BINARY, &frame);
        let payload = bytes.len() - frame.len();
        Self { bytes, payload }
    }

    /// Adds the message. Its sealed bytes begin with the time at which it is sent.
    pub(super) fn put(&self, out: &mut Vec<u8>, epoch: Epoch, counter: Counter, nanos: u64) {
        let payload = out.len() + self.payload;
        out.extend(&self.bytes);
        let mut set = |at: usize, bytes: &[u8]| {
            for (at, byte) in (at..).zip(bytes) {
                out[payload + at] = byte ^ MASK[at % MASK.len()];
            }
        };
        set(EPOCH_AT, &epoch.generation.to_be_bytes());
        set(EPOCH_AT + 4, &epoch.number.to_be_bytes());
        set(COUNTER_AT, &counter.0.to_be_bytes());
        set(TIME_AT, &nanos.to_be_bytes());
    }
}

/// Returns the time at which a message was sent.
pub(super) fn sent_at(sealed: &[u8]) -> u64 {
    sealed.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
