//! Bodies. As an argument, [`Json`] reads and checks one; as an answer, it sends one.
//!
//! ```text
//! 415 not JSON   413 too long   400 not readable, a key twice, too deep   422 readable and wrong
//! ```
//!
//! A key that comes twice is refused, because two parsers that pick different ones are how filters are passed.
use crate::{
    Argument, Call, Operation,
    call::media_type,
    etag::EntityTag,
    refusal::Refusal,
    words::{NAME, brief, of_serde},
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tollgate_core::{Fault, Faults, Input, Misfit, Misfits, Output, Problem, strict};

/// The deepest nesting.
const DEEPEST: usize = 64;

/// A JSON body, read or sent.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Input> Argument for Json<T> {
    const READS_BODY: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        operation.body::<T>();
        operation.refuses(StatusCode::BAD_REQUEST, "The body cannot be read.");
        operation.refuses(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long.");
        operation.refuses(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not `application/json`.");
        operation.refuses(StatusCode::UNPROCESSABLE_ENTITY, "The body can be read and is wrong.");
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        check_media_type(&call.head.headers)?;
        read(&call.read_body(call.body_limit).await?).map(Self)
    }
}

pub(crate) fn send(status: StatusCode, value: &impl Output) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with_body(status, body),
        Err(error) => Refusal::from(Problem::internal().caused_by(error)).into_response(),
    }
}

/// Written out: as parts of a tuple, the body would first be given another type.
fn with_body(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same with a tag that is made of the body.
pub(crate) fn send_tagged(status: StatusCode, value: &impl Output, tag: impl FnOnce(&[u8]) -> EntityTag) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let tag = tag(&body);
            let mut response = with_body(status, body);
            tag.put_on(response.headers_mut());
            response
        }
        Err(error) => Refusal::from(Problem::internal().caused_by(error)).into_response(),
    }
}

/// Bytes to a checked value.
fn read<T: Input>(bytes: &[u8]) -> Result<T, Problem> {
    let noticed = strict::scan(bytes, DEEPEST).map_err(|error| unreadable(&error))?;
    if noticed.whole_floats {
        return from_value(serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?);
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => checked(value),
        Err(_) => Err(wrong::<T>(&serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?)),
    }
}

/// A value that was read already, as a checked input.
pub(crate) fn from_value<T: Input>(mut value: Value) -> Result<T, Problem> {
    make_whole(&mut value);
    match T::deserialize(&value) {
        Ok(value) => checked(value),
        Err(_) => Err(wrong::<T>(&value)),
    }
}

/// Every part that does not fit. Only a body that is wrong pays for finding them.
fn wrong<T: Input>(body: &Value) -> Problem {
    let fault = |misfit: Misfit| {
        let pointer = brief(&misfit.pointer, 3 * NAME);
        Fault::at(format!("#{pointer}"), of_serde(&misfit.message))
    };
    Problem::invalid(Misfits::of::<T>(body).into_iter().map(fault).collect())
}

fn checked<T: Input>(value: T) -> Result<T, Problem> {
    let faults = Faults::of(&value);
    if faults.is_empty() { Ok(value) } else { Err(Problem::invalid(faults)) }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers).as_str() {
        "application/json" => Ok(()),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(()),
        _ => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).because("send `application/json`")),
    }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::bad_request().because(format!("the body is not good JSON: {}", brief(&error.to_string(), 3 * NAME)))
}

/// `1.0` is a whole number to JSON Schema and not to serde: the rare body that has one is rewritten.
#[expect(clippy::cast_possible_truncation, reason = "checked: it is whole and in range")]
fn make_whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(object) => object.values_mut().for_each(make_whole),
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|float| number.is_f64() && strict::is_whole(*float)) {
                *value = Value::from(float as i64);
            }
        }
        _ => {}
    }
}
