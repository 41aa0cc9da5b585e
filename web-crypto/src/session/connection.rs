//! When to connect, when to ping, when to give a connection up; and how to notice a network that blocks WebSockets.

use core::time::Duration;

use wire::limits;

use super::io::Io;

/// How long opening a socket may take, and then how long the welcome may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long the server may take to answer a ping when the network is in doubt.
const PROBE: Duration = Duration::from_secs(3);

/// After this many attempts in a row without an open socket, the client asks the door whether it can be reached.
const UNOPENED: u32 = 3;
/// Shown when the door can be reached and no socket opens.
const BLOCKED: &str = "Something between you and the server blocks WebSockets. \
                       Ask the administrator of the network or of the server's proxy.";

/// The shortest wait that the end of the grace period may lead to.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The connection's state. Times are those of [`Io::now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next attempt starts at this time.
    Waiting { until: u64 },
    /// The socket is opening, or is open and waits for the welcome. The attempt is given up at this time.
    Trying { until: u64 },
    /// Welcomed. The connection is given up at `deadline` if nothing arrives before; the next ping is due at `ping`.
    Up { deadline: u64, ping: u64 },
}

/// What is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Connect,
    GiveUp,
    Ping,
    Nothing,
}

#[derive(Debug)]
pub(super) struct Timing {
    state: State,
    /// Failed attempts since the connection was last up.
    failures: u32,
    /// The earliest end of the grace period, in which the server keeps the member's place.
    grace_end: u64,
}

/// Notices a network or a proxy that lets requests through and blocks WebSockets.
#[derive(Debug, Default)]
pub(super) struct BlockDetector {
    /// Whether the current attempt, or the last one, opened its socket.
    opened: bool,
    /// Attempts in a row that opened none.
    unopened: u32,
    /// Whether the door answered after [`UNOPENED`] of them.
    blocked: bool,
}

impl BlockDetector {
    pub(super) fn connecting(&mut self) {
        self.opened = false;
    }

    pub(super) fn opened(&mut self) {
        *self = Self { opened: true, ..Self::default() };
    }

    /// Notes that an attempt or a connection has ended. Returns whether to ask the door now: without the door's answer, a
    /// network that is down looks the same as one that blocks.
    pub(super) fn closed(&mut self) -> bool {
        if !self.opened {
            self.unopened = self.unopened.saturating_add(1);
        }
        self.unopened >= UNOPENED
    }

    /// Notes whether the door answered. Returns whether [`BlockDetector::words`] has changed.
    pub(super) fn door_answered(&mut self, answered: bool) -> bool {
        let blocked = answered && self.unopened >= UNOPENED;
        core::mem::replace(&mut self.blocked, blocked) != blocked
    }

    /// Returns what to show while sockets are blocked.
    pub(super) fn words(&self) -> Option<&'static str> {
        self.blocked.then_some(BLOCKED)
    }
}

/// The whole milliseconds of a duration.
pub(super) const fn ms(duration: Duration) -> u64 {
    duration.as_secs() * 1000 + duration.subsec_millis() as u64
}

impl Timing {
    /// The first attempt, which starts now.
    pub(super) fn trying(now: u64) -> Self {
        let state = State::Trying { until: now.saturating_add(ms(ATTEMPT)) };
        Self { state, failures: 0, grace_end: now.saturating_add(ms(limits::GRACE)) }
    }

    /// Notes that the connection was lost, or that an attempt failed. Returns how long to wait.
    ///
    /// The wait doubles from [`limits::RECONNECT_MIN`] to [`limits::RECONNECT_MAX`] and is shortened at random by up to a
    /// half, so that an outage does not bring all clients back at one moment. As the grace period runs out, waits become
    /// shorter: a client whose network is back in time keeps its place.
    pub(super) fn lost(&mut self, io: &Io) -> u64 {
        if self.is_up() {
            self.grace_end = io.now.saturating_add(ms(limits::GRACE));
        }
        let most = match self.grace_end.saturating_sub(io.now) {
            0 => ms(limits::RECONNECT_MAX),
            left => (left / 2).clamp(ms(SHORTEST_WAIT), ms(limits::RECONNECT_MAX)),
        };
        let full = ms(limits::RECONNECT_MIN).saturating_mul(1 << self.failures.min(32)).min(most);
        self.failures = self.failures.saturating_add(1);
        self.wait(full / 2 + io.jitter(full / 2), io.now)
    }

    /// Notes that the server stops, which disconnects all clients at once. Returns how long to wait: the wait is spread,
    /// so that they come back one after the other.
    pub(super) fn stopped(&mut self, io: &Io) -> u64 {
        self.wait(ms(limits::RECONNECT_MIN) + io.jitter(ms(limits::RESTART_SPREAD)), io.now)
    }

    fn wait(&mut self, wait: u64, now: u64) -> u64 {
        self.state = State::Waiting { until: now.saturating_add(wait) };
        wait
    }

    /// Notes that a socket is being opened, or has just opened and waits for the welcome.
    pub(super) fn try_now(&mut self, now: u64) {
        self.state = State::Trying { until: now.saturating_add(ms(ATTEMPT)) };
    }

    /// Starts again from the shortest wait: the system or the person said that the network may be back.
    pub(super) fn reset_backoff(&mut self) {
        self.failures = 0;
    }

    /// True when the current attempt has taken so long that a new one is likely to be quicker.
    pub(super) fn is_attempt_slow(&self, now: u64) -> bool {
        matches!(self.state, State::Trying { until } if until <= now.saturating_add(ms(ATTEMPT - PROBE)))
    }

    pub(super) fn up(&mut self, io: &Io) {
        self.failures = 0;
        self.state = State::Up { deadline: io.now.saturating_add(ms(limits::SILENCE_TIMEOUT)), ping: next_ping(io) };
    }

    /// Notes that the server sent something.
    pub(super) fn heard(&mut self, now: u64) {
        if let State::Up { deadline, .. } = &mut self.state {
            *deadline = now.saturating_add(ms(limits::SILENCE_TIMEOUT));
        }
    }

    /// Notes that a ping was sent. When the network is in doubt, the answer is due within [`PROBE`].
    pub(super) fn pinged(&mut self, in_doubt: bool, io: &Io) {
        if let State::Up { deadline, ping } = &mut self.state {
            *ping = next_ping(io);
            if in_doubt {
                *deadline = (*deadline).min(io.now.saturating_add(ms(PROBE)));
            }
        }
    }

    /// Returns how long it is until the next attempt, while one is waited for.
    pub(super) fn wait_left(&self, now: u64) -> Option<u64> {
        match self.state {
            State::Waiting { until } => Some(until.saturating_sub(now)),
            State::Trying { .. } | State::Up { .. } => None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    pub(super) fn due(&self, now: u64) -> Due {
        match self.state {
            State::Waiting { until } if until <= now => Due::Connect,
            State::Trying { until } if until <= now => Due::GiveUp,
            State::Up { deadline, .. } if deadline <= now => Due::GiveUp,
            State::Up { ping, .. } if ping <= now => Due::Ping,
            _ => Due::Nothing,
        }
    }

    /// Returns when [`Timing::due`] changes next.
    pub(super) fn next(&self) -> u64 {
        match self.state {
            State::Waiting { until } | State::Trying { until } => until,
            State::Up { deadline, ping } => deadline.min(ping),
        }
    }
}

fn next_ping(io: &Io) -> u64 {
    io.now.saturating_add(ms(limits::PING_INTERVAL) - io.jitter(ms(limits::PING_INTERVAL) / 4))
}
