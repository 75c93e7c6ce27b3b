//! Every "no", in one shape: RFC 9457, `application/problem+json`.
//!
//! A [`Problem`] has two readers. The caller reads status, title, detail and faults; the log also gets the
//! [cause](Problem::caused_by) and the place in the source where the problem was raised. The two never mix: a
//! cause is not serialized, and nothing a caller sent is needed to understand the log.

use http::{HeaderName, HeaderValue, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::{borrow::Cow, error::Error, fmt, panic::Location, sync::Arc};

/// What is behind a problem, for the log alone.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a request was refused. One pointer wide, so that `Result` stays small.
///
/// ```
/// use tollgate_core::Problem;
/// let problem = Problem::not_found().because("there is no film 7");
/// assert_eq!(problem.to_string(), "404 Not Found: there is no film 7");
/// ```
#[derive(Clone)]
pub struct Problem(Box<Body>);

/// Problem details (RFC 9457).
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct Body {
    /// What kind of problem; `about:blank` says that the status says it all.
    r#type: Cow<'static, str>,
    /// The kind in words; the same for every occurrence.
    title: Cow<'static, str>,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Names this request in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Each fault in the input, with its place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    errors: Vec<Fault>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
    #[serde(skip)]
    #[schemars(skip)]
    cause: Option<Cause>,
    #[serde(skip)]
    #[schemars(skip)]
    raised: &'static Location<'static>,
}

/// One fault in an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ProblemFault")]
pub struct Fault {
    /// Where in the body: a JSON Pointer (RFC 6901) as a fragment, as in `#/rating`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

impl Fault {
    /// A fault in the body, at a JSON Pointer such as `#/rating`.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: detail.into() }
    }

    /// A fault in a parameter of the path or the query.
    pub fn of(parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(parameter.into()), detail: detail.into() }
    }
}

/// Constructors by status; each notes where it was called.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $status:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        #[track_caller]
        pub fn $name() -> Self {
            Self::new(StatusCode::$status)
        }
    )*};
}

impl Problem {
    /// The media type of a problem.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    statuses! {
        /// 400: the request cannot be read.
        bad_request = BAD_REQUEST;
        /// 401: nobody is signed in, or the token is not good.
        unauthorized = UNAUTHORIZED;
        /// 403: this caller may not.
        forbidden = FORBIDDEN;
        /// 404: there is none, or none that this caller may see.
        not_found = NOT_FOUND;
        /// 409: it contradicts what is stored.
        conflict = CONFLICT;
        /// 500: something nobody planned. Say what with [`caused_by`](Self::caused_by).
        internal = INTERNAL_SERVER_ERROR;
        /// 503: not now; [`retry_after`](Self::retry_after) says when.
        unavailable = SERVICE_UNAVAILABLE;
    }

    /// 422: it can be read and is wrong, in these places.
    #[must_use]
    #[track_caller]
    pub fn invalid(faults: Vec<Fault>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY).because("`errors` says what is wrong, and where").faults(faults)
    }

    /// A problem that its status explains.
    #[must_use]
    #[track_caller]
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Body {
            r#type: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Problem").into(),
            status: status.as_u16(),
            detail: None,
            instance: None,
            request_id: None,
            errors: vec![],
            headers: vec![],
            cause: None,
            raised: Location::caller(),
        }))
    }

    /// Says what went wrong this time, in words for the caller.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the faults of the input.
    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.errors = faults;
        self
    }

    /// Keeps what is behind it, for the log; the caller never reads it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into().into());
        self
    }

    /// Adds a header to the answer, such as `WWW-Authenticate`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Asks for a bearer token (RFC 6750, 3).
    #[must_use]
    pub fn challenge(self) -> Self {
        self.header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Says after how many seconds another try is worth it (`Retry-After`, RFC 9110, 10.2.3).
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(http::header::RETRY_AFTER, seconds.into())
    }

    /// Says where it was raised, if that was before it became a problem.
    #[must_use]
    pub fn raised_at(mut self, place: &'static Location<'static>) -> Self {
        self.0.raised = place;
        self
    }

    /// Names the request it answers.
    #[must_use]
    pub fn of_request(mut self, id: &str, path: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self.0.instance = Some(path.to_owned());
        self
    }

    /// Names the request it answers, of which no more is known.
    #[must_use]
    pub fn unread(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The kind in words.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What went wrong this time.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Each fault in the input.
    pub fn errors(&self) -> &[Fault] {
        &self.0.errors
    }

    /// Headers of the answer.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    /// What is behind it, for the log alone.
    pub fn cause(&self) -> Option<&Cause> {
        self.0.cause.as_ref()
    }

    /// Where in the source it was raised, for the log alone.
    pub fn raised(&self) -> &'static Location<'static> {
        self.0.raised
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status, self.0.title)?;
        self.0.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({self}, raised at {})", self.0.raised)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        Body::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Body::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_notes_where_it_was_raised_and_hides_its_cause() {
        let (line, problem) = (line!(), Problem::internal().caused_by("password is hunter2"));
        assert_eq!(problem.raised().line(), line);
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        assert!(!format!("{problem} {problem:?}").contains("hunter2"));
        assert_eq!(problem.cause().unwrap().to_string(), "password is hunter2");
    }

    #[test]
    fn a_question_mark_is_where_a_problem_was_raised() {
        #[derive(Debug)]
        struct Broken;
        impl From<Broken> for Problem {
            #[track_caller]
            fn from(_: Broken) -> Self {
                Self::internal()
            }
        }
        fn broken() -> Result<(), Broken> {
            Err(Broken)
        }
        fn handler() -> Result<u32, Problem> {
            broken()?;
            Ok(line!())
        }
        assert_eq!(handler().unwrap_err().raised().line(), line!() - 3);
    }
}
