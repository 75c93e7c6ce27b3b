//! How many places are enough? As few as answer as many requests as more would.
//!
//! Beyond that number each request only waits among the others instead of before them. It is found by trying: while there
//! are always some who wait, each turn has fewer places than the one before, until fewer requests are answered in it; then
//! it has more. What counts is how many are answered and not how long each takes, so fast and slow routes may be mixed, and
//! a database that has become slow gets more requests at once and not fewer.

/// Fewer than these are not tried.
const LEAST: usize = 8;
/// The share of the best that is as good as the best: counts of a turn differ by chance.
const ENOUGH: f64 = 0.9;
/// What is left of the best after a turn: what was possible once may not be any more.
const LEFT: f64 = 0.98;

/// The number of places that are tried, and the most that was answered with any, by the millisecond.
pub(super) struct Knee {
    most: usize,
    places: usize,
    best: f64,
}

impl Knee {
    pub(super) fn new(most: usize) -> Self {
        Self { most, places: most, best: 0.0 }
    }

    /// Nothing is known any more: all places.
    pub(super) fn forget(&mut self) -> usize {
        *self = Self::new(self.most);
        self.places
    }

    /// How many places there should be after a turn in which so many requests were answered; none if it is too early to tell
    /// whether that is as good as before, because not each place had its turn.
    #[expect(clippy::cast_precision_loss, reason = "nobody answers 2^52 requests in a turn")]
    pub(super) fn next(&mut self, answered: u64, millis: u64) -> Option<usize> {
        let rate = answered as f64 / millis.max(1) as f64;
        if rate < self.best * ENOUGH {
            self.places += self.places / 4 + 1;
        } else if answered >= self.places as u64 {
            self.places -= self.places / 8;
        } else {
            return None;
        }
        self.best = (self.best * LEFT).max(rate);
        self.places = self.places.clamp(LEAST.min(self.most), self.most);
        Some(self.places)
    }
}
