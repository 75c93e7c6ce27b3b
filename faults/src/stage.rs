//! Which binary is tried, and how long.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    ops::Range,
    path::PathBuf,
    time::Duration,
};

/// How much load, and how strictly times are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Minutes, on a machine that does nothing else.
    Long,
    /// Seconds, among other tests, on an unoptimised build: times are judged more mildly.
    Short,
}

/// Where a fault happens.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The binary of the reference application.
    pub binary: PathBuf,
    /// How much of it.
    pub form: Form,
}

impl Stage {
    pub(crate) fn pick<T>(&self, long: T, short: T) -> T {
        match self.form {
            Form::Long => long,
            Form::Short => short,
        }
    }

    /// A pass figure that is a time, as this form judges it: among other tests, what is below half a second says more about
    /// those.
    pub(crate) fn within(&self, limit: Duration) -> Duration {
        self.pick(limit, (limit * 5).max(Duration::from_millis(500)))
    }
}

/// Some time of so many milliseconds.
pub(crate) fn random(millis: Range<u64>) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    Duration::from_millis(millis.start + random % (millis.end - millis.start))
}
