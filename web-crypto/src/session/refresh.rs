//! When a member renews its keys by a commit of its own.

use core::time::Duration;

use super::{connection::ms, io::Io};

/// The time after the member's last commit, if it has spoken since.
const SPOKEN: Duration = Duration::from_secs(15 * 60);
/// The time after the member's last commit, if it has not spoken since.
const SILENT: Duration = Duration::from_secs(60 * 60);
/// The time before the next try, when another member's commit took the place of this one's.
const RETRY: Duration = Duration::from_secs(5 * 60);
/// Members that came in by one commit do not all refresh at one moment.
const SPREAD: Duration = Duration::from_secs(60);

/// The times of one member's refreshing commits, on the clock of [`Io::now`].
#[derive(Debug, Default)]
pub(super) struct Refresh {
    last: u64,
    spoken: bool,
    not_before: u64,
}

impl Refresh {
    /// Called when the member's own commit was merged, or when the member has come in.
    pub(super) fn committed(&mut self, io: &Io) {
        *self = Self { last: io.now.saturating_add(io.jitter(ms(SPREAD))), ..Self::default() };
    }

    /// Called when the member has said something.
    pub(super) fn spoke(&mut self) {
        self.spoken = true;
    }

    /// Called when a commit was made. The server may order another member's commit first.
    pub(super) fn tried(&mut self, now: u64) {
        self.not_before = now.saturating_add(ms(RETRY));
    }

    /// Returns when the next refreshing commit is due.
    pub(super) fn due(&self) -> u64 {
        let after = if self.spoken { SPOKEN } else { SILENT };
        self.last.saturating_add(ms(after)).max(self.not_before)
    }
}
