//! Wrong guesses at passwords, tokens and codes: the networks that they come from are locked out for a while, and where
//! very many go to one door, it answers wrong ones more slowly. Right ones are never counted.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use room::Address;
use tokio::{sync::Semaphore, time::sleep};
use wire::limits;

/// Pairs of a door and a network that are remembered, some 100 bytes each; of more, those that were quiet the longest are
/// forgotten. Since a network is locked out of all doors after [`ALL_DOORS`], no few networks can bring that about.
const REMEMBERED: usize = 200_000;
/// How many times as many wrong guesses a network may make at all doors together as at one.
const ALL_DOORS: u32 = 20;
/// Wrong guesses at one door, from wherever they come, that are answered at once.
const AT_ONCE: u32 = 20;
/// How long the next one waits for its answer; twice as long after as many again, up to [`SLOWEST`].
const SLOW: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_secs(4);
/// Answers that wait at one time; more are given at once, so that waiting does not use up connections.
const WAITING: usize = 1_000;

/// What is guessed at.
#[derive(Clone, Copy, Hash)]
pub(crate) enum Door<'a> {
    /// A room's password.
    Room(&'a str),
    /// An access token.
    Token,
    /// A person's own password, or a recovery code.
    Person(&'a str),
    /// A person's one-time code.
    Code(&'a str),
    /// A code that was sent to a mailbox: to any, since a list may stand for every address of a domain.
    MailedCode,
    /// Everything above.
    Any,
}

impl Door<'_> {
    /// How many times [`limits::GUESSES`] an address may guess wrong.
    fn patience(self) -> u32 {
        match self {
            Self::Room(_) | Self::Token | Self::Person(_) | Self::Code(_) => 1,
            // One address may be an office, with a mailbox for each.
            Self::MailedCode => 2,
            Self::Any => ALL_DOORS,
        }
    }
}

/// A part of the network, or all of it.
type Network = (u128, u8);
const ANYWHERE: Network = (0, 0);

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
}

/// Where wrong guesses came from.
pub(crate) struct Guesses {
    lock_for: Duration,
    patience: u32,
    hasher: RandomState,
    wrong: Mutex<LruCache<(u64, Network), Wrong>>,
    waiting: Semaphore,
}

impl Guesses {
    /// A network that guessed wrong too often may try again after this time without a wrong guess. `patience` times as
    /// many are allowed as elsewhere.
    pub(crate) fn new(lock_for: Duration, patience: u32) -> Self {
        let (hasher, waiting) = (RandomState::new(), Semaphore::new(WAITING));
        // Not with its bound, for which it would take memory at once.
        Self { lock_for, patience, hasher, wrong: Mutex::new(LruCache::unbounded()), waiting }
    }

    /// Whether this address may guess at this door; else how long it has to wait.
    pub(crate) fn check(&self, door: Door<'_>, address: Address, now: Instant) -> Result<(), Duration> {
        let waits = [door, Door::Any].map(|door| self.wait(door, &self.allowed(door, address), now));
        waits.into_iter().max().map_or(Ok(()), |longest| if longest.is_zero() { Ok(()) } else { Err(longest) })
    }

    /// Whether anyone may guess at this door: one that counts wrong guesses from everywhere alike.
    pub(crate) fn check_all(&self, door: Door<'_>, now: Instant) -> Result<(), Duration> {
        let wait = self.wait(door, &[(ANYWHERE, limits::GUESSES)], now);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Counts a wrong guess. Returns how long its answer has to wait.
    pub(crate) fn wrong(&self, door: Door<'_>, address: Address, now: Instant) -> Duration {
        self.add(Door::Any, &self.allowed(Door::Any, address), now);
        self.add(door, &self.allowed(door, address), now);
        match self.add(door, &[(ANYWHERE, AT_ONCE)], now).checked_sub(AT_ONCE + 1) {
            None => Duration::ZERO,
            Some(more) => SLOW.saturating_mul(1 << (more / AT_ONCE).min(16)).min(SLOWEST),
        }
    }

    /// Counts a wrong guess at a door that counts them from everywhere alike.
    pub(crate) fn wrong_anywhere(&self, door: Door<'_>, now: Instant) {
        self.add(door, &[(ANYWHERE, limits::GUESSES)], now);
    }

    /// Waits before a wrong guess is answered, unless too many wait already.
    pub(crate) async fn slow_down(&self, delay: Duration) {
        if !delay.is_zero()
            && let Ok(_place) = self.waiting.try_acquire()
        {
            sleep(delay).await;
        }
    }

    /// The networks of an address, with the wrong guesses that each may make here.
    fn allowed(&self, door: Door<'_>, address: Address) -> Vec<(Network, u32)> {
        let times = door.patience().saturating_mul(self.patience);
        let more = |(network, guesses): (Network, u32)| (network, guesses.saturating_mul(times));
        networks(address).into_iter().map(more).collect()
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self, now: Instant) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        // What was used last stands first, and nothing is used but by another wrong guess.
        while wrong.peek_lru().is_some_and(|(_, entry)| self.is_over(entry, now)) {
            wrong.pop_lru();
        }
    }

