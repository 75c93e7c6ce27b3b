//! Proving who one is: the password, the code, and choosing another password.

use super::{
    Accounts, Proven, UserError, event,
    mail::Mail,
    tries::{Attempt, Bucket},
};
use crate::{
    error::Error,
    measures,
    password::{self, Verdict},
    sign_in::{From, Session},
    users::{SignInError, User, normalized},
};
use tollgate_access::{Actor, Identity, May, Update};
use tollgate_core::Secret;
use tollgate_store::{Transaction, audit::NewAuditEvent, background};
use uuid::Uuid;

impl Accounts {
    /// Who has that address and that password, if whoever asks may try.
    pub(crate) async fn check_password(&self, email: &str, password: Secret, from: &From) -> Result<User, SignInError> {
        let (inner, email) = (&*self.0, normalized(email));
        let browser = self.recognise(&email, from).await?;
        let buckets = Bucket::password(&email, from.address, browser.as_deref());
        let attempt = inner.tries.begin(buckets).await?.map_err(|seconds| {
            measures::login("password", "throttled");
            SignInError::Throttled(seconds)
        })?;
        match inner.users.sign_in(&email, password).await {
            Ok(Ok(user)) => {
                inner.tries.succeeded(attempt).await?;
                measures::login("password", "success");
                Ok(user)
            }
            Ok(Err(refused)) => {
                measures::login("password", "failure");
                self.record_try(refused.user, refused.reason, &attempt).await?;
                Err(SignInError::Refused { reason: refused.reason, left: attempt.left, window: attempt.window })
            }
            Err(error) => {
                inner.tries.undone(attempt).await?;
                Err(error.into())
            }
        }
    }

    /// The mark of a browser in which the user with that address has signed in before. Whoever brings none costs no
    /// question, whatever the address.
    async fn recognise(&self, email: &str, from: &From) -> Result<Option<Vec<u8>>, Error> {
        if from.known.is_none() {
            return Ok(None);
        }
        let user = self.0.users.by_email(email).await?;
        Ok(user.and_then(|user| self.0.browsers.recognise(&user, from.known.as_deref())))
    }

    /// What a code of theirs is, if it is one that was not used and they may try.
    pub(crate) async fn check_code(&self, user: &User, code: &str, from: &From) -> Result<Proven, SignInError> {
        let inner = &*self.0;
        let browser = inner.browsers.recognise(user, from.known.as_deref());
        let buckets = Bucket::code(user.user_id, browser.as_deref());
        let attempt = inner.tries.begin(buckets).await?.map_err(|seconds| {
            measures::login("code", "throttled");
            SignInError::Throttled(seconds)
        })?;
        match inner.factors.accept(user.user_id, code).await {
            Ok(Some(proven)) => {
                inner.tries.succeeded(attempt).await?;
                measures::login("code", "success");
                Ok(proven)
            }
            Ok(None) => {
                measures::login("code", "failure");
                let reason = "wrong code";
                self.record_try(Some(user.user_id), reason, &attempt).await?;
                Err(SignInError::Refused { reason, left: attempt.left, window: attempt.window })
            }
            Err(error) => {
                inner.tries.undone(attempt).await?;
                Err(error.into())
            }
        }
    }

    /// Whether it is the password of somebody who is signed in, in that session or with a token. Each session has tries of
    /// its own, so that whoever stole one, or a token, keeps nobody from changing the password.
    pub(crate) async fn check_again(
        &self,
        user: &User,
        password: Secret,
        session: Option<&Session>,
    ) -> Result<(), UserError> {
        let (inner, place) = (&*self.0, session.map(|session| session.session.as_bytes()));
        let attempt = inner.tries.begin(Bucket::again(user.user_id, place)).await?;
        let attempt = attempt.map_err(UserError::Throttled)?;
        match inner.users.passwords.judge(password, Some(user.password_hash.clone())).await {
            Ok(Verdict::Wrong) => {
                self.record_try(Some(user.user_id), "wrong password, while signed in", &attempt).await?;
                Err(UserError::WrongPassword)
            }
            Ok(_) => Ok(inner.tries.succeeded(attempt).await?),
            Err(error) => {
                inner.tries.undone(attempt).await?;
                Err(error.into())
            }
        }
    }

    /// Records that nobody was signed in.
    pub(crate) async fn record_refusal(&self, user: Option<Uuid>, reason: &str) -> Result<(), Error> {
        self.record_unknown("sign_in", user, false, reason).await
    }

