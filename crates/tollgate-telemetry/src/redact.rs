//! What no line of the log shows, whoever wrote it.
//!
//! Secrets do not get here: they are types that cannot print, and paths are logged without their query. This is the net
//! below: a token, a key, a header with a credential, a password in a URL or in a form that a library or an app logs by
//! mistake leaves a mark in its place. It looks for a few beginnings and costs a fraction of a microsecond where there are
//! none.

use aho_corasick::{AhoCorasick, MatchKind};
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

/// All of them are looked for at once, and after them what an address begins with.
static BEGINNINGS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let texts = MARKS.iter().map(|(begins, _)| *begins).chain(["://"]);
    #[expect(clippy::expect_used, reason = "it fails for more patterns than memory holds")]
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(texts).expect("ten patterns")
});

/// The line without what looks like a secret.
pub(crate) fn redact(line: &str) -> Cow<'_, str> {
    let (mut clean, mut done) = (String::new(), 0);
    for begins in BEGINNINGS.find_iter(line) {
        let rest = &line[begins.end()..];
        let hidden = match MARKS.get(begins.pattern().as_usize()) {
            Some((_, least)) => Some(word(rest)).filter(|length| length >= least),
            None => user_info(rest),
        };
        // What begins within a secret is hidden with it.
        if let Some(hidden) = hidden.filter(|_| begins.start() >= done) {
            clean.push_str(&line[done..begins.end()]);
            clean.push_str(HIDDEN);
            done = begins.end() + hidden;
        }
    }
    if done == 0 { Cow::Borrowed(line) } else { Cow::Owned(clean + &line[done..]) }
}

/// How long the text is up to whatever ends a secret.
fn word(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`&,;<>\\)]}".contains(c);
    text.find(ends).unwrap_or(text.len())
}

/// How long the user and the password are that an address begins with, if there are any.
fn user_info(address: &str) -> Option<usize> {
    let end = address.find(|c: char| "/?#\" \n".contains(c)).unwrap_or(address.len());
    let user_info = address[..end].rfind('@').map(|at| &address[..at]);
    user_info.filter(|user_info| user_info.contains(':')).map(str::len)
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
            ("token=password=a b", "token=[hidden] b"),
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
        for line in [
            "Basic x, token= , https://@/",
            "answered path=/movies status=200",
            "https://a.example/b:c@d",
            "the bearer of good news",
            "größer",
        ] {
            assert_eq!(redact(line), line);
        }
    }
}
