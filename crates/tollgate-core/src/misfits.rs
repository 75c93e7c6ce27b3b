//! Why a body is not the input that it should be. Serde stops at the first misfit; a caller wants to know them all.

use crate::{At, Input};
use serde::de::{DeserializeOwned, Error};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use std::borrow::Cow;

/// So many are told at most.
const TOLD: usize = 50;

/// What in a body does not fit its type.
#[derive(Debug, Default)]
pub struct Misfits(Vec<Misfit>);

/// A part of a body that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where it is, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What serde says of it.
    pub message: String,
}

/// One field of an input, without its type.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    name: &'static str,
    may_be_absent: bool,
    /// Why nobody sends it, though it is a field.
    refusal: Option<&'static str>,
    find: fn(&mut Misfits, &Value, &At<'_>),
}

impl Probe {
    /// The field of that name and type.
    pub const fn of<T: DeserializeOwned>(name: &'static str) -> Self {
        Self { name, may_be_absent: false, refusal: None, find: Misfits::first::<T> }
    }

    /// The same, where its type is an input with parts of its own.
    pub const fn within<T: Input>(name: &'static str) -> Self {
        Self { name, may_be_absent: false, refusal: None, find: Misfits::find::<T> }
    }

    /// A field that is there and that nobody sends, and why.
    pub const fn refused(name: &'static str, why: &'static str) -> Self {
        Self { name, may_be_absent: true, refusal: Some(why), find: |_, _, _| () }
    }

    /// The same, where it may be absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { may_be_absent: true, ..self }
    }

    fn fits_if_absent(&self) -> bool {
        let mut of_null = Misfits::default();
        (self.find)(&mut of_null, &Value::Null, &At::ROOT);
        self.may_be_absent || of_null.0.is_empty()
    }
}

impl Misfits {
    /// All that keeps `body` from being a `T`; nothing, if it is one.
    pub fn of<T: Input>(body: &Value) -> Vec<Misfit> {
        let mut found = Self::default();
        found.find::<T>(body, &At::ROOT);
        found.0
    }

    /// Notes what keeps `body` from being a `T`, part by part where `T` knows its parts.
    pub fn find<T: Input>(&mut self, body: &Value, at: &At<'_>) {
        if self.0.len() < TOLD && T::deserialize(body).is_err() {
            T::misfits(body, at, self);
        }
    }

    /// Notes the first that serde meets.
    pub fn first<T: DeserializeOwned>(&mut self, body: &Value, at: &At<'_>) {
        if let Err(error) = serde_path_to_error::deserialize::<_, T>(body) {
            let within = pointer(error.path());
            let text = body.pointer(&within).and_then(Value::as_str);
            let fits = |day: &str| {
                let mut other = body.clone();
                other.pointer_mut(&within).into_iter().for_each(|value| *value = day.into());
                let outcome = serde_path_to_error::deserialize::<_, T>(&other);
                outcome.err().is_none_or(|error| pointer(error.path()) != within)
            };
            match text.and_then(|text| no_moment(text, &error.inner().to_string(), fits)) {
                Some(words) => self.add(format!("{at}{within}"), &serde_json::Error::custom(words)),
                None => self.add(format!("{at}{within}"), error.inner()),
            }
        }
    }

    /// Notes what does not fit in a `T` that is an array of `I`.
    pub fn items<T: Input, I: Input>(&mut self, body: &Value, at: &At<'_>) {
        let items = body.as_array().into_iter().flatten().enumerate();
        self.each::<T, I>(body, at, items.map(|(index, item)| (index.to_string().into(), item)));
    }

    /// Notes what does not fit in a `T` that is an object whose members are `I`, whatever they are called.
    pub fn members<T: Input, I: Input>(&mut self, body: &Value, at: &At<'_>) {
        let members = body.as_object().into_iter().flatten();
        self.each::<T, I>(body, at, members.map(|(name, item)| (name.into(), item)));
    }

