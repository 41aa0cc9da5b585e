//! What a machine is called in its own network: names and addresses for a certificate, and addresses to open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Where a server is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// All that a certificate is to hold.
    pub(super) all: Vec<String>,
    /// What it must hold to be of use. The others may come and go, as those of containers and tunnels do.
    pub(super) needed: Vec<String>,
    /// Addresses for a browser: a host and a port. The first is the best.
    pub(super) open: Vec<(String, u16)>,
}

/// What the system says.
#[derive(Default)]
struct Machine {
    host: Option<String>,
    /// Its addresses, the one that leads out first.
    addresses: Vec<IpAddr>,
}

impl Names {
    /// Of a server that listens there.
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

/// The address by which the machine reaches others. To say where datagrams would go sends none.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of no machine (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Whether a phone can open this address, today and tomorrow. Link-local addresses need a zone, which a browser does not
/// take, and global ones of IPv6 change daily for privacy.
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

/// Whether this can stand in a certificate, and in an address.
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
    fn everywhere() {
        let names = Names::on(&machine(), &["0.0.0.0:8443".parse().unwrap(), "[::]:8443".parse().unwrap()]);
        assert_eq!(names.needed, ["192.168.1.20"]);
        let all = ["192.168.1.20", "172.17.0.1", "fd00::20", "127.0.0.1", "::1", "localhost", "den", "den.local"];
        assert_eq!(names.all, all);
        let open = names.open.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>();
        let expected = ["192.168.1.20", "172.17.0.1", "[fd00::20]", "den.local", "den", "localhost"];
        assert_eq!(open, expected.map(|host| format!("{host}:8443")));
    }

    #[test]
    fn at_one_address() {
        let names = Names::on(&machine(), &["127.0.0.2:80".parse().unwrap()]);
        assert_eq!((names.needed, names.open), (vec!["127.0.0.2".into()], vec![("127.0.0.2".into(), 80)]));
        assert!(names.all.contains(&"127.0.0.2".to_owned()));
    }

    #[test]
    fn a_machine_without_name_or_network() {
        let names = Names::on(&Machine::default(), &["0.0.0.0:1".parse().unwrap()]);
        assert!(names.needed.is_empty());
        assert_eq!(names.open, [("localhost".into(), 1)]);
    }

    #[test]
    fn host_names() {
        for host in ["den", "den.example.org", "a-b"] {
            assert!(is_name(host), "{host}");
        }
        for host in ["localhost", "", "a_b", "a..b", "192.0.2.1", "bücher"] {
            assert!(!is_name(host), "{host}");
        }
    }
}
