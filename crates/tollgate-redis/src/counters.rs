//! Requests, counted for all instances: by a script, so that nothing comes between looking and counting.
//!
//! Time is that of the Redis: there is no stopwatch that instances share. If its clock is set back, nobody waits for more
//! than a window because of that; if it is set forward, each gets their quota back at once, and each instance's own counter,
//! which goes by its stopwatch, still holds.

use crate::Redis;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::cmd;
use std::time::Duration;
use tollgate_http::{Counted, Quota, SharedCounters};

impl SharedCounters for Redis {
    fn count<'a>(&'a self, name: &'a str, quota: Quota) -> Counted<'a> {
        Box::pin(async move {
            let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            // People are called by their ids here, which Redis need not know.
            let name = URL_SAFE_NO_PAD.encode(digest(&SHA256, name.as_bytes()));
            let mut eval = cmd("EVAL");
            eval.arg(include_str!("gcra.lua")).arg(1).arg(format!("{}:count:{name}", self.0.app));
            eval.arg(micros(quota.interval())).arg(micros(quota.window()));
            self.0.link.ask::<u64>(&eval).await.map(Duration::from_micros)
        })
    }
}
