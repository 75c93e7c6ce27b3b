//! Proving who one is: the password, the code, and choosing another password.

use super::{Accounts, UserError, event, mail::Mail, tries::Bucket};
use crate::{
    error::Error,
    measures,
    password::{self, Verdict},
    sign_in::{From, Session},
    users::{SignInError, User, UserPatch, normalized},
};
use tollgate_access::{Actor, Identity, May, System, Update};
use tollgate_core::{Change, Secret};
use tollgate_store::audit::NewAuditEvent;
use uuid::Uuid;

impl Accounts {
    /// Who has that address and that password, if whoever asks may try.
    pub(crate) async fn check_password(&self, email: &str, password: Secret, from: &From) -> Result<User, SignInError> {
        let (inner, email) = (&*self.0, normalized(email));
        let browser = inner.browsers.recognise(&email, from.known.as_deref());
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
                self.record_refusal(refused.user, refused.reason).await?;
                Err(SignInError::Refused { reason: refused.reason, left: attempt.left })
            }
            Err(error) => {
                inner.tries.undone(attempt).await?;
                Err(error.into())
            }
        }
    }

    /// Whether that is a code of theirs that was not used, if they may try.
    pub(crate) async fn check_code(&self, user: &User, code: &str, from: &From) -> Result<(), SignInError> {
        let inner = &*self.0;
        let browser = inner.browsers.recognise(&user.email, from.known.as_deref());
        let buckets = Bucket::proof("code", user.user_id, browser.as_deref());
        let attempt = inner.tries.begin(buckets).await?.map_err(SignInError::Throttled)?;
        if inner.factors.accept(user.user_id, code).await? {
            return Ok(inner.tries.succeeded(attempt).await?);
        }
        let reason = "wrong code";
        self.record_refusal(Some(user.user_id), reason).await?;
        Err(SignInError::Refused { reason, left: attempt.left })
    }

    /// Whether it is the password of somebody who is signed in.
    pub(crate) async fn check_again(&self, user: &User, password: Secret) -> Result<(), UserError> {
        let inner = &*self.0;
        let attempt = inner.tries.begin(Bucket::proof("password", user.user_id, None)).await?;
        let attempt = attempt.map_err(UserError::Throttled)?;
        match inner.users.passwords.judge(password, Some(user.password_hash.clone())).await {
            Ok(Verdict::Wrong) => {
                self.record_refusal(Some(user.user_id), "wrong password, while signed in").await?;
                Err(UserError::WrongPassword)
            }
            Ok(_) => Ok(inner.tries.succeeded(attempt).await?),
            Err(error) => {
                inner.tries.undone(attempt).await?;
                Err(error.into())
            }
        }
    }

    async fn record_refusal(&self, user: Option<Uuid>, reason: &str) -> Result<(), Error> {
        let anyone: Actor = Identity::anyone().into();
        let event = NewAuditEvent::new(&anyone, "sign_in", "users").refused().because(reason);
        let event = user.into_iter().fold(event, |event, user| event.of_row(&user));
        Ok(self.users().record(&anyone, event).await?)
    }

    /// Records what somebody did with their own account.
    pub(crate) async fn record_own(&self, user: &User, action: &str, detail: Option<&str>) -> Result<(), Error> {
        let actor = self.0.users.actor(user);
        let event = event(&actor, action, user);
        let event = detail.into_iter().fold(event, tollgate_store::audit::NewAuditEvent::because);
        Ok(self.users().record(&actor, event).await?)
    }

    /// Changes the password of somebody who is signed in and knows it. All other sessions and all tokens end.
    pub(crate) async fn change_password(
        &self,
        user: &User,
        current: Secret,
        new: Secret,
        session: Option<&Session>,
    ) -> Result<(), UserError> {
        self.check_again(user, current).await?;
        self.set_password(user, new, session, "change_password").await
    }

    /// Whose password a link changes, if it is good and they are not kept out.
    pub(crate) async fn by_link(&self, link: &str) -> Result<User, UserError> {
        let id = self.0.links.find(link).await?.ok_or(UserError::Link)?;
        self.0.users.get(id).await.ok().filter(|user| !self.0.users.keeps_out(user)).ok_or(UserError::Link)
    }

    /// Sets a password by a link, which is used up. All sessions and tokens end.
    pub(crate) async fn reset_password(&self, link: &str, new: Secret) -> Result<(), UserError> {
        let user = self.by_link(link).await?;
        self.check_fitness(&new, &user.name, &user.email)?;
        if !self.0.links.spend(link).await? {
            return Err(UserError::Link);
        }
        self.set_password(&user, new, None, "reset_password").await
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
        let hash = Change::Set(inner.users.passwords.hash(new).await?);
        let patch = UserPatch { password_hash: hash, ..UserPatch::default() };
        let changed = inner.users.store().transaction(async |tx| {
            let users = inner.users.store().on(&tx)?;
            users.update(&System::because("people change their own password").may(), user.user_id, patch).await?;
            users.record(&actor, event(&actor, action, user)).await
        });
        changed.await?;
        inner.links.end_all(user.user_id).await?;
        Ok(self.sign_out_but(user.user_id, session).await?)
    }

    /// Whether a text can be the password of that user.
    pub(crate) fn check_fitness(&self, password: &Secret, name: &str, email: &str) -> Result<(), UserError> {
        Ok(password::check(password, self.0.shortest, &[&self.0.title, name, email])?)
    }

    /// A link with which a user chooses a new password: good once, for an hour. Whoever has it can take the account.
    ///
    /// # Errors
    /// [`UserError::NotFound`], or [`UserError::Beyond`].
    pub async fn reset_link(&self, may: &May<Update, User>, id: Uuid) -> Result<String, UserError> {
        let user = self.0.users.get(id).await?;
        self.check_reach(may.actor(), &user.roles)?;
        let link = self.link(&user).await?;
        self.users().record(may.actor(), event(may.actor(), "reset_link", &user)).await?;
        Ok(link)
    }

    async fn link(&self, user: &User) -> Result<String, Error> {
        Ok(format!("{}/auth/reset?link={}", self.0.issuer, self.0.links.issue(user.user_id).await?))
    }

    /// Whether links can be sent.
    pub(crate) fn sends_mail(&self) -> bool {
        self.0.mailer.is_some()
    }

    /// Sends a link to whoever has that address. All of it happens later, so that nobody learns whether anybody has.
    pub(crate) fn send_link(&self, email: &str, from: &From) {
        let (accounts, email, address) = (self.clone(), normalized(email), from.address);
        tokio::spawn(async move {
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
        let (title, link) = (&self.0.title, self.link(&user).await?);
        self.record_own(&user, "reset_link", Some("by mail")).await?;
        let text = format!(
            "Hello {},\n\nsomebody, perhaps you, wants to choose a new password for {title}. This link does it, once and \
             within an hour:\n\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
            user.name
        );
        mailer
            .send(Mail { to: user.email, name: user.name, subject: format!("A new password for {title}"), text })
            .await
    }

    /// Takes the second factor from a user who has lost it.
    ///
    /// # Errors
    /// [`UserError::NotFound`], or [`UserError::Beyond`].
    pub async fn remove_second_factor(&self, may: &May<Update, User>, id: Uuid) -> Result<(), UserError> {
        let user = self.0.users.get(id).await?;
        self.check_reach(may.actor(), &user.roles)?;
        self.0.factors.remove(id).await?;
        self.0.users.set_second_factor(id, false).await?;
        self.users().record(may.actor(), event(may.actor(), "second_factor_off", &user)).await?;
        Ok(self.sign_out_everywhere(id).await?)
    }
}
