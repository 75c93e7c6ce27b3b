//! Adding, changing and removing users: who may do what to whom.
//!
//! Who manages users could make themselves an admin, were it not for two rules. Nobody touches an account, or makes one,
//! whose roles grant what they cannot do themselves. And somebody always stays who may change users.

use super::{Accounts, UserError, turn::patiently};
use crate::{
    issuer::Revocation,
    password,
    users::{NewUser, User, UserPatch, normalized, own_id},
};
use tollgate_access::{Actor, Create, Delete, May, Update};
use tollgate_core::{Change, Faults, Input, Secret};
use tollgate_http::Preconditions;
use tollgate_macros::input;
use tollgate_store::{Transaction, audit::NewAuditEvent};
use uuid::Uuid;

/// Somebody to be added.
#[input]
#[schemars(rename = "NewUserAccount")]
#[derive(Clone, Default)]
pub struct NewAccount {
    /// How they are called.
    pub name: String,
    /// The address they sign in with.
    pub email: String,
    /// Their first password. Without one, they choose it with a link.
    pub password: Option<String>,
    /// Their roles. Without any, they get the default one.
    #[serde(default)]
    pub roles: Vec<String>,
}

tollgate_core::debug_by_name!(NewAccount);

/// What is to become of somebody. What is absent stays as it is.
#[input]
#[schemars(rename = "UserAccountChange")]
#[derive(Clone, Default)]
pub struct AccountChange {
    /// How they are called.
    #[serde(default)]
    pub name: Change<String>,
    /// The address they sign in with.
    #[serde(default)]
    pub email: Change<String>,
    /// Their roles.
    #[serde(default)]
    pub roles: Change<Vec<String>>,
    /// Whether they are kept out.
    #[serde(default)]
    pub disabled: Change<bool>,
}

tollgate_core::debug_by_name!(AccountChange);

impl Accounts {
    /// Adds a user. Without roles, they get the configured default.
    ///
    /// # Errors
    /// The address is taken, the password unfit, a role unknown or beyond the caller's own, the name or the address none.
    pub async fn create(&self, may: &May<Create, User>, new: NewAccount) -> Result<User, UserError> {
        self.add(may, new, false).await
    }

    pub(crate) async fn add(&self, may: &May<Create, User>, new: NewAccount, demo: bool) -> Result<User, UserError> {
        let users = &self.0.users;
        let password = new.password.map(Secret::from);
        if let Some(password) = &password {
            self.check_password_of(password, &new.name, &new.email, demo)?;
        }
        let mut row = NewUser {
            name: new.name.trim().to_owned(),
            email: normalized(&new.email),
            password_hash: password::NOBODY.to_owned(),
            roles: if new.roles.is_empty() {
                users.default_role.iter().cloned().collect()
            } else {
                each_once(new.roles)
            },
            disabled: false,
            demo,
        };
        self.check(&row, &row.roles)?;
        self.check_reach(may.actor(), &row.roles)?;
        if let Some(password) = password {
            row.password_hash = users.passwords.hash(password).await?;
        }
        let email = row.email.clone();
        let added = users.store().transaction(async |tx| {
            let users = users.store().on(&tx)?;
            let user = users.insert(may, row).await?;
            users.record(may.actor(), created(may.actor(), &user)).await?;
            Ok(user)
        });
        added.await.map_err(|error| taken(error, email))
    }

    /// Changes a user. Who is kept out from now on, or needs a second factor that they do not have, is signed out
    /// everywhere; who has a role less, of their access tokens.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`UserError::NotFound`], [`UserError::Own`] for one's own address,
    /// [`UserError::LastAdmin`], or [`UserError::Changed`].
    pub async fn change(&self, may: &May<Update, User>, id: Uuid, change: AccountChange) -> Result<User, UserError> {
        self.change_when(may, id, change, &Preconditions::default()).await
    }

