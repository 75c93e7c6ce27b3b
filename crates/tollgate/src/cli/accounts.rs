//! People, one by one or all: `user list`, `get`, `create`, `disable`, `roles` and more.

use super::{CreateUser, print, users};
use crate::app::{Design, Failure};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::fmt::Write as _;
use tollgate_auth::{AccountChange, Accounts, Session, User, UserError};
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
enum Command {
    /// List all users
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
    /// List where a user is signed in
    Sessions(Who),
    /// Sign a user out everywhere
    SignOut(Who),
    /// Print a link with which a user chooses a new password: good once, for an hour
    ResetLink(ResetLink),
    /// Take the second factor from a user who has lost it
    SecondFactorOff(Who),
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

#[derive(Args)]
struct Who {
    /// Their e-mail address
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
    let running = design.open().await?;
    let accounts = running.identity()?.accounts();
    let show_user = |user: &User| show(json, user, || line(user));
    let done = |email: &str, what: &str| show_done(json, email, what);
    match command {
        Command::List => list(&accounts, json).await,
        Command::Get(who) => show_user(&who.find(&accounts).await?),
        Command::Create(user) => show_user(&users::add(&running, user).await?),
        Command::Disable(who) => show_user(&change(&accounts, &who, disabled(true)).await?),
        Command::Enable(who) => show_user(&change(&accounts, &who, disabled(false)).await?),
        Command::Roles { who, roles } => {
            let change_of_roles = AccountChange { roles: Change::Set(roles), ..AccountChange::default() };
            show_user(&change(&accounts, &who, change_of_roles).await?)
        }
        Command::Delete(who) => {
            accounts.remove(&users::operator().may(), who.id(&accounts).await?).await?;
            done(&who.email, "removed")
        }
        Command::Sessions(who) => sessions(&accounts.sessions(who.id(&accounts).await?).await?, json),
        Command::SignOut(who) => {
            accounts.end_sessions(&users::operator().may(), who.id(&accounts).await?).await?;
            done(&who.email, "signed out everywhere")
        }
        Command::ResetLink(ResetLink { who, .. }) => {
            let link = accounts.reset_link(&users::operator().may(), who.id(&accounts).await?).await?;
            show(json, &serde_json::json!({ "email": who.email, "link": link }), || link.clone())
        }
        Command::SecondFactorOff(who) => {
            accounts.remove_second_factor(&users::operator().may(), who.id(&accounts).await?).await?;
            done(&who.email, "has no second factor")
        }
    }
}

fn disabled(disabled: bool) -> AccountChange {
    AccountChange { disabled: Change::Set(disabled), ..AccountChange::default() }
}

async fn change(accounts: &Accounts, who: &Who, change: AccountChange) -> Result<User, Failure> {
    let id = who.id(accounts).await?;
    Ok(accounts.change(&users::operator().may(), id, change).await?)
}

async fn list(accounts: &Accounts, json: bool) -> Result<(), Failure> {
    let mut all = vec![];
    accounts
        .each(|users| {
            if json {
                all.extend(users);
                return Ok(());
            }
            let lines = users.iter().fold(String::new(), |text, user| text + &line(user) + "\n");
            if lines.is_empty() { Ok(()) } else { print(&lines) }
        })
        .await?;
    if json { print_json(&all) } else { Ok(()) }
}

/// `ada@example.test  Ada Osei  admin  disabled`
fn line(User { email, name, roles, disabled, demo, .. }: &User) -> String {
    let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let state = [(*disabled, "disabled"), (*demo, "demo")];
    let state: String = state.iter().filter(|(is, _)| *is).flat_map(|(_, word)| ["  ", word]).collect();
    format!("{email:<32}  {name:<24}  {roles}{state}")
}

fn sessions(sessions: &[Session], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&sessions);
    }
    let text = sessions.iter().fold(String::new(), |mut text, session| {
        let time = |time: crate::Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
        let from = session.address.as_deref().unwrap_or("-");
        let browser = session.browser.as_deref().unwrap_or_default();
        let (since, until) = (time(session.signed_in), time(session.expires));
        let _ = writeln!(text, "since {since}, until {until} (UTC)  {from:<15}  {browser}");
        text
    });
    print(if text.is_empty() { "signed in nowhere" } else { &text })
}

fn show<T: Serialize>(json: bool, value: &T, line: impl FnOnce() -> String) -> Result<(), Failure> {
    if json { print_json(value) } else { print(&line()) }
}

fn show_done(json: bool, email: &str, what: &str) -> Result<(), Failure> {
    show(json, &serde_json::json!({ "email": email, "done": what }), || format!("{email}: {what}"))
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value).map_err(|error| Failure::of(&error))?)
}
