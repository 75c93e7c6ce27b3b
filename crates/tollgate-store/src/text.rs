//! SQL as an app writes it: where in it are parameters, and where tables?
//!
//! This is a scanner, no parser. It knows quotes, dollar quotes and comments, in which nothing has a meaning, and
//! counts parentheses: drivers put the text between two of their own, and it must not end before them. What could be
//! read in two ways is refused.

use crate::{Error, Result};

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// SQL as it was written.
    Sql(&'static str),
    /// `$1` is the parameter with the index 0.
    Param(usize),
    /// `{movies}`.
    Table(&'static str),
}

/// The parts of a text, in order.
///
/// # Errors
/// It is not one whole statement.
pub(crate) fn pieces(text: &'static str) -> Result<Vec<Piece>> {
    let (mut pieces, mut written, mut at, mut depth) = (vec![], 0, 0, 0_usize);
    while let Some(token) = next(&text.as_bytes()[at..]).map_err(|why| refused(text, why))? {
        let whole = &text[at..at + token.length];
        let piece = match token.kind {
            Is::Nothing => None,
            Is::Open => {
                depth += 1;
                None
            }
            Is::Close => {
                depth = depth.checked_sub(1).ok_or_else(|| refused(text, "a `)` closes nothing"))?;
                None
            }
            Is::Param => Some(Piece::Param(number(whole).ok_or_else(|| refused(text, "parameters start at `$1`"))?)),
            Is::Table => Some(Piece::Table(&whole[1..whole.len() - 1])),
        };
        if let Some(piece) = piece {
            pieces.extend([Piece::Sql(&text[written..at]), piece]);
            written = at + token.length;
        }
        at += token.length;
    }
    pieces.push(Piece::Sql(&text[written..]));
    if depth == 0 { Ok(pieces) } else { Err(refused(text, "a `(` is not closed")) }
}

/// The index of the parameter `$1`, `$2` and so on.
fn number(param: &str) -> Option<usize> {
    param[1..].parse::<usize>().ok()?.checked_sub(1)
}

pub(crate) fn refused(text: &str, why: &str) -> Error {
    Error::internal(format!("{why}: {text}"))
}

/// What a token means to us.
enum Is {
    Nothing,
    Open,
    Close,
    Param,
    Table,
}

struct Token {
    kind: Is,
    /// In bytes.
    length: usize,
}

/// The next token, if there is one; in words, why it is none. Tokens start and end between characters, because all
/// that decides is ASCII.
fn next(rest: &[u8]) -> Result<Option<Token>, &'static str> {
    const QUOTE: &str = "a quote is not closed";
    let length = |found: Option<usize>, or| found.ok_or(or);
    let (kind, length) = match rest {
        [] => return Ok(None),
        [b'e' | b'E', b'\'', ..] => (Is::Nothing, 1 + length(quoted(&rest[1..], true), QUOTE)?),
        [b'\'' | b'"', ..] => (Is::Nothing, length(quoted(rest, false), QUOTE)?),
        [b'-', b'-', ..] => (Is::Nothing, find(rest, b"\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => (Is::Nothing, comment(rest)?),
        [b'$', b'0'..=b'9', ..] => (Is::Param, 1 + run(&rest[1..], |byte| byte.is_ascii_digit())),
        [b'$', ..] => (Is::Nothing, length(dollar_quoted(rest), "a `$` is no parameter and no quote that is closed")?),
        [b'{', ..] => (Is::Table, 1 + length(find(rest, b"}"), "a `{` is not closed")?),
        [b'(', ..] => (Is::Open, 1),
        [b')', ..] => (Is::Close, 1),
        [b';', ..] => return Err("one statement, without a `;`"),
        [first, ..] if is_word(*first) => (Is::Nothing, run(rest, |byte| is_word(byte) || byte == b'$')),
        _ => (Is::Nothing, 1),
    };
    Ok(Some(Token { kind, length }))
}

/// Of names and numbers; characters beyond ASCII are letters.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// How far a text in quotes reaches, in which two of them are one.
fn quoted(rest: &[u8], escapes: bool) -> Option<usize> {
    let (quote, mut at) = (*rest.first()?, 1);
    loop {
        match rest.get(at..)? {
            [] => return None,
            [b'\\', _, ..] if escapes => at += 2,
            [one, two, ..] if *one == quote && *two == quote => at += 2,
            [one, ..] if *one == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// PostgreSQL's comments nest, SQLite's do not.
fn comment(rest: &[u8]) -> Result<usize, &'static str> {
    let end = 2 + find(&rest[2..], b"*/").ok_or("a comment is not closed")?;
    if find(&rest[2..end], b"/*").is_some() { Err("a comment is within another") } else { Ok(end + 2) }
}

/// How far `$tag$ … $tag$` reaches.
fn dollar_quoted(rest: &[u8]) -> Option<usize> {
    let tag = rest.get(..run(&rest[1..], is_word) + 2)?;
    let inside = rest.get(tag.len()..).filter(|_| tag.ends_with(b"$"))?;
    Some(tag.len() * 2 + find(inside, tag)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that mean something, in order.
    fn found(text: &'static str) -> String {
        let found = pieces(text).unwrap().into_iter().filter_map(|piece| match piece {
            Piece::Sql(_) => None,
            Piece::Param(index) => Some(format!("${}", index + 1)),
            Piece::Table(name) => Some(format!("{{{name}}}")),
        });
        found.collect::<Vec<_>>().join(" ")
    }

    fn why_not(text: &'static str) -> String {
        let Err(Error::Internal(why)) = pieces(text) else { panic!("{text}") };
        why.to_string().trim_end_matches(text).trim_end_matches(": ").to_owned()
    }

    #[test]
    fn parameters_and_tables_are_found() {
        assert_eq!(
            found("SELECT $1, $12 FROM {movies} m, {words} WHERE m.a=$2AND(b>$1)"),
            "$1 $12 {movies} {words} $2 $1"
        );
        assert_eq!(found("SELECT a$1, é$2, 1 FROM t"), "", "names may contain a `$`");
    }

    #[test]
    fn nothing_in_quotes_and_comments_has_a_meaning() {
        for text in [
            "SELECT '$1 {a} ) ; -- /*'",
            "SELECT 'it''s $1 ;'",
            "SELECT \"a\"\"$1;\"",
            "SELECT E'it\\'s $1 ;'",
            "SELECT $$ $1 ; ' $$",
            "SELECT $a$ $$ $1 ; $b$ $a$",
            "SELECT 1 -- $1 ; )'",
            "SELECT 1 -- it's\n",
            "SELECT /* $1 ; ) ' -- */ 1",
        ] {
            assert_eq!(found(text), "", "{text}");
            assert_eq!(found(format!("{text}\n, $7").leak()), "$7", "and it ends: {text}");
        }
        assert_eq!(found("SELECT 'a\\', $1"), "$1", "a backslash escapes nothing elsewhere");
    }

    #[test]
    fn what_is_not_one_whole_statement_is_refused() {
        let cases = [
            ("SELECT 1;", "one statement, without a `;`"),
            ("SELECT 1) AS x, (SELECT 2", "a `)` closes nothing"),
            ("SELECT (1", "a `(` is not closed"),
            ("SELECT 'a", "a quote is not closed"),
            ("SELECT e'a\\'", "a quote is not closed"),
            ("SELECT \"a", "a quote is not closed"),
            ("SELECT /* 1", "a comment is not closed"),
            ("SELECT /*/", "a comment is not closed"),
            ("SELECT /* a /* b */ 1", "a comment is within another"),
            ("SELECT $a$ 1", "a `$` is no parameter and no quote that is closed"),
            ("SELECT $name", "a `$` is no parameter and no quote that is closed"),
            ("SELECT $", "a `$` is no parameter and no quote that is closed"),
            ("SELECT $0", "parameters start at `$1`"),
            ("SELECT $99999999999999999999", "parameters start at `$1`"),
            ("SELECT 1 FROM {a", "a `{` is not closed"),
        ];
        for (text, why) in cases {
            assert_eq!(why_not(text), why, "{text}");
        }
    }
}