    /// The same, if the account is in the state that was said.
    pub(super) async fn change_when(
        &self,
        may: &May<Update, User>,
        id: Uuid,
        change: AccountChange,
        only: &Preconditions,
    ) -> Result<User, UserError> {
        let patch = patch(change);
        // Roles that the settings no longer have are in nobody's way.
        let asked = if let Change::Set(roles) = &patch.roles { &roles[..] } else { &[] };
        self.check(&patch, asked)?;
        patiently(|| self.change_in_turn(may, id, (&patch, asked), only)).await
    }

    async fn change_in_turn(
        &self,
        may: &May<Update, User>,
        id: Uuid,
        (patch, asked): (&UserPatch, &[String]),
        only: &Preconditions,
    ) -> Result<User, UserError> {
        let changed = self.altering(async |tx| {
            self.take_turn(&tx).await?;
            let users = self.users().on(&tx)?;
            let before = self.within(&tx, id).await?;
            self.check_reach(may.actor(), &[&before.roles, asked].concat())?;
            check_state(only, &before)?;
            let after = after(&before, patch);
            if after.email != before.email {
                Self::check_another(may.actor(), &before)?;
            }
            self.check_last_admin(&users, &before, Some(&after)).await?;
            let unchanged = User::VERSION.eq(before.version);
            let changed = users.update_if(may, id, unchanged, patch.clone()).await;
            let user = changed.map_err(|error| taken(error, after.email))?;
            for event in events(may.actor(), &before, &user) {
                users.record(may.actor(), event).await?;
            }
            self.end_with_change(&tx, &before, user).await
        });
        changed.await
    }

    /// Ends what a change takes; answers the user as they are then.
    async fn end_with_change(
        &self,
        tx: &Transaction,
        before: &User,
        user: User,
    ) -> Result<(User, Option<Revocation>), UserError> {
        let must_enrol = |user: &User| self.0.users.must_enrol(user);
        if (user.disabled && !before.disabled) || (must_enrol(&user) && !must_enrol(before)) {
            let (user, ended) = self.end_given(tx, &user, [], None).await?;
            return Ok((user, Some(ended)));
        }
        let ended = if before.roles.iter().all(|role| user.roles.contains(role)) {
            None
        } else {
            Some(self.end_tokens(tx, user.user_id, before.version).await?)
        };
        Ok((user, ended))
    }

    /// Removes a user, and what identity keeps of them: their API keys, second factor, sessions. What they own stays, and is
    /// nobody's: no other user ever gets their id.
    ///
    /// # Errors
    /// [`UserError::NotFound`], [`UserError::Beyond`], or [`UserError::LastAdmin`].
    pub async fn remove(&self, may: &May<Delete, User>, id: Uuid) -> Result<(), UserError> {
        self.remove_when(may, id, &Preconditions::default()).await
    }

    /// The same, if the account is in the state that was said.
    pub(super) async fn remove_when(
        &self,
        may: &May<Delete, User>,
        id: Uuid,
        only: &Preconditions,
    ) -> Result<(), UserError> {
        patiently(|| self.remove_in_turn(may, id, only)).await
    }

    async fn remove_in_turn(&self, may: &May<Delete, User>, id: Uuid, only: &Preconditions) -> Result<(), UserError> {
        let removed = self.altering(async |tx| {
            self.take_turn(&tx).await?;
            let users = self.users().on(&tx)?;
            let user = self.within(&tx, id).await?;
            self.check_reach(may.actor(), &user.roles)?;
            check_state(only, &user)?;
            self.check_last_admin(&users, &user, None).await?;
            users.delete(may, id).await?;
            self.record_in(&tx, may.actor(), "delete", &user).await?;
            Ok(((), Some(self.forget(&tx, &user).await?)))
        });
        removed.await
    }

    /// Those of demonstrations are no secret, so they need not be good.
    fn check_password_of(&self, password: &Secret, name: &str, email: &str, demo: bool) -> Result<(), UserError> {
        let shortest = if demo { password::SHORTEST } else { self.0.shortest };
        match password::check(password, shortest, &[&self.0.title, name, email]) {
            Err(password::Unfit::Common) if demo => Ok(()),
            fit => Ok(fit?),
        }
    }

