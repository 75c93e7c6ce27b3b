//! Which permissions mean something in an app? Those of its actions on its resources.
//!
//! A permission that was misspelt grants nothing, and whoever relies on it learns that much later. So what somebody writes
//! down by hand is held against what there is.

use crate::{Grants, grant::Grant};
use std::collections::BTreeSet;
use tollgate_core::nearest;

/// What every resource knows.
const USUAL: [&str; 4] = ["create", "delete", "read", "update"];

/// The actions and resources of an app. Where nobody said which there are, all are known.
#[derive(Debug, Clone, Default)]
pub struct Known {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Known {
    /// These resources, and what permissions such as `publish:books` speak of.
    pub fn of<'a>(
        resources: impl IntoIterator<Item = &'a str>,
        permissions: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut known = Self::default();
        known.actions.extend(USUAL.map(str::to_owned));
        known.resources.extend(resources.into_iter().map(str::to_owned));
        for grant in permissions.into_iter().filter_map(|text| text.parse::<Grant>().ok()) {
            known.actions.insert(grant.action);
            known.resources.insert(grant.resource);
        }
        known
    }

    /// The same, with the actions that these grant: one that handlers check by themselves is in no signature.
    #[must_use]
    pub(crate) fn and_actions_of(mut self, grants: &Grants) -> Self {
        self.actions.extend(grants.actions().map(str::to_owned));
        self
    }

    /// Refuses what is no permission of the app.
    ///
    /// # Errors
    /// Why, with the permission that may be meant.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let wanted: Grant = text.parse().map_err(|()| format!("`{text}` is no permission as in `read:movies`"))?;
        let is = |known: &BTreeSet<String>, name: &str| name == "*" || known.is_empty() || known.contains(name);
        if is(&self.actions, &wanted.action) && is(&self.resources, &wanted.resource) {
            return Ok(());
        }
        let near = |known: &BTreeSet<String>, name: &str| {
            if is(known, name) { Some(name.to_owned()) } else { nearest(name, known).cloned() }
        };
        let meant = near(&self.actions, &wanted.action).zip(near(&self.resources, &wanted.resource));
        let meant = meant.map(|(action, resource)| Grant { action, resource, any: wanted.any });
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        Err(format!("`{text}` is no permission of this app{meant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_misspelt_is_refused_with_what_may_be_meant() {
        let known = Known::of(["movies", "books"], ["publish:books", "read:reports"]);
        let known = known.and_actions_of(&Grants::of(["archive:movies", "*"]));
        for good in ["read:movies", "publish:books", "read:reports:any", "archive:books", "*", "read:*", "*:movies:any"]
        {
            assert_eq!(known.check(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("raed:movies", "`raed:movies` is no permission of this app; did you mean `read:movies`?"),
            ("read:movie:any", "`read:movie:any` is no permission of this app; did you mean `read:movies:any`?"),
            ("pubish:boks", "`pubish:boks` is no permission of this app; did you mean `publish:books`?"),
            ("read:xyz", "`read:xyz` is no permission of this app"),
            ("movies", "`movies` is no permission as in `read:movies`"),
        ] {
            assert_eq!(known.check(bad).unwrap_err(), said);
        }
        assert_eq!(Known::default().check("read:anything"), Ok(()), "nobody said which there are");
    }
}
