//! The two lines: `mod movies;` and `.service(movies::service())`, put where a person would put them.
//!
//! The file is parsed and not searched, so that a comment or a text that looks like an app is none; and what is written
//! is the file as it was and two lines, so that nothing else of it changes.

use crate::Result;
use proc_macro2::{LineColumn, Span};
use std::{
    fs,
    path::{Path, PathBuf},
};
use syn::{
    Expr, ExprCall, ExprMethodCall, File, Item, ItemMod,
    spanned::Spanned,
    visit::{self, Visit},
};

/// The file with the app's chain of services, and what becomes of it.
///
/// # Errors
/// There is no such chain, or several: the two lines are said, for a person to add.
pub(super) fn with_service(folder: &Path, name: &str) -> Result<(PathBuf, String)> {
    for path in ["src/lib.rs", "src/main.rs"] {
        let Ok(text) = fs::read_to_string(folder.join(path)) else { continue };
        if let Some(text) = changed(&text, name).map_err(|why| by_hand(path, &why, name))? {
            return Ok((path.into(), text));
        }
    }
    Err(by_hand("src", "there is no `App::new(…)` in lib.rs or main.rs", name).into())
}

fn by_hand(path: &str, why: &str, name: &str) -> String {
    format!(
        "{path}: {why}; nothing was written. Add these by hand, after an empty src/{name}.rs, or mend the file:\n  mod {name};\n  .service({name}::service())"
    )
}

/// The text with the two lines; `None` if there is no app in it.
fn changed(text: &str, name: &str) -> Result<Option<String>, String> {
    let file = syn::parse_file(text).map_err(|error| format!("it is no Rust: {error}"))?;
    let mut chains = Chains::default();
    chains.visit_file(&file);
    let at = match chains.ends.as_slice() {
        [] => return Ok(None),
        [at] => *at,
        _ => return Err("there are several `App::new(…)`, and which one is meant is not said".into()),
    };
    let (module, line) = module_place(&file, text, name)?;
    let mut changed = text.to_owned();
    // From the end, so that the first place stays where it was found.
    let (at, call) = at.place(text, name);
    changed.insert_str(at, &call);
    changed.insert_str(module, &line);
    Ok(Some(changed))
}

/// Where chains that begin with `App::new(…)` end their last `.service(…)`, or their beginning.
#[derive(Default)]
struct Chains {
    ends: Vec<End>,
}

/// Behind which call the next service goes.
#[derive(Clone, Copy)]
struct End {
    /// Behind its closing parenthesis.
    behind: LineColumn,
    /// Where its `.` is, if it is a method.
    dot: Option<LineColumn>,
}

impl<'ast> Visit<'ast> for Chains {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        match end_of(call) {
            Some(end) => self.ends.push(end),
            None => visit::visit_expr_method_call(self, call),
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if is_new_app(call) {
            self.ends.push(End { behind: call.paren_token.span.close().end(), dot: None });
        }
        visit::visit_expr_call(self, call);
    }

    /// Tests make apps of their own.
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }
}

/// Walks a chain from its last call to its first.
fn end_of(last: &ExprMethodCall) -> Option<End> {
    let end = |call: &ExprMethodCall| End {
        behind: call.paren_token.span.close().end(),
        dot: Some(call.dot_token.span().start()),
    };
    let (mut call, mut last_service, mut last_first) = (last, None, None);
    loop {
        if call.method == "service" && last_service.is_none() {
            last_service = Some(end(call));
        }
        match &*call.receiver {
            Expr::MethodCall(inner) => call = inner,
            Expr::Call(first) if is_new_app(first) => {
                let dot = Some(call.dot_token.span().start());
                last_first.get_or_insert(End { behind: first.paren_token.span.close().end(), dot });
                return last_service.or(last_first);
            }
            _ => return None,
        }
    }
}

fn is_new_app(call: &ExprCall) -> bool {
    let Expr::Path(path) = &*call.func else { return false };
    let names: Vec<String> = path.path.segments.iter().rev().take(2).map(|part| part.ident.to_string()).collect();
    names == ["new", "App"]
}

