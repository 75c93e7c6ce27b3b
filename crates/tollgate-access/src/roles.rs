//! Roles: names for bundles of permissions, as configured under `[access]`.

use crate::{Grants, Known};
use std::collections::BTreeMap;

/// What each role grants, and what is granted to anyone.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    roles: BTreeMap<String, Grants>,
    anyone: Grants,
    known: Known,
}

impl Roles {
    /// Roles and their permissions; permissions of anyone at all.
    ///
    /// # Errors
    /// Each text that is not a permission, with the remedy.
    pub fn new(roles: &BTreeMap<String, Vec<String>>, anyone: &[String]) -> Result<Self, String> {
        let read =
            |place: &str, permissions: &[String]| match permissions.iter().find(|text| !Grants::is_permission(text)) {
                Some(bad) => Err(format!(
                    "{place}: `{bad}` is not a permission; write `action:resource`, `action:resource:any` or `*`"
                )),
                None => Ok(Grants::of(permissions.iter().map(String::as_str))),
            };
        let anyone = read("access.anyone", anyone)?;
        let each = |(name, permissions): (&String, &Vec<String>)| {
            Ok((name.clone(), read(&format!("access.roles.{name}"), permissions)?))
        };
        let roles = roles.iter().map(each).collect::<Result<_, String>>()?;
        Ok(Self { roles, anyone, known: Known::default() })
    }

    /// The same in an app of which it is known what permissions mean something. What a role grants is one of its actions.
    #[must_use]
    pub fn knowing(self, known: Known) -> Self {
        let granted = self.roles.values().chain([&self.anyone]);
        Self { known: granted.fold(known, Known::and_actions_of), ..self }
    }

    /// Refuses what is no permission of the app, for whoever writes one down by hand.
    ///
    /// # Errors
    /// Why, with the permission that may be meant.
    pub fn check_permission(&self, text: &str) -> Result<(), String> {
        self.known.check(text)
    }

    /// What anyone at all may do.
    pub fn anyone(&self) -> &Grants {
        &self.anyone
    }

    /// Whether there is such a role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// The names of all roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// The roles that grant a permission such as `create:movies`.
    pub fn that_grant(&self, permission: &str) -> impl Iterator<Item = &str> {
        self.roles.iter().filter(move |(_, grants)| grants.include(permission)).map(|(name, _)| name.as_str())
    }

    /// What these roles grant together; unknown ones grant nothing.
    pub fn grants<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> Grants {
        roles.into_iter().filter_map(|role| self.roles.get(role)).fold(Grants::default(), Grants::and)
    }
}
