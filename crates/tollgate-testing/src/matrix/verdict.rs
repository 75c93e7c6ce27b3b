//! What is expected, and whether an answer is that.

use super::callers::Caller;
use crate::Reply;
use serde_json::Value;
use tollgate_access::{Access, Roles};
use tollgate_http::{Reach, RouteInfo};

/// What somebody is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// 401, with a challenge.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404, and no more than of a row that is not there.
    AsIfAbsent,
    /// Their own rows, and nothing of another's.
    OwnRows,
    /// Let in, whatever the answer is then.
    LetIn,
}

impl Expected {
    pub(super) fn of(route: &RouteInfo, caller: Caller, roles: &Roles) -> Self {
        if route.access == Access::Public {
            return Self::LetIn;
        }
        if caller.shows_a_bad_token() {
            return Self::Unauthorized;
        }
        match (route.reach)(&caller.actor(roles)) {
            Reach::Refused if caller == Caller::Anonymous => Self::Unauthorized,
            Reach::Refused => Self::Forbidden,
            Reach::Some if caller == Caller::Owner => Self::LetIn,
            Reach::Some if route.path.contains('{') => Self::AsIfAbsent,
            Reach::Some => Self::OwnRows,
            Reach::All => Self::LetIn,
        }
    }

    /// Whether the row that the request is about must be what it was.
    pub(super) fn leaves_the_row(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden | Self::AsIfAbsent)
    }

    pub(super) fn check(self, reply: &Reply) -> Result<(), String> {
        let status = reply.status();
        let is_it = match self {
            Self::Unauthorized => status == 401 && reply.header("www-authenticate").starts_with("Bearer"),
            Self::Forbidden => status == 403,
            Self::AsIfAbsent => status == 404,
            Self::OwnRows | Self::LetIn => ![401, 403, 404, 405].contains(&status),
        };
        if is_it { Ok(()) } else { Err(format!("{self:?} is expected, and not {reply}")) }
    }
}

/// Headers without which no answer leaves.
const HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "frame-ancestors 'none'"),
];

/// What every answer is: no mistake of ours, with all security headers, and a problem if it says no.
pub(super) fn is_decent(reply: &Reply) -> Result<(), String> {
    if reply.status() >= 500 {
        return Err(format!("a mistake of ours: {reply}"));
    }
    // What has a tag may be kept by its reader, who asks each time whether it is still so.
    let tagged = !reply.header("etag").is_empty() && reply.header("cache-control").ends_with(", no-cache");
    if !tagged && reply.header("cache-control") != "no-store" {
        return Err(format!("somebody may keep this: {reply}"));
    }
    // The sender of a form on a page could not be told without a referrer.
    let is_page = reply.header("content-type").starts_with("text/html");
    let has = |name: &str, value: &str| {
        let value = if is_page && name == "referrer-policy" { "same-origin" } else { value };
        reply.header(name).contains(value)
    };
    if let Some((name, value)) = HEADERS.into_iter().find(|(name, value)| !has(name, value)) {
        return Err(format!("`{name}` lacks `{value}`: {reply}"));
    }
    if reply.status() >= 400 && reply.header("content-type") != "application/problem+json" {
        return Err(format!("a refusal that is no problem: {reply}"));
    }
    Ok(())
}

/// Answers about two rows at two paths are the same but for the path and the request.
pub(super) fn differs(one: (&str, &Reply), other: (&str, &Reply)) -> Result<(), String> {
    let plain = |(path, reply): (&str, &Reply)| {
        let mut body = reply.json();
        if let Some(id) = body.get_mut("request_id") {
            *id = Value::Null;
        }
        let mut headers: Vec<_> = reply.headers().keys().map(ToString::to_string).collect();
        headers.sort();
        format!("{} {headers:?} {}", reply.status(), body.to_string().replace(path, ""))
    };
    let (one, other) = (plain(one), plain(other));
    if one == other { Ok(()) } else { Err(format!("another's row is told from none:\n{one}\n{other}")) }
}
