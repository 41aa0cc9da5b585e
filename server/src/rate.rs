//! How often one address may ask.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota};
use wire::Refusal;

use crate::Address;

/// So many a minute for each address; what was not used grows back evenly.
pub(crate) struct PerMinute(DefaultKeyedRateLimiter<Address>);

impl PerMinute {
    pub(crate) fn new(limit: NonZeroU32) -> Self {
        Self(DefaultKeyedRateLimiter::keyed(Quota::per_minute(limit)))
    }

    pub(crate) fn check(&self, address: Address) -> Result<(), Refusal> {
        self.0.check_key(&address).map_err(|_| Refusal::TooManyRequests)
    }

    /// Forgets addresses that have their whole allowance again.
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
    fn each_address_for_itself() {
        let rate = PerMinute::new(NonZeroU32::new(3).unwrap());
        for _ in 0..3 {
            assert_eq!(rate.check(address(1)), Ok(()));
        }
        assert_eq!(rate.check(address(1)), Err(Refusal::TooManyRequests));
        assert_eq!(rate.check(address(2)), Ok(()));
    }
}
