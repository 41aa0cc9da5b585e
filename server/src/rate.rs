//! Rate limits per address.

use std::num::NonZeroU32;

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};
use room::Address;
use wire::Refusal;

use crate::refuse::Refused;

/// A token bucket per address, which holds one minute's allowance.
pub(crate) struct PerMinute(DefaultKeyedRateLimiter<Address>);

impl PerMinute {
    pub(crate) fn new(limit: NonZeroU32) -> Self {
        Self(DefaultKeyedRateLimiter::keyed(Quota::per_minute(limit)))
    }

    /// Counts a request from this address, or refuses it with the time to wait.
    pub(crate) fn check(&self, address: Address) -> Result<(), Refused> {
        self.0.check_key(&address).map_err(|not_until| {
            Refused::retry_after(Refusal::TooManyRequests, not_until.wait_time_from(DefaultClock::default().now()))
        })
    }

    /// Forgets addresses whose bucket is full again.
    pub(crate) fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u8) -> Address {
        std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
    }

    #[test]
    fn addresses_are_limited_separately() {
        let rate = PerMinute::new(NonZeroU32::new(3).unwrap());
        for _ in 0..3 {
            assert!(rate.check(address(1)).is_ok());
        }
        assert!(rate.check(address(1)).is_err());
        assert!(rate.check(address(2)).is_ok());
    }
}
