//! Taking people over from a file, with the hashes of their passwords.
//!
//! What is asked of anybody who is added is asked of them too: roles that there are, and that whoever adds them could give.
//! Each is recorded as added.

use super::{Accounts, UserError, manage};
use crate::{
    password,
    users::{NewUser, User},
};
use serde_json::Value;
use tollgate_access::{Actor, Create, May, System};
use tollgate_core::{Fault, Problem, Result};
use tollgate_http::{Care, LoadError, load_rows};

impl Accounts {
    /// Adds the users of a file, all or none: those of an operator, or of somebody who may. Answers how many, and tells after
    /// each portion.
    ///
    /// # Errors
    /// Users who are not good, whoever adds them may not, or what the database says.
    pub async fn load(
        &self,
        rows: Vec<Value>,
        by: Option<&Actor>,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<usize, LoadError> {
        let operator = || Ok(System::because("an operator loads users").may());
        let may: May<Create, User> = by.map_or_else(operator, Actor::may)?;
        let actor = may.actor();
        let check = |user: &NewUser| self.check_loaded(actor, user);
        let event = |user: &User| manage::created(actor, user);
        load_rows(self.users(), &may, rows, done, Some(&Care { check: &check, event: &event })).await
    }

    fn check_loaded(&self, actor: &Actor, user: &NewUser) -> Result<()> {
        let has_roles = self.check_roles(&user.roles).and_then(|()| self.check_reach(actor, &user.roles));
        has_roles.map_err(|error| match error {
            UserError::Beyond(_) => Problem::invalid(vec![Fault::at("#/roles", error.to_string())]),
            other => other.into(),
        })?;
        if password::is_hash(&user.password_hash) {
            return Ok(());
        }
        Err(Problem::invalid(vec![Fault::at("#/password_hash", "must be a hash of argon2 or bcrypt, within bounds")]))
    }
}