    /// Records a try that failed; with the last one, that those after it are not looked at.
    async fn record_try(&self, user: Option<Uuid>, reason: &str, attempt: &Attempt) -> Result<(), Error> {
        let last = if attempt.left == 0 { ": no more are looked at for now" } else { "" };
        self.record_refusal(user, &format!("{reason}{last}")).await
    }

    /// Records what somebody did to an account of whom it is not known who they are.
    pub(crate) async fn record_unknown(
        &self,
        action: &str,
        user: Option<Uuid>,
        allowed: bool,
        said: &str,
    ) -> Result<(), Error> {
        let (anyone, event) = by_unknown(action, user, said);
        let event = if allowed { event } else { event.refused() };
        Ok(self.users().record(&anyone, event).await?)
    }

    /// Records what somebody did with their own account.
    pub(crate) async fn record_own(&self, user: &User, action: &str, detail: Option<&str>) -> Result<(), Error> {
        let (actor, event) = self.by_owner(user, action, detail);
        Ok(self.users().record(&actor, event).await?)
    }

    /// The same, in the transaction in which it is done.
    pub(crate) async fn record_own_in(
        &self,
        tx: &Transaction,
        user: &User,
        action: &str,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        let (actor, event) = self.by_owner(user, action, detail);
        Ok(self.users().on(tx)?.record(&actor, event).await?)
    }

    fn by_owner(&self, user: &User, action: &str, detail: Option<&str>) -> (Actor, NewAuditEvent) {
        let actor = self.0.users.actor(user);
        let event = event(&actor, action, user);
        let event = detail.into_iter().fold(event, NewAuditEvent::because);
        (actor, event)
    }

    /// Changes the password of somebody who is signed in and knows it. All other sessions and all tokens end.
    pub(crate) async fn change_password(
        &self,
        user: &User,
        current: Secret,
        new: Secret,
        session: Option<&Session>,
    ) -> Result<(), UserError> {
        self.check_again(user, current, session).await?;
        self.set_password(user, new, session, "change_password").await
    }

    /// Whose password a link changes, if it is good and they are not kept out.
    pub(crate) async fn by_link(&self, link: &str) -> Result<User, UserError> {
        let Some(link) = self.0.links.find(link).await? else { return Err(UserError::Link) };
        let user = self.0.users.find(link.user_id).await?;
        let user = user.filter(|user| user.version == link.user_version && !self.0.users.keeps_out(user));
        user.ok_or(UserError::Link)
    }

    /// Sets a password by a link, which is used up. All sessions and tokens end.
    pub(crate) async fn reset_password(&self, link: &str, new: Secret) -> Result<(), UserError> {
        let user = self.by_link(link).await?;
        match self.set_password(&user, new, None, "reset_password").await {
            // Somebody was faster, perhaps with the same link.
            Err(UserError::Changed) => Err(UserError::Link),
            set => set,
        }
    }

    async fn set_password(
        &self,
        user: &User,
        new: Secret,
        session: Option<&Session>,
        action: &str,
    ) -> Result<(), UserError> {
        self.check_fitness(&new, &user.name, &user.email)?;
        let (inner, actor) = (&*self.0, self.0.users.actor(user));
        // Before anything is changed: where too many are waiting, nothing was.
        let hash = inner.users.passwords.hash(new).await?;
        let set = self.altering(async |tx| {
            let (_, ended) = self.end_given(&tx, user, [User::PASSWORD_HASH.to(hash)], session).await?;
            inner.links.remove_user(user.user_id, &tx).await?;
            self.record_in(&tx, &actor, action, user).await?;
            Ok(((), Some(ended)))
        });
        set.await
    }

    /// Whether a text can be the password of that user.
    pub(crate) fn check_fitness(&self, password: &Secret, name: &str, email: &str) -> Result<(), UserError> {
        Ok(password::check(password, self.0.shortest, &[&self.0.title, name, email])?)
    }

    /// A link with which a user chooses a new password: good once, for an hour. Whoever has it can take the account.
    ///
    /// # Errors
    /// [`UserError::NotFound`], [`UserError::Own`], or [`UserError::Beyond`].
    pub async fn reset_link(&self, may: &May<Update, User>, id: Uuid) -> Result<String, UserError> {
        let user = self.0.users.get(id).await?;
        Self::check_another(may.actor(), &user)?;
        self.check_reach(may.actor(), &user.roles)?;
        self.link(&user, may.actor(), event(may.actor(), "reset_link", &user)).await
    }

