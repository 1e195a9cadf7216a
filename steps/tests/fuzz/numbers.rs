//! Numbers that are the same in every run.

/// A generator (xorshift64*).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Case `case` of seed `seed`: known without those before it.
    pub(crate) fn of(seed: u64, case: u64) -> Self {
        let mixed = (seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    /// A number below `below`; 0 where nothing is.
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number % below.max(1) as u64).expect("it is below")
    }

    /// A number below `few`, and once in `n` times one below `many`.
    pub(crate) fn few(&mut self, few: usize, n: usize, many: usize) -> usize {
        let below = if self.once_in(n) { many } else { few };
        self.next(below)
    }

    /// One of some things.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.next(of.len())]
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.next(n) == 0
    }
}
