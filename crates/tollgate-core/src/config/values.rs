//! The values of all layers, where each was said, and what is wrong with them.

use super::{Invalid, Path, dotted, shape::Shape, variables};
use crate::{Secret, nearest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path as File, PathBuf},
};

/// What a value begins with that stands for a secret kept elsewhere.
pub(super) const REFERENCE: &str = "secret:";

/// The values of all layers.
pub struct Configuration {
    pub(super) prefix: String,
    pub(super) env: String,
    pub(super) schema: Value,
    pub(super) values: Value,
    pub(super) places: BTreeMap<Path, String>,
    /// What each value that stands for a secret said.
    pub(super) references: BTreeMap<Path, String>,
    /// The environments for which something is said by their names.
    pub(super) spoken_of: BTreeSet<String>,
    pub(super) doubt: Option<String>,
    folder: PathBuf,
    mistakes: BTreeSet<String>,
}

crate::debug_by_name!(Configuration);

/// Where a variable leads.
pub(super) enum At<'s> {
    Setting(Path, Shape<'s>),
    /// To a setting of another environment, which is no affair of this one.
    OtherEnvironment,
    /// Nowhere from this group on.
    Nowhere(Path, Shape<'s>),
}

impl Configuration {
    pub(super) fn new(prefix: &str, folder: &File, env: &str, schema: Value) -> Self {
        Self {
            prefix: prefix.to_owned(),
            env: env.to_owned(),
            schema,
            values: Value::Object(Map::new()),
            places: BTreeMap::new(),
            references: BTreeMap::new(),
            spoken_of: BTreeSet::new(),
            doubt: None,
            folder: folder.to_owned(),
            mistakes: BTreeSet::new(),
        }
    }

    /// The environment: `dev`.
    pub fn environment(&self) -> &str {
        &self.env
    }

    /// What may be a mistake and need not be, in a line.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// Has a variable of another name say a setting: it wins over all layers.
    pub fn overrule(&mut self, path: &[&str], value: &str, variable: &str) {
        let path: Path = path.iter().map(|&name| name.to_owned()).collect();
        self.set(&path, value.into(), variable);
    }

    /// Fails with all that is wrong with names.
    ///
    /// # Errors
    /// A line for each setting that nothing reads and each that is missing.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        Err(Invalid(self.mistakes.iter().cloned().collect::<Vec<_>>().join("\n")))
    }

    /// Values that stand for a secret kept elsewhere, as in `secret:file:/run/secrets/password`, and whose they are.
    pub fn references(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.references.iter().map(|(path, text)| (path, text.as_str()))
    }

    /// Puts the secret where the reference to it stands.
    pub fn resolve(&mut self, path: &Path, secret: &Secret) {
        let (text, mut shape, mut value) = (secret.reveal(), Shape(&self.schema), &mut self.values);
        for name in path {
            let next = match value {
                Value::Array(items) => name.parse().ok().and_then(|at: usize| items.get_mut(at)).zip(shape.items()),
                value => value.get_mut(name).zip(shape.property(name)),
            };
            let Some(next) = next else { return };
            (value, shape) = next;
        }
        *value = variables::value(text, shape);
    }

    /// All of it as one typed value, but for groups that others read.
    ///
    /// # Errors
    /// The setting that does not fit, and where it was said; never its value.
    pub fn typed_without<T: DeserializeOwned>(&self, groups: &[&str]) -> Result<T, Invalid> {
        let mut values = self.values.clone();
        object(&mut values).retain(|name, _| !groups.contains(&name.as_str()));
        self.typed(&[], &values)
    }

    /// A group as a typed value.
    ///
    /// # Errors
    /// As [`typed_without`](Self::typed_without).
    pub fn typed_group<T: DeserializeOwned>(&self, group: &str) -> Result<T, Invalid> {
        let empty = Value::Object(Map::new());
        self.typed(&[group.to_owned()], self.values.get(group).unwrap_or(&empty))
    }

    fn typed<T: DeserializeOwned>(&self, at: &[String], value: &Value) -> Result<T, Invalid> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let segments = error.path().iter().filter_map(|segment| match segment {
                Segment::Map { key } => Some(key.clone()),
                Segment::Seq { index } => Some(index.to_string()),
                _ => None,
            });
            self.explain(at.iter().cloned().chain(segments).collect(), &error.inner().to_string())
        })
    }

    pub(super) fn set(&mut self, path: &[String], value: Value, place: &str) {
        let is_below = |other: &Path| other.starts_with(path);
        self.places.retain(|other, _| !is_below(other));
        self.references.retain(|other, _| !is_below(other));
        self.collect_references(&mut path.to_vec(), &value);
        self.places.insert(path.to_vec(), place.to_owned());
        *self.make(path) = value;
    }

    /// What is at the end of that way; the groups on it are made where they are not there.
    pub(super) fn make(&mut self, path: &[String]) -> &mut Value {
        path.iter().fold(&mut self.values, |at, name| object(at).entry(name.clone()).or_insert(Value::Null))
    }

    fn collect_references(&mut self, path: &mut Path, value: &Value) {
        let inner: Vec<(String, &Value)> = match value {
            Value::String(text) if text.starts_with(REFERENCE) => {
                self.references.insert(path.clone(), text.clone());
                return;
            }
            Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
            Value::Object(named) => named.iter().map(|(name, value)| (name.clone(), value)).collect(),
            _ => return,
        };
        for (name, value) in inner {
            path.push(name);
            self.collect_references(path, value);
            path.pop();
        }
    }

    /// The group at the end of that way.
    pub(super) fn group(&self, path: &[String]) -> Option<&Map<String, Value>> {
        path.iter().try_fold(&self.values, |value, name| value.get(name))?.as_object()
    }

    /// Where a setting was said, or the list or group that it is part of.
    pub(super) fn place(&self, path: &[String]) -> Option<&str> {
        (0..=path.len()).rev().find_map(|end| self.places.get(&path[..end])).map(String::as_str)
    }

    /// Where the settings of a group were said.
    fn places_within(&self, path: &[String]) -> String {
        let within = self.places.iter().filter(|(other, _)| other.starts_with(path)).map(|(_, place)| place.as_str());
        let different: BTreeSet<_> = within.collect();
        different.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Remembers that nothing reads this, and what may have been meant.
    pub(super) fn unknown(&mut self, place: &str, path: &[String], group: Shape<'_>) {
        let Some((name, groups)) = path.split_last() else { return };
        let meant =
            group.nearest(name).map(|name| [groups, &[name.to_owned()]].concat()).or_else(|| group.deeper(name));
        let hint = match meant {
            Some(meant) => {
                format!("did you mean `{}` ({})?", dotted(&meant), variables::name(&self.prefix, &meant))
            }
            None if group.properties().is_empty() => format!("`{}` has no settings within", dotted(groups)),
            None => {
                let known: Vec<_> = group.properties().into_iter().map(|(name, _)| name).collect();
                format!("there is: {}", known.join(", "))
            }
        };
        self.mistakes.insert(format!("{place}: there is no setting `{}`; {hint}", dotted(path)));
    }

    /// Remembers each setting without which there is nothing, and that nobody said.
    pub(super) fn look_for_missing(&mut self) {
        let (schema, values) = (std::mem::take(&mut self.schema), std::mem::take(&mut self.values));
        self.missing_in(&mut vec![], Shape(&schema), Some(&values));
        (self.schema, self.values) = (schema, values);
    }

    fn missing_in(&mut self, path: &mut Path, group: Shape<'_>, value: Option<&Value>) {
        let required = group.required();
        for (name, shape) in group.own() {
            let value = value.and_then(|value| value.get(name));
            path.push(name.to_owned());
            match value {
                None if !required.contains(&name) => (),
                _ if !shape.own().is_empty() => self.missing_in(path, shape, value),
                None => {
                    self.mistakes.insert(self.missing(path));
                }
                Some(_) => (),
            }
            path.pop();
        }
    }

    fn missing(&self, path: &[String]) -> String {
        let Some((name, groups)) = path.split_last() else { return String::new() };
        if let Some(item) = groups.iter().position(|name| name.parse::<usize>().is_ok()) {
            let place = self.place(&path[..item]).unwrap_or_default();
            return format!("{place}: `{}` is missing", dotted(path));
        }
        let (variable, folder) = (variables::name(&self.prefix, path), self.folder.display());
        format!("`{}` is missing: set {variable}, or `{name}` in [{}] of {folder}/*.toml", dotted(path), dotted(groups))
    }

    /// One line: what is wrong with which setting, and where it was said.
    fn explain(&self, mut path: Path, text: &str) -> Invalid {
        if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            path.push(name.to_owned());
            return Invalid(self.missing(&path));
        }
        let unknown = unknown_field(text);
        path.extend(unknown.as_ref().map(|(name, _)| (*name).to_owned()));
        let place = match self.place(&path) {
            Some(place) => place.to_owned(),
            None => self.places_within(&path),
        };
        let setting = dotted(&path);
        Invalid(match unknown {
            Some((name, known)) => match nearest(name, &known) {
                Some(near) => format!("{place}: there is no setting `{setting}`; did you mean `{near}`?"),
                None => format!("{place}: there is no setting `{setting}`; there is: {}", known.join(", ")),
            },
            None => format!("{place}: `{setting}`: {}", without_value(text)),
        })
    }
}

/// The object that is there, or is made there.
pub(super) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(object) = value else { unreachable!("it was just made one") };
    object
}

/// serde shows the value that did not fit; it may be a password in the wrong place.
fn without_value(text: &str) -> &str {
    let shows = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let expected = text.rfind(", expected ").filter(|_| shows.iter().any(|start| text.starts_with(start)));
    in_words(expected.map_or(text, |at| &text[at + 2..]))
}

/// What serde calls by the name of a type.
fn in_words(expected: &str) -> &str {
    match expected {
        "expected u8" => "expected a whole number from 0 to 255",
        "expected u16" => "expected a whole number from 0 to 65535",
        "expected u32" => "expected a whole number from 0 to 4294967295",
        "expected u64" | "expected usize" => "expected a whole number that is not negative",
        "expected i32" | "expected i64" => "expected a whole number",
        "expected f32" | "expected f64" => "expected a number",
        "expected a boolean" => "expected `true` or `false`",
        other => other,
    }
}

/// Takes serde's sentence apart: "unknown field `prot`, expected one of `host`, `port`".
fn unknown_field(text: &str) -> Option<(&str, Vec<&str>)> {
    let (unknown, rest) = text.strip_prefix("unknown field `")?.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).collect()))
}
