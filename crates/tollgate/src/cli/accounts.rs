//! People, one by one or all: `user list`, `get`, `create`, `disable`, `roles` and more.

use super::{CreateUser, opened, people, print, users};
use crate::{
    Timestamp,
    app::{Design, Failure},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use tollgate_auth::{AccountChange, Accounts, ApiKey, ApiKeys, ProviderPeople, Session, User, UserError};
use tollgate_core::Change;
use uuid::Uuid;

#[derive(Args)]
pub(super) struct Line {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// List all users, then the people of providers who were here
    List,
    /// Show a user
    Get(Who),
    /// Add a user
    Create(CreateUser),
    /// Keep a user out, and sign them out everywhere
    Disable(Who),
    /// Let a user in again
    Enable(Who),
    /// Give a user these roles, in place of those they have
    Roles {
        #[command(flatten)]
        who: Who,
        /// The roles; none takes all away
        roles: Vec<String>,
    },
    /// Remove a user; what they own stays
    Delete(Who),
    /// List where a user is signed in, or sign them out in one of these browsers
    Sessions(Sessions),
    /// Sign a user out everywhere
    SignOut(Who),
    /// Print a link with which a user chooses a new password: good once, for an hour
    ResetLink(ResetLink),
    /// Take the second factor from a user who has lost it
    SecondFactorOff(Who),
}

impl From<CreateUser> for Line {
    fn from(user: CreateUser) -> Self {
        Self { json: false, command: Command::Create(user) }
    }
}

#[derive(Args)]
pub(super) struct Sessions {
    #[command(flatten)]
    who: Who,
    /// End this session, and what applications were given under it
    #[arg(long, value_name = "SESSION", allow_hyphen_values = true)]
    pub(super) end: Option<String>,
}

#[derive(Args)]
pub(super) struct ResetLink {
    #[command(flatten)]
    who: Who,
    /// The address the app was told to listen on, if it was: the link leads there
    #[arg(long)]
    pub(super) host: Option<String>,
    /// The port, likewise
    #[arg(long)]
    pub(super) port: Option<u16>,
}

impl Line {
    /// Where the app listens, if that was said.
    pub(super) fn listens(&self) -> Option<(&Option<String>, Option<u16>)> {
        match &self.command {
            Command::ResetLink(link) => Some((&link.host, link.port)),
            _ => None,
        }
    }
}

impl Command {
    /// Whom it concerns, if that is somebody who is there.
    fn who(&self) -> Option<&Who> {
        match self {
            Self::List | Self::Create(_) => None,
            Self::Get(who)
            | Self::Disable(who)
            | Self::Enable(who)
            | Self::Delete(who)
            | Self::SignOut(who)
            | Self::SecondFactorOff(who)
            | Self::Roles { who, .. }
            | Self::Sessions(Sessions { who, .. }) => Some(who),
            Self::ResetLink(link) => Some(&link.who),
        }
    }
}

#[derive(Args)]
pub(super) struct Who {
    /// Their e-mail address; of somebody of a provider, issuer and subject, as in `okta|00u1`
    email: String,
}

impl Who {
    async fn find(&self, accounts: &Accounts) -> Result<User, Failure> {
        accounts.by_email(&self.email).await.map_err(|error| match error {
            UserError::NotFound => Failure(format!("there is no user with the e-mail address {}", self.email)),
            other => other.into(),
        })
    }

    async fn id(&self, accounts: &Accounts) -> Result<Uuid, Failure> {
        Ok(self.find(accounts).await?.user_id)
    }
}

pub(super) async fn user(design: Design, Line { json, command }: Line) -> Result<(), Failure> {
    let running = opened(design).await?;
    let people = &running.identities.people;
    if let Some(who) = command.who().filter(|who| people.is_one(&who.email)) {
        people::person(people, &who.email, &command, json).await?;
        return tell_of_keys(&running.identities.keys, &command, &who.email).await;
    }
    if let (Command::List, None) = (&command, &running.identities.own) {
        return list(None, people, json).await;
    }
    let accounts = running.identity()?.accounts();
    let show_user = |user: &User| show(json, user, || line(user));
    let done = |email: &str, what: &str| show_done(json, email, what);
    match command {
        Command::List => list(Some(&accounts), people, json).await,
        Command::Get(who) => show_user(&who.find(&accounts).await?),
        Command::Create(user) => {
            let made = users::add(&running, user).await?;
            show(json, &made, || format!("created {} ({})", made.email, roles_of(&made)))
        }
        Command::Disable(ref who) => {
            let user = change(&accounts, who, disabled(true)).await?;
            show_user(&user)?;
            tell_of_keys(&running.identities.keys, &command, &user.user_id.to_string()).await
        }
        Command::Enable(who) => show_user(&change(&accounts, &who, disabled(false)).await?),
        Command::Roles { who, roles } => {
            let change_of_roles = AccountChange { roles: Change::Set(roles), ..AccountChange::default() };
            show_user(&change(&accounts, &who, change_of_roles).await?)
        }
        Command::Delete(ref who) => {
            let id = who.id(&accounts).await?;
            accounts.remove(&users::operator().may(), id).await?;
            done(&who.email, "removed")?;
            tell_of_keys(&running.identities.keys, &command, &id.to_string()).await
        }
        Command::Sessions(Sessions { who, end: None }) => {
            sessions(&accounts.sessions(who.id(&accounts).await?).await?, json)
        }
        Command::Sessions(Sessions { who, end: Some(session) }) => {
            let id = who.id(&accounts).await?;
            check_is_one(&session, accounts.sessions(id).await?.iter().map(|session| &session.session))?;
            accounts.end_session(&users::operator().may(), id, &session).await?;
            done(&who.email, "signed out there")
        }
        Command::SignOut(who) => {
            accounts.end_sessions(&users::operator().may(), who.id(&accounts).await?).await?;
            done(&who.email, "signed out everywhere")
        }
        Command::ResetLink(ResetLink { who, .. }) => {
            let link = accounts.reset_link(&users::operator().may(), who.id(&accounts).await?).await?;
            show(json, &serde_json::json!({ "email": who.email, "link": link }), || link.clone())
        }
        Command::SecondFactorOff(who) => {
            let had_one = accounts.remove_second_factor(&users::operator().may(), who.id(&accounts).await?).await?;
            let what = "second factor removed, and signed out everywhere";
            done(&who.email, if had_one { what } else { "has no second factor: nothing was done" })
        }
    }
}

/// Refuses a session that is none of theirs, or has ended.
pub(super) fn check_is_one<'a>(session: &str, mut theirs: impl Iterator<Item = &'a String>) -> Result<(), Failure> {
    let is_one = theirs.any(|one| one == session);
    is_one.then_some(()).ok_or_else(|| Failure(format!("they have no session {session}: see `user sessions`")))
}

