//! A problem on its way out: one place where every "no" is logged and becomes bytes.
//!
//! Where a problem arises, only its status and the [`Problem`] itself go into the response; the
//! [pipeline](crate::pipeline) writes the body, because only there the request's id is known and whether a
//! program or a person reads the answer.

use crate::{AuditLog, observe::lacked, pages::html};
use axum::{
    extract::MatchedPath,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use std::{fmt, sync::Arc};
use tollgate_access::{Access, Actor};
use tollgate_core::{Problem, with_causes};

/// The longest id of a row that is kept of a refusal, in bytes.
const LONGEST_ROW: usize = 200;

/// A problem as a response. What it adds to one: how far the request came.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) actor: Option<Actor>,
    pub(crate) access: Option<Access>,
    /// Whether somebody else tells the log about many of its kind at once.
    pub(crate) is_one_of_many: bool,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, actor: None, access: None, is_one_of_many: false }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem.status().into_response();
        response.headers_mut().extend(self.problem.headers().iter().cloned());
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl Refusal {
    /// Notes who met the refusal and what it took, for the page and the log; other responses stay as they are.
    pub(crate) fn met_by(
        mut response: Response,
        actor: Option<Actor>,
        headers: &HeaderMap,
        access: fn() -> Access,
    ) -> Response {
        let Some(refusal) = response.extensions_mut().get_mut::<Arc<Self>>() else { return response };
        let refusal = Arc::make_mut(refusal);
        (refusal.actor, refusal.access) = (actor, Some(access()));
        if refusal.problem.status() == StatusCode::FORBIDDEN && headers.contains_key(header::AUTHORIZATION) {
            let challenge = refusal.lacks();
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        response
    }

    /// What a token is told that is good, and not good enough (RFC 6750, 3.1).
    fn lacks(&self) -> HeaderValue {
        let wanted = self.access.as_ref().map(Access::permissions).unwrap_or_default();
        let has = |permission: &&str| self.actor.as_ref().is_some_and(|actor| actor.grants().include(permission));
        let short = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
        if wanted.iter().all(has) {
            return short;
        }
        let full = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", wanted.join(" "));
        HeaderValue::try_from(full).unwrap_or(short)
    }

    /// The refusal that a response carries, with the request it answers.
    pub(crate) fn of(response: &Response, asked: &Asked, id: &RequestId) -> Option<Self> {
        let refusal = response.extensions().get::<Arc<Self>>()?;
        let mut refusal = Self::clone(refusal);
        refusal.problem = refusal.problem.of_request(&id.0, asked.path());
        Some(refusal)
    }

    /// Writes the body into its response: the page if there is one, `application/problem+json` otherwise.
    pub(crate) fn write(&self, response: Response, page: Option<String>) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let body = if let Some(page) = page {
            let (page, body) = html(page).into_parts();
            parts.headers.extend(page.headers);
            body
        } else {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
            self.bytes().1.into()
        };
        Response::from_parts(parts, body)
    }

    /// Whether it is for somebody who came at a bad time: who that is, is not looked up. That would take what there is too
    /// little of, or ask a database once more that has just not answered.
    pub(crate) fn is_sent_away(&self) -> bool {
        let is_later = matches!(self.problem.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        self.is_one_of_many || is_later
    }

    /// The document alone.
    pub(crate) fn bytes(&self) -> (StatusCode, Vec<u8>) {
        (self.problem.status(), serde_json::to_vec(&self.problem).unwrap_or_default())
    }

    /// Once, here: what the caller is not told goes into the log.
    pub(crate) fn log(&self, asked: &Asked, id: &RequestId) {
        let (problem, method, path, route) = (&self.problem, &asked.method, asked.path(), asked.route());
        let actor = self.actor.as_ref().map_or("-", Actor::id);
        let cause = problem.cause().map(|cause| with_causes(&**cause)).unwrap_or_default();
        let raised = problem.raised();
        // As text and not as it displays itself: what was sent and is said again begins no line of its own.
        let (is_ours, problem) = (problem.status().is_server_error(), problem.to_string());
        if is_ours && !self.is_one_of_many {
            tracing::error!(request_id = %id, %method, path, route, actor, problem, cause, %raised, "refused");
        } else {
            tracing::debug!(target: "tollgate::request", request_id = %id, %method, path, route, actor, problem, cause, %raised, "refused");
        }
    }
}

impl Refusal {
    /// Records that somebody who is signed in was not let, or asked for a row that is not there for them. Who is not signed
    /// in is in the log.
    pub(crate) fn record(&self, asked: &Asked, audit: &AuditLog) {
        let Some(actor) = &self.actor else { return };
        let (why, row) = (self.problem.to_string(), asked.row());
        let (method, path) = (asked.method.as_str(), asked.path());
        match (self.problem.status(), row) {
            (StatusCode::FORBIDDEN, row) => {
                lacked(self.access.as_ref().map(ToString::to_string).unwrap_or_default());
                audit.refused(actor, self.access.as_ref(), (method, path), row, &why);
            }
            (StatusCode::NOT_FOUND, Some(row)) if self.access.as_ref().is_some_and(|access| audit.watches(access)) => {
                audit.refused(actor, self.access.as_ref(), (method, path), Some(row), &why);
            }
            _ => {}
        }
    }
}

/// What the request asked for, kept for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// What of the app it came to, if to anything.
    pub(crate) route: Option<MatchedPath>,
    /// The whole head, where a person in a browser asks. Boxed, because it is large, and seldom there.
    pub(crate) head: Option<Box<Parts>>,
}

impl Asked {
    /// The path, as it was written.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The route's path, as the app wrote it.
    pub(crate) fn route(&self) -> &str {
        self.route.as_ref().map_or("-", MatchedPath::as_str)
    }

    /// The row that was asked for: what stands in the path, where that has one parameter.
    fn row(&self) -> Option<String> {
        let route = self.route.as_ref()?.as_str();
        let mut parameters = route.split('/').zip(self.path().split('/')).filter(|(name, _)| name.starts_with('{'));
        let (Some((_, row)), None) = (parameters.next(), parameters.next()) else { return None };
        let row = percent_decode_str(row).decode_utf8().ok()?;
        let can_be_kept = row.len() <= LONGEST_ROW && !row.contains(char::is_control);
        can_be_kept.then(|| row.into_owned())
    }
}

/// Whether a person in a browser asks: programs do not accept HTML by name (RFC 9110, 12.5.1).
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepts.flat_map(|value| value.split(','));
    types.any(|media| media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("text/html")))
}

/// Names one request in the log, in its answer (`X-Request-Id`) and in its problem.
#[derive(Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
