//! People of providers, whom `user …` names by issuer and subject: `okta|00u1`.

use super::{
    accounts::{Command, Sessions, check_is_one, print_json, show, show_done, since_until},
    print, users,
};
use crate::app::Failure;
use tollgate_auth::{ProviderPeople, ProviderPerson, ProviderSession, UserError};

/// What a command does to somebody of a provider.
pub(super) async fn person(people: &ProviderPeople, id: &str, command: &Command, json: bool) -> Result<(), Failure> {
    let may = users::operator().may();
    let told = |error| match error {
        UserError::NotFound => Failure(format!("nothing is known here of `{id}`: they have not signed in")),
        other => other.into(),
    };
    let row = match command {
        Command::Get(_) => people.get(id).await,
        Command::Disable(_) => people.keep_out(&may, id, true).await,
        Command::Enable(_) => people.keep_out(&may, id, false).await,
        Command::SignOut(_) => {
            people.sign_out(&may, id).await.map_err(told)?;
            return show_done(json, id, "signed out everywhere");
        }
        Command::Sessions(Sessions { end: None, .. }) => {
            return sessions(&people.sessions(id).await.map_err(told)?, json);
        }
        Command::Sessions(Sessions { end: Some(session), .. }) => {
            check_is_one(session, people.sessions(id).await.map_err(told)?.iter().map(|session| &session.session))?;
            people.end_session(&may, id, session).await?;
            return show_done(json, id, "signed out there");
        }
        _ => {
            return Err(Failure(format!(
                "`{id}` is known to a provider: their account is there, and so are their roles"
            )));
        }
    };
    let row = row.map_err(told)?;
    show(json, &row, || line(people, &row))
}

/// `okta|00u1  Ada Osei  admin  disabled`
pub(super) fn line(people: &ProviderPeople, person: &ProviderPerson) -> String {
    let (ProviderPerson { person_id, name, disabled, .. }, roles) = (person, people.roles(person));
    let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let state = if *disabled { "  disabled" } else { "" };
    format!("{person_id:<32}  {:<24}  {roles}{state}", name.as_deref().unwrap_or("-"))
}

fn sessions(sessions: &[ProviderSession], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&sessions);
    }
    let lines = sessions
        .iter()
        .map(|session| format!("{}  {}\n", since_until(session.signed_in, session.expires), session.session));
    let text: String = lines.collect();
    print(if text.is_empty() { "signed in nowhere" } else { &text })
}
