//! The reference page: every setting with its meaning, its default and its variable, in Markdown.

use super::{dotted, shape::Shape, variables};
use serde_json::Value;
use std::fmt::Write as _;

/// What stands for a name that is free, and for the number of an item.
const FREE: [&str; 2] = ["NAME", "N"];

/// A chapter for each group of the schema, a row for each setting.
pub fn page(prefix: &str, schema: &Value) -> String {
    Shape(schema).own().into_iter().fold(String::new(), |mut text, (name, group)| {
        let (meaning, _) = group.documentation();
        let head = "| setting | variable | default | meaning |\n|---|---|---|---|";
        let _ = writeln!(text, "\n## `[{name}]`\n\n{meaning}\n\n{head}");
        let chapter = Row { path: vec![name.to_owned()], of: None, required: false };
        chapter.within(&mut text, prefix, group);
        text
    })
}

/// Where a row is.
struct Row<'s> {
    path: Vec<String>,
    /// The alternative that it is of: `okta`.
    of: Option<&'s str>,
    required: bool,
}

impl<'s> Row<'s> {
    /// The rows of a group.
    fn within(&self, text: &mut String, prefix: &str, shape: Shape<'s>) {
        self.own(text, prefix, shape, self.of);
        for form in shape.forms().into_iter().filter(|form| !std::ptr::eq(form.0, shape.0)) {
            let alternative = form.own().into_iter().find_map(|(_, inner)| inner.0["const"].as_str());
            self.own(text, prefix, form, alternative.or(self.of));
        }
        for (name, inner) in FREE.into_iter().zip([shape.entries(), shape.items()]) {
            if let Some(inner) = inner.filter(|inner| inner.is_group() || name == "NAME") {
                self.inner(name, self.of, false).write(text, prefix, inner);
            }
        }
    }

    fn own(&self, text: &mut String, prefix: &str, form: Shape<'s>, of: Option<&'s str>) {
        let required = form.required();
        for (name, inner) in form.own().into_iter().filter(|(_, inner)| inner.0.get("const").is_none()) {
            self.inner(name, of, required.contains(&name)).write(text, prefix, inner);
        }
    }

    fn inner(&self, name: &str, of: Option<&'s str>, required: bool) -> Self {
        Self { path: [&self.path[..], &[name.to_owned()]].concat(), of, required }
    }

    fn write(&self, text: &mut String, prefix: &str, shape: Shape<'s>) {
        let (meaning, said) = shape.documentation();
        // Of entries with free names, their group tells.
        if !meaning.is_empty() || !FREE.contains(&self.path.last().map_or("", String::as_str)) {
            let default = said.or_else(|| shape.default().map(|value| format!("`{value}`"))).unwrap_or_default();
            let default = if self.required { "required" } else { &default };
            let secret = if shape.is_secret() { "A secret. " } else { "" };
            let of = self.of.map(|of| format!(" ({of})")).unwrap_or_default();
            let (setting, variable) = (dotted(&self.path), self.variable(prefix));
            let cell = |text: &str| text.replace('|', "\\|");
            let (default, meaning) = (cell(default), cell(&meaning));
            let _ = writeln!(text, "| `{setting}`{of} | `{variable}` | {default} | {secret}{meaning} |");
        }
        self.within(text, prefix, shape);
    }

    /// A list of tables is one variable, whose value is JSON.
    fn variable(&self, prefix: &str) -> String {
        let whole = self.path.iter().position(|name| name == "N").unwrap_or(self.path.len());
        variables::name(prefix, &self.path[..whole])
    }
}
