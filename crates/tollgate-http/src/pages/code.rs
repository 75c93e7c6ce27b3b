//! Code on a page: text in parts, each with what it is, so that the template can colour and escape it.

use serde::{Serialize, Serializer};

/// A part of a piece of code. Written one after the other, the parts are the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "style", content = "text", rename_all = "lowercase")]
pub enum Part {
    /// Nothing special.
    Plain(String),
    /// What matters less: comments.
    Faint(String),
    /// A name that says what follows.
    Key(String),
    /// A text, or the name of what is defined.
    Text(String),
    /// What the reader should look at.
    Mark(String),
}

/// JSON as parts: names and texts stand out. Anything else comes out as it went in.
fn json_parts(mut rest: &str) -> Vec<Part> {
    let mut parts = vec![];
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        let (text, after) = quoted.split_at(end_of_text(quoted));
        let is_name = after.trim_start().starts_with(':');
        parts.push(Part::Plain(before.into()));
        parts.push(if is_name { Part::Key(text.into()) } else { Part::Text(text.into()) });
        rest = after;
    }
    parts.push(Part::Plain(rest.into()));
    parts
}

/// Where a text that begins with a quotation mark ends.
fn end_of_text(quoted: &str) -> usize {
    let mut escaped = false;
    let closes = |c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    };
    quoted[1..].find(closes).map_or(quoted.len(), |before_it| before_it + 2)
}

/// For `#[serde(serialize_with)]`: JSON as its parts.
pub(super) fn json<S: Serializer>(source: &str, serializer: S) -> Result<S::Ok, S::Error> {
    json_parts(source).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_of_json_stand_out() {
        let parts = json_parts(r#"{"a" : "b\\\"c: \\", "d": 1}"#);
        let expected = [
            Part::Plain("{".into()),
            Part::Key(r#""a""#.into()),
            Part::Plain(" : ".into()),
            Part::Text(r#""b\\\"c: \\""#.into()),
            Part::Plain(", ".into()),
            Part::Key(r#""d""#.into()),
            Part::Plain(": 1}".into()),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_is_no_json_is_kept_too() {
        assert_eq!(
            json_parts("\"é\\"),
            [Part::Plain(String::new()), Part::Text("\"é\\".into()), Part::Plain(String::new())]
        );
    }
}
