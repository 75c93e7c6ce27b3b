//! Which state of a representation is this? A strong entity tag says so (RFC 9110, 8.8.3).
//!
//! A row with a `#[version]` and a generated key has its version as a tag, with a mark of its resource's columns: no other
//! state of that row ever has the same. Any other row, and a page, has a hash of its bytes.

use crate::{answer::CACHE_STATUS, refusal::Refusal};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::marker::PhantomData;
use tollgate_core::{Problem, Result};
use tollgate_store::{Error, Expr, Filled, Filter, Kind, Resource, Table, Value};

/// How many bytes of the hash are in a tag: 128 bits, so that nobody makes two representations with one tag.
const HASH: usize = 16;

/// A strong entity tag, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// That of a representation.
    pub(crate) fn of_bytes(body: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&digest(&SHA256, body).as_ref()[..HASH]))
    }

    /// That of a row, of which `body` is the representation.
    pub(crate) fn of_row<R: Resource>(row: &R, body: &[u8]) -> Self {
        let version = Versioned::<R>::COLUMN.and_then(|column| row.value(column).ok());
        match version {
            Some(Value::Int(version)) => Self(format!("{version}.{:x}", Versioned::<R>::SHAPE)),
            _ => Self::of_bytes(body),
        }
    }

    /// Puts it on an answer, which may be kept by whoever asked, and is asked for again before it is used.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        let quoted = ["\"", &*self.0, "\""].concat();
        headers.extend(HeaderValue::try_from(quoted).ok().map(|tag| (header::ETAG, tag)));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    }

    /// The one that an answer has.
    fn on(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::ETAG)?.to_str().ok()?;
        let opaque = text.strip_prefix('"')?.strip_suffix('"')?;
        Some(Self(opaque.to_owned()))
    }
}

/// What versions of `R` say.
struct Versioned<R>(PhantomData<R>);

impl<R: Resource> Versioned<R> {
    /// The column whose number names one state of a row for ever. A key that callers choose may be given to another row,
    /// which counts from 1 again, and of a nested value the columns do not say what it is sent as.
    const COLUMN: Option<usize> = version_column(R::TABLE);
    /// A mark of the columns: with another version of the app a row may look different and have the same version.
    const SHAPE: u32 = shape(R::TABLE);
}

const fn version_column(table: &Table) -> Option<usize> {
    let (mut index, mut version) = (0, None);
    while index < table.columns.len() {
        let column = &table.columns[index];
        if matches!(column.filled, Filled::ByVersion) {
            version = Some(index);
        }
        if matches!(column.kind, Kind::Json) {
            return None;
        }
        index += 1;
    }
    if matches!(table.columns[table.id].filled, Filled::ByGenerator) { version } else { None }
}

