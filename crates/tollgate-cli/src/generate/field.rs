//! `title:string:unique`: a field as it is said on a command line.
//!
//! Words between colons, because no shell means anything else by them, as one does by `?`, `!` and parentheses.

use crate::{Result, words};
use minijinja::context;
use serde_json::{Value, json};

/// What is said about each kind: its name, its type in Rust, an example, and a rule.
const KINDS: &[Kind] = &[
    Kind { name: "string", rust: "String", rule: Some("length(min = 1, max = 200)") },
    Kind { name: "text", rust: "String", rule: Some("length(min = 1, max = 20_000)") },
    Kind { name: "int", rust: "i32", rule: None },
    Kind { name: "bigint", rust: "i64", rule: None },
    Kind { name: "float", rust: "f64", rule: None },
    Kind { name: "decimal", rust: "Decimal", rule: None },
    Kind { name: "bool", rust: "bool", rule: None },
    Kind { name: "datetime", rust: "Timestamp", rule: None },
    Kind { name: "date", rust: "Date", rule: None },
    Kind { name: "choice", rust: "Choice", rule: None },
    Kind { name: "uuid", rust: "Uuid", rule: None },
    Kind { name: "objectid", rust: "ObjectId", rule: None },
    Kind { name: "strings", rust: "Vec<String>", rule: None },
    Kind { name: "json", rust: "Nested", rule: None },
];

/// What other tools call these kinds, or what there is in place of a kind that a model does not have.
const OTHERS: &[(&str, &str)] = &[
    ("varchar", "`string`"),
    ("str", "`string`"),
    ("char", "`string`"),
    ("integer", "`int`"),
    ("i32", "`int`"),
    ("i64", "`bigint`"),
    ("long", "`bigint`"),
    ("double", "`float`"),
    ("f64", "`float`"),
    ("number", "`int`, `float` or `decimal:10,2`"),
    ("numeric", "`decimal:10,2`"),
    ("money", "`decimal:15,2`"),
    ("boolean", "`bool`"),
    ("timestamp", "`datetime`"),
    ("day", "`date`"),
    ("enum", "`choice:open,closed`"),
    ("time", "`datetime`"),
    ("list", "`strings`"),
    ("jsonb", "`json:street,city`"),
    ("object", "`json:street,city`"),
    ("references", "the id of the other row: `movie_id:uuid:index`"),
];

/// The most digits of a decimal.
const MOST_DIGITS: u8 = 15;

/// A kind of field.
#[derive(Debug, PartialEq)]
struct Kind {
    name: &'static str,
    rust: &'static str,
    rule: Option<&'static str>,
}

/// A field of a resource.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// Its name for people.
    title: String,
    /// Its type.
    rust: String,
    /// What stands above it.
    attributes: Vec<String>,
    /// The fields of its own type, where it is an object.
    parts: Vec<String>,
    /// The names of its own type, where it is a choice.
    choices: Vec<String>,
    /// A good value.
    pub(super) sample: Value,
    /// Whether no two rows have the same.
    pub(super) is_unique: bool,
}

/// The grammar, for `--help`.
pub(super) const GRAMMAR: &str = "\
Fields are NAME:KIND, and further words after colons:
  kinds   string, text, int, bigint, float, decimal, bool, datetime, date, choice, uuid, objectid, strings (a list), json
  digits  decimal:10,2 has ten digits, two of them after the point
  names   choice:open,closed is one of these
  parts   json:street,city is an object of a type of its own, with these texts in it
  words   optional, unique, index, hidden (stored and written, never answered)

As in:
  tollgate generate service movies title:string released:int:index rating:decimal:2,1
  tollgate generate service books --owned isbn:string:unique title:string notes:text:optional";

impl Field {
    /// What the template is told; its own type is called after the model and after it, as in `MovieAddress`.
    pub(super) fn about(&self, model: &str) -> minijinja::Value {
        let Self { name, title, rust, attributes, parts, choices, .. } = self;
        let own = format!("{model}{}", words::camel(name));
        let rust = rust.replace("Nested", &format!("Nested<{own}>")).replace("Choice", &own);
        let parts: Vec<_> = parts.iter().map(|name| context! { name, title => words::title(name) }).collect();
        let choices: Vec<_> =
            choices.iter().map(|name| context! { name => words::camel(name), title => words::title(name) }).collect();
        context! { name, title, rust, attributes, own, parts, choices }
    }