    /// A link, and the record that it was made.
    async fn link(&self, user: &User, actor: &Actor, event: NewAuditEvent) -> Result<String, UserError> {
        let link = self.users().transaction(async |tx| {
            let link = self.0.links.issue(user, &tx).await?;
            self.users().on(&tx)?.record(actor, event).await?;
            Ok::<_, UserError>(link)
        });
        Ok(format!("{}/auth/reset?link={}", self.0.issuer, link.await?))
    }

    /// Whether links can be sent.
    pub(crate) fn sends_mail(&self) -> bool {
        self.0.mailer.is_some()
    }

    /// Sends a link to whoever has that address. All of it happens later, so that nobody learns whether anybody has.
    pub(crate) fn send_link(&self, email: &str, from: &From) {
        let (accounts, email, address) = (self.clone(), normalized(email), from.address);
        background::spawn(async move {
            match accounts.0.tries.begin(Bucket::mail(&email, address)).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return tracing::info!("too many links were asked for: none was sent"),
                Err(error) => return tracing::error!(%error, "no link was sent"),
            }
            if let Err(error) = accounts.mail_link(&email).await {
                tracing::error!(error, "no link was sent");
            }
        });
    }

    async fn mail_link(&self, email: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (Some(user), Some(mailer)) = (self.0.users.by_email(email).await?, &self.0.mailer) else { return Ok(()) };
        if self.0.users.keeps_out(&user) {
            return Ok(());
        }
        // Whoever asked did not say who they are: it may be somebody who is after this account.
        let (anyone, event) = by_unknown("reset_link", Some(user.user_id), "by mail");
        let (title, link) = (&self.0.title, self.link(&user, &anyone, event).await?);
        let text = format!(
            "Hello {},\n\nsomebody, perhaps you, wants to choose a new password for {title}. This link does it, once and \
             within an hour:\n\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
            user.name
        );
        mailer
            .send(Mail { to: user.email, name: user.name, subject: format!("A new password for {title}"), text })
            .await
    }
}

/// What was done to an account by somebody of whom it is not known who they are.
fn by_unknown(action: &str, user: Option<Uuid>, said: &str) -> (Actor, NewAuditEvent) {
    let anyone: Actor = Identity::anyone().into();
    let event = NewAuditEvent::new(&anyone, action, "users").because(said);
    let event = user.into_iter().fold(event, |event, user| event.of_row(&user));
    (anyone, event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, IdentityConfig, NewAccount, password::Passwords};
    use std::sync::Arc;
    use tollgate_access::{Roles, System};
    use tollgate_core::{Clock, SystemClock};
    use tollgate_store::{Database, Memory};

    /// Lets that many passwords be hashed at once.
    fn on(accounts: &mut Accounts, cores: usize) {
        let users = &mut Arc::get_mut(&mut accounts.0).unwrap().users;
        Arc::get_mut(users).unwrap().passwords = Passwords::on(cores);
    }

    #[tokio::test]
    async fn who_is_told_to_come_later_has_not_used_their_link_up() {
        let (database, clock): (Arc<dyn Database>, Arc<dyn Clock>) =
            (Arc::new(Memory::default()), Arc::new(SystemClock::default()));
        let roles = Arc::new(Roles::new(&std::collections::BTreeMap::new(), &[]).unwrap());
        let config = IdentityConfig::new("http://127.0.0.1:8000", roles);
        let mut accounts = Accounts::new(&config, &database, &clock).unwrap();
        let ann = NewAccount { name: "Ann".into(), email: "ann@example.test".into(), ..NewAccount::default() };
        let system = System::because("a test");
        let ann = accounts.create(&system.may(), ann).await.unwrap();
        let link = accounts.reset_link(&system.may(), ann.user_id).await.unwrap();
        let link = link.split_once("link=").unwrap().1;
        let new = || Secret::from("the lorry sleeps at noon");
        on(&mut accounts, 0);
        let refused = accounts.reset_password(link, new()).await;
        assert!(matches!(refused, Err(UserError::Other(Error::Busy))), "{refused:?}");
        on(&mut accounts, 1);
        accounts.reset_password(link, new()).await.unwrap();
        let again = accounts.reset_password(link, new()).await;
        assert!(matches!(again, Err(UserError::Link)), "{again:?}");
    }
}
