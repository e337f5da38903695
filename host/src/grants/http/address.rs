//! Addresses that are not public, in all the forms that lead there.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network of a grant: `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// All addresses.
    pub(in crate::grants) const ALL: [Self; 2] =
        [Self(IpNet::V4(v4(0, 0, 0, 0, 0))), Self(IpNet::V6(v6(0, 0, 0, 0)))];

    /// Whether an address is in it; an address of version 4 written as one of version 6 is one
    /// of version 4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let network = text.parse::<IpNet>().ok();
        let single = || text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into());
        network.or_else(single).map(Self).ok_or_else(|| {
            format!("{text:?} is neither a network such as `10.0.0.0/8` nor an address")
        })
    }
}

impl From<Network> for String {
    fn from(Network(network): Network) -> Self {
        network.to_string()
    }
}

/// What an address is that is not public, in words; `None` for a public one.
///
/// After IANA's registries of special-purpose addresses, and what clouds keep at addresses that
/// look public.
pub(super) fn kind_of(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// The first that has an address names it.
const V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "an unspecified address"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "a carrier's private address"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(168, 63, 129, 16, 32), "a cloud's metadata address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "a reserved address"),
    (v4(192, 0, 2, 0, 24), "a reserved address"),
    (v4(192, 31, 196, 0, 24), "a reserved address"),
    (v4(192, 52, 193, 0, 24), "a reserved address"),
    (v4(192, 88, 99, 0, 24), "a reserved address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(192, 175, 48, 0, 24), "a reserved address"),
    (v4(198, 18, 0, 0, 15), "a private address"),
    (v4(198, 51, 100, 0, 24), "a reserved address"),
    (v4(203, 0, 113, 0, 24), "a reserved address"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// Only 2000::/3 is handed out; what of it is special.
const V6: &[(Ipv6Net, &str)] = &[
    // Teredo, which holds an address of version 4 in disguise, ORCHID and benchmarking.
    (v6(0x2001, 0, 0, 23), "a reserved address"),
    (v6(0x2001, 0xdb8, 0, 32), "a reserved address"),
    (v6(0x2620, 0x4f, 0x8000, 48), "a reserved address"),
    (v6(0x3fff, 0, 0, 20), "a reserved address"),
];

fn kind_of_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bytes = address.octets();
    let [_, _, six_a, six_b, six_c, six_d, _, _, _, _, _, _, a, b, c, d] = bytes;
    let last = || kind_of_v4(Ipv4Addr::new(a, b, c, d));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // What a translator makes an address of version 4 of.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => last(),
        [0x2002, ..] => kind_of_v4(Ipv4Addr::new(six_a, six_b, six_c, six_d)),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2000..=0x3fff, ..] => {
            V6.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind)
        }
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_an_inner_address_is_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(kind_of(address.parse().unwrap()).is_some(), "{address} counts as public");
        }
    }

    #[test]
    fn public_addresses_are_public_in_every_form() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(kind_of(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn a_network_has_addresses_of_version_4_however_they_are_written() {
        let network = Network::try_from("10.0.0.0/8".to_owned()).unwrap();
        assert!(network.contains("10.9.9.9".parse().unwrap()));
        assert!(network.contains("::ffff:10.9.9.9".parse().unwrap()));
        assert!(!network.contains("64:ff9b::10.9.9.9".parse().unwrap()));
        let single = Network::try_from("::ffff:127.0.0.1".to_owned()).unwrap();
        assert!(single.contains("127.0.0.1".parse().unwrap()));
        assert!(Network::try_from("localhost".to_owned()).is_err());
    }
}