/// Keys that somebody made for service accounts speak for these, and so outlast whoever made them: who is kept out may still
/// have them.
async fn tell_of_keys(keys: &ApiKeys, command: &Command, creator: &str) -> Result<(), Failure> {
    if !matches!(command, Command::Disable(_) | Command::Delete(_)) {
        return Ok(());
    }
    for ApiKey { key_id, subject, .. } in keys.made_for_services_by(creator).await? {
        eprintln!("the API key {key_id} that they made for {subject} stays good: `api-key revoke {key_id}` ends it");
    }
    Ok(())
}

fn disabled(disabled: bool) -> AccountChange {
    AccountChange { disabled: Change::Set(disabled), ..AccountChange::default() }
}

async fn change(accounts: &Accounts, who: &Who, change: AccountChange) -> Result<User, Failure> {
    let id = who.id(accounts).await?;
    Ok(accounts.change(&users::operator().may(), id, change).await?)
}

/// Everybody, some at a time; as JSON in one list.
async fn list(accounts: Option<&Accounts>, people: &ProviderPeople, json: bool) -> Result<(), Failure> {
    let mut all = vec![];
    if let Some(accounts) = accounts {
        accounts.each(|users| list_some(&users, line, json.then_some(&mut all))).await?;
    }
    people.each(|some| list_some(&some, |person| people::line(people, person), json.then_some(&mut all))).await?;
    if json { print_json(&all) } else { Ok(()) }
}

fn list_some<T: Serialize>(
    rows: &[T],
    line: impl Fn(&T) -> String,
    json: Option<&mut Vec<Value>>,
) -> Result<(), Failure> {
    if let Some(all) = json {
        let rows = rows.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        all.extend(rows.map_err(|error| Failure::of(&error))?);
        return Ok(());
    }
    let lines: String = rows.iter().map(|row| line(row) + "\n").collect();
    if lines.is_empty() { Ok(()) } else { print(&lines) }
}

/// `ada@example.test  Ada Osei  admin  disabled`
fn line(user: &User) -> String {
    let (User { email, name, disabled, demo, .. }, roles) = (user, roles_of(user));
    let state = [(*disabled, "disabled"), (*demo, "demo")];
    let state: String = state.iter().filter(|(is, _)| *is).flat_map(|(_, word)| ["  ", word]).collect();
    format!("{email:<32}  {name:<24}  {roles}{state}")
}

fn roles_of(user: &User) -> String {
    if user.roles.is_empty() { "no role".to_owned() } else { user.roles.join(", ") }
}

fn sessions(sessions: &[Session], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&sessions);
    }
    let text = sessions.iter().fold(String::new(), |mut text, session| {
        let from = session.address.as_deref().unwrap_or("-");
        let browser = session.browser.as_deref().unwrap_or_default();
        let when = since_until(session.signed_in, session.expires);
        let _ = writeln!(text, "{when}  {from:<15}  {}  {browser}", session.session);
        text
    });
    print(if text.is_empty() { "signed in nowhere" } else { &text })
}

pub(super) fn since_until(since: Timestamp, until: Timestamp) -> String {
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    format!("since {}, until {} (UTC)", time(since), time(until))
}

pub(super) fn show<T: Serialize>(json: bool, value: &T, line: impl FnOnce() -> String) -> Result<(), Failure> {
    if json { print_json(value) } else { print(&line()) }
}

pub(super) fn show_done(json: bool, email: &str, what: &str) -> Result<(), Failure> {
    show(json, &serde_json::json!({ "email": email, "done": what }), || format!("{email}: {what}"))
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value).map_err(|error| Failure::of(&error))?)
}
