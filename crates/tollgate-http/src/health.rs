//! Is the process alive, and can it do its work?
//!
//! `GET /livez` says that the process answers, and looks at nothing else: whoever restarts what does not answer should not
//! restart an app because its database is away. `GET /readyz` says whether requests should come here: each check by its
//! name, 200 if all are well, 503 otherwise and while the process stops. What requests can do without makes an app
//! `degraded`, which is 200: others, to which they would go instead, lack the same. Checks run at once, for two seconds
//! at most, and what they found stands for a quarter of a second: probes are no load for a database, however many there
//! are.
//!
//! Both need no sign-in, so they tell what is wrong in fixed words; causes are in the log.

use crate::Stop;
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tollgate_core::with_causes;

/// How long a check may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long what was found stands.
const STANDS: Duration = Duration::from_millis(250);

/// Whether that path is one of a probe, which is let in whatever the load.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz")
}

/// Why a check failed.
#[derive(Debug)]
pub struct Unwell {
    /// For whoever asks: no secret, and nothing of how the app is built.
    pub words: Cow<'static, str>,
    /// For the log.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

type Look = Box<dyn Fn() -> BoxFuture<'static, Result<(), Unwell>> + Send + Sync>;

struct Check {
    name: String,
    /// What it means if it fails.
    otherwise: Status,
    look: Look,
}

/// The checks of an app.
pub struct Health {
    stop: Stop,
    checks: Vec<Check>,
    found: Mutex<Option<(Instant, Arc<Report>)>>,
}

tollgate_core::debug_by_name!(Health);

/// What `/readyz` says.
#[derive(Debug, Serialize)]
struct Report {
    status: Status,
    checks: BTreeMap<String, Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
}

/// In the order in which one outweighs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Something is away that requests can do without.
    Degraded,
    Failed,
    /// Told to stop: nothing new should come.
    Stopping,
}

impl Health {
    /// Without checks: ready until the process is told to stop.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        Self { stop, checks: vec![], found: Mutex::default() }
    }

    /// Adds a check, under the name of what it looks at, as settings call it: `databases.documents`.
    #[must_use]
    pub fn check<C>(mut self, name: impl Into<String>, check: impl Fn() -> C + Send + Sync + 'static) -> Self
    where
        C: Future<Output = Result<(), Unwell>> + Send + 'static,
    {
        self.checks.push(Check::new(name, Status::Failed, check));
        self
    }

    /// Adds a check of something that requests can do without.
    #[must_use]
    pub fn optional<C>(mut self, name: impl Into<String>, check: impl Fn() -> C + Send + Sync + 'static) -> Self
    where
        C: Future<Output = Result<(), Unwell>> + Send + 'static,
    {
        self.checks.push(Check::new(name, Status::Degraded, check));
        self
    }

    /// `/livez` and `/readyz`.
    pub fn router(self) -> Router {
        let health = Arc::new(self);
        let alive = async || json(StatusCode::OK, &BTreeMap::from([("status", Status::Ok)]));
        Router::new().route("/livez", get(alive)).route("/readyz", get(async move || health.ready().await))
    }

    async fn ready(&self) -> Response {
        if self.stop.is_leaving() {
            return Report { status: Status::Stopping, checks: BTreeMap::new() }.answer();
        }
        // Whoever asks meanwhile waits for the same answer.
        let mut found = self.found.lock().await;
        if let Some((when, report)) = &*found
            && when.elapsed() < STANDS
        {
            return report.answer();
        }
        let report = Arc::new(self.look().await);
        *found = Some((Instant::now(), Arc::clone(&report)));
        report.answer()
    }

    async fn look(&self) -> Report {
        let looks = self.checks.iter().map(async |check| {
            let late = Unwell { words: "there was no answer in time".into(), cause: None };
            let found = timeout(TIMEOUT, (check.look)()).await.unwrap_or(Err(late));
            (check.name.clone(), Found::of(check, found))
        });
        let checks: BTreeMap<_, _> = join_all(looks).await.into_iter().collect();
        let status = checks.values().map(|found| found.status).max().unwrap_or(Status::Ok);
        Report { status, checks }
    }
}

impl Check {
    fn new<C>(name: impl Into<String>, otherwise: Status, check: impl Fn() -> C + Send + Sync + 'static) -> Self
    where
        C: Future<Output = Result<(), Unwell>> + Send + 'static,
    {
        Self { name: name.into(), otherwise, look: Box::new(move || Box::pin(check())) }
    }
}

impl Found {
    fn of(Check { name, otherwise, .. }: &Check, found: Result<(), Unwell>) -> Self {
        let Err(Unwell { words, cause }) = found else { return Self { status: Status::Ok, detail: None } };
        let cause = cause.map(|cause| with_causes(&*cause)).unwrap_or_default();
        let state = if *otherwise == Status::Degraded { "degraded" } else { "not ready" };
        tracing::warn!(check = name, cause, "{state}: {words}");
        Self { status: *otherwise, detail: Some(words) }
    }
}

impl Report {
    fn answer(&self) -> Response {
        let status = match self.status {
            Status::Ok | Status::Degraded => StatusCode::OK,
            Status::Failed | Status::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        json(status, self)
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let media_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [media_type], serde_json::to_vec(body).unwrap_or_default()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::to_bytes, http::Request};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower::ServiceExt;

    async fn ask(router: &Router) -> (u16, String) {
        let request = Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_check_is_told_by_its_name_and_no_cause_is() {
        let cause = || Some("connecting to db.internal as admin:secret".into());
        let health =
            Health::new(Stop::default())
                .check("database", async || Ok(()))
                .check("databases.documents", move || async move {
                    Err(Unwell { words: "it is away".into(), cause: cause() })
                });
        let (status, said) = ask(&health.router()).await;
        assert_eq!(status, 503);
        let documents = r#""databases.documents":{"status":"failed","detail":"it is away"}"#;
        assert_eq!(said, format!(r#"{{"status":"failed","checks":{{"database":{{"status":"ok"}},{documents}}}}}"#));
    }

    #[tokio::test]
    async fn what_requests_can_do_without_takes_no_app_out_of_service() {
        let away = || async { Err(Unwell { words: "it is away".into(), cause: None }) };
        let degraded = || Health::new(Stop::default()).check("database", async || Ok(())).optional("redis", away);
        let (status, said) = ask(&degraded().router()).await;
        assert_eq!(status, 200);
        assert!(said.starts_with(r#"{"status":"degraded""#), "{said}");
        assert!(said.contains(r#""redis":{"status":"degraded","detail":"it is away"}"#), "{said}");
        let (status, said) = ask(&degraded().check("databases.documents", away).router()).await;
        assert_eq!((status, said.starts_with(r#"{"status":"failed""#)), (503, true), "{said}");
    }

    #[tokio::test]
    async fn many_probes_are_one_check() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let router = Health::new(Stop::default())
            .check("database", move || {
                counted.fetch_add(1, Ordering::Relaxed);
                async { Ok(()) }
            })
            .router();
        let began = Instant::now();
        let answers = join_all((0..200).map(|_| ask(&router))).await;
        assert!(answers.iter().all(|(status, _)| *status == 200));
        let most = 1 + began.elapsed().as_millis() / STANDS.as_millis();
        assert!(asked.load(Ordering::Relaxed) as u128 <= most, "{asked:?} of {most}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_not_waited_for() {
        let health = Health::new(Stop::default()).check("database", std::future::pending);
        assert!(ask(&health.router()).await.1.contains("there was no answer in time"));
    }
}
