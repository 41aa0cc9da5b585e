//! The session's queue of outputs, the time of the current input, and the session's randomness.

use core::fmt::Display;
use std::collections::VecDeque;

use serde::Serialize;
use wire::ClientFrame;
use zeroize::Zeroizing;

use super::{Output, View};
use crate::group::Random;

/// Everything that a part of the session needs beyond its own state. Methods of the session reach it as `self.io`; a part
/// without its own queue borrows it.
pub(super) struct Io {
    /// The time of the current input: milliseconds of a monotonic clock.
    pub(super) now: u64,
    random: Random,
    outputs: VecDeque<Output>,
}

impl Io {
    /// An empty queue, before the first input. All randomness of the session comes from `seed`.
    pub(super) fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        Self { now: 0, random: Random::new(seed), outputs: VecDeque::new() }
    }

    /// Moves the queue into a new `Io`, with a generator seeded from this one: the two never give the same bytes.
    pub(super) fn hand_over(&mut self) -> Self {
        Self { outputs: core::mem::take(&mut self.outputs), now: self.now, ..Self::new(self.random()) }
    }

    /// Removes and returns the oldest output.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn show(&mut self, view: View) {
        self.push(Output::Show(view));
    }

    pub(super) fn send(&mut self, frame: &ClientFrame<'_>) {
        self.push(Output::Send(frame.to_bytes()));
    }

    pub(super) fn post(&mut self, path: &'static str, request: &impl Serialize) {
        self.push(Output::Post(path, to_json(request)));
    }

    /// Writes a line to the log of a developer. It must name nobody and show no secret.
    pub(super) fn debug(&mut self, event: &str, cause: &dyn Display) {
        self.push(Output::Debug(format!("{event}: {cause}")));
    }

    /// Draws random bytes.
    pub(super) fn random<const N: usize>(&self) -> Zeroizing<[u8; N]> {
        let mut bytes = Zeroizing::new([0; N]);
        self.random.fill(bytes.as_mut_slice());
        bytes
    }

    /// Draws a number from 0 to `most`. Its bias does not matter to a wait.
    pub(super) fn jitter(&self, most: u64) -> u64 {
        u64::from(u32::from_le_bytes(*self.random())) % most.saturating_add(1)
    }
}

/// Encodes a request to the door.
#[expect(clippy::expect_used, reason = "an empty body would be refused, and its sender would not know why")]
pub(super) fn to_json(request: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(request).expect("a structure of texts and numbers has a JSON form"))
}
