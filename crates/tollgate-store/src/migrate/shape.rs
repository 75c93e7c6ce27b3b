//! Can nested values that were written before still be read?
//!
//! The shape of a type is its JSON Schema, without what rows are not held to when they are read: what it is called, what is
//! said about it, and the rules for what callers send. Whatever the one before could read, the new one has to read as well;
//! since that held at each change before, it holds for every row that was ever written.

use super::{KeptColumn, Said, Step};
use crate::{Error, Result, Table};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json};
use std::fmt;

mod comparison;

use comparison::differences;

/// The shape of a nested value, made when it is asked for.
#[derive(Clone, Copy)]
pub struct ShapeOf(fn(SchemaGenerator) -> Json);

impl ShapeOf {
    /// That of values of this type.
    pub const fn of<T: JsonSchema>() -> Self {
        Self(|generator| generator.into_root_schema_for::<T>().into())
    }

    /// As it is kept in a model.
    pub(super) fn get(self) -> Json {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        essence(self.0(settings.into_generator()))
    }
}

impl fmt::Debug for ShapeOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShapeOf")
    }
}

/// Columns are equal by what a database knows of them, and a function may have several addresses.
impl PartialEq for ShapeOf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ShapeOf {}

type Object = Map<String, Json>;

/// Formats that are rules, and no types.
const RULES: [&str; 2] = ["email", "uri"];

/// What reading goes by. Members that no type names are passed over, so whether they are allowed is none of it; the bounds
/// of a decimal are its type.
fn essence(schema: Json) -> Json {
    let Json::Object(schema) = schema else { return schema };
    let is_decimal = schema.contains_key("multipleOf");
    let named = |schemas: Object| schemas.into_iter().map(|(name, schema)| (name, essence(schema))).collect();
    let keywords = schema.into_iter().filter_map(|(keyword, value)| {
        let value = match (&*keyword, value) {
            ("properties" | "patternProperties" | "$defs", Json::Object(schemas)) => Json::Object(named(schemas)),
            ("prefixItems" | "oneOf" | "anyOf" | "allOf", Json::Array(parts)) => {
                parts.into_iter().map(essence).collect()
            }
            ("additionalProperties", Json::Bool(false)) => return None,
            ("items" | "additionalProperties", schema) => essence(schema),
            ("maximum", most) if is_decimal => most,
            ("format", format) if RULES.iter().any(|rule| format == *rule) => return None,
            ("type" | "format" | "required" | "enum" | "const" | "multipleOf" | "$ref", value) => value,
            _ => return None,
        };
        Some((keyword, value))
    });
    Json::Object(keywords.collect())
}

/// What keeps nested values that are there from being read, once somebody said to look after them.
pub(super) fn reshape(
    table: &Table,
    column: usize,
    (old, new): (&KeptColumn, &KeptColumn),
    said: &Said,
) -> Result<Option<Step>> {
    let (Some(was), Some(is)) = (&old.shape, &new.shape) else { return Ok(None) };
    let found = differences(was, is);
    let place = format!("{}.{}", table.name, new.name);
    if found.is_empty() {
        return Ok(None);
    }
    if !said.reshapes.contains(&place) {
        return Err(Error::invalid(format!(
            "`{place}` has another shape now, and rows that are there have the one before:\n  {}\nmake what is new an `Option` \
             or `#[serde(default)]`; or add --reshape {place}, and to the scripts what changes the rows",
            found.join("\n  ")
        )));
    }
    Ok(Some(Step::Reshape { column, differences: found }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shape_has_no_names_of_types_and_no_rules() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "its schema is all that is asked of it")]
        struct Place {
            /// Where.
            #[schemars(length(max = 80))]
            street: String,
            of: Option<Box<Place>>,
        }
        let shape = ShapeOf::of::<Vec<Place>>().get();
        assert_eq!(shape["items"]["properties"]["street"], json!({ "type": "string" }), "{shape:#}");
        assert!(differences(&shape, &shape).is_empty());
        let one = ShapeOf::of::<Place>().get();
        assert_eq!(differences(&shape, &one), ["it may no longer be array"]);
    }
}
