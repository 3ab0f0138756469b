//! SipHash-1-3 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, and
//! the reference implementation's 128-bit form) over a sequence of parts.
//!
//! One part hashes as the reference hashes it. Where another part follows, the state is marked between the
//! two, at a place that no byte of a part reaches: no list of parts is hashed like another one. A part's tail
//! is read without being copied, which is half of the time for a short name.

/// Marks the end of a part; not one of the constants that end the whole.
const BOUNDARY: u64 = 0x5a;

/// A keyed hash under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sip {
    v: [u64; 4],
}

impl Sip {
    #[inline]
    pub(super) fn new(key: [u64; 2]) -> Self {
        let v = [
            key[0] ^ 0x736f_6d65_7073_6575,
            key[1] ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            key[0] ^ 0x6c79_6765_6e65_7261,
            key[1] ^ 0x7465_6462_7974_6573,
        ];
        Self { v }
    }

    /// Takes in a part.
    #[inline]
    pub(super) fn part(&mut self, part: &[u8]) {
        let mut rest = part;
        while let Some((word, others)) = rest.split_first_chunk::<8>() {
            self.word(u64::from_le_bytes(*word));
            rest = others;
        }
        self.word(tail(part, rest.len()) | (part.len() as u64) << 56);
    }

    /// Another part follows.
    #[inline]
    pub(super) fn boundary(&mut self) {
        self.v[2] ^= BOUNDARY;
    }

    /// The 128 bits.
    #[inline]
    pub(super) fn finish(mut self) -> [u64; 2] {
        self.v[2] ^= 0xee;
        let first = self.squeeze();
        self.v[1] ^= 0xdd;
        [first, self.squeeze()]
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    #[inline]
    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.v;
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v1);
        v0 = v0.wrapping_add(v3);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
        self.v = [v0, v1, v2, v3];
    }

    #[inline]
    fn squeeze(&mut self) -> u64 {
        self.round();
        self.round();
        self.round();
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }
}

/// The last `len` bytes of a part, below 8, as the lower bytes of a word.
#[inline]
pub(super) fn tail(part: &[u8], len: usize) -> u64 {
    match (len, part.last_chunk::<8>()) {
        (0, _) => 0,
        (_, Some(last)) => u64::from_le_bytes(*last) >> (64 - 8 * len),
        // The whole part: its two ends, which overlap.
        (4.., None) => {
            let ends = part.first_chunk::<4>().zip(part.last_chunk::<4>());
            ends.map_or(0, |(first, last)| {
                let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
                u64::from(first) | u64::from(last) << (8 * (len - 4))
            })
        }
        (_, None) => {
            u64::from(part[0])
                | u64::from(part[len / 2]) << (8 * (len / 2))
                | u64::from(part[len - 1]) << (8 * (len - 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use siphasher::sip128::SipHasher13;

    use super::*;

    #[test]
    fn one_part_hashes_as_the_reference_does() {
        let bytes: Vec<u8> = (1..=255).cycle().take(1_000).collect();
        for len in 0..=1_000 {
            let mut ours = Sip::new([7, 9]);
            ours.part(&bytes[..len]);
            let hash = SipHasher13::new_with_keys(7, 9).hash(&bytes[..len]);
            assert_eq!(ours.finish(), [hash.h1, hash.h2], "{len} bytes");
        }
    }
}
