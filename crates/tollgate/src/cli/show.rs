//! What an app is, without serving it: `routes`, `openapi`, `check`.

use super::print;
use crate::{
    app::{Design, Failure},
    databases::{Databases, files},
    running::Ground,
    settings::Settings,
};
use std::{fmt::Write as _, io::Write as _, path::PathBuf, sync::Arc};
use tollgate_access::{Actor, Identity};
use tollgate_auth::provider::Issuer;
use tollgate_core::SystemClock;
use tollgate_http::RouteInfo;
use tollgate_store::{Database, Memory, audit::Held};

/// What the words of the access matrix mean.
const LEGEND: &str = "all    every row, or what has no rows
some   the rows that the policy gives, such as one's own
-      refused: 401 for anyone, 403 for who is signed in";

/// Method, path, who may: the access matrix. What its words mean is no part of what is kept in a file.
pub(super) fn routes(design: &Design) -> Result<(), Failure> {
    print(&design.access_matrix())?;
    let _ = writeln!(std::io::stderr(), "\n{LEGEND}");
    Ok(())
}

pub(super) fn openapi(design: &Design) -> Result<(), Failure> {
    print(&format!("{:#}", design.built.api.document()))
}

/// What there is to say of an issuer. One that cannot be reached keeps no app from starting, but its people out.
async fn judged(issuer: &Issuer) -> Result<String, String> {
    let (health, name) = (issuer.keys().arrived().await, issuer.name());
    match health.reason() {
        None => Ok(format!("{name}, `{}`, its keys are known", issuer.provider().realms[0].name)),
        Some(why) => Err(format!("{name}, WITHOUT KEYS, so its tokens will be answered with 503: {why}")),
    }
}

/// Everything that would keep the app from starting, or those from coming in whom an issuer knows, found without starting
/// it, and without a change to anything: what an app makes at its start is made in memory.
pub(super) async fn check(design: Design) -> Result<(), Failure> {
    let (routes, resources) = (design.built.routes.len(), design.built.resources.len());
    design.settings.check().map_err(Failure)?;
    let databases = look(&design).await?;
    let clock = Arc::new(SystemClock::default());
    let memory: Arc<dyn Database> = Arc::new(Memory::default());
    let ground = Ground { databases: memory.into(), clock, authenticate: None, seed: true };
    let held = Held::default();
    let running = Box::pin(held.within(design.open_on(ground))).await;
    held.forget();
    let running = running?;
    let mut text = format!("settings   good, environment `{}`\n", running.design.settings.env);
    for (role, permission) in running.design.grants_of_nothing() {
        let _ = writeln!(text, "           role `{role}` may `{permission}`, but there is no such resource");
    }
    let _ = writeln!(text, "services   {routes} routes, {resources} resources, none contradicts another");
    text.push_str(&databases);
    let mut without_keys = vec![];
    for issuer in running.identities.others.iter() {
        let said = judged(issuer).await.unwrap_or_else(|said| {
            without_keys.push(issuer.name());
            said
        });
        let _ = writeln!(text, "issuer     {said}");
    }
    print(&text)?;
    if without_keys.is_empty() {
        return Ok(());
    }
    Err(Failure(format!(
        "the keys of `{}` cannot be had: is its address right, and reachable?",
        without_keys.join("`, `")
    )))
}

/// What there is of the databases, in lines.
async fn look(design: &Design) -> Result<String, Failure> {
    let missing: Vec<_> = files(design).filter(|file| !file.exists()).collect();
    let Settings { database, .. } = &design.settings;
    if let (Some(file), false) = (missing.first(), design.settings.is_additive(database) || database.migrate) {
        let (file, name) = (file.display(), design.name);
        return Err(Failure(format!("the database {file} is not there yet: make it with `{name} migrate run`")));
    }
    let databases = Databases::open_those_there(design).await?;
    let later = databases.compare(design).await?;
    let state = if later.is_empty() { ", as the model says" } else { "" };
    let new = |file: &PathBuf| format!("database   {} is not there yet; the first start makes it\n", file.display());
    let in_memory = Memory::default().describe();
    let there = databases.describe().filter(|database| *database != in_memory);
    let there = there.map(|database| format!("database   {database}{state}\n"));
    let later = later.into_iter().map(|later| format!("           {later}\n"));
    Ok(missing.iter().map(new).chain(there).chain(later).collect())
}

impl Design {
    /// Roles with permissions that speak of no resource: slips of the pen.
    fn grants_of_nothing(&self) -> Vec<(String, String)> {
        let is_known = |permission: &str| {
            let resource = permission.split(':').nth(1).unwrap_or("*");
            let tables =
                self.built.resources.iter().map(|known| known.table()).chain(self.built.tables_elsewhere.clone());
            resource == "*" || tables.into_iter().any(|table| table.name == resource)
        };
        let permissions = |role: &str| self.roles.grants([role]).permissions().collect::<Vec<_>>();
        let all = self.roles.names().flat_map(|role| permissions(role).into_iter().map(|it| (role.to_owned(), it)));
        all.filter(|(_, permission)| !is_known(permission)).collect()
    }

    /// Each route, what it asks for, and how far anyone and each role get with it: to `all` rows, to `some`, which are
    /// those that the policy gives, or not in.
    pub(crate) fn access_matrix(&self) -> String {
        let anyone = ("anyone", Identity::anyone());
        let roles = self.roles.names().map(|role| (role, Identity::new(role).grants(&self.roles.grants([role]))));
        let callers = [anyone].into_iter().chain(roles);
        let callers: Vec<(&str, Actor)> =
            callers.map(|(name, caller)| (name, caller.grants(self.roles.anyone()).into())).collect();
        let head = ["", "", ""].into_iter().chain(callers.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
        let line = |route: &RouteInfo| {
            let reach = callers.iter().map(|(_, caller)| (route.reach)(caller).as_str().to_owned());
            let asked = [route.method.to_string(), route.path.clone(), route.access.to_string()];
            asked.into_iter().chain(reach).collect()
        };
        aligned(&[head].into_iter().chain(self.built.routes.iter().map(line)).collect::<Vec<_>>())
    }
}

/// Rows of words, one under the other.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns).map(width).collect();
    rows.iter().fold(String::new(), |mut text, row| {
        let words = row.iter().zip(&widths).map(|(word, width)| format!("{word:<width$}"));
        let _ = writeln!(text, "{}", words.collect::<Vec<_>>().join("  ").trim_end());
        text
    })
}