    /// How long until all of these networks may guess again.
    fn wait(&self, door: Door<'_>, networks: &[(Network, u32)], now: Instant) -> Duration {
        let door = self.hasher.hash_one(door);
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |(network, allowed): &(Network, u32)| {
            let entry = wrong.peek(&(door, *network)).filter(|entry| entry.count >= *allowed)?;
            Some((entry.last + self.lock_for).saturating_duration_since(now))
        };
        networks.iter().filter_map(left).max().unwrap_or_default()
    }

    /// Counts in these networks; the last one's count.
    fn add(&self, door: Door<'_>, networks: &[(Network, u32)], now: Instant) -> u32 {
        let door = self.hasher.hash_one(door);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for (network, _) in networks {
            let entry = wrong.get_or_insert_mut((door, *network), || Wrong { count: 0, last: now });
            if self.is_over(entry, now) {
                entry.count = 0;
            }
            *entry = Wrong { count: entry.count.saturating_add(1), last: now };
            count = entry.count;
        }
        while wrong.len() > REMEMBERED {
            wrong.pop_lru();
        }
        count
    }

    fn is_over(&self, entry: &Wrong, now: Instant) -> bool {
        now.saturating_duration_since(entry.last) >= self.lock_for
    }
}

/// Wrong guesses that are allowed in a network before all of it is locked out, by the bits of its prefix. A line at home often
/// has a /56 of its own, and an office a /48; in IPv4, one /24 is many people's.
const IPV6_GUESSES: [(u8, u32); 3] = [(64, limits::GUESSES), (56, 3 * limits::GUESSES), (48, 9 * limits::GUESSES)];
const IPV4_GUESSES: [(u8, u32); 2] = [(32, limits::GUESSES), (24, 8 * limits::GUESSES)];

