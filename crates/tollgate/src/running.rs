//! An app with its database: what every command but `routes` and `openapi` works with.

use crate::{
    app::{Design, Failure, title},
    databases::Databases,
    home,
    kept::Values,
    settings::{Client, Settings},
};
use axum::{
    Router,
    http::{Extensions, HeaderMap},
    middleware::from_fn_with_state,
};
use std::{sync::Arc, time::Duration};
use tollgate_auth::{
    Accounts, ApiKey, ApiKeys, Identity, IdentityConfig, Issuers, Mailer, ProviderSignIn, SignInConfig,
};
use tollgate_core::{Clock, SystemClock, with_causes};
use tollgate_http::{
    AnyResource, AuditLog, Authenticate, Built, Context, Edge, Keyed, KeyedRequest, Load, LoadError, Stop, Stores,
    docs,
    pages::{self, Pages, Site},
    pipeline, with_fallbacks,
};
use tollgate_store::{Database, Error, Resource, Table};

/// An app with its database.
pub(crate) struct Running {
    pub(crate) design: Arc<Design>,
    pub(crate) databases: Databases,
    /// The embedded issuer; tests bring their own way to recognise callers.
    pub(crate) identity: Option<Identity>,
    pub(crate) keys: ApiKeys,
    /// The other issuers whose tokens are trusted.
    pub(crate) issuers: Issuers,
    /// Sign-in with those of them that have a client for it.
    pub(crate) sign_in: Option<ProviderSignIn>,
    pub(crate) context: Arc<Context>,
    pub(crate) pages: Arc<Pages>,
    /// Told when the process is on its way out.
    pub(crate) stop: Stop,
    /// The requests that run.
    pub(crate) load: Arc<Load>,
    /// What was done about the schema and the first rows, for people.
    pub(crate) done: Vec<String>,
}

/// What an app runs on.
pub struct Ground {
    /// Where rows live.
    pub databases: Databases,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Recognises callers, in place of the issuers, which then are absent.
    pub authenticate: Option<Arc<dyn Authenticate>>,
    /// Whether new tables get their first rows.
    pub first_rows: bool,
}

impl Design {
    /// Opens the databases and makes them ready.
    pub(crate) async fn open(self) -> Result<Running, Failure> {
        self.settings.check().map_err(Failure)?;
        let databases = Databases::open(&self).await?;
        let clock = Arc::new(SystemClock::default());
        self.open_on(Ground { databases, clock, authenticate: None, first_rows: true }).await
    }

    /// Makes databases ready.
    pub(crate) async fn open_on(self, ground: Ground) -> Result<Running, Failure> {
        let Ground { databases, clock, authenticate, first_rows } = ground;
        let mut done = databases.prepare(&self).await?;
        let database = &databases.default;

        let values = Values::new(Arc::clone(database), Arc::clone(&clock));
        let pages = Arc::new(Pages::new(self.site(&**database)));
        let providers = if authenticate.is_some() { vec![] } else { self.settings.providers().map_err(Failure)? };
        let issuers = Issuers::start(providers, &Arc::new(self.roles.clone()), &clock)?;
        let identity = if authenticate.is_none() && self.settings.has_embedded_issuer() {
            let config = IdentityConfig { others: issuers.clone(), ..self.identity_config()? };
            let (database, clock, pages) = (Arc::clone(database), Arc::clone(&clock), Arc::clone(&pages));
            Some(Identity::start(config, database, clock, pages).await?)
        } else {
            None
        };
        let authenticate = match (authenticate, &identity) {
            (Some(authenticate), _) => authenticate,
            (None, Some(identity)) => identity.authenticator(),
            (None, None) => issuers.authenticator(self.roles.anyone(), Arc::clone(&clock))?,
        };
        let config = self.sign_in_config(values.key("sign-in key").await?);
        let sign_in = ProviderSignIn::start(&config, &issuers, database, &clock, &pages)?;
        let authenticate = match &sign_in {
            Some(sign_in) => sign_in.authenticator(authenticate),
            None => authenticate,
        };
        let accounts = match &identity {
            Some(identity) => identity.accounts(),
            None => Accounts::new(&self.identity_config()?, database, &clock)?,
        };
        let roles = Arc::new(self.roles.clone());
        let keys = ApiKeys::start(self.name, roles, identity.clone(), database, &clock).await?;
        let authenticate = keys.authenticator(authenticate);
        let stores = Stores::new(&self.built.resources, |table| databases.of(table), &clock);
        if first_rows {
            done.extend(add_first_rows(&self.built, &stores, &values).await?);
        }
        let mut extensions = Extensions::new();
        extensions.insert(accounts);
        extensions.insert(keys.clone());
        let (seal, keyed) = (values.seal().await?, Keyed::default());
        let context = Arc::new(Context { authenticate, stores, seal, clock, keyed, extensions });
        let (stop, load, design) = (Stop::default(), Arc::new(self.settings.server.load()), Arc::new(self));
        Ok(Running { design, databases, identity, keys, issuers, sign_in, context, pages, stop, load, done })
    }

