//! Query strings and forms as `#[input]` structs: [`Query<T>`] and [`Form<T>`].

mod pairs;

use self::pairs::Lists;
use crate::{
    Argument, Call, Operation, Place,
    call::media_type,
    operation::Need,
    words::{NAME, brief, of_serde},
};
use axum::http::StatusCode;
use form_urlencoded::{Parse, Serializer};
use percent_encoding::percent_decode;
use serde_json::{Value, json};
use serde_path_to_error::Segment;
use std::borrow::Cow;
use tollgate_core::{Fault, Faults, Input, Misfits, Problem, blamed_field, no_moment};

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The longest form, in bytes.
const LONGEST_FORM: usize = 16 * 1024;
/// So many misfits are told at most.
const TOLD: usize = 50;

/// The query string as an `#[input]` struct.
///
/// A list is written `ids=1,2`; a text in it has no commas of its own. No app is built that asks for an object here.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: Input> Argument for Query<T> {
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        for (name, schema, required) in operation.schemas.properties::<T>() {
            needs_a_text(operation, &name, &schema);
            operation.parameter(Place::Query, &name, schema, required);
        }
        refuses(operation);
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        read(call.head.uri.query().unwrap_or_default().as_bytes(), Lists::Commas).map(Self)
    }
}

/// A form as an `#[input]` struct: a body of `application/x-www-form-urlencoded`.
///
/// A list is written `ids=1&ids=2`, as browsers send several fields of one name.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<T: Input> Argument for Form<T> {
    const READS_BODY: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        for (name, schema, _) in operation.schemas.properties::<T>() {
            needs_a_text(operation, &name, &schema);
        }
        let schema = operation.schemas.input::<T>();
        operation.body_of(FORM, &schema);
        operation.refuses(StatusCode::PAYLOAD_TOO_LARGE, "The form is too long.");
        operation.refuses(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not a form.");
        refuses(operation);
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        if media_type(&call.head.headers) != FORM {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).because(format!("send `{FORM}`")));
        }
        read(&call.read_body(LONGEST_FORM).await?, Lists::Repeated).map(Self)
    }
}

/// An object has no place between `=` and `&`, so nobody could send one: no app is built that asks for it.
fn needs_a_text(operation: &mut Operation<'_>, name: &str, schema: &Value) {
    if operation.schemas.is_object(schema) {
        let otherwise = format!(
            "asks for `{name}` as an object, which neither a query nor a form can carry: take its fields one by one, or a \
             body of JSON"
        );
        operation.needs.push(Need { is_met: |_| false, otherwise });
    }
}

/// Names and values of a query or a form.
///
/// # Errors
/// 400 where one is not UTF-8: what stands in its place would make one value of many.
pub(crate) fn pairs(text: &[u8]) -> Result<Parse<'_>, Problem> {
    match percent_decode(text).decode_utf8() {
        Ok(_) => Ok(form_urlencoded::parse(text)),
        Err(error) => Err(Problem::bad_request().because("a parameter is not UTF-8").caused_by(error)),
    }
}

pub(crate) fn refuses(operation: &mut Operation<'_>) {
    operation.refuses(StatusCode::BAD_REQUEST, "A parameter is not UTF-8.");
    operation.refuses(StatusCode::UNPROCESSABLE_ENTITY, "A parameter is wrong.");
}

fn read<T: Input>(text: &[u8], lists: Lists) -> Result<T, Problem> {
    let value: T =
        deserialize(pairs(text)?, lists).map_err(|first| Problem::invalid(misfits::<T>(text, lists, first)))?;
    let faults: Vec<Fault> = Faults::of(&value).into_iter().map(parameter).collect();
    if faults.is_empty() { Ok(value) } else { Err(Problem::invalid(faults)) }
}

/// What serde says of a parameter.
struct Blame {
    name: String,
    message: String,
}

fn deserialize<T: Input>(pairs: Parse<'_>, lists: Lists) -> Result<T, Blame> {
    serde_path_to_error::deserialize(pairs::deserializer(pairs, lists)).map_err(|error| {
        let message = error.inner().to_string();
        // The parameter, and not which item of a list it has.
        let sent = error.path().iter().find_map(|step| match step {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        });
        Blame { name: blamed_field(&message).map(str::to_owned).or(sent).unwrap_or_default(), message }
    })
}

fn asked_again<T: Input>(pairs: &[(Cow<'_, str>, Cow<'_, str>)], lists: Lists) -> Result<T, Blame> {
    let text = Serializer::new(String::new()).extend_pairs(pairs).finish();
    deserialize(form_urlencoded::parse(text.as_bytes()), lists)
}

/// Every parameter that does not fit. Serde stops at the first, so it is asked again without that one; at last it misses
/// some. Only a query that is wrong pays for that.
fn misfits<T: Input>(text: &[u8], lists: Lists, mut blame: Blame) -> Vec<Fault> {
    let mut pairs: Vec<_> = form_urlencoded::parse(text).collect();
    let mut faults = vec![];
    while let Some(at) = pairs.iter().position(|(name, _)| *name == blame.name).filter(|_| faults.len() < TOLD) {
        let fits = |day: &str| {
            let mut other = pairs.clone();
            other[at].1 = day.to_owned().into();
            asked_again::<T>(&other, lists).err().is_none_or(|next| next.name != blame.name)
        };
        let message = no_moment(&pairs[at].1, &blame.message, fits).unwrap_or(blame.message);
        faults.push(fault(&blame.name, of_serde(&message)));
        pairs.retain(|(name, _)| *name != blame.name);
        match asked_again::<T>(&pairs, lists) {
            Ok(_) => return faults,
            Err(next) => blame = next,
        }
    }
    let is_sent = |name: &str| form_urlencoded::parse(text).any(|(sent, _)| sent == name);
    let missing = Misfits::of::<T>(&json!({})).into_iter().map(|misfit| misfit.message);
    let missing = missing.filter(|message| blamed_field(message).is_some_and(|name| !is_sent(name)));
    faults.extend(missing.map(|message| fault(blamed_field(&message).unwrap_or_default(), of_serde(&message))));
    if faults.is_empty() {
        faults.push(fault(&blame.name, of_serde(&blame.message)));
    }
    faults
}

/// What is wrong with one parameter.
pub(crate) fn fault(name: &str, detail: impl Into<String>) -> Fault {
    Fault::of(brief(name, NAME), detail)
}

/// The same fault, said of a parameter.
fn parameter(fault: Fault) -> Fault {
    let name = fault.pointer.unwrap_or_default();
    let name = name.trim_start_matches("#/");
    Fault::of(name.split_once('/').map_or(name, |(name, _)| name), fault.detail)
}