    /// Understands `name:kind:word…`.
    ///
    /// # Errors
    /// What is wrong, with the word that was perhaps meant.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        words::check_identifier("a field", name, true)?;
        let Some(kind) = words.next() else {
            return Err(format!("`{text}` does not say what it is: as in `{name}:string`").into());
        };
        let kind = Kind::named(kind).map_err(|why| format!("`{text}`: {why}"))?;
        let mut said = Said { digits: kind.is_decimal().then_some((10, 2)), ..Said::default() };
        for word in words {
            said.take(word, kind).map_err(|why| format!("`{text}`: {why}"))?;
        }
        said.check(kind).map_err(|why| format!("`{text}`: {why}"))?;
        Ok(said.field(name, kind))
    }
}

impl Kind {
    fn named(name: &str) -> Result<&'static Self, String> {
        let found = KINDS.iter().find(|kind| kind.name == name);
        found.ok_or_else(|| match OTHERS.iter().find(|(other, _)| *other == name) {
            Some((_, ours)) => format!("there is no kind `{name}`; there is {ours}"),
            None => unknown("kind", name, KINDS.iter().map(|kind| kind.name)),
        })
    }

    fn is_decimal(&self) -> bool {
        self.name == "decimal"
    }

    fn is_json(&self) -> bool {
        self.name == "json"
    }

    fn is_choice(&self) -> bool {
        self.name == "choice"
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match words::nearest(name, known.clone()) {
        Some(near) => format!("there is no {what} `{name}`; did you mean `{near}`?"),
        None => format!("there is no {what} `{name}`; there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The words after the kind.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one word")]
struct Said {
    optional: bool,
    unique: bool,
    index: bool,
    hidden: bool,
    digits: Option<(u8, u8)>,
    parts: Vec<String>,
    choices: Vec<String>,
}

impl Said {
    fn take(&mut self, word: &str, kind: &Kind) -> Result<(), String> {
        match word {
            "optional" => self.optional = true,
            "unique" => self.unique = true,
            "index" => self.index = true,
            "hidden" => self.hidden = true,
            digits if kind.is_decimal() && digits.starts_with(|c: char| c.is_ascii_digit()) => {
                self.digits = Some(digits_of(digits)?);
            }
            parts if kind.is_json() => self.parts = names_of(parts, "a field")?,
            choices if kind.is_choice() => self.choices = choices_of(choices)?,
            _ => return Err(unknown("word", word, ["optional", "unique", "index", "hidden"].into_iter())),
        }
        Ok(())
    }

    fn check(&self, kind: &Kind) -> Result<(), String> {
        if kind.name == "strings" && (self.optional || self.unique) {
            return Err(
                "a list is empty and not absent, and lists are not compared: leave `optional` and `unique` out".into(),
            );
        }
        if kind.is_json() && self.parts.is_empty() {
            return Err("an object says what it has: as in `json:street,city`".into());
        }
        if kind.is_choice() && self.choices.is_empty() {
            return Err("a choice says from what: as in `choice:open,closed`".into());
        }
        if kind.is_json() && (self.unique || self.index) {
            return Err("an object is not compared: leave `unique` and `index` out, and give what is searched for a field of its own".into());
        }
        if self.unique && self.index {
            return Err("what is unique is indexed anyway: leave `index` out".into());
        }
        Ok(())
    }

    fn field(self, name: &str, kind: &Kind) -> Field {
        let rust = match self.digits {
            Some((digits, decimals)) => format!("Decimal<{digits}, {decimals}>"),
            None => kind.rust.to_owned(),
        };
        let marks = [(self.unique, "#[unique]"), (self.index, "#[index]"), (self.hidden, "#[hidden]")];
        let rule = kind.rule.map(|rule| format!("#[garde({rule})]"));
        let marks = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned());
        Field {
            name: name.to_owned(),
            title: words::title(name),
            rust: if self.optional { format!("Option<{rust}>") } else { rust },
            attributes: marks.chain(rule).collect(),
            sample: self.sample(kind),
            is_unique: self.unique,
            parts: self.parts,
            choices: self.choices,
        }
    }

    /// A value that keeps the rules.
    fn sample(&self, kind: &Kind) -> Value {
        match kind.name {
            "int" | "bigint" => json!(3),
            "float" => json!(2.5),
            "decimal" => decimal_sample(self.digits),
            "bool" => json!(true),
            "datetime" => json!("2026-01-31T12:00:00Z"),
            "date" => json!("2026-01-31"),
            "choice" => json!(self.choices.first()),
            "uuid" => json!("6f2c1c1e-0d5b-4a3e-9c51-2f8c3a7d9e10"),
            "objectid" => json!("65a1b2c3d4e5f60718293a4b"),
            "strings" => json!(["one", "two"]),
            "json" => self.parts.iter().map(|part| (part.clone(), json!("A good one"))).collect(),
            _ => json!("A good one"),
        }
    }
}

