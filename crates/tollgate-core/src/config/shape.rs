//! What a setting may be: a JSON Schema, read as far as settings need it.

use crate::nearest;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// The schema of settings of that type, without references.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The mark of a setting of which there may be one for each environment, as in `MYAPI_DATABASE__STAGE`:
/// `#[schemars(extend("x-by-environment" = true))]`.
const BY_ENVIRONMENT: &str = "x-by-environment";

/// The schema of one setting, or of a group of them.
#[derive(Clone, Copy)]
pub(super) struct Shape<'s>(pub(super) &'s Value);

impl<'s> Shape<'s> {
    /// What it may be: the alternatives, else itself.
    pub(super) fn forms(self) -> Vec<Shape<'s>> {
        let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| self.0[key].as_array()).flatten();
        let mut forms: Vec<_> = alternatives.flat_map(|one| Shape(one).forms()).filter(|one| !one.is("null")).collect();
        if forms.is_empty() || self.0["properties"].is_object() {
            forms.insert(0, self);
        }
        forms
    }

    /// Whether its type is that one, or can be.
    fn is(self, name: &str) -> bool {
        match &self.0["type"] {
            Value::String(only) => only == name,
            Value::Array(any) => name != "null" && any.iter().any(|one| one == name),
            _ => false,
        }
    }

    /// Whether it can be of that type: `string`, `array`, ….
    pub(super) fn allows(self, name: &str) -> bool {
        self.forms().iter().any(|form| form.is(name))
    }

    /// Settings with names of their own.
    pub(super) fn own(self) -> Vec<(&'s str, Shape<'s>)> {
        let named = self.0["properties"].as_object().into_iter().flatten();
        named.map(|(name, schema)| (name.as_str(), Shape(schema))).collect()
    }

    /// The same with those of all alternatives.
    pub(super) fn properties(self) -> Vec<(&'s str, Shape<'s>)> {
        self.forms().into_iter().flat_map(Shape::own).collect()
    }

    /// The setting of that name.
    pub(super) fn property(self, name: &str) -> Option<Shape<'s>> {
        let named = self.properties().into_iter().find(|(own, _)| *own == name).map(|(_, shape)| shape);
        named.or_else(|| self.entries())
    }

    /// What each entry is, where names are free.
    pub(super) fn entries(self) -> Option<Shape<'s>> {
        self.forms().into_iter().map(|form| Shape(&form.0["additionalProperties"])).find(|entry| entry.0.is_object())
    }

    /// What each item of a list is.
    pub(super) fn items(self) -> Option<Shape<'s>> {
        self.forms().into_iter().map(|form| Shape(&form.0["items"])).find(|items| items.0.is_object())
    }

    /// Whether it is a group of settings rather than one.
    pub(super) fn is_group(self) -> bool {
        self.entries().is_some() || !self.properties().is_empty()
    }

    /// Whether anything goes.
    pub(super) fn is_anything(self) -> bool {
        self.0.as_object().is_none_or(|schema| {
            schema.keys().all(|key| ["title", "description", "default", "$schema"].contains(&&**key))
        })
    }

    pub(super) fn is_secret(self) -> bool {
        self.0["writeOnly"] == true || self.forms().iter().any(|form| form.0["writeOnly"] == true)
    }

    /// Whether it is a secret, or has one within.
    pub(super) fn holds_secret(self) -> bool {
        let named = self.properties().into_iter().map(|(_, shape)| shape);
        self.is_secret() || named.chain(self.entries()).chain(self.items()).any(Shape::holds_secret)
    }

    /// The one setting in this group of which there may be one for each environment.
    pub(super) fn by_environment(self) -> Option<&'s str> {
        self.own().into_iter().find(|(_, shape)| shape.0[BY_ENVIRONMENT] == true).map(|(name, _)| name)
    }

    /// Names of settings without which there is nothing.
    pub(super) fn required(self) -> Vec<&'s str> {
        self.0["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(super) fn default(self) -> Option<&'s Value> {
        self.0.get("default").filter(|value| !value.is_null())
    }

    /// What it means, and in words what it is if it is not set: the sentence `Default: ….` of its documentation.
    pub(super) fn documentation(self) -> (String, Option<String>) {
        let text = self.0["description"].as_str().unwrap_or_default().replace('\n', " ");
        let Some((before, after)) = text.split_once("Default: ") else { return (text.trim().to_owned(), None) };
        let (default, after) = after.split_once(". ").unwrap_or((after.trim_end().trim_end_matches('.'), ""));
        (format!("{before}{after}").trim().to_owned(), Some(default.to_owned()))
    }

    /// The setting that a name was meant to be.
    pub(super) fn nearest(self, name: &str) -> Option<&'s str> {
        nearest(name, self.properties().into_iter().map(|(name, _)| name))
    }

    /// A setting deeper down that has this very name: `server.port` for `port`.
    pub(super) fn deeper(self, name: &str) -> Option<super::Path> {
        self.properties().into_iter().find_map(|(group, shape)| {
            let inside = shape.properties().into_iter().any(|(own, _)| own == name);
            inside.then(|| vec![group.to_owned(), name.to_owned()])
        })
    }
}
