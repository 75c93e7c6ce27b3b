//! How are callers recognised? By whatever the settings switch on, joined here.
//!
//! A request meets, in this order: an API key, the session of a sign-in with a provider, the embedded issuer or, where
//! that is off, the other issuers alone. Each asks the next when the credentials are not its own.

use crate::{
    app::{Design, Failure},
    kept::Values,
    secrets::Secrets,
    settings::{Client, Settings},
};
use axum::{Router, http::HeaderMap};
use std::{sync::Arc, time::Duration};
use tollgate_auth::{
    Accounts, ApiKeys, Identity, IdentityConfig, Issuers, Mailer, ProviderPeople, ProviderSignIn, SignInConfig,
};
use tollgate_core::Clock;
use tollgate_http::{
    Authenticate, Origins,
    pages::{Pages, Session},
};
use tollgate_store::Database;

/// The kinds of sign-in of one app.
pub(crate) struct Identities {
    /// The embedded issuer; tests bring their own way to recognise callers.
    pub(crate) own: Option<Identity>,
    /// The other issuers whose tokens are trusted.
    pub(crate) others: Issuers,
    /// Their people, as far as something is known of them here.
    pub(crate) people: ProviderPeople,
    /// Sign-in with those of them that have a client for it.
    pub(crate) sign_in: Option<ProviderSignIn>,
    pub(crate) keys: ApiKeys,
    pub(crate) accounts: Accounts,
    /// All of them.
    pub(crate) authenticate: Arc<dyn Authenticate>,
}

/// What they work with.
pub(crate) struct With<'a> {
    pub(crate) database: &'a Arc<dyn Database>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) pages: &'a Arc<Pages>,
    pub(crate) values: &'a Values,
}

impl Identities {
    /// Starts those that the settings switch on; given another way to recognise callers, API keys alone.
    pub(crate) async fn start(
        design: &Design,
        with: &With<'_>,
        given: Option<Arc<dyn Authenticate>>,
    ) -> Result<Self, Failure> {
        let With { database, clock, pages, values } = with;
        let roles = Arc::new(design.roles.clone());
        let providers = if given.is_some() { vec![] } else { design.settings.providers().map_err(Failure)? };
        let others = Issuers::start(providers, &roles, clock)?;
        let own = if given.is_none() && design.settings.has_embedded_issuer() {
            let config = IdentityConfig { others: others.clone(), ..design.identity_config()? };
            Some(Identity::start(config, Arc::clone(database), Arc::clone(clock), Arc::clone(pages)).await?)
        } else {
            None
        };
        let revocations = own.as_ref().map_or_else(Arc::default, |own| Arc::clone(own.gate().revocations()));
        let people = ProviderPeople::start(&others, database, clock, &revocations).await?;
        let issued = match (given, &own) {
            (Some(given), _) => given,
            (None, Some(own)) => own.authenticator(),
            (None, None) => others.authenticator(design.roles.anyone(), Arc::clone(clock), &revocations)?,
        };
        let config = design.sign_in_config(values.key("sign-in key").await?);
        let sign_in = ProviderSignIn::start(&config, &others, database, clock, pages)?;
        let signed_in = sign_in.as_ref().map_or(Arc::clone(&issued), |sign_in| sign_in.authenticator(issued));
        let accounts = match &own {
            Some(own) => own.accounts(),
            None => Accounts::new(&design.identity_config()?, database, clock)?,
        };
        let keys = ApiKeys::start(design.name, roles, own.clone(), database, clock).await?;
        let authenticate = keys.authenticator(signed_in);
        Ok(Self { own, others, people, sign_in, keys, accounts, authenticate })
    }

    /// Takes over secrets of issuers and clients that are rotated where they are kept.
    pub(crate) fn follow(&self, secrets: &Secrets, settings: &Settings) {
        let others = self.others.clone();
        secrets.on_change(&["identity", "issuers"], move |setting, new| match setting {
            [name, setting] => Ok(others.renew(name, setting, new)?),
            _ => Ok(false),
        });
        let (own, clients) = (self.own.clone(), settings.identity.clients.clone());
        secrets.on_change(&["identity", "clients"], move |setting, new| {
            let [at, secret] = setting else { return Ok(false) };
            let client = at.parse().ok().and_then(|at: usize| clients.get(at)).filter(|_| secret == "secret");
            let (Some(own), Some(client)) = (&own, client) else { return Ok(false) };
            own.renew_client(Client { secret: Some(new.clone()), ..client.clone() }.read().map_err(Failure)?);
            Ok(true)
        });
    }

    /// The routes of the embedded issuer, and of sign-in with others.
    pub(crate) fn router(&self) -> Router {
        let own = self.own.as_ref().map(Identity::router).unwrap_or_default();
        self.sign_in.as_ref().map_or(own.clone(), |sign_in| sign_in.router(own))
    }

    /// The pages of the embedded issuer's clients.
    pub(crate) fn pages(&self) -> Option<Arc<dyn Origins>> {
        self.own.clone().map(|own| Arc::new(own) as Arc<dyn Origins>)
    }

    /// The session that a browser sends along; a page can do without.
    pub(crate) async fn session(&self, headers: &HeaderMap) -> Option<Session> {
        if let Some(sign_in) = &self.sign_in
            && let Ok(Some(session)) = sign_in.session(headers).await
        {
            return Some(session);
        }
        self.own.as_ref()?.session(headers).await.ok().flatten()
    }
}

impl Design {
    fn sign_in_config(&self, key: [u8; 32]) -> SignInConfig {
        SignInConfig {
            public_url: self.settings.public_url(),
            session_lifetime: Duration::from_secs(u64::from(self.settings.identity.session_hours) * 60 * 60),
            key,
            has_passwords: self.settings.has_embedded_issuer(),
        }
    }

    fn identity_config(&self) -> Result<IdentityConfig, Failure> {
        let Settings { identity, .. } = &self.settings;
        let clients = identity.clients.iter().map(Client::read).collect::<Result<_, _>>().map_err(Failure)?;
        Ok(IdentityConfig {
            clients,
            access_lifetime: Duration::from_secs(u64::from(identity.access_token_minutes) * 60),
            session_lifetime: Duration::from_secs(u64::from(identity.session_hours) * 60 * 60),
            key_lifetime: Duration::from_secs(u64::from(identity.signing_key_days) * 24 * 60 * 60),
            password_grant: identity.password_grant,
            demo_users: self.settings.allows_demo_users(),
            default_role: identity.default_role.clone(),
            second_factor_roles: identity.second_factor.clone(),
            shortest_password: identity.shortest_password,
            title: self.title.clone(),
            mailer: self.mailer.clone().or_else(|| self.settings.is_dev().then(Mailer::to_the_log)),
            ..IdentityConfig::new(self.settings.public_url(), Arc::new(self.roles.clone()))
        })
    }
}
