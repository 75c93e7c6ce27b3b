//! Whether the user may do all that a store does, asked before anything depends on it.

use crate::error::tell;
use mongodb::{
    Database,
    bson::{Document, doc},
};
use tollgate_store::{Error, Result, Table};

/// What a store does.
const ACTIONS: [&str; 4] = ["find", "insert", "update", "remove"];

/// What the user may do where; nothing where the server asks nobody who they are.
pub(crate) struct Rights(Option<Vec<Document>>);

impl Rights {
    /// Asks the server.
    pub(crate) async fn of_user(database: &Database) -> Result<Self> {
        let status = database.run_command(doc! { "connectionStatus": 1, "showPrivileges": true }).await;
        let status = status.map_err(|error| tell(None, &error))?;
        let info = status.get_document("authInfo").cloned().unwrap_or_default();
        let documents = |name| {
            let all = info.get_array(name).into_iter().flatten();
            all.filter_map(|one| one.as_document().cloned()).collect::<Vec<_>>()
        };
        let knows_users = !documents("authenticatedUsers").is_empty();
        Ok(Self(knows_users.then(|| documents("authenticatedUserPrivileges"))))
    }

    /// Whether the user is told how collections are made. Who may do something with some of them alone is not.
    pub(crate) fn see(&self, database: &Database) -> bool {
        self.may(database, "", "listCollections")
    }

    /// # Errors
    /// What the user may not do, and the remedy.
    pub(crate) fn check(&self, database: &Database, table: &Table) -> Result<()> {
        let may = |action: &str| self.may(database, table.name, action);
        let missing: Vec<_> = ACTIONS.into_iter().filter(|action| !may(action)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Unavailable(Error::source_of(format!(
            "this user may not {} in the collection `{}`; grant it the role `readWrite` of `{}`, or set `database.url` to \
             another user",
            missing.join(", "),
            table.name,
            database.name()
        ))))
    }

    fn may(&self, database: &Database, collection: &str, action: &str) -> bool {
        let Some(rights) = &self.0 else { return true };
        let covers = |right: &&Document| {
            right.get_document("resource").is_ok_and(|on| {
                let is = |field, name: &str| on.get_str(field).is_ok_and(|it| it.is_empty() || it == name);
                on.get_bool("anyResource").unwrap_or_default()
                    || (is("db", database.name()) && is("collection", collection))
            })
        };
        let allows = |right: &Document| {
            right.get_array("actions").is_ok_and(|all| all.iter().any(|one| one.as_str() == Some(action)))
        };
        rights.iter().filter(covers).any(allows)
    }
}
