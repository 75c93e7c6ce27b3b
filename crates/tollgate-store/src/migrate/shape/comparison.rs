//! What keeps a value of one shape from being read as one of another.

use super::Object;
use serde_json::Value as Json;

/// What keeps values of the old shape from being read as the new one, or is lost by it; each with its place as a JSON
/// Pointer, where `*` is any item or member.
pub(super) fn differences(old: &Json, new: &Json) -> Vec<String> {
    Comparison { roots: (old, new), under_way: vec![] }.compare(old, new, "")
}

struct Comparison<'a> {
    /// Where references lead.
    roots: (&'a Json, &'a Json),
    /// What is compared further out: a type that is within itself is compared once.
    under_way: Vec<(Object, Object)>,
}

impl Comparison<'_> {
    fn compare(&mut self, old: &Json, new: &Json, at: &str) -> Vec<String> {
        let (was, is) = (alternatives(old, self.roots.0), alternatives(new, self.roots.1));
        was.iter().flat_map(|old| self.find(old, &is, at)).collect()
    }

    /// One of the new alternatives has to take the old one. Where none does, what is told is about the one that is meant.
    fn find(&mut self, old: &Object, all: &[Object], at: &str) -> Vec<String> {
        let compared: Vec<_> = all.iter().map(|new| (new, self.compare_one(old, new, at))).collect();
        let meant =
            compared.into_iter().filter(|(new, found)| found.is_empty() || all.len() == 1 || name(new) == name(old));
        let nearest = meant.map(|(_, found)| found).min_by_key(Vec::len);
        nearest.unwrap_or_else(|| vec![no_longer(old, at)])
    }

    fn compare_one(&mut self, old: &Object, new: &Object, at: &str) -> Vec<String> {
        let pair = (old.clone(), new.clone());
        if new.is_empty() || self.under_way.contains(&pair) {
            return vec![];
        }
        if !holds(new, old) {
            return vec![no_longer(old, at)];
        }
        self.under_way.push(pair);
        let found = match kind(new) {
            "object" => self.compare_members(old, new, at),
            "array" => self.compare_items(old, new, at),
            _ => vec![],
        };
        self.under_way.pop();
        found
    }

    fn compare_members(&mut self, old: &Object, new: &Object, at: &str) -> Vec<String> {
        let (had, has) = (members(old), members(new));
        let (needed, needs) = (list(old, "required"), list(new, "required"));
        let mut found = vec![];
        for name in needs.iter().filter(|name| !needed.contains(name)).filter_map(Json::as_str) {
            let what =
                if had.iter().any(|(had, _)| *had == name) { "must be there now" } else { "is new and must be there" };
            found.push(format!("{} {what}", inside(at, name)));
        }
        let (before, now) = (old.get("additionalProperties"), new.get("additionalProperties"));
        let named =
            |members: &[(&str, &Json)], name: &str| members.iter().find(|it| it.0 == name).map(|it| it.1.clone());
        for (name, was) in &had {
            match named(&has, name).or_else(|| now.cloned()) {
                Some(is) => found.extend(self.compare(was, &is, &inside(at, name))),
                None => found.push(format!("{} is gone", inside(at, name))),
            }
        }
        if let Some(was) = before {
            for (name, is) in has.iter().filter(|(name, _)| named(&had, name).is_none()) {
                found.extend(self.compare(was, is, &inside(at, name)));
            }
            match now {
                Some(is) => found.extend(self.compare(was, is, &inside(at, "*"))),
                None => found.push(format!("{} is gone", inside(at, "*"))),
            }
        }
        found
    }

    fn compare_items(&mut self, old: &Object, new: &Object, at: &str) -> Vec<String> {
        let any = Json::Bool(true);
        let (was, is) = (list(old, "prefixItems"), list(new, "prefixItems"));
        let rest = |one: &Object| one.get("items").unwrap_or(&any).clone();
        if is.is_empty() {
            let items = if was.is_empty() { &[rest(old)] } else { was };
            return items.iter().flat_map(|was| self.compare(was, &rest(new), &inside(at, "*"))).collect();
        }
        if was.len() != is.len() {
            return vec![no_longer(old, at)];
        }
        let both = was.iter().zip(is).enumerate();
        both.flat_map(|(index, (was, is))| self.compare(was, is, &inside(at, &index.to_string()))).collect()
    }
}

fn no_longer(old: &Object, at: &str) -> String {
    format!("{} may no longer be {}", if at.is_empty() { "it" } else { at }, name(old))
}

fn inside(at: &str, name: &str) -> String {
    format!("{at}/{}", name.escape_debug())
}

fn list<'a>(schema: &'a Object, keyword: &str) -> &'a [Json] {
    schema.get(keyword).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// What has a name, or names of one kind.
fn members(schema: &Object) -> Vec<(&str, &Json)> {
    let groups = ["properties", "patternProperties"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_object());
    groups.flatten().map(|(name, schema)| (name.as_str(), schema)).collect()
}