/// A number with as many decimals as there are: `1.5`, `1.05`.
fn decimal_sample(digits: Option<(u8, u8)>) -> Value {
    let (digits, decimals) = digits.unwrap_or((10, 2));
    let whole = u8::from(digits > decimals);
    let text = if decimals == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{:0>width$}", 5, width = usize::from(decimals))
    };
    serde_json::from_str(&text).unwrap_or_default()
}

fn digits_of(text: &str) -> Result<(u8, u8), String> {
    let wrong = || {
        format!("`{text}`: a decimal has 1 to {MOST_DIGITS} digits, and not more of them after the point, as in `10,2`")
    };
    let (digits, decimals) = text.split_once(',').unwrap_or((text, "0"));
    let (digits, decimals): (u8, u8) = (digits.parse().map_err(|_| wrong())?, decimals.parse().map_err(|_| wrong())?);
    let is_good = (1..=MOST_DIGITS).contains(&digits) && decimals <= digits;
    if is_good { Ok((digits, decimals)) } else { Err(wrong()) }
}

fn names_of(text: &str, what: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = text.split(',').map(str::to_owned).collect();
    for (at, part) in parts.iter().enumerate() {
        words::check_identifier(what, part, true).map_err(|why| why.0)?;
        // Two that differ in `_` alone would be one name of a type.
        if parts[..at].iter().any(|before| words::camel(before) == words::camel(part)) {
            return Err(format!("`{part}` is there twice"));
        }
    }
    Ok(parts)
}

/// Names that are the same again once they have been variants and written in `snake_case`.
fn choices_of(text: &str) -> Result<Vec<String>, String> {
    let names = names_of(text, "a choice")?;
    let is_kept = |name: &String| name.split('_').all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    match names.iter().find(|name| !is_kept(name)) {
        Some(name) => Err(format!("`{name}` cannot name a choice: after each `_` comes a letter")),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Field::parse(text).map_or_else(
            |refused| refused.0,
            |field| format!("{} {}: {}", field.attributes.join(" "), field.name, field.rust).trim().to_owned(),
        )
    }

    #[test]
    fn a_field_is_a_name_a_kind_and_words() {
        assert_eq!(said("released:int:index"), "#[index] released: i32");
        assert_eq!(said("rating:decimal:2,1:optional"), "rating: Option<Decimal<2, 1>>");
        assert_eq!(said("price:decimal"), "price: Decimal<10, 2>");
        assert_eq!(said("isbn:string:unique"), "#[unique] #[garde(length(min = 1, max = 200))] isbn: String");
        assert_eq!(said("tags:strings"), "tags: Vec<String>");
        assert_eq!(said("reel:objectid:index"), "#[index] reel: ObjectId");
        assert_eq!(said("place:json:town,street:optional"), "place: Option<Nested>");
        assert_eq!(said("born:date:index"), "#[index] born: Date");
        assert_eq!(said("status:choice:open,in_progress:index"), "#[index] status: Choice");
    }

    #[test]
    fn a_refusal_names_what_was_perhaps_meant() {
        assert_eq!(said("title:sting"), "`title:sting`: there is no kind `sting`; did you mean `string`?");
        assert_eq!(said("title:varchar"), "`title:varchar`: there is no kind `varchar`; there is `string`");
        assert_eq!(
            said("title:string:uniqe"),
            "`title:string:uniqe`: there is no word `uniqe`; did you mean `unique`?"
        );
        assert_eq!(said("title"), "`title` does not say what it is: as in `title:string`");
        assert!(said("status:enum").contains("there is `choice:open,closed`"), "{}", said("status:enum"));
        assert!(said("status:choice").contains("as in `choice:open,closed`"));
        assert!(said("status:choice:open,Closed").contains("cannot name a choice"));
        assert!(said("status:choice:open,film_35").contains("after each `_` comes a letter"));
        assert!(said("type:string").contains("word of Rust"));
        assert!(said("price:decimal:2,3").contains("not more of them after the point"));
        assert!(said("price:decimal:16,2").contains("1 to 15 digits"));
        assert!(said("tags:strings:unique").contains("leave"));
        assert!(said("place:json").contains("as in `json:street,city`"));
        assert!(said("place:json:town:index").contains("an object is not compared"));
        assert!(said("place:json:town,town").contains("`town` is there twice"));
    }
}
