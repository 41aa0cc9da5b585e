//! The machine's names and addresses in its local network, for a certificate and for people to open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The names and addresses of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// Everything that a new certificate covers.
    pub(super) all: Vec<String>,
    /// The part without which a certificate is useless. The others may come and go, like those of containers and
    /// tunnels.
    pub(super) needed: Vec<String>,
    /// Hosts and ports to open in a browser, best first.
    pub(super) open: Vec<(String, u16)>,
}

/// The machine's names and addresses, according to the operating system.
#[derive(Default)]
struct Machine {
    host: Option<String>,
    /// Its addresses. The address of the default route comes first.
    addresses: Vec<IpAddr>,
}

impl Names {
    /// Returns the names of a server that listens on these addresses.
    pub(super) fn of(listening: &[SocketAddr]) -> Self {
        Self::on(&Machine::this(), listening)
    }

    fn on(machine: &Machine, listening: &[SocketAddr]) -> Self {
        let (mut needed, mut open) = (Vec::new(), Vec::new());
        for socket in listening.iter().filter(|socket| !socket.ip().is_unspecified()) {
            needed.push(socket.ip().to_string());
            open.push((host(socket.ip()), socket.port()));
        }
        let everywhere = listening.iter().filter(|socket| socket.ip().is_unspecified());
        let reachable = everywhere.clone().flat_map(|socket| {
            let of_its_kind = |ip: &&IpAddr| ip.is_ipv4() == socket.is_ipv4();
            machine.addresses.iter().filter(of_its_kind).map(|ip| (*ip, socket.port()))
        });
        needed.extend(reachable.clone().map(|(ip, _)| ip.to_string()).next());
        open.extend(reachable.map(|(ip, port)| (host(ip), port)));
        let mut named = vec!["localhost".to_owned()];
        named.extend(machine.host.clone());
        named.extend(machine.host.as_deref().and_then(|host| {
            let label = host.split('.').next()?;
            Some(format!("{label}.local")).filter(|local| local != host)
        }));
        if let Some(port) = everywhere.map(SocketAddr::port).next() {
            open.extend(named.iter().rev().map(|name| (name.clone(), port)));
        }
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        let addresses = machine.addresses.iter().chain(&loopback).map(IpAddr::to_string);
        let mut all = Vec::new();
        for name in needed.iter().cloned().chain(addresses).chain(named) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        Self { all, needed, open }
    }
}

impl Machine {
    fn this() -> Self {
        let host = gethostname::gethostname().to_str().map(str::to_ascii_lowercase);
        let found = if_addrs::get_if_addrs().unwrap_or_default();
        let mut addresses = found.iter().map(if_addrs::Interface::ip).filter(is_lasting).collect::<Vec<_>>();
        if let Some(outward) = outward() {
            addresses.sort_by_key(|ip| *ip != outward);
        }
        Self { host: host.filter(|host| is_name(host)), addresses }
    }
}

/// Returns the machine's address on its default route. Connecting a UDP socket sends no datagram.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// True when a phone can open this address, now and later. Link-local addresses need a zone, which browsers do not
/// accept, and global IPv6 addresses change daily for privacy.
fn is_lasting(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// True for a valid host name other than localhost.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host != "localhost" && host.len() < 250 && host.split('.').all(is_label) && host.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let addresses = ["192.168.1.20", "172.17.0.1", "fd00::20"].map(|ip| ip.parse().unwrap()).to_vec();
        Machine { host: Some("den".into()), addresses }
    }

    #[test]
    fn listening_on_all_addresses() {
        let names = Names::on(&machine(), &["0.0.0.0:8443".parse().unwrap(), "[::]:8443".parse().unwrap()]);
        assert_eq!(names.needed, ["192.168.1.20"]);
        let all = ["192.168.1.20", "172.17.0.1", "fd00::20", "127.0.0.1", "::1", "localhost", "den", "den.local"];
        assert_eq!(names.all, all);
        let open = names.open.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>();
        let expected = ["192.168.1.20", "172.17.0.1", "[fd00::20]", "den.local", "den", "localhost"];
        assert_eq!(open, expected.map(|host| format!("{host}:8443")));
    }

    #[test]
    fn listening_on_one_address() {
        let names = Names::on(&machine(), &["127.0.0.2:80".parse().unwrap()]);
        assert_eq!((names.needed, names.open), (vec!["127.0.0.2".into()], vec![("127.0.0.2".into(), 80)]));
        assert!(names.all.contains(&"127.0.0.2".to_owned()));
    }

    #[test]
    fn machine_without_name_and_network() {
        let names = Names::on(&Machine::default(), &["0.0.0.0:1".parse().unwrap()]);
        assert!(names.needed.is_empty());
        assert_eq!(names.open, [("localhost".into(), 1)]);
    }

    #[test]
    fn host_names_are_checked() {
        for host in ["den", "den.example.org", "a-b"] {
            assert!(is_name(host), "{host}");
        }
        for host in ["localhost", "", "a_b", "a..b", "192.0.2.1", "bücher"] {
            assert!(!is_name(host), "{host}");
        }
    }
}
