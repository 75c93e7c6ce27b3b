//! The effective values, each with where it was said.

use super::{Configuration, Path, dotted, shape::Shape};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A setting, its effective value, and where that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// `server.port`.
    pub setting: String,
    /// What is shown of the value.
    pub shown: Shown,
    /// A variable, a file, a reference to a secret, or `default`.
    pub origin: String,
}

/// What is shown of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The value itself.
    Value(Value),
    /// That there is one.
    Hidden,
    /// There is none: in words, what that means.
    NotSet(Option<String>),
}

impl Configuration {
    /// Every setting.
    pub fn list(&self) -> Vec<Listed> {
        let mut all = vec![Listed {
            setting: "env".into(),
            shown: Shown::Value(self.env.clone().into()),
            origin: self.place(&["env".to_owned()]).unwrap_or("default").to_owned(),
        }];
        self.add(&mut all, &mut vec![], Shape(&self.schema), Some(&self.values));
        all
    }

    /// One setting per line.
    pub fn table(&self) -> String {
        let all = self.list();
        let rows: Vec<_> = all.iter().map(|one| (&one.setting, one.shown.to_string(), &one.origin)).collect();
        let widest = |width: fn(&(&String, String, &String)) -> usize| rows.iter().map(width).max().unwrap_or_default();
        let (first, second) = (widest(|row| row.0.len()), widest(|row| row.1.chars().count()).min(40));
        rows.iter().fold(String::new(), |mut text, (setting, shown, origin)| {
            let _ = writeln!(text, "{setting:<first$}  {shown:<second$}  {origin}");
            text
        })
    }

    /// The same for programs: `{"server.port": {"value": 8000, "origin": "default"}}`.
    pub fn json(&self) -> Value {
        let each = self.list().into_iter().map(|one| {
            let mut told = match one.shown {
                Shown::Value(value) => json!({ "value": value }),
                Shown::Hidden => json!({ "hidden": true }),
                Shown::NotSet(_) => json!({ "value": null }),
            };
            told["origin"] = one.origin.into();
            (one.setting, told)
        });
        Value::Object(each.collect::<Map<_, _>>())
    }

    fn add(&self, all: &mut Vec<Listed>, path: &mut Path, shape: Shape<'_>, value: Option<&Value>) {
        let inner: Vec<(String, Shape<'_>, Option<&Value>)> = match value {
            Some(Value::Array(items)) if shape.items().is_some_and(Shape::is_group) => {
                let each = items.iter().enumerate().zip(shape.items().into_iter().cycle());
                each.map(|((at, item), shape)| (at.to_string(), shape, Some(item))).collect()
            }
            value if shape.is_group() => members(shape, value),
            _ => vec![],
        };
        if inner.is_empty() {
            return all.push(self.listed(path, shape, value));
        }
        for (name, shape, value) in inner {
            path.push(name);
            self.add(all, path, shape, value);
            path.pop();
        }
    }

    fn listed(&self, path: &Path, shape: Shape<'_>, value: Option<&Value>) -> Listed {
        let place = self.place(path).filter(|_| value.is_some());
        let reference = self.references.iter().find(|(of, _)| of.starts_with(path));
        let shown = match value {
            // Also of one that is not what it should be: a table in place of a list of tables, a text in place of a table.
            Some(value) if shape.holds_secret() && !is_empty(value) => Shown::Hidden,
            Some(_) if reference.is_some() => Shown::Hidden,
            Some(value) => Shown::Value(value.clone()),
            None => {
                shape.default().map_or_else(|| Shown::NotSet(shape.documentation().1), |it| Shown::Value(it.clone()))
            }
        };
        let place = place.unwrap_or("default");
        let origin = reference.map_or_else(|| place.to_owned(), |(_, text)| format!("{text} ({place})"));
        Listed { setting: dotted(path), shown, origin }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// Settings with names of their own, then what else is there.
fn members<'a>(shape: Shape<'a>, value: Option<&'a Value>) -> Vec<(String, Shape<'a>, Option<&'a Value>)> {
    let own = shape.own();
    let said = value.and_then(Value::as_object).into_iter().flatten();
    let others = said.filter(|(name, _)| !own.iter().any(|(own, _)| own == name));
    let others = others.filter_map(|(name, value)| Some((name.clone(), shape.property(name)?, Some(value))));
    let named = own.iter().map(|(name, shape)| ((*name).to_owned(), *shape, value.and_then(|value| value.get(name))));
    named.chain(others).collect()
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Value(Value::String(text)) => text.clone(),
            Self::Value(value) => value.to_string(),
            Self::Hidden => "(hidden)".into(),
            Self::NotSet(Some(words)) => format!("({words})"),
            Self::NotSet(None) => "(not set)".into(),
        };
        f.pad(&text)
    }
}
