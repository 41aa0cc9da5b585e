//! Counts wrong guesses at passwords, tokens and codes. A network with too many is locked out for a while. When one
//! target gets very many from anywhere, its answers to wrong guesses are delayed. Right guesses are never counted.

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

/// Maximum entries, one per pair of target and network, of some 100 bytes each. Beyond that, the least recently used
/// are forgotten. [`ALL_TARGETS`] keeps a few networks from filling the table.
const MAX_ENTRIES: usize = 200_000;
/// A network's limit at all targets together, as a multiple of its limit at one target.
const ALL_TARGETS: u32 = 20;
/// Wrong guesses at one target, from all networks together, that are answered without delay.
const UNDELAYED: u32 = 20;
/// The delay after that. It doubles with every [`UNDELAYED`] more, up to [`MAX_DELAY`].
const MIN_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(4);
/// Maximum delayed answers at a time. Further answers are not delayed, so that delays do not use up connections.
const MAX_DELAYED: usize = 1_000;

/// The thing that is guessed.
#[derive(Clone, Copy, Hash)]
pub(crate) enum GuessTarget<'a> {
    /// A room's password.
    Room(&'a str),
    /// An access token.
    Token,
    /// An account's password, or a recovery code.
    Person(&'a str),
    /// An account's one-time code.
    Code(&'a str),
    /// A mailed code. One target for all mailboxes, because a list entry may cover a whole domain.
    MailedCode,
    /// All targets together.
    Any,
}

impl GuessTarget<'_> {
    /// Returns the limit at this target, as a multiple of [`limits::GUESSES`].
    fn factor(self) -> u32 {
        match self {
            Self::Room(_) | Self::Token | Self::Person(_) | Self::Code(_) => 1,
            // People in an office share one address but have a mailbox each.
            Self::MailedCode => 2,
            Self::Any => ALL_TARGETS,
        }
    }
}

/// An address prefix and its length. [`ANYWHERE`] is all of the Internet.
type Network = (u128, u8);
const ANYWHERE: Network = (0, 0);

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
}

/// The counts of wrong guesses by target and network.
pub(crate) struct Guesses {
    lockout: Duration,
    factor: u32,
    hasher: RandomState,
    wrong: Mutex<LruCache<(u64, Network), Wrong>>,
    delay_permits: Semaphore,
}

impl Guesses {
    /// Creates an empty table. A lockout ends after the time `lockout` without a wrong guess. All limits are multiplied
    /// by `factor`.
    pub(crate) fn new(lockout: Duration, factor: u32) -> Self {
        let (hasher, delay_permits) = (RandomState::new(), Semaphore::new(MAX_DELAYED));
        // Unbounded, because a bounded cache allocates its full size at once.
        Self { lockout, factor, hasher, wrong: Mutex::new(LruCache::unbounded()), delay_permits }
    }

    /// Checks that this address may guess at this target.
    ///
    /// # Errors
    /// The time left, when the address is locked out.
    pub(crate) fn check(&self, target: GuessTarget<'_>, address: Address, now: Instant) -> Result<(), Duration> {
        let waits = [target, GuessTarget::Any].map(|target| self.wait(target, &self.limits_of(target, address), now));
        waits.into_iter().max().map_or(Ok(()), |longest| if longest.is_zero() { Ok(()) } else { Err(longest) })
    }

