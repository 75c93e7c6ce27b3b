//! Numbers that look like chance: the same seed, the same row of them (`SplitMix64`). Nothing here is secret.

use tollgate::Uuid;

/// A row of numbers.
pub(crate) struct Dice(u64);

impl Dice {
    /// The row of that seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A row that nobody has seen.
    pub(crate) fn new() -> Self {
        let (high, low) = Uuid::now_v7().as_u64_pair();
        Self(high ^ low.rotate_left(32))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1, without it.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what fits")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to `end`, without it.
    #[expect(clippy::cast_possible_truncation, reason = "the rest is less than `end`")]
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// About 0, in most cases less than `spread` away from it: nearly a normal distribution.
    pub(crate) fn about(&mut self, spread: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.share()).sum();
        (sum - 6.0) * spread
    }
}