    /// Refuses what takes an account, done to one's own: a session that was left open, a key or an application of others
    /// would become a password of whoever has it, without the one until now.
    pub(crate) fn check_another(actor: &Actor, user: &User) -> Result<(), UserError> {
        if own_id(actor) == Some(user.user_id) { Err(UserError::Own) } else { Ok(()) }
    }

    /// Refuses who would do to others what others could not do to them.
    pub(crate) fn check_reach(&self, actor: &Actor, roles: &[String]) -> Result<(), UserError> {
        let granted = self.0.users.roles.grants(roles.iter().map(String::as_str));
        let beyond = granted.permissions().find(|permission| !actor.grants().include(permission));
        beyond.map_or(Ok(()), |permission| Err(UserError::Beyond(permission)))
    }

    /// The rules of an input, and that there are such roles.
    fn check(&self, input: &impl Input, roles: &[String]) -> Result<(), UserError> {
        let faults = Faults::of(input);
        if !faults.is_empty() {
            return Err(UserError::Invalid(faults));
        }
        self.check_roles(roles)
    }

    /// Refuses roles that there are not.
    pub(super) fn check_roles(&self, roles: &[String]) -> Result<(), UserError> {
        let known = &self.0.users.roles;
        roles.iter().find(|role| !known.has(role)).map_or(Ok(()), |role| {
            Err(UserError::UnknownRole { role: role.clone(), known: known.names().map(str::to_owned).collect() })
        })
    }
}

fn check_state(only: &Preconditions, user: &User) -> Result<(), UserError> {
    if only.allow(user) { Ok(()) } else { Err(UserError::Precondition) }
}

fn patch(AccountChange { name, email, roles, disabled }: AccountChange) -> UserPatch {
    UserPatch {
        name: name.map(|name| name.trim().to_owned()),
        email: email.map(|email| normalized(&email)),
        roles: roles.map(each_once),
        disabled,
        ..UserPatch::default()
    }
}

/// Roles are a set, in the order in which they were said.
fn each_once(roles: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = vec![];
    for role in roles {
        if !once.contains(&role) {
            once.push(role);
        }
    }
    once
}

/// What a user will be.
fn after(before: &User, patch: &UserPatch) -> User {
    let mut after = before.clone();
    patch.email.clone().apply(&mut after.email);
    patch.roles.clone().apply(&mut after.roles);
    patch.disabled.clone().apply(&mut after.disabled);
    after
}

/// Something that was done to a user.
pub(crate) fn event(actor: &Actor, action: &str, user: &User) -> NewAuditEvent {
    NewAuditEvent::new(actor, action, "users").of_row(&user.user_id)
}

/// Somebody was added, with those roles.
pub(super) fn created(actor: &Actor, user: &User) -> NewAuditEvent {
    event(actor, "create", user).because(roles_of(user))
}

/// What a change comes to.
fn events(actor: &Actor, before: &User, after: &User) -> Vec<NewAuditEvent> {
    let mut events = vec![];
    if before.disabled != after.disabled {
        events.push(event(actor, if after.disabled { "disable" } else { "enable" }, after));
    }
    if before.roles != after.roles {
        events.push(event(actor, "set_roles", after).because(roles_of(after)));
    }
    let fields = [("name", before.name != after.name), ("address", before.email != after.email)];
    let changed: Vec<_> = fields.into_iter().filter(|(_, is)| *is).map(|(field, _)| field).collect();
    if !changed.is_empty() {
        events.push(event(actor, "update", after).because(changed.join(", ")));
    }
    events
}

fn roles_of(user: &User) -> String {
    if user.roles.is_empty() { "no role".to_owned() } else { user.roles.join(", ") }
}

fn taken(error: tollgate_store::Error, email: String) -> UserError {
    match error {
        tollgate_store::Error::Conflict { .. } => UserError::EmailTaken(email),
        other => other.into(),
    }
}
