//! A 128-bit hash of a state, so that a million states fit in a few megabytes.
//!
//! Two 64-bit lanes, each folded by a 64 x 64 -> 128 bit multiplication; with a million states the chance of
//! any collision is about 10^-27 as far as the lanes are independent.

use std::hash::{Hash, Hasher};

/// The hash of `state`.
pub(crate) fn hash128(state: &impl Hash) -> u128 {
    let mut lanes = Lanes(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
    state.hash(&mut lanes);
    u128::from(lanes.0) << 64 | u128::from(lanes.1)
}

struct Lanes(u64, u64);

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let bytes = (product ^ product >> 64).to_le_bytes();
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}

impl Hasher for Lanes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, x: u64) {
        self.0 = fold(self.0 ^ x, 0x9e37_79b9_7f4a_7c15);
        self.1 = fold(self.1.rotate_left(23) ^ x.wrapping_add(0x4528_21e6_38d0_1377), 0xbf58_476d_1ce4_e5b9);
    }

    fn write_u8(&mut self, x: u8) {
        self.write_u64(x.into());
    }

    fn write_u32(&mut self, x: u32) {
        self.write_u64(x.into());
    }

    fn write_usize(&mut self, x: usize) {
        self.write_u64(x as u64);
    }

    fn write_isize(&mut self, x: isize) {
        self.write_u64(x.cast_unsigned() as u64);
    }
}
