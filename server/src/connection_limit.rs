//! Limits concurrent connections per address, so that one address cannot use up the server's connections.

use std::{net::IpAddr, sync::Arc};

use dashmap::{DashMap, Entry};
use room::Address;
use tokio::sync::OwnedSemaphorePermit;
use wire::Refusal;

/// The number of open connections of each address, and its limit.
pub(crate) struct ConnectionLimit {
    per_address: usize,
    open: DashMap<Address, usize>,
}

impl ConnectionLimit {
    pub(crate) fn new(per_address: usize) -> Arc<Self> {
        Arc::new(Self { per_address, open: DashMap::new() })
    }

    /// Counts one more connection from this address.
    pub(crate) fn acquire(self: &Arc<Self>, address: Address) -> Result<AddressSlot, Refusal> {
        let mut open = self.open.entry(address).or_default();
        if *open >= self.per_address {
            return Err(Refusal::TooManyConnections);
        }
        *open += 1;
        Ok(AddressSlot { limit: Arc::clone(self), address })
    }
}

/// One counted connection of an address. Dropping it ends the count.
pub(crate) struct AddressSlot {
    limit: Arc<ConnectionLimit>,
    address: Address,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.limit.open.entry(self.address) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// A connection's permit, and its count for its address. Held until the connection ends, also as a socket.
pub(crate) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
    pub(crate) per_address: PerAddress,
}

/// How a connection counts against the limit of its address.
pub(crate) enum PerAddress {
    /// Not yet. A trusted proxy's connections carry many clients' requests, and only a request names its client.
    Proxy,
    /// From its start.
    Counted(#[expect(dead_code, reason = "held, not read")] AddressSlot),
    /// Its address has too many connections.
    OverLimit,
}

impl PerAddress {
    /// Counts a new connection from this address, unless it comes from a trusted proxy.
    pub(crate) fn new(limit: &Arc<ConnectionLimit>, peer: IpAddr, is_proxy: bool) -> Self {
        if is_proxy {
            return Self::Proxy;
        }
        limit.acquire(Address::from(peer)).map_or(Self::OverLimit, Self::Counted)
    }
}

impl ConnectionSlot {
    pub(crate) fn new(permit: OwnedSemaphorePermit, per_address: PerAddress) -> Self {
        Self { _permit: permit, per_address }
    }

    /// Counts a socket of this connection for its client's address, unless the connection is counted already.
    pub(crate) fn count_socket(
        &self,
        limit: &Arc<ConnectionLimit>,
        address: Address,
    ) -> Result<Option<AddressSlot>, Refusal> {
        match self.per_address {
            PerAddress::Proxy => limit.acquire(address).map(Some),
            PerAddress::Counted(_) | PerAddress::OverLimit => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn addresses_are_counted_separately() {
        let address = |last| Address::from(IpAddr::from(Ipv4Addr::new(192, 0, 2, last)));
        let limit = ConnectionLimit::new(2);
        let acquire = |last| limit.acquire(address(last));
        let (first, second) = (acquire(1).unwrap_or_else(|_| panic!()), acquire(1));
        assert!(second.is_ok() && acquire(2).is_ok());
        assert_eq!(acquire(1).err(), Some(Refusal::TooManyConnections));
        drop(first);
        assert!(acquire(1).is_ok());
        drop(second);
        assert!(limit.open.is_empty(), "addresses without connections are removed");
    }
}
