//! Work in the background, over in a moment: a mail that is sent, keys that are renewed.
//!
//! No request waits for it. Whoever lets the process be frozen, as AWS Lambda does after each answer, first [waits](wait) for
//! it: what is stopped half way has lost its connections when it goes on.

use crate::audit::{with_origin, within};
use std::{pin::Pin, sync::LazyLock};
use tokio_util::task::TaskTracker;
pub use tokio_util::task::task_tracker::TaskTrackerToken as Token;

static BACKGROUND: LazyLock<TaskTracker> = LazyLock::new(|| {
    let tracker = TaskTracker::new();
    // Whoever waits does so for what there is; more may come.
    tracker.close();
    tracker
});

/// Does work in a task of its own that nobody waits for, within a runtime. What it records names the request that it
/// follows from.
pub fn spawn(work: impl Future<Output: Send> + Send + 'static) {
    // Boxed: a task is a lot of code, and so is there once.
    let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move { drop(work.await) });
    match with_origin(Clone::clone) {
        Some(origin) => BACKGROUND.spawn(within(origin, work)),
        None => BACKGROUND.spawn(work),
    };
}

/// Counts as work in the background until it is dropped.
pub fn token() -> Token {
    BACKGROUND.token()
}

/// Waits until no work is left.
pub async fn wait() {
    BACKGROUND.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::{sync::oneshot, time::timeout};

    #[tokio::test]
    async fn what_goes_on_is_waited_for_and_more_may_come() {
        for _ in 0..2 {
            let (end, ended) = oneshot::channel::<()>();
            spawn(ended);
            assert!(timeout(Duration::from_millis(20), wait()).await.is_err());
            end.send(()).unwrap();
            wait().await;
        }
    }
}