/// The schemas of one type, or one value, each, of which a value fits one.
fn alternatives(schema: &Json, root: &Json) -> Vec<Object> {
    let Json::Object(schema) = schema else {
        return if *schema == Json::Bool(false) { vec![] } else { vec![Object::new()] };
    };
    let mut own = schema.clone();
    own.remove("$defs");
    let mut parts = vec![];
    if let Some(Json::String(place)) = own.remove("$ref") {
        parts.push(alternatives(root.pointer(place.trim_start_matches('#')).unwrap_or(&Json::Null), root));
    }
    if let Some(Json::Array(all)) = own.remove("allOf") {
        parts.extend(all.iter().map(|one| alternatives(one, root)));
    }
    for choice in ["oneOf", "anyOf"].into_iter().filter_map(|keyword| own.remove(keyword)) {
        let several = choice.as_array().into_iter().flatten();
        parts.push(several.flat_map(|one| alternatives(one, root)).collect());
    }
    parts.into_iter().fold(of_one_type(own), |all, part| {
        all.iter().flat_map(|one| part.iter().map(|other| merged(one.clone(), other))).collect()
    })
}

fn of_one_type(schema: Object) -> Vec<Object> {
    let only = |keyword: &str, value: &Json| Object::from_iter([(keyword.to_owned(), value.clone())]);
    if let Some(value) = schema.get("const") {
        return vec![only("const", value)];
    }
    let (values, types) = (list(&schema, "enum"), list(&schema, "type"));
    if !values.is_empty() {
        return values.iter().map(|value| only("const", value)).collect();
    }
    if types.is_empty() {
        return vec![schema];
    }
    let of = |name: &Json| {
        let of_type = only("type", name);
        if name == "null" { of_type } else { schema.clone().into_iter().chain(of_type).collect() }
    };
    types.iter().map(of).collect()
}

/// What fits both.
fn merged(mut one: Object, other: &Object) -> Object {
    for (keyword, value) in other {
        match (one.get_mut(keyword), value) {
            (Some(Json::Object(members)), Json::Object(more)) => members.extend(more.clone()),
            (Some(Json::Array(items)), Json::Array(more)) => items.extend(more.iter().cloned()),
            (Some(_), _) => (),
            (None, value) => drop(one.insert(keyword.clone(), value.clone())),
        }
    }
    one
}

/// The type, as JSON Schema names it; none where it may be anything.
fn kind(schema: &Object) -> &str {
    match schema.get("const") {
        Some(Json::Null) => "null",
        Some(Json::Bool(_)) => "boolean",
        Some(Json::Number(_)) => "number",
        Some(Json::String(_)) => "string",
        Some(Json::Array(_)) => "array",
        Some(Json::Object(_)) => "object",
        None if schema.contains_key("properties") => "object",
        None => schema.get("type").and_then(Json::as_str).unwrap_or_default(),
    }
}

/// What tells an alternative apart, and says what it is: a value, a type, or the members of an object that say which one it
/// is.
fn name(schema: &Object) -> String {
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    let members = members(schema);
    let tags = members.iter().filter_map(|(name, schema)| Some(format!("{name}: {}", schema.get("const")?)));
    match (kind(schema), schema.get("format"), &*tags.collect::<Vec<_>>(), &*members) {
        ("", ..) => "anything".into(),
        ("object", _, [], [(name, _)]) if !list(schema, "required").is_empty() => format!("{{{name}: …}}"),
        ("object", _, tags @ [_, ..], _) => format!("{{{}, …}}", tags.join(", ")),
        (kind, Some(Json::String(format)), ..) => format!("{kind} ({format})"),
        (kind, ..) => kind.into(),
    }
}

/// Whether each value of the old type is one of the new, apart from what is within.
fn holds(new: &Object, old: &Object) -> bool {
    if let Some(value) = new.get("const") {
        return old.get("const") == Some(value);
    }
    let (is, was) = (kind(new), kind(old));
    let format = |one: &Object| one.get("format").and_then(Json::as_str).map(str::to_owned);
    let fits = match (format(new), format(old)) {
        (None, _) => true,
        (Some(is), was) => was.is_some_and(|was| is == was || holds_number(&is, &was)),
    };
    let number = |one: &Object, keyword: &str| one.get(keyword).and_then(Json::as_f64);
    let is_decimal = match (number(new, "multipleOf"), number(old, "multipleOf")) {
        (None, _) => true,
        (Some(is), was) => was.is_some_and(|was| is <= was) && number(old, "maximum") <= number(new, "maximum"),
    };
    (is == was || (is, was) == ("number", "integer")) && fits && is_decimal
}

