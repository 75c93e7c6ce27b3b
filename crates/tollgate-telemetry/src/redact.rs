//! What no line of the log shows, whoever wrote it.
//!
//! Secrets do not get here: they are types that cannot print, and paths are logged without their query. This is the net
//! below: a token, a key, a header with a credential, a password in a URL or in a form that a library or an app logs by
//! mistake leaves a mark in its place. It looks for a few beginnings and costs a fraction of a microsecond where there are
//! none.

use memchr::memmem::Finder;
use std::{borrow::Cow, sync::LazyLock};

const HIDDEN: &str = "[hidden]";

/// How a secret begins, and how long what follows must be for it to be one: a token, what a header carries, an API key,
/// what a form carries.
const MARKS: [(&str, usize); 9] = [
    ("eyJ", 20),
    ("earer ", 8),
    ("asic ", 8),
    ("tg_", 20),
    ("password=", 1),
    ("secret=", 1),
    ("token=", 1),
    ("code=", 16),
    ("verifier=", 1),
];

static BEGINNINGS: LazyLock<[Finder<'static>; MARKS.len() + 1]> = LazyLock::new(|| {
    let texts = MARKS.map(|(begins, _)| begins);
    std::array::from_fn(|at| Finder::new(texts.get(at).copied().unwrap_or("://")))
});

/// The line without what looks like a secret.
pub(crate) fn redact(line: &str) -> Cow<'_, str> {
    let first = BEGINNINGS.iter().filter_map(|begins| begins.find(line.as_bytes())).min();
    let Some(first) = first else { return Cow::Borrowed(line) };
    let mut clean = String::with_capacity(line.len());
    clean.push_str(&line[..first]);
    hide(&line[first..], &mut clean);
    Cow::Owned(clean)
}

/// Copies, and puts a mark where a secret was.
fn hide(mut rest: &str, clean: &mut String) {
    while let Some(next) = rest.chars().next() {
        let (shown, hidden) = secret(rest).unwrap_or((next.len_utf8(), 0));
        clean.push_str(&rest[..shown]);
        if hidden > 0 {
            clean.push_str(HIDDEN);
        }
        rest = &rest[shown + hidden..];
    }
}

/// How long the beginning is of the secret that a text begins with, and the rest of it.
fn secret(text: &str) -> Option<(usize, usize)> {
    if let Some(rest) = text.strip_prefix("://") {
        return Some((3, user_info(rest)));
    }
    let (begins, least) = MARKS.iter().find(|(begins, _)| text.starts_with(begins))?;
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`&,;<>\\)]}".contains(c);
    let rest = &text[begins.len()..];
    let length = rest.find(ends).unwrap_or(rest.len());
    (length >= *least).then_some((begins.len(), length))
}

/// How long the user and the password are that an address begins with.
fn user_info(address: &str) -> usize {
    let end = address.find(|c: char| "/?#\" ".contains(c)).unwrap_or(address.len());
    let user_info = address[..end].rfind('@').map(|at| &address[..at]);
    user_info.filter(|user_info| user_info.contains(':')).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn what_looks_like_a_secret_leaves_a_mark() {
        for (line, clean) in [
            ("token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln bad", "token eyJ[hidden] bad"),
            ("{\"authorization\":\"Bearer abc.defghi\",\"x\":1}", "{\"authorization\":\"Bearer [hidden]\",\"x\":1}"),
            ("postgres://app:s3cret@db:5432/app?x=1 down", "postgres://[hidden]@db:5432/app?x=1 down"),
            ("https://a.example/ and redis://:pw@c/ too", "https://a.example/ and redis://[hidden]@c/ too"),
            ("username=a&password=b%20c&client_secret=d", "username=a&password=[hidden]&client_secret=[hidden]"),
            ("key tg_0123456789abcdefghijklmn!", "key tg_[hidden]"),
            (
                "panicked at src/a.rs:3:9: \"no row for tg_0123456789abcdefghijklmn\"",
                "panicked at src/a.rs:3:9: \"no row for tg_[hidden]\"",
            ),
        ] {
            assert_eq!(redact(line), clean);
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in ["answered path=/movies status=200", "https://a.example/b:c@d", "the bearer of good news", "größer"]
        {
            assert_eq!(redact(line), line);
        }
    }
}
