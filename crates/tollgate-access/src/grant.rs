//! What was granted: permissions as they are written in tokens and configuration.

use std::{fmt, str::FromStr};

/// A permission: `action:resource` for the rows that the policy gives, `action:resource:any` for all rows,
/// `*` for everything. Either name may be `*`, as in `read:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) any: bool,
}

impl FromStr for Grant {
    type Err = ();

    fn from_str(permission: &str) -> Result<Self, ()> {
        if permission == "*" {
            return Ok(Self { action: "*".into(), resource: "*".into(), any: true });
        }
        let is_name = |name: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            name == "*" || (!name.is_empty() && name.chars().all(good))
        };
        let parts: Vec<_> = permission.split(':').collect();
        let (action, resource, any) = match parts[..] {
            [action, resource] => (action, resource, false),
            [action, resource, "any"] => (action, resource, true),
            _ => return Err(()),
        };
        let good = is_name(action) && is_name(resource);
        good.then(|| Self { action: action.into(), resource: resource.into(), any }).ok_or(())
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.action.as_str(), self.resource.as_str(), self.any) {
            ("*", "*", true) => f.write_str("*"),
            (action, resource, any) => write!(f, "{action}:{resource}{}", if any { ":any" } else { "" }),
        }
    }
}

impl Grant {
    fn covers(&self, action: &str, resource: &str) -> bool {
        let is = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        is(&self.action, action) && is(&self.resource, resource)
    }

    /// What both grant, if that is anything.
    fn within(&self, other: &Self) -> Option<Self> {
        let both = |own: &String, other: &String| match (own.as_str(), other.as_str()) {
            ("*", _) => Some(other.clone()),
            (_, "*") => Some(own.clone()),
            (one, two) => (one == two).then(|| own.clone()),
        };
        let (action, resource) = (both(&self.action, &other.action)?, both(&self.resource, &other.resource)?);
        Some(Self { action, resource, any: self.any && other.any })
    }

    /// Whether whoever has this has the other too.
    fn includes(&self, other: &Self) -> bool {
        self.covers(&other.action, &other.resource) && (self.any || !other.any)
    }
}

/// Everything granted to someone. What cannot be understood grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The rows that the policy gives.
    Policy,
    /// All rows.
    Any,
}

impl Grants {
    /// Those permissions. Texts that are none are left out: scopes such as `openid` are no permissions.
    pub fn of<'a>(permissions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut grants = Self::default();
        grants.0.extend(permissions.into_iter().filter_map(|permission| permission.parse().ok()));
        grants
    }

    /// Whether that text is a permission at all.
    pub fn is_permission(text: &str) -> bool {
        text.parse::<Grant>().is_ok()
    }

    /// These and the others.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for grant in &others.0 {
            if !self.0.contains(grant) {
                self.0.push(grant.clone());
            }
        }
        self
    }

    /// What of these is also in the others.
    #[must_use]
    pub fn within(&self, limit: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|own| limit.0.iter().filter_map(|most| own.within(most)));
        let mut within = Self::default();
        for grant in pairs {
            if !within.0.contains(&grant) {
                within.0.push(grant);
            }
        }
        within
    }

    /// Whether `action:resource` is granted, and how far.
    pub(crate) fn reach(&self, action: &str, resource: &str) -> Option<Reach> {
        let mut granted = self.0.iter().filter(|grant| grant.covers(action, resource)).peekable();
        granted.peek()?;
        Some(if granted.any(|grant| grant.any) { Reach::Any } else { Reach::Policy })
    }

    /// Whether a permission as text, such as `read:books`, is among them.
    pub fn include(&self, permission: &str) -> bool {
        permission.parse().is_ok_and(|wanted| self.0.iter().any(|grant| grant.includes(&wanted)))
    }

    /// As they are written.
    pub fn permissions(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(ToString::to_string)
    }

    /// The actions that they speak of.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|grant| grant.action.as_str())
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_what_it_says_and_no_more() {
        let grants = Grants::of(["read:movies", "update:books:any", "delete:*", "openid", "a:b:c", ":", "*:", "x:y z"]);
        assert_eq!(grants.permissions().collect::<Vec<_>>(), ["read:movies", "update:books:any", "delete:*"]);
        assert_eq!(grants.reach("read", "movies"), Some(Reach::Policy));
        assert_eq!(grants.reach("update", "books"), Some(Reach::Any));
        assert_eq!(grants.reach("delete", "books"), Some(Reach::Policy));
        assert_eq!(grants.reach("read", "books"), None);
        assert_eq!(grants.reach("Read", "movies"), None);
        assert_eq!(Grants::of(["*"]).reach("publish", "anything"), Some(Reach::Any));
    }

    #[test]
    fn a_limit_leaves_what_both_grant() {
        let within = |own: &[&str], limit: &[&str]| {
            let [own, limit] = [own, limit].map(|list| Grants::of(list.iter().copied()));
            own.within(&limit).permissions().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(within(&["*"], &["read:*"]), "read:*");
        assert_eq!(within(&["read:movies", "delete:movies", "read:books:any"], &["read:*"]), "read:movies read:books");
        assert_eq!(within(&["*:movies:any"], &["read:*:any", "delete:books"]), "read:movies:any");
        assert_eq!(within(&["read:movies"], &["*"]), "read:movies");
        assert_eq!(within(&["read:movies", "*"], &["read:movies"]), "read:movies");
        assert_eq!(within(&["*"], &[]), "");
    }

    #[test]
    fn a_grant_includes_the_lesser_ones() {
        let grants = Grants::of(["read:*", "update:books"]);
        assert!(grants.include("read:movies") && grants.include("update:books") && grants.include("read:*"));
        assert!(!grants.include("read:movies:any") && !grants.include("update:books:any") && !grants.include("*"));
        assert!(Grants::of(["*"]).include("*") && Grants::of(["*"]).include("read:movies:any"));
    }
}