    fn each<'a, T: Input, I: Input>(
        &mut self,
        body: &Value,
        at: &At<'_>,
        items: impl Iterator<Item = (Cow<'a, str>, &'a Value)>,
    ) {
        let before = self.0.len();
        for (key, item) in items {
            self.find::<I>(item, &at.inside(&key));
        }
        // It has no items, or they are not what is wrong.
        if self.0.len() == before {
            self.first::<T>(body, at);
        }
    }

    /// Notes what does not fit in a `T` of these fields.
    pub fn fields<T: Input>(&mut self, body: &Value, at: &At<'_>, fields: &[Probe]) {
        let before = self.0.len();
        let object = body.as_object();
        for name in object.iter().flat_map(|object| object.keys()) {
            match fields.iter().find(|field| field.name == name) {
                None => self.add(at.inside(name).to_string(), &unknown(name, fields)),
                Some(Probe { refusal: Some(why), .. }) => {
                    self.add(at.inside(name).to_string(), &serde_json::Error::custom(format_args!("`{name}` {why}")));
                }
                Some(_) => {}
            }
        }
        for (object, field) in object.iter().flat_map(|object| fields.iter().map(move |field| (object, field))) {
            match object.get(field.name) {
                Some(value) => (field.find)(self, value, &at.inside(field.name)),
                None if field.fits_if_absent() => {}
                None => self.add(at.to_string(), &serde_json::Error::missing_field(field.name)),
            }
        }
        // Not an object, or serde demands more than the fields show.
        if self.0.len() == before {
            self.first::<T>(body, at);
        }
    }

    fn add(&mut self, mut pointer: String, error: &serde_json::Error) {
        if self.0.len() < TOLD {
            let message = error.to_string();
            pointer.extend(blamed_field(&message).map(step));
            self.0.push(Misfit { pointer, message });
        }
    }
}

/// How a moment is written, in words.
pub const MOMENT: &str = "a moment such as `2026-11-20T10:40:00Z`";

/// How a day is written, in words.
pub const DAY: &str = "a day such as `2026-11-20`";

/// What to say in place of a message, if that is what is said of a text that is no moment or no day: how one is written.
/// Where the same is said of both, a day that fits there tells which is meant.
pub fn no_moment(text: &str, message: &str, fits: impl FnOnce(&str) -> bool) -> Option<String> {
    let is_said = |error: jiff::Error| error.to_string() == message;
    let is_moment = text.parse::<jiff::Timestamp>().is_err_and(is_said);
    let is_day = text.parse::<jiff::civil::Date>().is_err_and(is_said);
    let wanted = match (is_moment, is_day) {
        (false, false) => return None,
        (true, true) if !fits("2026-11-20") => MOMENT,
        (true, false) => MOMENT,
        _ => DAY,
    };
    Some(format!("invalid value: string, expected {wanted}"))
}

/// The field that is missing, or comes twice: serde blames the object that it is in.
pub fn blamed_field(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("missing field `").or_else(|| message.strip_prefix("duplicate field `"));
    rest.and_then(|rest| rest.strip_suffix('`'))
}

fn unknown(name: &str, fields: &[Probe]) -> serde_json::Error {
    let known = fields.iter().filter(|field| field.refusal.is_none()).map(|field| format!("`{}`", field.name));
    let known: Vec<_> = known.collect();
    serde_json::Error::custom(format_args!("unknown field `{name}`, expected one of {}", known.join(", ")))
}

fn pointer(path: &Path) -> String {
    let steps = path.iter().map(|segment| match segment {
        Segment::Map { key } => step(key),
        Segment::Seq { index } => step(&index.to_string()),
        // What a variant holds stands under its name: `{ "Card": { "number": … } }`.
        Segment::Enum { variant } => step(variant),
        Segment::Unknown => String::new(),
    });
    steps.collect()
}

