//! The document: OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as schemars 1 writes it.
//!
//! A type can look different when read and when written, so there are two generators; what they make goes into
//! one list of components. Two types with one name are an error, never a silent overwrite.
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};
use tollgate_core::{Input, Problem};
use tollgate_store::Resource;

/// The schemas of a document under construction.
#[derive(Debug)]
pub(crate) struct Schemas {
    inputs: SchemaGenerator,
    outputs: SchemaGenerator,
    problem: Option<Value>,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            inputs: settings.clone().for_deserialize().into_generator(),
            outputs: settings.for_serialize().into_generator(),
            problem: None,
        }
    }
}

impl Schemas {
    /// The schema of something read; named types become references.
    pub(crate) fn input<T: Input>(&mut self) -> Value {
        self.inputs.subschema_for::<T>().into()
    }

    /// The schema of something sent.
    pub(crate) fn output<T: JsonSchema>(&mut self) -> Value {
        self.outputs.subschema_for::<T>().into()
    }

    /// The schema of refusals, which nearly every operation has several of.
    pub(crate) fn problem(&mut self) -> &Value {
        self.problem.get_or_insert_with(|| self.outputs.subschema_for::<Problem>().into())
    }

    /// The fields of an input struct: name, schema, whether it must come.
    pub(crate) fn properties<T: Input>(&mut self) -> Vec<(String, Value, bool)> {
        let mut schema = T::json_schema(&mut self.inputs);
        let required = schema.remove("required").unwrap_or_default();
        let is_required = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|other| other == name));
        let Some(Value::Object(properties)) = schema.remove("properties") else { return vec![] };
        properties.into_iter().map(|(name, schema)| (name.clone(), schema, is_required(&name))).collect()
    }

    /// Whether nothing but an object fits that part of an input, or a list of them.
    pub(crate) fn is_object(&self, schema: &Value) -> bool {
        let named = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next());
        if let Some(found) = named.and_then(|name| self.inputs.definitions().get(name)) {
            return self.is_object(found);
        }
        let is_type = |name: &str| {
            let types = schema["type"].as_array().map_or(std::slice::from_ref(&schema["type"]), Vec::as_slice);
            types.iter().any(|one| one == name) && types.iter().all(|one| one == name || one == "null")
        };
        let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        let mut alternatives = alternatives.filter(|one| one["type"] != "null").peekable();
        let is_one = alternatives.peek().is_some() && alternatives.all(|one| self.is_object(one));
        is_one || is_type("object") || (is_type("array") && self.is_object(&schema["items"]))
    }

    /// The fields of a resource as it is sent.
    pub(crate) fn stored<R: Resource>(&mut self) -> Map<String, Value> {
        match R::json_schema(&mut self.outputs).remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        }
    }

    /// The schemas of path parameters: by name of a struct, by order of a tuple, or the one value.
    pub(crate) fn parts<T: Input>(&mut self, names: &[String]) -> Vec<Value> {
        let mut schema = T::json_schema(&mut self.inputs);
        if let Some(Value::Object(mut properties)) = schema.remove("properties") {
            return names.iter().filter_map(|name| properties.remove(name)).collect();
        }
        match schema.remove("prefixItems") {
            Some(Value::Array(items)) => items,
            _ => vec![schema.into()],
        }
    }

    /// All components, and each name that two types share.
    pub(crate) fn finish(mut self) -> (Map<String, Value>, Vec<String>) {
        let mut all = self.inputs.take_definitions(true);
        let mut mistakes = vec![];
        for (name, schema) in self.outputs.take_definitions(true) {
            match all.get(&name) {
                Some(other) if weaker(other, &schema) => {}
                Some(other) => mistakes.push(shared(&name, rust_type(other), rust_type(&schema))),
                None => drop(all.insert(name, schema)),
            }
        }
        mistakes.extend(all.iter().filter_map(|(name, schema)| numbered(name, schema, &all)));
        (all, mistakes)
    }
}

/// Whether what is read describes what is sent as well: the same type, or one that only asks for less.
fn weaker(read: &Value, sent: &Value) -> bool {
    let without = |schema: &Value| {
        let mut schema = schema.clone();
        schema.as_object_mut().and_then(|schema| schema.remove("required"));
        schema
    };
    rust_type(read) == rust_type(sent) && without(read) == without(sent)
}

/// Schemars calls the second `Movie` of a document `Movie2`; the macros' `x-rust-type` gives it away.
fn numbered(name: &str, schema: &Value, all: &Map<String, Value>) -> Option<String> {
    rust_type(schema).rsplit("::").next().filter(|own| *own != name && !own.is_empty())?;
    let first = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let other = all.get(first).filter(|_| first != name)?;
    Some(shared(first, rust_type(other), rust_type(schema)))
}

fn rust_type(schema: &Value) -> &str {
    schema["x-rust-type"].as_str().unwrap_or_default()
}

fn shared(name: &str, first: &str, second: &str) -> String {
    if first == second {
        format!("the schema `{name}` differs when read and when sent: use two types")
    } else {
        let first = if first.is_empty() { "the framework's" } else { &format!("`{first}`") };
        format!("two types share the schema name `{name}`: {first} and `{second}`; rename one")
    }
}

/// Takes out what is ours alone, and says what schemars leaves unsaid: the bounds of 32-bit numbers.
pub(crate) fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(object) => {
            object.remove("x-rust-type");
            if let Some(Value::String(about)) = object.get_mut("description") {
                *about = about.replace("[`", "`").replace("`]", "`"); // rustdoc's links lead nowhere here
            }
            let bounds: Option<(Value, Value)> = match object.get("format").and_then(Value::as_str) {
                Some("int32") => Some((i32::MIN.into(), i32::MAX.into())),
                Some("uint32") => Some((0.into(), u32::MAX.into())),
                Some("uint64") => Some((0.into(), u64::MAX.into())),
                _ => None,
            };
            if let Some((least, most)) = bounds {
                let own = object.contains_key("minimum") || object.contains_key("maximum");
                object.entry("minimum").or_insert(least);
                object.entry("maximum").or_insert(most);
                if !own {
                    object.entry("examples").or_insert_with(|| [1].as_slice().into()); // else tools show the minimum
                }
            }
            object.values_mut().for_each(tidy);
        }
        _ => {}
    }
}
