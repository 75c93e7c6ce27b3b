//! Keys of programs that have nobody to sign in: `api-key create`, `list`, `revoke`.

use super::{opened, print};
use crate::{
    app::{Design, Failure},
    running::Running,
};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use std::fmt::Write as _;
use tollgate_access::System;
use tollgate_auth::{ApiKey, KeyFor, NewKey, User, UserError};
use tollgate_store::Filter;

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make a key and print it, once
    Create(Create),
    /// List the keys, the oldest first
    List,
    /// Revoke a key: nobody gets in with it, on any instance, within a second
    Revoke {
        /// Its id, which stands in the key as well
        id: String,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// What it is for, as in nightly-import; the service account that it speaks for is called the same
    name: String,
    /// What it may do, as in read:movies; may be given several times
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// For how long it is good, as in 90d or 12h; `never` if it does not expire
    #[arg(long, default_value = "90d", value_parser = lifetime)]
    expires: Lifetime,
    /// Let it speak for this user, and not for a service account
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
}

/// For how long a key is good; for ever, if nothing is said.
#[derive(Clone, Copy)]
struct Lifetime(Option<SignedDuration>);

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let span: Option<Span> = text.parse().ok();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let lifetime = duration.filter(SignedDuration::is_positive);
    lifetime.map(|lifetime| Lifetime(Some(lifetime))).ok_or_else(|| "say it as in 90d, 12h or never".to_owned())
}

pub(super) async fn keys(design: Design, command: Keys) -> Result<(), Failure> {
    let running = opened(design).await?;
    let system = System::because("an operator manages API keys");
    match command {
        Keys::Create(create) => {
            let (key, row) = running.identities.keys.create(&system.may(), create.read(&running).await?).await?;
            // Apart, so that a script can keep the key: `key=$(app api-key create …)`.
            eprintln!("made the API key {} for {}; this is the only time that it is shown:", row.key_id, row.subject);
            print(key.reveal())
        }
        Keys::List => {
            let all = running.identities.keys.store().find(&system.may(), Filter::every());
            print(&list(&all.sort(ApiKey::CREATED.asc()).all().await.map_err(tollgate_auth::Error::from)?))
        }
        Keys::Revoke { id } => {
            running.identities.keys.revoke(&system.may(), &id).await?;
            print(&format!("revoked the API key {id}"))
        }
    }
}

impl Create {
    async fn read(self, running: &Running) -> Result<NewKey, Failure> {
        let speaks_for = match &self.user {
            None => KeyFor::Service,
            Some(email) => KeyFor::User(user(running, email).await?.user_id),
        };
        let now = running.context.clock.now();
        let expires = match self.expires.0 {
            None => None,
            Some(lifetime) => Some(now.checked_add(lifetime).map_err(|_| Failure("--expires is too long".into()))?),
        };
        Ok(NewKey { name: self.name, scopes: self.scope, expires, speaks_for })
    }
}

async fn user(running: &Running, email: &str) -> Result<User, Failure> {
    running.identity()?.accounts().by_email(email).await.map_err(|error| match error {
        UserError::NotFound => tollgate_auth::Error::NoSuchUser(email.to_owned()).into(),
        other => other.into(),
    })
}

fn list(keys: &[ApiKey]) -> String {
    let day = |time: Option<Timestamp>, none: &str| {
        time.map_or_else(|| none.to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
    };
    keys.iter().fold(String::new(), |mut text, key| {
        let (until, used) = (day(key.expires, "never"), day(key.last_used, "never"));
        let _ = writeln!(text, "{}  {}  for {}", key.key_id, key.name, key.subject);
        let _ = writeln!(text, "{:12}  may {}", "", key.scopes.join(" "));
        let _ = writeln!(text, "{:12}  expires {until}, last used {used}", "");
        text
    })
}