    fn site(&self, database: &dyn Database) -> Site {
        Site {
            name: self.name.into(),
            title: self.title.clone(),
            version: self.version.into(),
            about: self.about.into(),
            tagline: self.tagline.map(str::to_owned),
            environment: self.settings.env.clone(),
            database: database.describe(),
            providers: self.sign_in_providers(),
            without_passwords: !self.settings.has_embedded_issuer(),
        }
    }

    /// Those that the sign-in page offers.
    fn sign_in_providers(&self) -> Vec<pages::Provider> {
        let providers = self.settings.providers().unwrap_or_default();
        let those = providers.iter().filter(|provider| provider.common.client_id.is_some());
        those.map(|provider| pages::Provider { id: provider.name.clone(), label: title(&provider.name) }).collect()
    }

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

/// The tables of the framework itself.
pub(crate) fn own_tables() -> Vec<&'static Table> {
    let own = [Values::TABLE, KeyedRequest::TABLE, ApiKey::TABLE];
    [&own[..], &Identity::tables()[..], &ProviderSignIn::tables()[..]].concat()
}

/// Rows that new tables start with. A table that was filled once stays as it is, also when it was emptied.
async fn add_first_rows(built: &Built, stores: &Stores, values: &Values) -> Result<Vec<String>, Failure> {
    let mut done = vec![];
    for (plural, json) in &built.first_rows {
        let mark = format!("first rows of {plural}");
        let resource = built.resources.iter().find(|resource| resource.table().name == *plural);
        let Some(resource) = resource else { continue };
        if values.get(&mark).await?.is_some() {
            continue;
        }
        if resource.is_empty(stores).await? {
            let count = load_first_rows(&**resource, json, stores).await?;
            done.push(format!("added {count} {plural}"));
        }
        values.get_or_add(&mark, "added".into()).await?;
    }
    Ok(done)
}

async fn load_first_rows(resource: &dyn AnyResource, json: &str, stores: &Stores) -> Result<usize, Failure> {
    let name = resource.table().name;
    let rows = serde_json::from_str(json).map_err(|error| Failure(format!("the first rows of `{name}`: {error}")))?;
    match resource.load(stores, rows, &|_| ()).await {
        // Another instance was faster.
        Err(LoadError::Store(Error::Conflict { .. })) => Ok(0),
        Err(LoadError::Rows(bad, count)) => {
            let first = bad.first().map(|bad| format!("row {}: {}", bad.row, bad.problem)).unwrap_or_default();
            Err(Failure(format!("the first rows of `{name}`: {count} are not good; {first}")))
        }
        loaded => loaded.map_err(|error| Failure(format!("the first rows of `{name}`: {}", with_causes(&error)))),
    }
}

impl Running {
    /// Everything the app answers: its services, its document, its pages, its issuer. And what answers in their place.
    pub(crate) fn router(self: &Arc<Self>) -> (Router, Arc<Edge>) {
        let Design { title, built, settings, roles, .. } = &*self.design;
        let roles = settings.is_dev().then(|| roles.clone());
        let authenticate = Arc::clone(&self.context.authenticate);
        let edge = Edge::new(Arc::clone(&self.pages), authenticate, roles).audited(self.audit_log());
        let edge = Arc::new(edge.behind(settings.server.proxies.into()).bearing(Arc::clone(&self.load)));
        let api = built.router.clone().with_state(Arc::clone(&self.context));
        let road = |router: Router| with_fallbacks(router).layer(from_fn_with_state(Arc::clone(&edge), pipeline));
        let sample = home::Sample::of(built, road(api.clone()));
        let router = road(
            api.merge(docs::router(title, &built.document, &built.schemes))
                .merge(pages::assets())
                .merge(self.identity_routes())
                .merge(home::router(Arc::clone(self), sample))
                .merge(self.health().router()),
        );
        (router, edge)
    }

    fn audit_log(&self) -> AuditLog {
        let keep = self.design.settings.audit.keep_days.map(|days| Duration::from_hours(24 * u64::from(days)));
        AuditLog::start(&self.databases.all().cloned().collect::<Vec<_>>(), &self.context.clock, keep)
    }

    /// Those of the embedded issuer, and of sign-in with others.
    fn identity_routes(&self) -> Router {
        let own = self.identity.as_ref().map(Identity::router).unwrap_or_default();
        self.sign_in.as_ref().map_or(own.clone(), |sign_in| sign_in.router(own))
    }

    /// The session that a browser sends along; a page can do without.
    pub(crate) async fn session(&self, headers: &HeaderMap) -> Option<pages::Session> {
        if let Some(sign_in) = &self.sign_in
            && let Ok(Some(session)) = sign_in.session(headers).await
        {
            return Some(session);
        }
        self.identity.as_ref()?.session(headers).await.ok().flatten()
    }

    /// The embedded issuer.
    pub(crate) fn identity(&self) -> Result<&Identity, Failure> {
        self.identity.as_ref().ok_or_else(|| Failure("the embedded issuer is off".into()))
    }
}
