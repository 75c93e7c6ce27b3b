//! Words: what a misspelt one means, and how names change from one into many, and from `blog_posts` to `BlogPost`.

use crate::Result;

/// From this likeness on (Jaro-Winkler, 0 to 1) a word is worth suggesting.
const LIKE: f64 = 0.7;

/// The known word that is most like this one, if any is.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.into_iter().map(|known| (strsim::jaro_winkler(word, known), known));
    let nearest = known.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(likeness, _)| *likeness > LIKE);
    nearest.map(|(_, known)| known)
}

/// Words of Rust that cannot name a module, a field or a crate (the reference's strict and reserved ones).
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Whether it can be no name in Rust, though it looks like one.
pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Refuses what cannot name a module, a field or a table.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_identifier(what: &str, name: &str, digits: bool) -> Result {
    let is_good = |c: char| c.is_ascii_lowercase() || c == '_' || (digits && c.is_ascii_digit());
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_good) || name.len() > 48 {
        let kind = if digits { "lower-case letters, digits and `_`" } else { "lower-case letters and `_`" };
        return Err(format!("`{name}` cannot name {what}: {kind}, beginning with a letter, 48 at most").into());
    }
    if is_keyword(name) {
        return Err(format!("`{name}` cannot name {what}: it is a word of Rust").into());
    }
    Ok(())
}

/// Plurals in `-ies` whose singular ends in `-ie`.
const IN_IE: &[&str] = &["calorie", "cookie", "die", "genie", "lie", "movie", "pie", "selfie", "tie", "zombie"];

/// One and many alike.
const ALIKE: &[&str] = &["means", "news", "series", "species"];

/// One of many, as in `movie` of `movies`; `None` where the rules of English do not tell.
pub(crate) fn singular(plural: &str) -> Option<String> {
    let (before, last) = plural.rsplit_once('_').map_or(("", plural), |(before, last)| (before, last));
    let one = last_singular(last)?;
    Some(if before.is_empty() { one } else { format!("{before}_{one}") })
}

fn last_singular(word: &str) -> Option<String> {
    if ALIKE.contains(&word) {
        return None;
    }
    let without_s = word.strip_suffix('s').filter(|rest| rest.len() > 1 && !rest.ends_with(['s', 'u', 'i']))?;
    if IN_IE.contains(&without_s) {
        return Some(without_s.to_owned());
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    let hisses = ["sses", "shes", "ches", "xes", "zzes"].iter().any(|end| word.ends_with(end));
    Some(if hisses { word[..word.len() - 2].to_owned() } else { without_s.to_owned() })
}

/// `blog_posts` as the name of a type: `BlogPosts`.
pub(crate) fn camel(name: &str) -> String {
    name.split('_').map(capital).collect()
}

/// With its first letter in upper case.
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `blog_posts` or `blog-posts` for people: `Blog posts`.
pub(crate) fn title(name: &str) -> String {
    capital(&name.replace(['_', '-'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_is_named_where_english_tells() {
        for (many, one) in [
            ("movies", "movie"),
            ("categories", "category"),
            ("blog_posts", "blog_post"),
            ("boxes", "box"),
            ("classes", "class"),
            ("houses", "house"),
            ("days", "day"),
        ] {
            assert_eq!(singular(many).as_deref(), Some(one), "{many}");
        }
        for unclear in ["people", "sheep", "news", "tv_series", "news_class", "status", "children", "s"] {
            assert_eq!(singular(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn names_that_rust_or_sql_would_refuse_are_refused() {
        for bad in ["", "Movies", "1st", "a-b", "type", "gen", "_x", "größe"] {
            assert!(check_identifier("a field", bad, true).is_err(), "{bad}");
        }
        assert!(check_identifier("a field", "line2", true).is_ok());
        assert!(check_identifier("a service", "line2", false).is_err());
    }

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        assert_eq!(nearest("sting", ["string", "int"]), Some("string"));
        assert_eq!(nearest("zzz", ["string", "int"]), None);
    }
}
