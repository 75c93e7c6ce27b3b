//! What goes on beside the requests, and is over in a moment: a mail that is sent, keys that are renewed.
//!
//! No request waits for it. Whoever lets the process be frozen, as AWS Lambda does after each answer, first waits until it
//! is [settled]: what is stopped half way has lost its connections when it goes on.

use crate::audit::{with_origin, within};
use std::{pin::Pin, sync::LazyLock};
use tokio_util::task::TaskTracker;
pub use tokio_util::task::task_tracker::TaskTrackerToken as Unsettled;

static BESIDE: LazyLock<TaskTracker> = LazyLock::new(|| {
    let tracker = TaskTracker::new();
    // Whoever waits does so for what there is; more may come.
    tracker.close();
    tracker
});

/// Does work in a task of its own that nobody waits for, within a runtime. What it records names the request that it
/// follows from.
pub fn beside(work: impl Future<Output: Send> + Send + 'static) {
    // Boxed: a task is a lot of code, and so is there once.
    let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move { drop(work.await) });
    match with_origin(Clone::clone) {
        Some(origin) => BESIDE.spawn(within(origin, work)),
        None => BESIDE.spawn(work),
    };
}

/// Something that is not settled until this value is gone.
pub fn unsettled() -> Unsettled {
    BESIDE.token()
}

/// Waits until nothing goes on beside the requests.
pub async fn settled() {
    BESIDE.wait().await;
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
            beside(ended);
            assert!(timeout(Duration::from_millis(20), settled()).await.is_err());
            end.send(()).unwrap();
            settled().await;
        }
    }
}