/// FNV-1a over the names of what is shown.
const fn shape(table: &Table) -> u32 {
    let (mut hash, mut index) = (0x811c_9dc5_u32, 0);
    while index < table.columns.len() {
        let (name, mut at) = (table.columns[index].name.as_bytes(), 0);
        while at < name.len() && !table.columns[index].hidden {
            hash = (hash ^ name[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        hash = (hash ^ 0xff).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}

/// What a request says about the state that it is for: `If-Match` and `If-None-Match`.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    matches: Option<Tags>,
    matches_none: Option<Tags>,
}

/// The tags that such a header lists.
#[derive(Debug)]
enum Tags {
    /// `*`: any state there is.
    Any,
    /// Each with whether it is weak.
    Listed(Vec<(bool, String)>),
}

impl Conditions {
    /// # Errors
    /// 400 for what is no list of tags.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self> {
        let read = |name: HeaderName| {
            let lines: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::to_str).collect();
            let listed = lines.into_iter().collect::<Result<Vec<_>, _>>().ok().and_then(|lines| match &lines[..] {
                [] => Some(None),
                lines => Tags::parse(&lines.join(",")).map(Some),
            });
            let wrong = || format!("`{name}` lists entity tags as they were sent, with their quotes, or is `*`");
            listed.ok_or_else(|| Problem::bad_request().because(wrong()))
        };
        Ok(Self { matches: read(header::IF_MATCH)?, matches_none: read(header::IF_NONE_MATCH)? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.matches.is_none() && self.matches_none.is_none()
    }

    /// Whether `If-Match` allows that state: compared strongly (RFC 9110, 13.1.1).
    fn are_met(&self, tag: &EntityTag) -> bool {
        self.matches.as_ref().is_none_or(|tags| tags.list(tag, false))
    }

    /// Whether `If-None-Match` has that state: compared weakly (RFC 9110, 13.1.2).
    fn is_known(&self, tag: &EntityTag) -> bool {
        self.matches_none.as_ref().is_some_and(|tags| tags.list(tag, true))
    }

    /// Whether a write may go ahead on that state.
    pub(crate) fn allow(&self, tag: &EntityTag) -> bool {
        self.are_met(tag) && !self.is_known(tag)
    }

    /// The same, asked of the database, where there is nothing to ask or versions can tell.
    pub(crate) fn filter<R: Resource>(&self) -> Option<Filter<R>> {
        if self.is_empty() {
            return Some(Filter::every());
        }
        let column = Versioned::<R>::COLUMN?;
        let among = |tags: &Tags, weak| tags.versions::<R>(column, weak);
        let matches = self.matches.as_ref().map_or(Expr::EVERY, |tags| among(tags, false));
        let known = self.matches_none.as_ref().map_or(Expr::NONE, |tags| among(tags, true));
        Some(matches.and(Expr::Not(Box::new(known))).into())
    }
}

impl Tags {
    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut rest, mut listed) = (text.trim_start(), vec![]);
        while !rest.is_empty() {
            let after = rest.strip_prefix("W/");
            let (opaque, behind) = after.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            listed.push((after.is_some(), opaque.to_owned()));
            let behind = behind.trim_start();
            rest = if behind.is_empty() { behind } else { behind.strip_prefix(',')?.trim_start() };
        }
        (!listed.is_empty()).then_some(Self::Listed(listed))
    }

    /// Whether the tag is one of these; a weak one counts only where that is said.
    fn list(&self, tag: &EntityTag, weak: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(all) => all.iter().any(|(is_weak, opaque)| (weak || !is_weak) && *opaque == tag.0),
        }
    }

    /// The rows whose version is one of these.
    fn versions<R: Resource>(&self, column: usize, weak: bool) -> Expr {
        let Self::Listed(all) = self else { return Expr::EVERY };
        let version = |opaque: &String| {
            let (version, shape) = opaque.split_once('.')?;
            (shape == format!("{:x}", Versioned::<R>::SHAPE)).then_some(())?;
            R::TABLE.columns[column].kind.parse(version)
        };
        let counting = all.iter().filter(|(is_weak, _)| weak || !is_weak);
        Expr::In(column, counting.filter_map(|(_, opaque)| version(opaque)).collect())
    }
}

/// The answer to a safe request, or that whoever asked has it (304), or that it is not the one (412). An answer without a
/// tag stays as it is.
pub(crate) fn unless_known(response: Response, is_safe: bool, asked: &HeaderMap) -> Response {
    if !is_safe || !asked.contains_key(header::IF_NONE_MATCH) && !asked.contains_key(header::IF_MATCH) {
        return response;
    }
    let tag = EntityTag::on(response.headers()).filter(|_| response.status().is_success());
    // What cannot be read asks for nothing: the answer is right without it.
    let (Some(tag), Ok(conditions)) = (tag, Conditions::of(asked)) else { return response };
    if !conditions.are_met(&tag) {
        return stale();
    }
    if conditions.is_known(&tag) { not_modified(response) } else { response }
}

fn stale() -> Response {
    Refusal::from(Problem::from(Error::Stale)).into_response()
}

/// 304, with what a cache must know anew (RFC 9110, 15.4.5).
fn not_modified(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let mut headers = HeaderMap::with_capacity(4);
    for name in [header::ETAG, header::CACHE_CONTROL, header::VARY, CACHE_STATUS] {
        headers.extend(parts.headers.remove(&name).map(|value| (name, value)));
    }
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(opaque: &str) -> EntityTag {
        EntityTag(opaque.to_owned())
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        for (text, strongly, weakly) in [
            (r#""a""#, true, true),
            (r#"W/"a""#, false, true),
            (r#""x,y" , W/"b","a""#, true, true),
            (r#""A""#, false, false),
            ("*", true, true),
        ] {
            let tags = Tags::parse(text).unwrap();
            assert_eq!((tags.list(&tag("a"), false), tags.list(&tag("a"), true)), (strongly, weakly), "{text}");
        }
        assert!(Tags::parse(r#""x,y""#).unwrap().list(&tag("x,y"), false), "a comma may stand in a tag");
        for bad in ["", "a", r#""a"#, r#""a" "b""#, r#"w/"a""#, r#"*, "a""#] {
            assert!(Tags::parse(bad).is_none(), "{bad}");
        }
    }
}
