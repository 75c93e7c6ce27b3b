//! How many requests may be tried again?
//!
//! An API that is in trouble is not helped by three times as many requests. So each request puts a tenth of a try into the
//! budget, and trying again takes a whole one out of it: however many fail, there are 1.1 times as many tries as requests.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What one try costs; a request brings a tenth of it.
const TRY: u32 = 10;
/// What is there at the start, and at most: ten tries.
const MOST: u32 = 10 * TRY;

/// What is left of the tries.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl Budget {
    /// A request that is made for the first time.
    pub(super) fn request(&self) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |left| (left < MOST).then_some(left + 1));
    }

    /// Whether it may be tried once more.
    pub(super) fn try_again(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(TRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_requests_is_tried_again() {
        let budget = Budget::default();
        let tries = (0..1000).filter(|_| {
            budget.request();
            budget.try_again()
        });
        assert_eq!(tries.count(), 109, "ten at the start, and a tenth of a thousand");
    }
}
