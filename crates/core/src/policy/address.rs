//! Addresses, as they are matched and as they are counted.
//!
//! An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is the IPv4 address: as another client it
//! would have a second allowance, and would pass by a block that names the first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::PolicyError;

/// An address block (RFC 4632; RFC 4291, 2.3): `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Block(Path);

/// An address as a path from a root: its family, then bit after bit. What lies in a block begins with its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path(Box<[u8]>);

impl Block {
    /// A block as it is written.
    ///
    /// # Errors
    /// If it is none, or its address says more than its prefix holds: who writes `10.0.0.1/8` may have meant
    /// less than `10.0.0.0/8`.
    pub fn new(text: &str) -> Result<Self, PolicyError> {
        let malformed = || PolicyError::Block(text.to_owned());
        let (written, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let written: IpAddr = written.parse().map_err(|_| malformed())?;
        let address = written.to_canonical();
        let bits = width(written);
        let length = match length {
            // Digits alone: `parse` would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= bits).ok_or_else(malformed)?
            }
            Some(_) => return Err(malformed()),
            None => bits,
        };
        // Of a mapped address, the first 96 bits say that it is one.
        let length = length.checked_sub(bits - width(address)).ok_or_else(malformed)?;
        let first = masked(address, length);
        if first != address {
            return Err(PolicyError::BlockBits {
                written: text.to_owned(),
                meant: format!("{first}/{length}"),
            });
        }
        Ok(Self(Path::new(address, length)))
    }

    /// Whether the value is an address in this block.
    #[must_use]
    pub fn contains(&self, value: &[u8]) -> bool {
        Path::of(value).is_some_and(|path| path.as_bytes().starts_with(self.path()))
    }

    pub(super) fn path(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Path {
    /// The path of a value that is an address.
    pub(super) fn of(value: &[u8]) -> Option<Self> {
        parse(value).map(|address| Self::new(address, width(address)))
    }

    fn new(address: IpAddr, length: u8) -> Self {
        let (family, bits) = match address {
            IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96),
            IpAddr::V6(address) => (6, address.to_bits()),
        };
        let bit = |at: u8| u8::from(bits << at >> 127 != 0);
        Self(std::iter::once(family).chain((0..length).map(bit)).collect())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How an address is counted: in one spelling, and of an IPv6 address so many bits, because whoever has one has
/// all the others of its network as well. `None` if the value is no address.
pub(super) fn spelling(value: &[u8], ipv6_prefix: u8) -> Option<String> {
    Some(match parse(value)? {
        IpAddr::V6(address) if ipv6_prefix < 128 => {
            format!("{}/{ipv6_prefix}", masked(IpAddr::V6(address), ipv6_prefix))
        }
        address => address.to_string(),
    })
}

fn parse(value: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with only its first `length` bits.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_however_they_are_written() {
        for (block, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::FFFF:a01:203"][..],
                &["9.255.255.255", "11.0.0.0", "::10.1.2.3", "a00::", "10.0.0", "010.0.0.1", "10.0.0.1:80"][..],
            ),
            ("::ffff:10.0.0.0/104", &["10.1.2.3"], &["11.1.2.3"]),
            ("192.0.2.7", &["192.0.2.7", "::ffff:192.0.2.7"], &["192.0.2.6", ""]),
            ("0.0.0.0/0", &["1.2.3.4", "::ffff:1.2.3.4"], &["::", "2001:db8::1"]),
            ("2001:db8::/32", &["2001:DB8:0:0::1", "2001:db8:ffff::"], &["2001:db9::", "32.1.13.184"]),
            ("::/0", &["::1"], &["127.0.0.1", "::ffff:127.0.0.1"]),
        ] {
            let parsed = Block::new(block).unwrap();
            for address in inside {
                assert!(parsed.contains(address.as_bytes()), "{address} is in {block}");
            }
            for address in outside {
                assert!(!parsed.contains(address.as_bytes()), "{address} is not in {block}");
            }
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in
            ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0/8", "::/129", "a.b"]
        {
            assert_eq!(Block::new(text), Err(PolicyError::Block(text.to_owned())));
        }
        for (text, meant) in
            [("10.0.0.1/8", "10.0.0.0/8"), ("2001:db8::1/64", "2001:db8::/64"), ("1.2.3.4/0", "0.0.0.0/0")]
        {
            let error = PolicyError::BlockBits { written: text.to_owned(), meant: meant.to_owned() };
            assert_eq!(Block::new(text), Err(error));
        }
        assert!(Block::new("::ffff:0:0/80").is_err(), "neither all of IPv6 nor only what is mapped");
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (written, prefix, counted) in [
            ("192.0.2.1", 64, Some("192.0.2.1")),
            ("::ffff:192.0.2.1", 64, Some("192.0.2.1")),
            ("2001:db8::1", 64, Some("2001:db8::/64")),
            ("2001:0DB8:0:0:ffff:ffff:ffff:ffff", 64, Some("2001:db8::/64")),
            ("2001:db8:0:1::", 64, Some("2001:db8:0:1::/64")),
            ("2001:db8:0:1::", 48, Some("2001:db8::/48")),
            ("2001:DB8::1", 128, Some("2001:db8::1")),
            ("alice", 64, None),
        ] {
            assert_eq!(spelling(written.as_bytes(), prefix).as_deref(), counted, "{written}");
        }
    }
}
