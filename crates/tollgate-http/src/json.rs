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
    refusal::Refusal,
    words::{NAME, brief, of_serde, unknown},
};
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, error::Category};
use serde_path_to_error::Segment;
use tollgate_core::{Fault, Faults, Input, Output, Problem, strict};

/// The longest body, in bytes.
const LONGEST: usize = 1024 * 1024;
/// How many faults are told.
const TOLD: usize = 50;
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
        read(&call.read_body(LONGEST).await?).map(Self)
    }
}

pub(crate) fn send(status: StatusCode, value: &impl Output) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => Refusal::from(Problem::internal().caused_by(error)).into_response(),
    }
}

/// Bytes to a checked value.
fn read<T: Input>(bytes: &[u8]) -> Result<T, Problem> {
    let noticed = strict::scan(bytes, DEEPEST).map_err(|error| unreadable(&error))?;
    if noticed.whole_floats {
        return from_value(serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?);
    }
    // Following the path costs an allocation for each key: only a body that is wrong pays for it.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return checked(value);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    checked(serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let body = serde_json::from_slice(bytes).unwrap_or_default();
        all_wrong::<T>(&body).unwrap_or_else(|| wrong(&error))
    })?)
}

/// A value that was read already, as a checked input.
pub(crate) fn from_value<T: Input>(mut value: Value) -> Result<T, Problem> {
    make_whole(&mut value);
    match serde_path_to_error::deserialize(&value) {
        Ok(value) => checked(value),
        Err(error) => Err(all_wrong::<T>(&value).unwrap_or_else(|| wrong(&error))),
    }
}

/// Every field that does not fit, where the type tells its fields; serde stops at the first.
fn all_wrong<T: Input>(body: &Value) -> Option<Problem> {
    let (object, fields) = (body.as_object()?, T::FIELDS);
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    let fault = |name: &str, detail| Fault::at(format!("#{}", brief(&escape(name), 3 * NAME)), detail);
    let strangers = object.keys().filter(|key| !names.is_empty() && !names.contains(&key.as_str()));
    let strangers = strangers.map(|key| fault(key, unknown("field", key, &names)));
    let misfits = fields.iter().filter_map(|field| {
        let error = field.fits(object.get(field.name)).err()?;
        Some(fault(field.name, of_serde(&error.to_string()).detail))
    });
    let faults: Vec<_> = strangers.chain(misfits).take(TOLD).collect();
    (!faults.is_empty()).then(|| Problem::invalid(faults))
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

fn wrong(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if error.inner().classify() != Category::Data {
        return unreadable(error.inner());
    }
    let message = error.inner().to_string();
    let said = of_serde(&message);
    let pointer = brief(&pointer(error.path(), said.field), 3 * NAME);
    Problem::invalid(vec![Fault::at(format!("#{pointer}"), said.detail)])
}

/// The place of a fault. Serde blames the object for a field that is missing; we blame the field.
fn pointer(path: &serde_path_to_error::Path, field: Option<&str>) -> String {
    let parts = path.iter().map(|segment| match segment {
        Segment::Map { key } => escape(key),
        Segment::Seq { index } => format!("/{index}"),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    });
    parts.chain(field.map(escape)).collect()
}

/// A key as a step of a JSON Pointer (RFC 6901, 3).
fn escape(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
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
