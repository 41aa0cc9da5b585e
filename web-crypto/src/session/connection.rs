//! When to connect, when to ask, when to give up: the times of one connection.

use core::time::Duration;

use wire::limits;

use super::Env;

/// How long it may take until a socket is open, and then until the welcome.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long the other side may take to answer when the network is in doubt.
const PROBE: Duration = Duration::from_secs(3);

/// Attempts in a row whose sockets never opened, before the door is asked whether it can be reached.
const UNOPENED: u32 = 3;
/// What the person reads where the door can be reached, and no socket opens.
const BLOCKED: &str = "Something between you and the server blocks WebSockets. \
                       Ask the administrator of the network or of the server's proxy.";

/// However little is left, attempts come no faster one after the other.
const HASTE: Duration = Duration::from_secs(1);

/// The connection's state; times are those of [`Env::now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The next attempt comes at this time.
    Waiting { until: u64 },
    /// Opening or greeting; given up at this time.
    Trying { until: u64 },
    /// Welcomed: silent since `heard`, which must not pass `deadline`; asks at `ping`.
    Up { deadline: u64, ping: u64 },
}

/// What the time has come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Connect,
    GiveUp,
    Ping,
    Nothing,
}

#[derive(Debug)]
pub(super) struct Timing {
    pub(super) state: State,
    /// Failed attempts since it was last up.
    failures: u32,
    /// Until when the server keeps the place at least.
    kept: u64,
}

/// Whether sockets pass where requests do. A proxy or a network may stop the one and let the other through.
#[derive(Debug, Default)]
pub(super) struct Passage {
    /// The last attempt came as far as an open socket.
    opened: bool,
    /// Attempts in a row that did not.
    unopened: u32,
    /// After those, the door answered.
    blocked: bool,
}

impl Passage {
    pub(super) fn connecting(&mut self) {
        self.opened = false;
    }

    pub(super) fn opened(&mut self) {
        *self = Self { opened: true, ..Self::default() };
    }

    /// An attempt or a connection is over. Whether the door is to be asked now: without its answer, a line that is cut
    /// looks the same.
    pub(super) fn closed(&mut self) -> bool {
        if !self.opened {
            self.unopened = self.unopened.saturating_add(1);
        }
        self.unopened >= UNOPENED
    }

    /// Whether the door has answered. Whether that changes what the person is to read.
    pub(super) fn door(&mut self, answered: bool) -> bool {
        let blocked = answered && self.unopened >= UNOPENED;
        core::mem::replace(&mut self.blocked, blocked) != blocked
    }

    /// What the person is to read, if anything.
    pub(super) fn words(&self) -> Option<&'static str> {
        self.blocked.then_some(BLOCKED)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Timing {
    pub(super) fn trying(env: &impl Env) -> Self {
        let now = env.now();
        let state = State::Trying { until: now.saturating_add(ms(ATTEMPT)) };
        Self { state, failures: 0, kept: now.saturating_add(ms(limits::GRACE)) }
    }

    /// The connection is lost, or did not come about: how long to wait. Doubles from
    /// [`limits::RECONNECT_MIN`] to [`limits::RECONNECT_MAX`], and anything from half of it to all of
    /// it, so that what befalls many does not bring them all back in one moment. The less is left of the time for which
    /// the place is kept, the shorter: whoever is on line again before it is over is to be there before it is over.
    pub(super) fn lost(&mut self, env: &mut impl Env) -> u64 {
        let now = env.now();
        if self.is_up() {
            self.kept = now.saturating_add(ms(limits::GRACE));
        }
        let most = match self.kept.saturating_sub(now) {
            0 => ms(limits::RECONNECT_MAX),
            left => (left / 2).clamp(ms(HASTE), ms(limits::RECONNECT_MAX)),
        };
        let full = ms(limits::RECONNECT_MIN)
            .saturating_mul(1_u64.checked_shl(self.failures.min(32)).unwrap_or(u64::MAX))
            .min(most);
        self.failures = self.failures.saturating_add(1);
        let wait = full / 2 + jitter(full / 2, env);
        self.wait(wait, env)
    }

    /// The server stops, for everyone at once: how long to wait, so that they come back one after the other.
    pub(super) fn stopped(&mut self, env: &mut impl Env) -> u64 {
        let wait = ms(limits::RECONNECT_MIN) + jitter(ms(limits::RESTART_SPREAD), env);
        self.wait(wait, env)
    }

    fn wait(&mut self, wait: u64, env: &impl Env) -> u64 {
        self.state = State::Waiting { until: env.now().saturating_add(wait) };
        wait
    }

    /// A socket is being opened, or is open now and waits for the welcome.
    pub(super) fn try_now(&mut self, env: &impl Env) {
        self.state = State::Trying { until: env.now().saturating_add(ms(ATTEMPT)) };
    }

    /// The system or the person says that there may be a line again: if not, the next waits are short all the same.
    pub(super) fn hope(&mut self) {
        self.failures = 0;
    }

    /// Whether it has tried for so long that another attempt may well be quicker.
    pub(super) fn is_in_vain(&self, now: u64) -> bool {
        matches!(self.state, State::Trying { until } if until <= now.saturating_add(ms(ATTEMPT - PROBE)))
    }

    pub(super) fn up(&mut self, env: &mut impl Env) {
        self.failures = 0;
        let ping = env.now().saturating_add(ms(limits::PING_EVERY) - jitter(ms(limits::PING_EVERY) / 4, env));
        self.state = State::Up { deadline: env.now().saturating_add(ms(limits::SILENCE)), ping };
    }

    /// Something was heard.
    pub(super) fn heard(&mut self, env: &impl Env) {
        if let State::Up { deadline, .. } = &mut self.state {
            *deadline = env.now().saturating_add(ms(limits::SILENCE));
        }
    }

    /// A ping was just sent: the next one, and when the answer must be there if the network is in doubt.
    pub(super) fn asked(&mut self, in_doubt: bool, env: &mut impl Env) {
        if let State::Up { deadline, ping } = &mut self.state {
            *ping = env.now().saturating_add(ms(limits::PING_EVERY) - jitter(ms(limits::PING_EVERY) / 4, env));
            if in_doubt {
                *deadline = (*deadline).min(env.now().saturating_add(ms(PROBE)));
            }
        }
    }

    /// How long it is until the next attempt, if that is waited for.
    pub(super) fn wait_left(&self, env: &impl Env) -> Option<u64> {
        match self.state {
            State::Waiting { until } => Some(until.saturating_sub(env.now())),
            State::Trying { .. } | State::Up { .. } => None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
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

    /// When to look again.
    pub(super) fn next(&self) -> u64 {
        match self.state {
            State::Waiting { until } | State::Trying { until } => until,
            State::Up { deadline, ping } => deadline.min(ping),
        }
    }
}

/// From 0 to `most`, near enough to even.
pub(super) fn jitter(most: u64, env: &mut impl Env) -> u64 {
    let mut bytes = [0; 4];
    env.random(&mut bytes);
    u64::from(u32::from_le_bytes(bytes)) % most.saturating_add(1)
}
