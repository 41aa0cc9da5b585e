//! Whom a request counts as coming from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use wire::limits;

use crate::{Config, refuse::Refused, routes::App};

/// The client's address as tokens and bounds know it: IPv4 whole, IPv6 by its /64, and the two
/// loopback addresses as one, since a browser takes either for `localhost`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

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

/// Wrong guesses that are allowed in a network before all of it is locked out, by the bits of its prefix. A line at home often
/// has a /56 of its own, and an office a /48; in IPv4, one /24 is many people's.
const IPV6_GUESSES: [(u8, u32); 3] = [(64, limits::GUESSES), (56, 3 * limits::GUESSES), (48, 9 * limits::GUESSES)];
const IPV4_GUESSES: [(u8, u32); 2] = [(32, limits::GUESSES), (24, 8 * limits::GUESSES)];

impl Address {
    /// The networks it is in, as prefix and its bits, each with the wrong guesses that are allowed there. An IPv4 address
    /// stands as IPv6 writes it (RFC 4291, section 2.5.5.2).
    pub(crate) fn networks(self) -> Vec<((u128, u8), u32)> {
        let prefix = |bits: u128, length: u8| (bits & (u128::MAX << (128 - u32::from(length))), length);
        match self.0 {
            IpAddr::V4(ip) => {
                let bits = ip.to_ipv6_mapped().to_bits();
                IPV4_GUESSES.map(|(length, guesses)| (prefix(bits, 96 + length), guesses)).to_vec()
            }
            IpAddr::V6(ip) => IPV6_GUESSES.map(|(length, guesses)| (prefix(ip.to_bits(), length), guesses)).to_vec(),
        }
    }
}

/// What a trusted proxy says, else the TCP peer. `X-Forwarded-For` is read from its end: each
/// trusted hop names the one before it, and the first that is not trusted is the client.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    for hop in hops.collect::<Vec<_>>().into_iter().rev() {
        if !is_trusted(trusted, client) {
            break;
        }
        // A hop that is no address ends the chain: nothing before it can be believed.
        let Some(ip) = parse(hop.trim()) else { break };
        client = ip.to_canonical();
    }
    client
}

/// Whether this is a proxy whose word is taken for where a request comes from.
pub(crate) fn is_trusted(trusted: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    // A proxy on this machine may come by either loopback address, whichever of them was named.
    trusted.iter().any(|net| net.contains(&ip) || (ip.is_loopback() && net.addr().is_loopback()))
}

fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

impl Address {
    /// Where a request with these headers comes from.
    #[must_use]
    pub fn of(peer: SocketAddr, headers: &HeaderMap, config: &Config) -> Self {
        client(peer.ip(), headers, &config.trusted_proxy).into()
    }
}

impl FromRequestParts<App> for Address {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(wire::Refusal::Internal.into());
        };
        Ok(Self::of(*peer, &parts.headers, &app.config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str) -> Address {
        ip.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn what_counts_as_one() {
        assert!(address("127.0.0.1") == address("::1"));
        assert!(address("192.0.2.1") == address("::ffff:192.0.2.1"));
        assert!(address("192.0.2.1") != address("192.0.2.2"));
        assert!(address("2001:db8::1") == address("2001:db8::ffff:2"));
        assert!(address("2001:db8::1") != address("2001:db8:0:1::1"));
    }

    #[test]
    fn a_proxy_on_this_machine_has_two_addresses() {
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "192.0.2.1".parse().unwrap())]);
        for trusted in ["127.0.0.1/32", "::1/128"] {
            for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                let client = client(peer.parse().unwrap(), &headers, &[trusted.parse().unwrap()]);
                assert_eq!(client.to_string(), "192.0.2.1", "{peer} by {trusted}");
            }
        }
    }

    #[test]
    fn proxies() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            super::client(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1", "a stranger is not believed");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.1"]), "198.51.100.1", "a forged front is not read");
        assert_eq!(client("10.0.0.1", &["198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:1234"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