    /// Checks that anyone may guess at this target, which counts wrong guesses from all networks together.
    ///
    /// # Errors
    /// The time left, when the target is locked.
    pub(crate) fn check_anywhere(&self, target: GuessTarget<'_>, now: Instant) -> Result<(), Duration> {
        let wait = self.wait(target, &[(ANYWHERE, limits::GUESSES)], now);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Counts a wrong guess. Returns the delay for its answer.
    pub(crate) fn count_wrong(&self, target: GuessTarget<'_>, address: Address, now: Instant) -> Duration {
        self.add(GuessTarget::Any, &self.limits_of(GuessTarget::Any, address), now);
        self.add(target, &self.limits_of(target, address), now);
        match self.add(target, &[(ANYWHERE, UNDELAYED)], now).checked_sub(UNDELAYED + 1) {
            None => Duration::ZERO,
            Some(more) => MIN_DELAY.saturating_mul(1 << (more / UNDELAYED).min(16)).min(MAX_DELAY),
        }
    }

    /// Counts a wrong guess at a target that counts them from all networks together.
    pub(crate) fn count_wrong_anywhere(&self, target: GuessTarget<'_>, now: Instant) {
        self.add(target, &[(ANYWHERE, limits::GUESSES)], now);
    }

    /// Waits for `delay`, unless too many answers are delayed already.
    pub(crate) async fn slow_down(&self, delay: Duration) {
        if !delay.is_zero()
            && let Ok(_permit) = self.delay_permits.try_acquire()
        {
            sleep(delay).await;
        }
    }

    /// Returns the networks of an address, each with its limit at this target.
    fn limits_of(&self, target: GuessTarget<'_>, address: Address) -> Vec<(Network, u32)> {
        let factor = target.factor().saturating_mul(self.factor);
        let scale = |(network, guesses): (Network, u32)| (network, guesses.saturating_mul(factor));
        networks(address).into_iter().map(scale).collect()
    }

    /// Removes expired entries.
    pub(crate) fn forget(&self, now: Instant) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        // Only a wrong guess moves an entry to the front, so the oldest entries are at the back.
        while wrong.peek_lru().is_some_and(|(_, entry)| self.is_expired(entry, now)) {
            wrong.pop_lru();
        }
    }

    /// Returns how long until all of these networks may guess again.
    fn wait(&self, target: GuessTarget<'_>, networks: &[(Network, u32)], now: Instant) -> Duration {
        let target = self.hasher.hash_one(target);
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |(network, allowed): &(Network, u32)| {
            let entry = wrong.peek(&(target, *network)).filter(|entry| entry.count >= *allowed)?;
            Some((entry.last + self.lockout).saturating_duration_since(now))
        };
        networks.iter().filter_map(left).max().unwrap_or_default()
    }

    /// Counts a wrong guess for each of these networks. Returns the last network's count.
    fn add(&self, target: GuessTarget<'_>, networks: &[(Network, u32)], now: Instant) -> u32 {
        let target = self.hasher.hash_one(target);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for (network, _) in networks {
            let entry = wrong.get_or_insert_mut((target, *network), || Wrong { count: 0, last: now });
            if self.is_expired(entry, now) {
                entry.count = 0;
            }
            *entry = Wrong { count: entry.count.saturating_add(1), last: now };
            count = entry.count;
        }
        while wrong.len() > MAX_ENTRIES {
            wrong.pop_lru();
        }
        count
    }

    fn is_expired(&self, entry: &Wrong, now: Instant) -> bool {
        now.saturating_duration_since(entry.last) >= self.lockout
    }
}

