//! What can be said about somebody of a provider: out, in again, or signed out everywhere.
//!
//! As with users, nobody does that to somebody whose roles grant what they cannot do themselves. Which roles those are, the
//! provider said when they last signed in; what the tokens of somebody grant who never did is not known here.

use super::{Inner, NewProviderPerson, ProviderPeople, ProviderPerson, ProviderPersonPatch};
use crate::{ProviderSession, User, UserError, provider::Told};
use jiff::{SignedDuration, Timestamp};
use tollgate_access::{Actor, May, Protected, System, Update};
use tollgate_core::Change;
use tollgate_store::{Error, audit::NewAuditEvent};

/// The shortest time that all databases tell apart.
const TICK: SignedDuration = SignedDuration::from_micros(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ruling {
    Out,
    In,
    SignedOut,
}

impl ProviderPeople {
    /// Keeps somebody out, whether they were ever here or not, or lets them in again. Sessions end at once, tokens on every
    /// instance within a second; who is let in again needs a new token.
    ///
    /// # Errors
    /// [`UserError::Beyond`]; [`UserError::NotFound`] if no issuer has that name, or nobody was kept out.
    pub async fn keep_out(&self, may: &May<Update, User>, id: &str, out: bool) -> Result<ProviderPerson, UserError> {
        self.0.rule(may.actor(), id, if out { Ruling::Out } else { Ruling::In }).await
    }

    /// Signs somebody out everywhere: sessions at once, tokens that their provider has given them within a second.
    ///
    /// # Errors
    /// As [`keep_out`](Self::keep_out).
    pub async fn sign_out(&self, may: &May<Update, User>, id: &str) -> Result<ProviderPerson, UserError> {
        self.0.rule(may.actor(), id, Ruling::SignedOut).await
    }
}

impl ProviderPeople {
    /// Signs somebody out in one browser. Where that session has ended, or is none of theirs, nothing happens.
    ///
    /// # Errors
    /// [`UserError::NotFound`], or [`UserError::Beyond`].
    pub async fn end_session(&self, may: &May<Update, User>, id: &str, session: &str) -> Result<(), UserError> {
        let known = self.get(id).await?;
        self.0.check_reach(may.actor(), id, Some(&known))?;
        Ok(ProviderSession::end(session, (id, &self.0.people), &self.0.sessions, may.actor()).await?)
    }
}

impl Inner {
    async fn rule(&self, actor: &Actor, id: &str, ruling: Ruling) -> Result<ProviderPerson, UserError> {
        let (store, system) = (self.people.store(), System::because("an operator said so"));
        let ruled = store.transaction(async |tx| {
            let (people, now) = (store.on(&tx)?, self.people.on(&tx)?.time().await?);
            let known = match people.get(&system.may(), id.to_owned()).await {
                Err(Error::NotFound) => None,
                known => Some(known?),
            };
            self.check_reach(actor, id, known.as_ref())?;
            let row = match known {
                Some(known) if ruling.is_so(&known) => return Ok((known, false)),
                Some(known) => people.update(&system.may(), id.to_owned(), ruling.patch(&known, now)).await?,
                None => people.insert(&system.may(), self.stranger(id, ruling, now)?).await?,
            };
            let event = NewAuditEvent::new(actor, ruling.action(), ProviderPerson::PLURAL).of_row(&id);
            people.record(actor, event).await?;
            Ok::<_, UserError>((row, true))
        });
        let (row, is_new) = ruled.await?;
        self.apply(&row);
        // Of what was so already nobody loses a session; who is kept out has none that counts.
        if is_new || row.disabled {
            self.sessions.delete(ProviderSession::PERSON_ID.eq(id)).await?;
        }
        Ok(row)
    }

    /// Somebody who was never here, or whose tokens alone were.
    fn stranger(&self, id: &str, ruling: Ruling, now: Timestamp) -> Result<NewProviderPerson, UserError> {
        let issuer = self.issuer(id).filter(|_| ruling != Ruling::In).ok_or(UserError::NotFound)?;
        Ok(NewProviderPerson {
            person_id: id.to_owned(),
            issuer: issuer.name().to_owned(),
            name: None,
            email: None,
            roles: vec![],
            disabled: ruling == Ruling::Out,
            signed_out: Some(now),
        })
    }

    fn check_reach(&self, actor: &Actor, id: &str, known: Option<&ProviderPerson>) -> Result<(), UserError> {
        let Some(issuer) = self.issuer(id) else { return Ok(()) };
        let roles = known.map(|known| known.roles.clone()).unwrap_or_default();
        let theirs = issuer.signed_in(Told { id: id.to_owned(), name: None, email: None, roles, signed_in_at: None });
        let beyond = theirs.grants().permissions().find(|permission| !actor.grants().include(permission));
        beyond.map_or(Ok(()), |permission| Err(UserError::Beyond(permission)))
    }
}

impl Ruling {
    /// Whether nothing is left to do. Who is signed out once more may have come back meanwhile.
    fn is_so(self, known: &ProviderPerson) -> bool {
        match self {
            Self::Out => known.disabled,
            Self::In => !known.disabled,
            Self::SignedOut => false,
        }
    }

    /// Later than what was said before, also where that was said by a clock that is ahead of ours.
    fn patch(self, known: &ProviderPerson, now: Timestamp) -> ProviderPersonPatch {
        let after = known.signed_out.and_then(|before| before.checked_add(TICK).ok());
        let disabled = if self == Self::SignedOut { known.disabled } else { self == Self::Out };
        ProviderPersonPatch {
            disabled: Change::Set(disabled),
            signed_out: Change::Set(after.max(Some(now))),
            ..ProviderPersonPatch::default()
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Out => "disable",
            Self::In => "enable",
            Self::SignedOut => "end_sessions",
        }
    }
}