/// The networks it is in, as prefix and its bits, each with the wrong guesses that are allowed there. An IPv4 address
/// stands as IPv6 writes it (RFC 4291, section 2.5.5.2).
fn networks(address: Address) -> Vec<((u128, u8), u32)> {
    let prefix = |bits: u128, length: u8| (bits & (u128::MAX << (128 - u32::from(length))), length);
    match address.ip() {
        IpAddr::V4(ip) => {
            let bits = ip.to_ipv6_mapped().to_bits();
            IPV4_GUESSES.map(|(length, guesses)| (prefix(bits, 96 + length), guesses)).to_vec()
        }
        IpAddr::V6(ip) => IPV6_GUESSES.map(|(length, guesses)| (prefix(ip.to_bits(), length), guesses)).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Door<'static> = Door::Room("Book club");

    fn guesses() -> (Guesses, Instant) {
        (Guesses::new(limits::LOCKED_OUT, 1), Instant::now())
    }

    fn address(ip: &str) -> Address {
        ip.parse::<IpAddr>().unwrap().into()
    }

    /// How many of these addresses' wrong guesses, one each, are answered.
    fn answered(guesses: &Guesses, addresses: impl Iterator<Item = String>, now: Instant) -> usize {
        let mut answered = 0;
        for ip in addresses {
            if guesses.check(ROOM, address(&ip), now).is_ok() {
                guesses.wrong(ROOM, address(&ip), now);
                answered += 1;
            }
        }
        answered
    }

    #[test]
    fn five_wrong_ones_cost_eleven_minutes() {
        let (guesses, start) = guesses();
        let one = address("192.0.2.1");
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..5 {
            assert_eq!(guesses.check(ROOM, one, at(second)), Ok(()));
            guesses.wrong(ROOM, one, at(second));
        }
        assert_eq!(guesses.check(ROOM, one, at(5)), Err(Duration::from_secs(659)));
        assert_eq!(guesses.check(ROOM, address("192.0.2.2"), at(5)), Ok(()), "someone elsewhere");
        assert_eq!(guesses.check(Door::Room("Choir"), one, at(5)), Ok(()), "another room");
        assert_eq!(guesses.check(ROOM, one, at(663)), Err(Duration::from_secs(1)));
        assert_eq!(guesses.check(ROOM, one, at(664)), Ok(()));
        guesses.wrong(ROOM, one, at(664));
        assert_eq!(guesses.check(ROOM, one, at(664)), Ok(()), "it counts from one again");
    }

    #[test]
    fn networks_count_too() {
        let (guesses, now) = guesses();
        // 256 networks of 64 bits in one of 56, as one line at home may have.
        let home = (0..256).map(|n| format!("2001:db8:0:{n:x}::1"));
        assert_eq!(answered(&guesses, home, now), 15);
        // The rest of its 48 bits, as an office may have.
        let office = (1..256).map(|n| format!("2001:db8:0:{n:x}00::1"));
        assert_eq!(answered(&guesses, office, now), 30);
        assert_eq!(guesses.check(ROOM, address("2001:db8:1::1"), now), Ok(()));
        let neighbours = (0..256).map(|n| format!("192.0.2.{n}"));
        assert_eq!(answered(&guesses, neighbours, now), 40);
    }

    #[test]
    fn many_addresses_get_slow_answers() {
        let (guesses, now) = guesses();
        let delays =
            (0..200_u32).map(|n| guesses.wrong(ROOM, address(&format!("10.{n}.0.1")), now)).collect::<Vec<_>>();
        assert!(delays[..20].iter().all(Duration::is_zero));
        assert!(delays.is_sorted() && delays[20] == SLOW && delays[199] == SLOWEST, "{delays:?}");
        assert_eq!(guesses.wrong(Door::Room("Choir"), address("10.0.0.1"), now), Duration::ZERO);
        let later = now + limits::LOCKED_OUT;
        assert_eq!(guesses.wrong(ROOM, address("10.0.0.1"), later), Duration::ZERO, "it is forgotten");
    }

    #[test]
    fn short_codes_count_from_everywhere() {
        let (guesses, now) = guesses();
        for _ in 0..5 {
            assert_eq!(guesses.check_all(Door::Code("ana"), now), Ok(()));
            guesses.wrong_anywhere(Door::Code("ana"), now);
        }
        assert_eq!(guesses.check_all(Door::Code("ana"), now), Err(limits::LOCKED_OUT));
        assert_eq!(guesses.check_all(Door::Code("bo"), now), Ok(()));
    }

    #[test]
    fn a_network_that_guesses_everywhere_is_locked_out_everywhere() {
        let (guesses, now) = guesses();
        let rooms = (0..1000).map(|n| format!("room {n}")).collect::<Vec<_>>();
        let try_all = |address: Address| {
            let may = |room: &&String| guesses.check(Door::Room(room), address, now).is_ok();
            rooms.iter().filter(may).inspect(|room| _ = guesses.wrong(Door::Room(room), address, now)).count()
        };
        assert_eq!(try_all(address("192.0.2.1")), 100);
        assert_eq!(guesses.check(Door::Token, address("192.0.2.1"), now), Err(limits::LOCKED_OUT));
        // However many networks of 64 bits there are in one of 48.
        let office = (0..2_000).map(|n| address(&format!("2001:db8:0:{n:x}::1"))).map(try_all).sum::<usize>();
        assert_eq!(office, 900);
        assert_eq!(guesses.check(ROOM, address("198.51.100.1"), now), Ok(()));
    }

    #[test]
    fn what_is_over_is_forgotten_and_the_table_is_bounded() {
        let (guesses, now) = guesses();
        for n in 0..80_000_u32 {
            guesses.wrong(ROOM, address(&IpAddr::from((n << 8).to_be_bytes()).to_string()), now);
        }
        assert_eq!(guesses.wrong.lock().unwrap().len(), REMEMBERED);
        guesses.forget(now + limits::LOCKED_OUT / 2);
        assert!(!guesses.wrong.lock().unwrap().is_empty());
        guesses.forget(now + limits::LOCKED_OUT);
        assert!(guesses.wrong.lock().unwrap().is_empty());
    }
}