/// Wrong guesses that are allowed in a network before all of it is locked out, by the bits of its prefix. A line at
/// home often has a /56 of its own, and an office a /48; in IPv4, one /24 is many people's.
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

    const ROOM: GuessTarget<'static> = GuessTarget::Room("Book club");

    fn guesses() -> (Guesses, Instant) {
        (Guesses::new(limits::LOCKOUT, 1), Instant::now())
    }

    fn address(ip: &str) -> Address {
        ip.parse::<IpAddr>().unwrap().into()
    }

    /// Makes one wrong guess from each address. Returns how many were not locked out.
    fn answered(guesses: &Guesses, addresses: impl Iterator<Item = String>, now: Instant) -> usize {
        let mut answered = 0;
        for ip in addresses {
            if guesses.check(ROOM, address(&ip), now).is_ok() {
                guesses.count_wrong(ROOM, address(&ip), now);
                answered += 1;
            }
        }
        answered
    }

    #[test]
    fn five_wrong_guesses_lock_out_for_eleven_minutes() {
        let (guesses, start) = guesses();
        let one = address("192.0.2.1");
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..5 {
            assert_eq!(guesses.check(ROOM, one, at(second)), Ok(()));
            guesses.count_wrong(ROOM, one, at(second));
        }
        assert_eq!(guesses.check(ROOM, one, at(5)), Err(Duration::from_secs(659)));
        assert_eq!(guesses.check(ROOM, address("192.0.2.2"), at(5)), Ok(()), "another address");
        assert_eq!(guesses.check(GuessTarget::Room("Choir"), one, at(5)), Ok(()), "another room");
        assert_eq!(guesses.check(ROOM, one, at(663)), Err(Duration::from_secs(1)));
        assert_eq!(guesses.check(ROOM, one, at(664)), Ok(()));
        guesses.count_wrong(ROOM, one, at(664));
        assert_eq!(guesses.check(ROOM, one, at(664)), Ok(()), "the count starts again");
    }

    #[test]
    fn networks_of_many_addresses_are_locked_out() {
        let (guesses, now) = guesses();
        // 256 /64 networks in one /56, as a home connection may have.
        let home = (0..256).map(|n| format!("2001:db8:0:{n:x}::1"));
        assert_eq!(answered(&guesses, home, now), 15);
        // The rest of the /48, as an office may have.
        let office = (1..256).map(|n| format!("2001:db8:0:{n:x}00::1"));
        assert_eq!(answered(&guesses, office, now), 30);
        assert_eq!(guesses.check(ROOM, address("2001:db8:1::1"), now), Ok(()));
        let neighbours = (0..256).map(|n| format!("192.0.2.{n}"));
        assert_eq!(answered(&guesses, neighbours, now), 40);
    }

    #[test]
    fn answers_are_delayed_after_many_wrong_guesses_from_anywhere() {
        let (guesses, now) = guesses();
        let delays =
            (0..200_u32).map(|n| guesses.count_wrong(ROOM, address(&format!("10.{n}.0.1")), now)).collect::<Vec<_>>();
        assert!(delays[..20].iter().all(Duration::is_zero));
        assert!(delays.is_sorted() && delays[20] == MIN_DELAY && delays[199] == MAX_DELAY, "{delays:?}");
        assert_eq!(guesses.count_wrong(GuessTarget::Room("Choir"), address("10.0.0.1"), now), Duration::ZERO);
        let later = now + limits::LOCKOUT;
        assert_eq!(guesses.count_wrong(ROOM, address("10.0.0.1"), later), Duration::ZERO, "the count has expired");
    }

    #[test]
    fn code_guesses_count_from_all_networks_together() {
        let (guesses, now) = guesses();
        for _ in 0..5 {
            assert_eq!(guesses.check_anywhere(GuessTarget::Code("ana"), now), Ok(()));
            guesses.count_wrong_anywhere(GuessTarget::Code("ana"), now);
        }
        assert_eq!(guesses.check_anywhere(GuessTarget::Code("ana"), now), Err(limits::LOCKOUT));
        assert_eq!(guesses.check_anywhere(GuessTarget::Code("bo"), now), Ok(()));
    }

    #[test]
    fn guessing_at_many_doors_locks_out_of_all() {
        let (guesses, now) = guesses();
        let rooms = (0..1000).map(|n| format!("room {n}")).collect::<Vec<_>>();
        let try_all = |address: Address| {
            let may = |room: &&String| guesses.check(GuessTarget::Room(room), address, now).is_ok();
            rooms
                .iter()
                .filter(may)
                .inspect(|room| _ = guesses.count_wrong(GuessTarget::Room(room), address, now))
                .count()
        };
        assert_eq!(try_all(address("192.0.2.1")), 100);
        assert_eq!(guesses.check(GuessTarget::Token, address("192.0.2.1"), now), Err(limits::LOCKOUT));
        // The /48 has a limit too, however many /64 networks it contains.
        let office = (0..2_000).map(|n| address(&format!("2001:db8:0:{n:x}::1"))).map(try_all).sum::<usize>();
        assert_eq!(office, 900);
        assert_eq!(guesses.check(ROOM, address("198.51.100.1"), now), Ok(()));
    }

    #[test]
    fn table_is_bounded_and_drops_expired_entries() {
        let (guesses, now) = guesses();
        for n in 0..80_000_u32 {
            guesses.count_wrong(ROOM, address(&IpAddr::from((n << 8).to_be_bytes()).to_string()), now);
        }
        assert_eq!(guesses.wrong.lock().unwrap().len(), MAX_ENTRIES);
        guesses.forget(now + limits::LOCKOUT / 2);
        assert!(!guesses.wrong.lock().unwrap().is_empty());
        guesses.forget(now + limits::LOCKOUT);
        assert!(guesses.wrong.lock().unwrap().is_empty());
    }
}
