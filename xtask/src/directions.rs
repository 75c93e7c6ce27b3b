//! Do dependencies still point one way?
//!
//! ```text
//! core ◄ access ◄ store ◄ sqlite, postgres, mongodb                      drivers know nothing of HTTP
//! core ◄ access ◄ store ◄ http ◄ auth ◄ tollgate ◄ testing, apps, bench  http does not know who is calling
//! http ◄ redis ◄ tollgate                                                what instances share
//! testing ◄ bench, faults                                                tools for developers
//! macros, telemetry                                                      know none of ours
//! ```
//!
//! A crate that has no place here is refused, so that a new one gets its place by decision. Tests are exempt: they may
//! use what stands above.

use crate::{Result, crates::Crate};

/// The crates of ours that this one may be built from; `None` if nobody decided yet.
fn may_know(of: &Crate) -> Option<&'static [&'static str]> {
    Some(match of.name.as_str() {
        "tollgate-cli" | "tollgate-core" | "tollgate-macros" | "tollgate-telemetry" | "xtask" => &[],
        "tollgate-access" => &["tollgate-core"],
        "tollgate-store" => &["tollgate-core", "tollgate-access", "tollgate-macros"],
        "tollgate-sqlite" | "tollgate-postgres" | "tollgate-mongodb" => {
            &["tollgate-core", "tollgate-access", "tollgate-store"]
        }
        "tollgate-http" => &["tollgate-core", "tollgate-access", "tollgate-store", "tollgate-macros"],
        "tollgate-redis" => &["tollgate-core", "tollgate-http", "tollgate-store"],
        "tollgate-auth" => &["tollgate-core", "tollgate-access", "tollgate-store", "tollgate-http", "tollgate-macros"],
        "tollgate" => &[
            "tollgate-core",
            "tollgate-access",
            "tollgate-store",
            "tollgate-sqlite",
            "tollgate-postgres",
            "tollgate-mongodb",
            "tollgate-redis",
            "tollgate-http",
            "tollgate-auth",
            "tollgate-telemetry",
            "tollgate-macros",
        ],
        "tollgate-testing" => &[
            "tollgate",
            "tollgate-core",
            "tollgate-access",
            "tollgate-store",
            "tollgate-sqlite",
            "tollgate-postgres",
            "tollgate-mongodb",
            "tollgate-redis",
            "tollgate-http",
            "tollgate-auth",
            "tollgate-macros",
        ],
        // Its peers need the same servers as the tests.
        "bench" => &["tollgate", "tollgate-testing"],
        // What it tries is a process of its own; it reads what that may do to a server.
        "faults" => &["tollgate-testing", "tollgate", "tollgate-http", "tollgate-postgres"],
        _ if is_app(of) => &["tollgate"],
        _ => return None,
    })
}

/// Applications stand on the facade, as the users' own do.
fn is_app(of: &Crate) -> bool {
    of.folder.parent().is_some_and(|folder| folder.ends_with("apps"))
}

/// Names every edge that points the wrong way.
pub(crate) fn check(crates: &[Crate]) -> Result<String> {
    let wrong: Vec<String> = crates.iter().flat_map(|of| wrong_edges(of, crates)).collect();
    if wrong.is_empty() { Ok(String::new()) } else { Err(wrong.join("\n").into()) }
}

fn wrong_edges(of: &Crate, crates: &[Crate]) -> Vec<String> {
    let Some(allowed) = may_know(of) else {
        return vec![format!("{} has no place in the order of crates: give it one in {}", of.name, file!())];
    };
    let is_ours = |name: &&String| crates.iter().any(|other| other.name == **name);
    let wrong = of.dependencies.iter().filter(is_ours).filter(|name| !allowed.contains(&name.as_str()));
    wrong.map(|name| format!("{} must not depend on {name}", of.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(folder: &str, dependencies: &[&str]) -> Crate {
        let name = folder.rsplit('/').next().unwrap().to_owned();
        Crate { name, folder: folder.into(), dependencies: dependencies.iter().map(ToString::to_string).collect() }
    }

    /// What the check says about `tested` in a workspace that has every crate.
    fn verdict(tested: Crate) -> String {
        let names = ["core", "macros", "access", "store", "sqlite", "postgres", "http", "auth", "testing"];
        let mut crates: Vec<Crate> = names.map(|name| member(&format!("/src/crates/tollgate-{name}"), &[])).into();
        crates.push(member("/src/crates/tollgate", &[]));
        crates.retain(|other| other.name != tested.name);
        crates.push(tested);
        check(&crates).map_or_else(|wrong| wrong.to_string(), |_| "fine".to_owned())
    }

    #[test]
    fn http_does_not_know_auth_and_auth_knows_http() {
        let http = member("/src/crates/tollgate-http", &["tollgate-auth", "axum"]);
        assert_eq!(verdict(http), "tollgate-http must not depend on tollgate-auth");
        assert_eq!(verdict(member("/src/crates/tollgate-auth", &["tollgate-http", "axum"])), "fine");
    }

    #[test]
    fn drivers_know_neither_the_edge_nor_each_other() {
        let sqlite = member("/src/crates/tollgate-sqlite", &["tollgate-store", "tollgate-http"]);
        assert_eq!(verdict(sqlite), "tollgate-sqlite must not depend on tollgate-http");
        let postgres = member("/src/crates/tollgate-postgres", &["tollgate-store", "tollgate-sqlite"]);
        assert_eq!(verdict(postgres), "tollgate-postgres must not depend on tollgate-sqlite");
    }

    #[test]
    fn nothing_calls_back_up() {
        let core = member("/src/crates/tollgate-core", &["tollgate-access", "tollgate"]);
        let said = "tollgate-core must not depend on tollgate-access\ntollgate-core must not depend on tollgate";
        assert_eq!(verdict(core), said);
    }

    #[test]
    fn macros_know_none_of_ours() {
        let macros = member("/src/crates/tollgate-macros", &["syn", "tollgate-core"]);
        assert_eq!(verdict(macros), "tollgate-macros must not depend on tollgate-core");
    }

    #[test]
    fn apps_stand_on_the_facade_alone() {
        assert_eq!(verdict(member("/src/apps/films", &["tollgate"])), "fine");
        let app = member("/src/apps/films", &["tollgate", "tollgate-store"]);
        assert_eq!(verdict(app), "films must not depend on tollgate-store");
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        let new = verdict(member("/src/crates/tollgate-new", &[]));
        assert!(new.starts_with("tollgate-new has no place in the order of crates"), "{new}");
    }
}
