//! Determines a request's client address, which the server limits and binds tokens to.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use room::Address;

use crate::{Config, app::App, refuse::Refused};

/// Returns the address that a trusted proxy names, else the TCP peer's. `X-Forwarded-For` is read from its end: each
/// trusted hop names the one before it, and the first hop that is not trusted is the client.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    for hop in hops.collect::<Vec<_>>().into_iter().rev() {
        if !is_trusted(trusted, client) {
            break;
        }
        // A hop that is not an address ends the chain: nothing before it can be trusted.
        let Some(ip) = parse(hop.trim()) else { break };
        client = ip.to_canonical();
    }
    client
}

/// True when this is a trusted proxy, whose `X-Forwarded-For` counts.
pub(crate) fn is_trusted(trusted: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    // A proxy on this machine may connect from either loopback address, whichever was configured.
    trusted.iter().any(|net| net.contains(&ip) || (ip.is_loopback() && net.addr().is_loopback()))
}

fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Returns the address that a request with these headers comes from.
#[must_use]
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, config: &Config) -> Address {
    client(peer.ip(), headers, &config.trusted_proxy).into()
}

impl FromRequestParts<App> for Address {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(wire::Refusal::Internal.into());
        };
        Ok(client_address(*peer, &parts.headers, &app.config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_proxy_is_trusted_at_either_address() {
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "192.0.2.1".parse().unwrap())]);
        for trusted in ["127.0.0.1/32", "::1/128"] {
            for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                let client = client(peer.parse().unwrap(), &headers, &[trusted.parse().unwrap()]);
                assert_eq!(client.to_string(), "192.0.2.1", "{peer}, trusted: {trusted}");
            }
        }
    }

    #[test]
    fn last_untrusted_hop_is_the_client() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            super::client(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1", "the peer is not a trusted proxy");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 198.51.100.1"]),
            "198.51.100.1",
            "the client forged the first hop"
        );
        assert_eq!(client("10.0.0.1", &["198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:1234"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
