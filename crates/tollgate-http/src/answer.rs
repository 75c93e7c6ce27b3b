//! What a handler may return. Each answer sends itself, and describes what it sends.
use crate::{
    Axum, Json, Operation,
    etag::EntityTag,
    json::{send, send_tagged},
    refusal::Refusal,
};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use tollgate_core::{Output, Problem};
use tollgate_store::Resource;

/// Where an answer came from (RFC 9211).
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Something a handler can answer with; an answer of axum's is one as [`Axum<T>`](Axum).
#[diagnostic::on_unimplemented(
    message = "a handler cannot answer with `{Self}`",
    label = "not an answer",
    note = "answer `Json<T>`, `Created<T>`, `Page<T>` or `NoContent`, or a `Result` of one",
    note = "a `List<T>` is a question: `list.page(&store, &may).await` answers it with a `Page<T>`"
)]
pub trait Answer {
    /// Says what it sends.
    fn describe(operation: &mut Operation<'_>);
    /// Sends it.
    fn answer(self) -> Response;
}

/// 201, with what was made.
#[derive(Clone, Copy, Debug)]
pub struct Created<T>(pub T);

impl<T> Created<T> {
    /// And where it is: a path.
    #[must_use]
    pub fn at(self, location: impl Into<String>) -> Located<T> {
        Located { made: self.0, location: location.into() }
    }
}

impl<T: Output> Answer for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<T>(StatusCode::CREATED, "Created.");
    }

    fn answer(self) -> Response {
        send(StatusCode::CREATED, &self.0)
    }
}

/// What the document says of a tag.
const TAG: &str = "The state that this is, for `If-Match` and `If-None-Match` (RFC 9110, 8.8.3).";

/// 200, with a row and the tag of its state. Whoever asks for one that they have gets 304.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<R>(pub R);

impl<R: Resource> Answer for Tagged<R> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<R>(StatusCode::OK, "Done.");
        operation.sends_header(StatusCode::OK, "ETag", TAG);
        operation.can_be_known();
    }

    fn answer(self) -> Response {
        send_tagged(StatusCode::OK, &self.0, |body| EntityTag::of_row(&self.0, body))
    }
}

/// 201, with what was made, the tag of its state, and where it is: `Created(book).at("/books/7")`.
#[derive(Clone, Debug)]
pub struct Located<T> {
    made: T,
    location: String,
}

impl<T: Resource> Answer for Located<T> {
    fn describe(operation: &mut Operation<'_>) {
        Created::<T>::describe(operation);
        operation.sends_header(StatusCode::CREATED, "Location", "Where it is.");
        operation.sends_header(StatusCode::CREATED, "ETag", TAG);
    }

    fn answer(self) -> Response {
        let mut response = send_tagged(StatusCode::CREATED, &self.made, |body| EntityTag::of_row(&self.made, body));
        let location = HeaderValue::from_str(&self.location).ok();
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
        response
    }
}

/// 204: done, and nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl Answer for NoContent {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_nothing(StatusCode::NO_CONTENT, "Done.");
    }

    fn answer(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Some rows, and where the next ones start.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    pub next: Option<String>,
    /// How many rows there are on all pages, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The next page as a link (RFC 8288).
    #[serde(skip)]
    pub(crate) link: Option<String>,
}

impl<T: Output> Output for Page<T> {}

impl<T: Output> Answer for Page<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<Self>(StatusCode::OK, "A page.");
        operation.sends_header(StatusCode::OK, "Link", "The next page, as `rel=\"next\"` (RFC 8288).");
        operation.sends_header(StatusCode::OK, "ETag", TAG);
        operation.can_be_known();
    }

    fn answer(self) -> Response {
        let mut response = send_tagged(StatusCode::OK, &self, EntityTag::of_bytes);
        let link = self.link.and_then(|link| HeaderValue::from_str(&format!("<{link}>; rel=\"next\"")).ok());
        response.headers_mut().extend(link.map(|link| (header::LINK, link)));
        response
    }
}

impl<T: IntoResponse> Answer for Axum<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_anything();
    }

    fn answer(self) -> Response {
        self.0.into_response()
    }
}

impl<T: Output> Answer for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<T>(StatusCode::OK, "Done.");
    }

    fn answer(self) -> Response {
        send(StatusCode::OK, &self.0)
    }
}

/// An error that a handler can answer with: whatever becomes a [`Problem`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot answer with the error `{Self}`",
    label = "nothing says which problem `{Self}` is",
    note = "write `impl From<{Self}> for Problem`, or map it: `.map_err(|error| Problem::internal().caused_by(error))`"
)]
pub trait IntoProblem {
    /// The problem that it is.
    fn into_problem(self) -> Problem;
}

// Otherwise the compiler would speak of `From` alone, and list who else implements it.
#[diagnostic::do_not_recommend]
impl<E: Into<Problem>> IntoProblem for E {
    fn into_problem(self) -> Problem {
        self.into()
    }
}

impl<T: Answer, E: IntoProblem> Answer for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.refuses_otherwise();
    }

    fn answer(self) -> Response {
        match self {
            Ok(answer) => answer.answer(),
            Err(error) => Refusal::from(error.into_problem()).into_response(),
        }
    }
}
