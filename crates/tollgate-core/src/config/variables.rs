//! Variables: which setting does this name mean, and which value this text?

use super::{Path, shape::Shape, values::REFERENCE};
use serde_json::{Map, Value};

/// The variable of a setting: `MYAPI_SERVER__PORT`.
pub(super) fn name(prefix: &str, path: &[String]) -> String {
    format!("{prefix}_{}", path.join("__").replace('-', "_").to_ascii_uppercase())
}

/// The way that a variable's name tells; nothing if it is not about settings.
pub(super) fn path(prefix: &str, name: &str) -> Option<Path> {
    let (start, rest) = (name.get(..prefix.len())?, name.get(prefix.len()..)?);
    let rest = rest.strip_prefix('_').filter(|_| start.eq_ignore_ascii_case(prefix))?;
    let rest = rest.to_ascii_lowercase();
    (rest != "env").then(|| rest.split("__").map(str::to_owned).collect())
}

/// Kubernetes gives each container the addresses of all services of its namespace. Those of a service that has the
/// app's own name, or begins with it as `myapi-redis`, look like settings: `MYAPI_SERVICE_HOST`, `MYAPI_PORT=tcp://…`,
/// `MYAPI_REDIS_PORT_6379_TCP_ADDR`.
pub(super) fn is_of_kubernetes(path: &[String], value: &str) -> bool {
    let [name] = path else { return false };
    let name = format!("_{name}");
    let of_port = |(at, mark): (usize, &str)| name[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit());
    name.ends_with("_service_host")
        || name.ends_with("_service_port")
        || name.contains("_service_port_")
        || (name.ends_with("_port") && value.contains("://"))
        || name.match_indices("_port_").any(of_port)
}

/// The name of an entry as it is written elsewhere: variables know neither small letters nor hyphens.
pub(super) fn as_written(entries: Option<&Map<String, Value>>, name: &str) -> String {
    let same = |key: &&String| key.replace('-', "_").eq_ignore_ascii_case(name);
    entries.and_then(|entries| entries.keys().find(same)).map_or_else(|| name.to_owned(), Clone::clone)
}

/// A text as what the setting is: a number, yes or no, a list with commas, JSON. What does not fit stays text, which is
/// then refused with the setting's name.
pub(super) fn value(text: &str, shape: Shape<'_>) -> Value {
    // Which becomes what the setting is when it is known.
    if text.starts_with(REFERENCE) {
        return text.into();
    }
    let json = || serde_json::from_str::<Value>(text).ok();
    if shape.allows("array") {
        if let Some(list) = json().filter(Value::is_array) {
            return list;
        }
        if !shape.allows("string") {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            return items.map(|item| shape.items().map_or_else(|| item.into(), |shape| value(item, shape))).collect();
        }
    }
    if shape.allows("string") {
        return text.into();
    }
    let fits = |value: &Value| match value {
        Value::Bool(_) => shape.allows("boolean"),
        Value::Number(_) => shape.allows("integer") || shape.allows("number"),
        Value::Object(_) => shape.is_group(),
        _ => false,
    };
    json().filter(|value| fits(value) || shape.is_anything()).unwrap_or_else(|| text.into())
}