impl End {
    /// Where the call goes, and the call: on a line of its own where the others are on theirs.
    fn place(self, text: &str, name: &str) -> (usize, String) {
        let call = format!(".service({name}::service())");
        let behind = offset(text, self.behind);
        let line = self.dot.and_then(|dot| text.lines().nth(dot.line - 1)).unwrap_or_default();
        if !line.trim_start().starts_with('.') {
            return (behind, call);
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let rest = text[behind..].lines().next().unwrap_or_default();
        // A comment stays with the call that it is about.
        let comment = if rest.trim_start().starts_with("//") { rest.len() } else { 0 };
        (behind + comment, format!("\n{indent}{call}"))
    }
}

/// Where `mod movies;` goes, and the line: among the other modules, in the order of the alphabet.
fn module_place(file: &File, text: &str, name: &str) -> Result<(usize, String), String> {
    let modules: Vec<&ItemMod> = file.items.iter().filter_map(outer_module).collect();
    if modules.iter().any(|module| module.ident == name) {
        return Err(format!("there is a `mod {name}` already"));
    }
    let start = |span: Span| offset(text, LineColumn { column: 0, ..span.start() });
    let behind = |span: Span| {
        text[offset(text, span.end())..].find('\n').map_or(text.len(), |end| offset(text, span.end()) + end + 1)
    };
    let line = format!("mod {name};\n");
    if let Some(next) = modules.iter().find(|module| module.ident.to_string().as_str() > name) {
        return Ok((start(next.span()), line));
    }
    if let Some(last) = modules.last() {
        return Ok((behind(last.span()), line));
    }
    let last_use = file.items.iter().rev().find(|item| matches!(item, Item::Use(_)));
    match (last_use, file.items.first()) {
        (Some(last), _) => Ok((behind(last.span()), format!("\n{line}"))),
        (None, Some(first)) => Ok((start(first.span()), format!("{line}\n"))),
        (None, None) => Err("it is empty".into()),
    }
}

/// `mod movies;`, not `mod tests { … }`.
fn outer_module(item: &Item) -> Option<&ItemMod> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module),
        _ => None,
    }
}

/// Bytes before a place; columns are characters.
fn offset(text: &str, place: LineColumn) -> usize {
    let before: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
    let line = &text[before..];
    before + line.char_indices().nth(place.column).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "//! An app.\n\nuse tollgate::prelude::*;\n\nmod messages;\nmod users;\n\n/// It.\npub fn app() -> App {\n    \
        App::new(\"größe\")\n        .service(messages::service())\n        .service(users::service()) // the last\n        \
        .version(\"1\")\n}\n";

    #[test]
    fn two_lines_are_added_and_nothing_else_changes() {
        let changed = changed(APP, "movies").unwrap().unwrap();
        let new: Vec<&str> = changed.lines().filter(|line| !APP.lines().any(|old| old == *line)).collect();
        assert_eq!(new, ["mod movies;", "        .service(movies::service())"]);
        let old: Vec<&str> = changed.lines().filter(|line| !new.contains(line)).collect();
        assert_eq!(old, APP.lines().collect::<Vec<_>>(), "{changed}");
    }

    #[test]
    fn modules_are_in_the_order_of_the_alphabet() {
        let order = |name: &str| changed(APP, name).unwrap().unwrap();
        assert!(order("books").contains("mod books;\nmod messages;\nmod users;\n"));
        assert!(order("words").contains("mod messages;\nmod users;\nmod words;\n"));
    }

    #[test]
    fn an_app_on_one_line_stays_there() {
        let text = "use tollgate::prelude::*;\nfn main() -> tollgate::Exit {\n    App::new(\"a\").main()\n}\n";
        let said = changed(text, "movies").unwrap().unwrap();
        assert!(said.contains("App::new(\"a\").service(movies::service()).main()"), "{said}");
        assert!(said.contains("prelude::*;\n\nmod movies;\nfn main"), "{said}");
        let text = "fn main() {\n    let app = tollgate::App::new(\"a\");\n}\n";
        assert!(changed(text, "movies").unwrap().unwrap().contains("App::new(\"a\").service(movies::service());"));
    }

    #[test]
    fn an_app_in_a_comment_a_text_or_a_test_is_none() {
        let text = "// App::new(\"a\")\nconst A: &str = \"App::new()\";\n#[cfg(test)]\nmod tests { fn a() { App::new(\"t\"); } }\n";
        assert_eq!(changed(text, "movies").unwrap(), None);
    }

    #[test]
    fn what_is_not_clear_is_left_to_a_person() {
        let folder = tempfile::TempDir::new().unwrap();
        let said = with_service(folder.path(), "movies").unwrap_err().0;
        assert!(said.contains("mod movies;\n  .service(movies::service())"), "{said}");
        let two = "fn a() { App::new(\"a\").main(); }\nfn b() { App::new(\"b\").main(); }";
        assert!(changed(two, "movies").unwrap_err().contains("several"));
        assert!(changed(APP, "users").unwrap_err().contains("already"));
        assert!(changed("fn", "users").unwrap_err().contains("no Rust"));
    }
}
