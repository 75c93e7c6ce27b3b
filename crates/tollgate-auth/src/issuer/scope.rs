//! Scopes: what of the requested may this user give away?
//!
//! A scope that is a permission (`read:movies`) is granted if the user's roles include it. Who asks for nothing but the
//! four scopes of OpenID Connect, or for nothing, gets every permission that the user has: a first-party page needs not
//! to know them. Any other scope is left out of the answer, which names what was granted (RFC 6749, 3.3); who asks for
//! one wants less than everything, so a permission that was misspelt grants nothing.

use tollgate_access::Grants;

/// The scopes of OpenID Connect (Core, 5.4 and 11) that mean something here.
pub(crate) const STANDARD: [&str; 4] = [OPENID, "profile", "email", OFFLINE];
/// Asks for an ID token.
pub(crate) const OPENID: &str = "openid";
/// Asks for a refresh token.
pub(crate) const OFFLINE: &str = "offline_access";

/// What is granted of the requested scopes to somebody with those permissions.
pub(crate) fn granted(requested: &str, may: &Grants) -> String {
    let named = named(requested, may);
    if words(requested).all(|word| STANDARD.contains(&word)) {
        return union(&named, &may.permissions().collect::<Vec<_>>().join(" "));
    }
    named
}

/// The same for a client that is somebody else's: nothing that it does not name.
pub(crate) fn named(requested: &str, may: &Grants) -> String {
    let (standard, other): (Vec<_>, Vec<_>) = words(requested).partition(|word| STANDARD.contains(word));
    let had = other.into_iter().filter(|word| may.include(word));
    union("", &standard.into_iter().chain(had).collect::<Vec<_>>().join(" "))
}

/// The permissions that are requested in vain.
pub(crate) fn withheld<'a>(requested: &'a str, may: &Grants) -> Vec<&'a str> {
    words(requested).filter(|word| Grants::is_permission(word) && !may.include(word)).collect()
}

/// The words of both, each once.
pub(crate) fn union(one: &str, other: &str) -> String {
    let mut all = vec![];
    for word in words(one).chain(words(other)) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all.join(" ")
}

/// Whether a scope has all that another one has.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    words(narrow).all(|word| has(wide, word))
}

/// What a client is granted in its own name: what it asks for and has, or all that it has. `None` where that is nothing.
pub(crate) fn own(requested: &str, may: &Grants) -> Option<String> {
    let granted = if words(requested).next().is_none() {
        may.permissions().collect::<Vec<_>>().join(" ")
    } else {
        let had = words(requested).filter(|word| may.include(word));
        had.collect::<Vec<_>>().join(" ")
    };
    Some(granted).filter(|granted| !granted.is_empty())
}

/// What is left of an earlier grant: the permissions that the user still has, and of those what is asked for now, if
/// anything is. `None` if more is asked for than was granted (RFC 6749, 6).
pub(crate) fn renewed(before: &str, requested: Option<&str>, may: &Grants) -> Option<String> {
    let requested = requested.unwrap_or(before);
    if !covers(before, requested) {
        return None;
    }
    let left = words(requested).filter(|word| STANDARD.contains(word) || may.include(word));
    Some(left.collect::<Vec<_>>().join(" "))
}

/// Whether a word is among the scopes.
pub(crate) fn has(scope: &str, word: &str) -> bool {
    words(scope).any(|known| known == word)
}

/// Its words.
pub(crate) fn words(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_away_what_they_do_not_have() {
        let may = Grants::of(["read:*", "update:books"]);
        assert_eq!(granted("read:movies delete:movies openid admin", &may), "openid read:movies");
        assert_eq!(granted("update:books:any *", &may), "");
        assert_eq!(granted("read:movies read:movies", &may), "read:movies");
        assert_eq!(granted("", &may), "read:* update:books");
        assert_eq!(granted("openid offline_access", &may), "openid offline_access read:* update:books");
        assert_eq!(withheld("openid read:movies delete:movies nonsense", &may), ["delete:movies"]);
    }

    #[test]
    fn somebody_elses_client_gets_nothing_that_it_does_not_name() {
        let may = Grants::of(["read:*"]);
        assert_eq!(named("", &may), "");
        assert_eq!(named("read:movies openid delete:movies openid", &may), "openid read:movies");
    }

    #[test]
    fn a_scope_that_is_no_permission_grants_nothing() {
        let may = Grants::of(["*"]);
        for misspelt in ["admin", "read.movies", "read:movies:all", "read:movies\u{a0}", "READ:MOVIES:ANY"] {
            assert_eq!(granted(&format!("openid {misspelt}"), &may), "openid");
        }
    }

    #[test]
    fn a_renewal_gives_no_more_than_was_granted_and_no_more_than_is_left() {
        let before = "openid read:movies update:books";
        let may = Grants::of(["read:movies", "delete:movies"]);
        assert_eq!(renewed(before, None, &may).unwrap(), "openid read:movies");
        assert_eq!(renewed(before, Some("read:movies"), &may).unwrap(), "read:movies");
        assert_eq!(renewed(before, Some("update:books"), &may).unwrap(), "");
        assert_eq!(renewed(before, Some("delete:movies"), &may), None);
    }
}
