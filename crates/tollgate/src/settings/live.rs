//! What may follow changes.

use super::check_bounds;
use crate::app::Design;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;
use tollgate_http::LiveLimits;

/// Streams of changes: how many there may be, and how long a reader may be away.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Live {
    /// How many streams an instance has at once, 0 to 100,000. Each is a connection as well, of which there are
    /// `server.connections`. Default: 2,000.
    pub readers: u32,
    /// How many of those are one person's, 1 to 10,000. Default: 20.
    pub readers_per_person: u32,
    /// For how many minutes changes are kept for those who come back, 1 to 10,080. Default: 60.
    pub keep_minutes: u32,
}

impl Default for Live {
    fn default() -> Self {
        Self { readers: 2000, readers_per_person: 20, keep_minutes: 60 }
    }
}

impl Live {
    /// Refuses what is out of bounds.
    pub(super) fn check(&self) -> Result<(), String> {
        let bounds = [
            ("readers", self.readers, 0..=100_000),
            ("readers_per_person", self.readers_per_person, 1..=10_000),
            ("keep_minutes", self.keep_minutes, 1..=10_080),
        ];
        check_bounds("live", bounds)
    }
}

impl Design {
    /// In AWS Lambda an answer is sent whole, so none may go on.
    pub(crate) fn live_limits(&self) -> LiveLimits {
        let Live { readers, readers_per_person, keep_minutes } = self.settings.live;
        let readers = if self.settings.lambda.is_here { 0 } else { readers };
        LiveLimits {
            readers: readers as usize,
            per_person: readers_per_person as usize,
            keep: Duration::from_mins(keep_minutes.into()),
        }
    }
}
