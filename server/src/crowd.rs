//! How many connections one address may have, so that it cannot take them all.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use wire::Refusal;

use crate::Address;

/// The open connections of each address.
pub(crate) struct Crowd {
    most: usize,
    open: DashMap<Address, usize>,
}

impl Crowd {
    /// At most so many for one address.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: DashMap::new() })
    }

    /// One more from there.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn each_address_for_itself() {
        let address = |last| Address::from(IpAddr::from(Ipv4Addr::new(192, 0, 2, last)));
        let crowd = Crowd::new(2);
        let enter = |last| Crowd::enter(&crowd, address(last));
        let (first, second) = (enter(1).unwrap_or_else(|_| panic!()), enter(1));
        assert!(second.is_ok() && enter(2).is_ok());
        assert_eq!(enter(1).err(), Some(Refusal::TooManyConnections));
        drop(first);
        assert!(enter(1).is_ok());
        drop(second);
        assert!(crowd.open.is_empty(), "who is gone is forgotten");
    }
}
