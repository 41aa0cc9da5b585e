//! The address that a client's requests count as coming from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A client's address as tokens and limits know it: IPv4 whole, IPv6 by its /64, and the two loopback addresses as one,
/// because a browser takes either for `localhost`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "IpAddr")]
pub struct Address(IpAddr);

impl Address {
    /// Returns the address, without the last 64 bits of IPv6.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            return Self(Ipv4Addr::LOCALHOST.into());
        }
        Self(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_one_address() {
        let address = |ip: &str| Address::from(ip.parse::<IpAddr>().unwrap());
        assert!(address("127.0.0.1") == address("::1"));
        assert!(address("192.0.2.1") == address("::ffff:192.0.2.1"));
        assert!(address("192.0.2.1") != address("192.0.2.2"));
        assert!(address("2001:db8::1") == address("2001:db8::ffff:2"));
        assert!(address("2001:db8::1") != address("2001:db8:0:1::1"));
    }
}
