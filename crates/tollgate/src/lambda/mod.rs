//! An app that was started by AWS Lambda: calls in place of a socket.
//!
//! Between two calls the process is frozen, for minutes or hours, and nobody tells it. What others do by timers is done here
//! when a call ends that pause: stopwatches are put forward, connections that were cut off are left, and what was revoked,
//! rotated or changed meanwhile is asked for, before the request is looked at. After an answer has left, what goes on beside
//! the requests comes to its end, lines are written and steps are sent.
//!
//! Invariant: whoever comes after a pause meets what they would meet without one.

use crate::{
    app::{Design, Failure},
    running::Running,
    settings::{MetricsAt, RUNTIME_API},
    telemetry::Started,
};
use futures_util::future::join_all;
use std::{
    env,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tollgate_core::{Clock, FrozenClock, with_causes};
use tollgate_http::{
    lambda::{Between, Done, Lambda, Pause},
    log_panics,
};
use tollgate_store::background;

/// After a shorter pause all is as it was: it is one as between two requests elsewhere.
const PAUSE: Duration = Duration::from_secs(1);
/// After a longer one, what was revoked is read as a whole, as is done once a minute elsewhere.
const LONG: Duration = Duration::from_mins(1);
/// How long a request waits at most for what is looked after before it.
const WAKING: Duration = Duration::from_secs(3);
/// How long a call stays at most for what goes on after its answer.
const RESTING: Duration = Duration::from_secs(5);

/// What else the runtime sets. Where it is missing, this is no runtime.
const VARIABLES: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// Serves calls until the environment ends.
pub(crate) async fn serve(design: Design, telemetry: Arc<Started>) -> Result<(), Failure> {
    log_panics();
    if let Some(missing) = VARIABLES.iter().find(|name| env::var_os(name).is_none()) {
        return Err(Failure(format!("{RUNTIME_API} is set and {missing} is not: start the app without the first")));
    }
    if let Some(MetricsAt::Address(_)) = design.settings.telemetry.metrics {
        tracing::warn!("telemetry.metrics is not shown: nothing reaches an address within AWS Lambda");
    }
    let clock = Arc::new(FrozenClock::default());
    let mut terminated = signal(SignalKind::terminate())?;
    let base_path = design.settings.lambda.base_path.clone();
    let running = Arc::new(design.open_by(Arc::clone(&clock) as _).await?);
    let (router, edge) = running.router();
    let between = Arc::new(Frozen { running, clock, telemetry, renewed: Mutex::default() });
    between.settle_before_first().await;
    tokio::select! {
        ended = Lambda { router, edge, base_path, between }.serve() => ended.map_err(Failure),
        _ = terminated.recv() => Ok(()),
    }
}

/// An app between two calls.
struct Frozen {
    running: Arc<Running>,
    clock: Arc<FrozenClock>,
    telemetry: Arc<Started>,
    /// When secrets were last looked up, on the app's stopwatch.
    renewed: Mutex<Duration>,
}

impl Between for Frozen {
    fn wake(&self, pause: Pause) -> Done<'_> {
        Box::pin(async move {
            self.clock.missed(pause.missed);
            self.running.identities.others.touch();
            if pause.length >= PAUSE && timeout(WAKING, self.look_after(pause.length)).await.is_err() {
                tracing::warn!("after a pause not all could be looked after in time");
            }
        })
    }

    fn rest(&self) -> Done<'_> {
        Box::pin(async move {
            if timeout(RESTING, background::wait()).await.is_err() {
                tracing::warn!("something goes on that will be stopped");
            }
            let telemetry = Arc::clone(&self.telemetry);
            let _ = tokio::task::spawn_blocking(move || telemetry.flush()).await;
        })
    }
}

impl Frozen {
    /// What was made ready in advance is frozen before the first call.
    async fn settle_before_first(&self) {
        if env::var("AWS_LAMBDA_INITIALIZATION_TYPE").is_ok_and(|kind| kind != "on-demand") {
            self.rest().await;
        }
    }

    async fn look_after(&self, pause: Duration) {
        let Running { databases, identities, .. } = &*self.running;
        join_all(databases.all().map(|database| database.awake())).await;
        let all = pause >= LONG;
        let caught_up = async {
            let (keys, people) = tokio::join!(identities.keys.catch_up(all), identities.people.catch_up(all));
            if let Err(error) = keys.and(people) {
                let cause = with_causes(&error);
                tracing::warn!(cause, "what other instances revoke or rotate is not known for now");
            }
        };
        tokio::join!(caught_up, self.renew_secrets(), background::wait());
    }

    /// Looks secrets up where that is due by now; a timer may have stood still.
    async fn renew_secrets(&self) {
        let settings = &self.running.design.settings;
        let every = Duration::from_secs(settings.secrets.refresh_seconds.into());
        let now = self.clock.uptime();
        let is_due = {
            let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = !every.is_zero() && now.saturating_sub(*renewed) >= every;
            *renewed = if is_due { now } else { *renewed };
            is_due
        };
        if is_due {
            settings.held.renew().await;
        }
    }
}
