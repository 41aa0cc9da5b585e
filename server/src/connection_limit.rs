//! The limit of connections from one address, so that one address cannot take all places.

use std::{net::IpAddr, sync::Arc};

use dashmap::{DashMap, Entry};
use room::Address;
use tokio::sync::OwnedSemaphorePermit;
use wire::Refusal;

/// The open connections of each address.
pub(crate) struct Crowd {
    most: usize,
    open: DashMap<Address, usize>,
}

impl Crowd {
    /// Allows at most this many connections from one address.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: DashMap::new() })
    }

    /// Counts one more connection from this address.
    pub(crate) fn enter(crowd: &Arc<Self>, address: Address) -> Result<Entered, Refusal> {
        let mut open = crowd.open.entry(address).or_default();
        if *open >= crowd.most {
            return Err(Refusal::TooManyConnections);
        }
        *open += 1;
        Ok(Entered { crowd: Arc::clone(crowd), address })
    }
}

/// A connection's place among those of its address; given back when dropped.
pub(crate) struct Entered {
    crowd: Arc<Crowd>,
    address: Address,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.crowd.open.entry(self.address) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// A connection's place among all connections. A socket keeps it.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    pub(crate) among: Among,
}

/// What a connection is counted with.
pub(crate) enum Among {
    /// Nothing yet: a proxy's connections belong to many people, and a request says to which.
    Proxy,
    /// The connections of its address.
    Address(#[expect(dead_code, reason = "held, not read")] Entered),
    /// Its address has too many.
    Nobody,
}

impl Among {
    /// Counts a new connection from this address, unless a trusted proxy made it.
    pub(crate) fn new(crowd: &Arc<Crowd>, peer: IpAddr, is_proxy: bool) -> Self {
        if is_proxy {
            Self::Proxy
        } else {
            Crowd::enter(crowd, Address::from(peer)).map_or(Self::Nobody, Self::Address)
        }
    }
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, among: Among) -> Self {
        Self { _permit: permit, among }
    }

    /// Counts a socket of this connection with the connections of its address, if the connection is not counted yet.
    pub(crate) fn enter(&self, crowd: &Arc<Crowd>, address: Address) -> Result<Option<Entered>, Refusal> {
        match self.among {
            Among::Proxy => Crowd::enter(crowd, address).map(Some),
            Among::Address(_) | Among::Nobody => Ok(None),
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
        let crowd = Crowd::new(2);
        let enter = |last| Crowd::enter(&crowd, address(last));
        let (first, second) = (enter(1).unwrap_or_else(|_| panic!()), enter(1));
        assert!(second.is_ok() && enter(2).is_ok());
        assert_eq!(enter(1).err(), Some(Refusal::TooManyConnections));
        drop(first);
        assert!(enter(1).is_ok());
        drop(second);
        assert!(crowd.open.is_empty(), "closed connections are forgotten");
    }
}