/// Whether one format of numbers has all of another: `int64` those of `uint32`, `double` those of `int32`.
fn holds_number(new: &str, old: &str) -> bool {
    /// How many bits there are for the number itself, and whether one more says that it is negative.
    fn bits(format: &str) -> Option<(u32, bool)> {
        let bits = |bits: &str| if bits.is_empty() { Some(64) } else { bits.parse().ok() };
        match format {
            "float" => Some((24, true)),
            "double" => Some((53, true)),
            _ => match format.strip_prefix("uint") {
                Some(rest) => Some((bits(rest)?, false)),
                None => Some((bits(format.strip_prefix("int")?)? - 1, true)),
            },
        }
    }
    match (bits(new), bits(old)) {
        (Some((is, is_signed)), Some((was, was_signed))) => {
            is >= was && is_signed >= was_signed && is_fraction(new, old)
        }
        _ => false,
    }
}

/// Fractions are no whole numbers.
fn is_fraction(new: &str, old: &str) -> bool {
    let is = |format: &str| ["float", "double"].contains(&format);
    is(new) || !is(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_could_be_read_before_can_be_read() {
        let text = json!({ "type": "string" });
        let maybe = json!({ "type": ["string", "null"] });
        let of = |properties: Json, required: Json| json!({ "type": "object", "properties": properties, "required": required });
        let (a, b) = (json!({ "const": "a" }), json!({ "type": "string", "enum": ["b", "c"] }));
        let tagged = |tag: &str, more: Json| {
            let mut schema = of(json!({ "kind": { "const": tag } }), json!(["kind"]));
            schema["properties"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            schema
        };
        let number =
            |format: &str| json!({ "type": if format == "double" { "number" } else { "integer" }, "format": format });
        let decimal = |unit: f64, most: f64| json!({ "type": "number", "multipleOf": unit, "maximum": most });
        for (old, new) in [
            (text.clone(), maybe.clone()),
            (text.clone(), json!(true)),
            (of(json!({ "a": text }), json!(["a"])), of(json!({ "a": maybe, "b": text }), json!([]))),
            (json!({ "oneOf": [a] }), json!({ "oneOf": [b, a] })),
            (b.clone(), text.clone()),
            (
                json!({ "oneOf": [tagged("x", json!({}))] }),
                json!({ "oneOf": [tagged("y", json!({})), tagged("x", json!({ "n": text }))] }),
            ),
            (json!({ "type": "string", "format": "uuid" }), text.clone()),
            (number("uint32"), number("int64")),
            (number("int32"), number("double")),
            (decimal(0.1, 99.9), decimal(0.01, 999.99)),
            (json!({ "type": "array", "items": text }), json!({ "type": "array", "items": maybe })),
            (json!({ "type": "array", "prefixItems": [text, text] }), json!({ "type": "array", "items": maybe })),
            (of(json!({ "a": text }), json!(["a"])), json!({ "type": "object", "additionalProperties": text })),
        ] {
            assert_eq!(differences(&old, &new), Vec::<String>::new(), "{old} as {new}");
        }
    }

    #[test]
    fn what_could_not_be_is_told_with_its_place() {
        let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer", "format": "int64" }));
        let maybe = json!({ "anyOf": [text, { "type": "null" }] });
        let of = |properties: Json, required: Json| json!({ "type": "object", "properties": properties, "required": required });
        let variant = |name: &str, within: &Json| of(json!({ name: within }), json!([name]));
        let node = |value: &Json| {
            let node = of(
                json!({ "value": value, "next": { "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] } }),
                json!([]),
            );
            json!({ "$ref": "#/$defs/Node", "$defs": { "Node": node } })
        };
        for (old, new, said) in [
            (maybe.clone(), text.clone(), &["it may no longer be null"][..]),
            (
                of(json!({ "a": text }), json!([])),
                of(json!({ "a": number, "b": text }), json!(["a", "b"])),
                &["/a must be there now", "/b is new and must be there", "/a may no longer be string"],
            ),
            (of(json!({ "a": text }), json!([])), of(json!({ "b": text }), json!([])), &["/a is gone"]),
            (json!({ "enum": ["x", "y"] }), json!({ "enum": ["y"] }), &["it may no longer be \"x\""]),
            (
                json!({ "oneOf": [variant("X", &text), variant("Y", &text)] }),
                json!({ "oneOf": [variant("Y", &number), { "const": "Z" }] }),
                &["it may no longer be {X: …}", "/Y may no longer be string"],
            ),
            (number.clone(), json!({ "type": "integer", "format": "int32" }), &["it may no longer be integer (int64)"]),
            (json!({ "type": "number", "format": "double" }), number.clone(), &["it may no longer be number (double)"]),
            (
                json!({ "type": "array", "items": maybe }),
                json!({ "type": "array", "items": text }),
                &["/* may no longer be null"],
            ),
            (
                json!({ "type": "object", "additionalProperties": text }),
                of(json!({ "a": number }), json!([])),
                &["/a may no longer be string", "/* is gone"],
            ),
            (json!(true), text.clone(), &["it may no longer be anything"]),
            (node(&text), node(&number), &["/value may no longer be string"]),
        ] {
            assert_eq!(differences(&old, &new), said, "{old} as {new}");
        }
        assert_eq!(differences(&node(&text), &node(&maybe)), Vec::<String>::new());
    }
}