/// One step of a JSON Pointer (RFC 6901, 3).
fn step(key: &str) -> String {
    At::ROOT.inside(key).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Faults;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    /// An order, as the macros would have it, but that a customer is needed only by serde.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Order {
        lines: Vec<Line>,
        note: Option<String>,
        #[serde(default)]
        paid: bool,
        customer: Value,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Line {
        #[serde(rename = "a/b")]
        count: i32,
    }

    impl Input for Order {
        fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
            let paid = Probe::of::<bool>("paid").optional();
            let [lines, note] = [Probe::within::<Vec<Line>>("lines"), Probe::of::<Option<String>>("note")];
            found.fields::<Self>(body, at, &[lines, note, paid, Probe::of::<Value>("customer")]);
        }

        fn check(&self, _: &At<'_>, _: &mut Faults) {}
    }

    impl Input for Line {
        fn check(&self, _: &At<'_>, _: &mut Faults) {}
    }

    fn found(body: &Value) -> Vec<String> {
        let found = Misfits::of::<Vec<Order>>(body).into_iter();
        found.map(|Misfit { pointer, message }| format!("{pointer}: {message}")).collect()
    }

    #[test]
    fn every_part_that_does_not_fit_is_found_where_it_is() {
        let good = json!({"lines": [{"a/b": 1}], "customer": null});
        let bad = json!({"lines": [{"a/b": "x"}, {"a/b": 1}, {}], "note": 7, "paid": null, "x~y": 1, "customer": 1});
        assert_eq!(found(&json!([good, good])), [""; 0]);
        let wanted = [
            "/1/x~0y: unknown field `x~y`, expected one of `lines`, `note`, `paid`, `customer`",
            "/1/lines/0/a~1b: invalid type: string \"x\", expected i32",
            "/1/lines/2/a~1b: missing field `a/b`",
            "/1/note: invalid type: integer `7`, expected a string",
            "/1/paid: invalid type: null, expected a boolean",
            "/3/lines: missing field `lines`",
            "/4: invalid type: integer `7`, expected struct Order",
        ];
        assert_eq!(found(&json!([good, bad, good, {"customer": 1}, 7])), wanted);
        assert_eq!(found(&json!("no list")), [": invalid type: string \"no list\", expected a sequence"]);
    }

    #[test]
    fn what_the_fields_do_not_show_serde_says() {
        assert_eq!(found(&json!([{"lines": []}])), ["/0/customer: missing field `customer`"]);
    }

    #[test]
    fn a_text_that_is_no_moment_is_told_how_one_is_written() {
        let mut found = Misfits::default();
        found.first::<Vec<jiff::Timestamp>>(&json!(["2026-11-20T10:40:00Z", "20.11.2026"]), &At::ROOT);
        let wanted = format!("invalid value: string, expected {MOMENT}");
        assert_eq!(found.0, [Misfit { pointer: "/1".into(), message: wanted }]);
        let mut found = Misfits::default();
        found.first::<Vec<jiff::civil::Date>>(&json!(["2026-11-20", "20.11.2026"]), &At::ROOT);
        let wanted = format!("invalid value: string, expected {DAY}");
        assert_eq!(found.0, [Misfit { pointer: "/1".into(), message: wanted }]);
    }

    #[test]
    fn what_nobody_sends_is_refused_by_its_name() {
        let mut found = Misfits::default();
        let fields = [Probe::of::<i32>("stars").optional(), Probe::refused("version", "is set by the server")];
        found.fields::<Line>(&json!({"version": 1, "verson": 1}), &At::ROOT, &fields);
        let said: Vec<_> = found.0.into_iter().map(|misfit| misfit.message).collect();
        assert_eq!(said, ["`version` is set by the server", "unknown field `verson`, expected one of `stars`"]);
    }

    #[test]
    fn so_many_are_told_and_no_more() {
        assert_eq!(found(&vec![7; 10_000].into()).len(), TOLD);
    }
}
