//! How a "no" speaks of what was sent: briefly, on one line, in words for a caller, with the nearest name that is known.

use tollgate_core::{DAY, MOMENT, nearest};

/// How much of a name or a value that was sent is said again, in characters.
pub(crate) const NAME: usize = 60;
/// How long a whole sentence about it may be.
const SENTENCE: usize = 240;
/// So many names can be listed.
const FEW: usize = 12;

/// At most so many characters, on one line: a refusal is no mirror, and in the log nobody writes lines of their own.
pub(crate) fn brief(text: &str, most: usize) -> String {
    let visible = |letter: char| -> String {
        if letter.is_control() { letter.escape_default().collect() } else { letter.into() }
    };
    let length = text.chars().count();
    if length <= most {
        return text.chars().map(visible).collect();
    }
    let end = most / 4;
    let (start, end) = (text.chars().take(most - end), text.chars().skip(length - end));
    start.map(visible).chain(["…".into()]).chain(end.map(visible)).collect()
}

/// Says that there is no such thing, and which one may be meant, or which there are if they are few.
pub(crate) fn unknown(what: &str, name: &str, known: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    // Likeness costs the product of the lengths: only as much of the name counts as is said again.
    let name = brief(name, NAME);
    let known: Vec<_> = known.into_iter().collect();
    match nearest(&name, &known) {
        Some(near) => format!("there is no {what} `{name}`; did you mean `{}`?", near.as_ref()),
        None if (1..=FEW).contains(&known.len()) => {
            let all: Vec<_> = known.iter().map(|known| format!("`{}`", known.as_ref())).collect();
            format!("there is no {what} `{name}`, only {}", all.join(", "))
        }
        None => format!("there is no {what} `{name}`"),
    }
}

/// What serde says of an input, in words for whoever sent it.
pub(crate) fn of_serde(message: &str) -> String {
    if message.starts_with("duplicate field") {
        return "it may come once".into();
    }
    let too_many = message.strip_prefix("unknown field `");
    if let Some((field, known)) = too_many.and_then(|rest| rest.rsplit_once("`, expected ").or(rest.rsplit_once("`, ")))
    {
        // serde names the known ones in backticks: every second piece.
        return unknown("field", field, known.split('`').skip(1).step_by(2));
    }
    let mismatch = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    match mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, wanted)) => format!("expected {}, found {}", type_in_words(wanted), found_in_words(found)),
        None => parsed_in_words(message).map_or_else(|| brief(message, SENTENCE), str::to_owned),
    }
}

fn type_in_words(expected: &str) -> &str {
    match expected {
        "i32" => "a whole number of 32 bits",
        "i64" => "a whole number of 64 bits",
        "u32" => "a whole number of 32 bits, from 0",
        "u64" => "a whole number of 64 bits, from 0",
        "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "an array",
        "a map" => "an object",
        "a timestamp string" => MOMENT,
        "a date string" => DAY,
        other => other,
    }
}

fn found_in_words(found: &str) -> String {
    match found.split([' ', '`']).next().unwrap_or_default() {
        "string" => "a string".into(),
        "sequence" => "an array".into(),
        "map" => "an object".into(),
        // As in: integer `7`.
        "integer" | "floating" | "boolean" => brief(found.split('`').nth(1).unwrap_or(found), NAME),
        _ => brief(found, NAME),
    }
}

/// What the standard library says about a text that is no number or truth value.
fn parsed_in_words(message: &str) -> Option<&'static str> {
    Some(match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => "expected a whole number",
        "number too large to fit in target type" => "the number is too large",
        "number too small to fit in target type" => "the number is too small",
        "invalid float literal" | "cannot parse float from empty string" => "expected a number",
        "provided string was not `true` or `false`" => "expected `true` or `false`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, de::DeserializeOwned};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Film {
        title: String,
        year: i32,
        good: Option<bool>,
        tags: Option<Vec<f64>>,
    }

    fn said<T: DeserializeOwned>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).err().map(|error| error.to_string()).unwrap_or_default();
        of_serde(error.rsplit_once(" at line ").unwrap_or_default().0)
    }

    #[test]
    fn serde_speaks_in_words_for_callers() {
        assert_eq!(said::<Film>(r#"{"title":"A"}"#), "missing field `year`");
        assert_eq!(said::<Film>(r#"{"titel":"A"}"#), "there is no field `titel`; did you mean `title`?");
        assert_eq!(said::<Film>(r#"{"a`b":1}"#), "there is no field `a`b`, only `title`, `year`, `good`, `tags`");
        assert_eq!(said::<Film>(r#"{"year":1,"year":2}"#), "it may come once");
        assert_eq!(said::<Film>(r#"{"year":"7"}"#), "expected a whole number of 32 bits, found a string");
        assert_eq!(said::<Film>(r#"{"year":3e9}"#), "expected a whole number of 32 bits, found 3000000000.0");
        assert_eq!(said::<Film>(r#"{"year":3000000000}"#), "expected a whole number of 32 bits, found 3000000000");
        assert_eq!(said::<Film>(r#"{"year":null}"#), "expected a whole number of 32 bits, found null");
        assert_eq!(said::<Film>(r#"{"good":{}}"#), "expected `true` or `false`, found an object");
        assert_eq!(said::<Film>(r#"{"tags":true}"#), "expected an array, found true");
        assert_eq!(said::<Film>(r#"{"tags":["x, expected y"]}"#), "expected a number, found a string");
        assert_eq!(said::<Film>(r#"{"title":[]}"#), "expected a string, found an array");
        assert_eq!(of_serde(&"x".parse::<i32>().unwrap_err().to_string()), "expected a whole number");
        assert_eq!(of_serde(&"".parse::<f64>().unwrap_err().to_string()), "expected a number");
        assert_eq!(of_serde(&"1".parse::<bool>().unwrap_err().to_string()), "expected `true` or `false`");
    }

    #[test]
    fn what_was_sent_is_said_again_briefly_and_on_one_line() {
        assert_eq!(brief("a\r\nlevel=ERROR\u{1b}[2J\0", 60), "a\\r\\nlevel=ERROR\\u{1b}[2J\\u{0}");
        assert_eq!(brief("0123456789", 8), "012345…89");
        assert_eq!(brief(&"ß".repeat(1_000_000), NAME).chars().count(), NAME + 1);
        assert_eq!(unknown("field", "", ["title"]), "there is no field ``, only `title`");
        assert_eq!(unknown("field", "x", [""; 13]), "there is no field `x`");
    }

    #[test]
    fn only_as_much_of_a_name_is_searched_for_as_is_said_again() {
        let (known, name) = (["title".repeat(100)], "title".repeat(99) + "titel");
        assert_eq!(unknown("field", &known[0][..20], [&known[0][..21]]).matches("did you mean").count(), 1);
        assert!(!unknown("field", &name, known).contains("did you mean"));
    }
}
