use std::{net::SocketAddr, sync::LazyLock};

use axum::http::{HeaderMap, HeaderValue};
use clap::Parser;
use cloakroom::{Config, client_address};
use room::Address;

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config::parse_from(["cloakroom", "--trusted-proxy", "10.0.0.1"]));

/// The input is the values of `X-Forwarded-For`, one per line.
pub fn check(bytes: &[u8]) {
    let proxy = SocketAddr::from(([10, 0, 0, 1], 1));
    let stranger = SocketAddr::from(([192, 0, 2, 1], 1));
    let forged = SocketAddr::from(([203, 0, 113, 9], 1));
    let values = bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let values = values.collect::<Vec<_>>();
    let client = |peer, values: &mut dyn Iterator<Item = HeaderValue>| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value);
        }
        client_address(peer, &headers, &CONFIG)
    };

    let address = client(proxy, &mut values.iter().cloned());
    let front = HeaderValue::from_static("203.0.113.9");
    let behind = client(proxy, &mut [front].into_iter().chain(values.iter().cloned()));
    if address == Address::from(proxy.ip()) {
        assert!(behind == address || behind == Address::from(forged.ip()), "an address that is in no header");
    } else {
        assert!(behind == address, "hops before the client are ignored");
    }
    assert!(
        client(stranger, &mut values.into_iter()) == Address::from(stranger.ip()),
        "a peer that is not a trusted proxy is the client"
    );
}
