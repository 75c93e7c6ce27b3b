//! How many places are enough? As few as answer as many requests as more would.
//!
//! Beyond that number each request only waits among the others instead of before them. It is found by trying: while there
//! are always some who wait, what is answered with all places is held against what is answered with a quarter of them. Half
//! as much is right: there are then twice as many places as are busy if nobody waits behind a place (Little's law), which
//! leaves room for chance. More than half means too many places, less means too few.
//!
//! What counts is how many are answered and not how long each takes, so fast and slow routes may be mixed, and a database
//! that has become slow gets more requests at once and not fewer.

use std::time::Duration;

/// Fewer than these are not enough for a crowd.
const LEAST: usize = 6;
/// How long a number of places is tried, in ms.
const TURN: u64 = 100;
/// A trial that was not over by then tells that its places are held for long.
const LONGEST: u64 = 300;
/// Between these shares of the right number, chance decides.
const RIGHT: std::ops::Range<f64> = 0.8..1.25;
/// Turns between two trials that changed nothing, at most.
const SELDOM: u32 = 100;

/// The number of places, and what was answered with them, by the millisecond.
pub(super) struct Knee {
    most: usize,
    places: usize,
    rate: f64,
    is_trial: bool,
    /// How many turns there are from one trial to the next, and until the next.
    pause: u32,
    turns: u32,
}

impl Knee {
    pub(super) fn new(most: usize) -> Self {
        Self { most, places: most, rate: 0.0, is_trial: false, pause: 1, turns: 1 }
    }

    /// How many places there are in this turn.
    pub(super) fn places(&self) -> usize {
        if self.is_trial { (self.places / 4).max(1) } else { self.places }
    }

    /// How many leave their places within a moment, with all places; any number, while nothing is known.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too large is the largest")]
    pub(super) fn leave_within(&self, moment: Duration) -> usize {
        if self.rate > 0.0 { (self.rate * moment.as_secs_f64() * 1000.0).ceil() as usize } else { usize::MAX }
    }

    /// Nobody waited for a while: of this trial nothing can be learnt.
    pub(super) fn end_trial(&mut self) {
        (self.is_trial, self.turns) = (false, self.turns.max(1));
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.most);
    }

    /// Says what was answered in the last `measured` of the `lasted` milliseconds of this turn. The next begins, unless it is
    /// too early because not each place had its turn.
    #[expect(clippy::cast_precision_loss, reason = "nobody answers 2^52 requests in a turn")]
    pub(super) fn next(&mut self, answered: u64, measured: u64, lasted: u64) -> bool {
        let is_enough = measured >= TURN && answered >= self.places() as u64;
        let rate = answered as f64 / measured.max(1) as f64;
        match self.is_trial {
            true if is_enough || lasted >= LONGEST => self.tried(rate),
            false if is_enough => self.ran(rate),
            _ => return false,
        }
        true
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "there are far fewer places")]
    #[expect(clippy::cast_sign_loss, reason = "rates are not negative")]
    fn tried(&mut self, rate: f64) {
        let right = self.rate / (2.0 * rate.max(f64::MIN_POSITIVE));
        let places = (self.places as f64 * right.clamp(0.5, 2.0)).round() as usize;
        let places = if RIGHT.contains(&right) { self.places } else { places };
        let places = places.clamp(LEAST.min(self.most), self.most);
        self.pause = if places == self.places { (self.pause * 2).min(SELDOM) } else { 1 };
        (self.is_trial, self.turns, self.places) = (false, self.pause, places);
    }

    fn ran(&mut self, rate: f64) {
        let is_other = rate < self.rate / 2.0 || rate > self.rate * 2.0;
        self.rate = if is_other { rate } else { f64::midpoint(self.rate, rate) };
        self.turns = if is_other { 0 } else { self.turns - 1 };
        self.is_trial = self.turns == 0;
    }
}
