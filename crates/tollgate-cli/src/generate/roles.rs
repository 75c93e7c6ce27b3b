//! Who may: permissions added to roles of `config/default.toml`, whose comments and order stay.

use crate::{Result, words};
use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};
use toml_edit::{Array, DocumentMut, Value};

/// What actions are called.
const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];
/// Where roles are said.
const FILE: &str = "config/default.toml";

/// `editor`, or `reader=read`, or `author=read,create`.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    role: String,
    actions: Vec<String>,
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, actions) = text.split_once('=').unwrap_or((text, "read,create,update,delete"));
        let actions: Vec<String> = actions.split(',').map(str::to_owned).collect();
        match actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            None => Ok(Self { role: role.to_owned(), actions }),
            Some(unknown) => Err(match words::nearest(unknown, ACTIONS) {
                Some(near) => format!("there is no action `{unknown}`; did you mean `{near}`?"),
                None => format!("there is no action `{unknown}`; there are {}", ACTIONS.join(", ")),
            }),
        }
    }
}

/// The file of settings with those permissions.
///
/// # Errors
/// There is no such file, or it has no such role.
pub(super) fn with_grants(folder: &Path, resource: &str, grants: &[Grant]) -> Result<(PathBuf, String)> {
    let text = fs::read_to_string(folder.join(FILE)).map_err(|error| format!("{FILE}: {error}; leave --grant out"))?;
    Ok((FILE.into(), granted(&text, resource, grants)?))
}

fn granted(text: &str, resource: &str, grants: &[Grant]) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
    for Grant { role, actions } in grants {
        let permissions = role_of(&mut document, role)?;
        for action in actions {
            add(permissions, &format!("{action}:{resource}"));
        }
    }
    Ok(document.to_string())
}

fn role_of<'a>(document: &'a mut DocumentMut, role: &str) -> Result<&'a mut Array> {
    let roles = document.get_mut("access").and_then(|access| access.get_mut("roles"));
    let roles = roles.and_then(|roles| roles.as_table_like_mut());
    let roles = roles.ok_or_else(|| format!("{FILE} has no [access.roles]: add it, with {role} = []"))?;
    let names = roles.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(", ");
    let found = roles.get_mut(role).and_then(|role| role.as_array_mut());
    found.ok_or_else(|| format!("{FILE} has no role `{role}`: there are {names}").into())
}

/// As the others are written: on the same line, or each on its own.
fn add(permissions: &mut Array, permission: &str) {
    if permissions.iter().any(|one| matches!(one.as_str(), Some(it) if it == permission || it == "*")) {
        return;
    }
    let last = permissions.iter().last().and_then(|last| last.decor().prefix()).and_then(|prefix| prefix.as_str());
    let prefix = last.filter(|prefix| prefix.contains('\n')).map(str::to_owned);
    match prefix {
        Some(prefix) => permissions.push_formatted(Value::from(permission).decorated(prefix, "")),
        None => permissions.push(permission),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Who may.\n[access.roles]\nreader = [\"read:notes\"] # everybody\nadmin = [\"*\"]\nlong = [\n    \"read:notes\",\n    \"create:notes\",\n]\n";

    fn after(grants: &[&str]) -> Result<String> {
        granted(TEXT, "movies", &grants.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn permissions_are_added_and_comments_stay() {
        let text = after(&["reader=read", "admin", "long=read"]).unwrap();
        assert!(text.contains("reader = [\"read:notes\", \"read:movies\"] # everybody\n"), "{text}");
        assert!(text.contains("admin = [\"*\"]\n"), "{text}");
        assert!(text.contains("    \"create:notes\",\n    \"read:movies\",\n]"), "{text}");
    }

    #[test]
    fn a_role_or_an_action_that_is_not_there_is_refused() {
        assert!(after(&["writer"]).unwrap_err().0.contains("there are reader, admin, long"));
        assert_eq!("reader=raed".parse::<Grant>().unwrap_err(), "there is no action `raed`; did you mean `read`?");
    }
}
