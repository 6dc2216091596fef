//! Seeded random values: the same seed and stream always give the same sequence.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A sequence of random values.
#[derive(Clone, Debug)]
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// An independent sequence with the same seed. Only right on a `Draw` nothing was drawn from.
    pub(super) fn stream(&self, stream: u64) -> Self {
        let mut rng = self.0.clone();
        rng.set_stream(stream);
        Self(rng)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn bits128(&mut self) -> u128 {
        (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64())
    }

    /// A value in `0..n`; 0 where `n` is 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// A value in `low..=high`; `low` where the range is empty.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low + self.below((high - low) as u64 + 1) as i64
    }

    /// True in `permille` of 1,000 cases.
    pub(super) fn permille(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of `from`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// 64 well-mixed bits that follow from the two inputs (the finaliser of SplitMix64, applied twice).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    finalise(finalise(a.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03))
}

/// A number in `0.0..1.0` that follows from the two inputs.
pub(super) fn mix_unit(a: u64, b: u64) -> f64 {
    (mix(a, b) >> 11) as f64 / (1u64 << 53) as f64
}

fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The text of a UUID: 36 characters.
pub(super) fn uuid(bits: u128) -> String {
    let mut text = String::with_capacity(36);
    push_uuid(&mut text, bits);
    text
}

/// Appends the text of a UUID.
pub(super) fn push_uuid(text: &mut String, bits: u128) {
    for (position, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(text, byte);
    }
}

/// Appends two hexadecimal digits.
pub(super) fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push(DIGITS[usize::from(byte >> 4)] as char);
    text.push(DIGITS[usize::from(byte & 15)] as char);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let base = Draw::new(7);
        assert_eq!(base.stream(3).bits(), base.stream(3).bits());
        assert_ne!(base.stream(3).bits(), base.stream(4).bits());
        assert_ne!(base.stream(3).bits(), Draw::new(8).stream(3).bits());
    }

    #[test]
    fn values_stay_in_range() {
        let mut draw = Draw::new(1);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[draw.below(5) as usize] = true;
            assert!((-2..=2).contains(&draw.between(-2, 2)));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(draw.between(9, 3), 9);
    }

    #[test]
    fn a_uuid_has_its_five_groups() {
        assert_eq!(
            uuid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
            "00112233-4455-6677-8899-aabbccddeeff"
        );
    }
}
