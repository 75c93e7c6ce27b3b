//! An app with its database: what every command but `routes` and `openapi` works with.

use crate::{
    app::{Design, Failure},
    databases::Databases,
    home,
    kept::Values,
    settings::{Client, Settings},
};
use axum::{Router, http::HeaderMap, middleware::from_fn_with_state, routing::get};
use std::{sync::Arc, time::Duration};
use tollgate_auth::{Identity, IdentityConfig};
use tollgate_core::{Clock, Problem, SystemClock, with_causes};
use tollgate_http::{
    AnyResource, AuditLog, Authenticate, Built, Context, Edge, Keyed, KeyedRequest, LoadError, Refusal, Stores, docs,
    pages::{self, Pages, Site},
    pipeline, with_fallbacks,
};
use tollgate_store::{Database, Error, Table};

/// An app with its database.
pub(crate) struct Running {
    pub(crate) design: Arc<Design>,
    pub(crate) databases: Databases,
    /// The embedded issuer; tests bring their own way to recognise callers.
    pub(crate) identity: Option<Identity>,
    pub(crate) context: Arc<Context>,
    pub(crate) pages: Arc<Pages>,
    /// What was done about the schema and the first rows, for people.
    pub(crate) done: Vec<String>,
}

/// What an app runs on.
pub struct Ground {
    /// Where rows live.
    pub databases: Databases,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Recognises callers, in place of the embedded issuer, which then is absent.
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
        let (identity, authenticate) = if let Some(authenticate) = authenticate {
            (None, authenticate)
        } else {
            let (database, clock, pages) = (Arc::clone(database), Arc::clone(&clock), Arc::clone(&pages));
            let identity = Identity::start(self.identity_config()?, database, clock, pages).await?;
            let authenticate = identity.authenticator();
            (Some(identity), authenticate)
        };
        let stores = Stores::new(&self.built.resources, |table| databases.of(table), &clock);
        if first_rows {
            done.extend(add_first_rows(&self.built, &stores, &values).await?);
        }
        let context =
            Arc::new(Context { authenticate, stores, seal: values.seal().await?, clock, keyed: Keyed::default() });
        Ok(Running { design: Arc::new(self), databases, identity, context, pages, done })
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
            ..IdentityConfig::new(self.settings.public_url(), Arc::new(self.roles.clone()))
        })
    }
}

/// The tables of the framework itself.
pub(crate) fn own_tables() -> Vec<&'static Table> {
    [&[Values::TABLE, KeyedRequest::TABLE], &Identity::tables()[..]].concat()
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
    /// Everything the app answers: its services, its document, its pages, its issuer.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let Design { title, built, settings, roles, .. } = &*self.design;
        let roles = settings.is_dev().then(|| roles.clone());
        let authenticate = Arc::clone(&self.context.authenticate);
        let edge = Arc::new(Edge::new(Arc::clone(&self.pages), authenticate, roles).audited(self.audit_log()));
        let running = Arc::clone(self);
        let api = built.router.clone().with_state(Arc::clone(&self.context));
        let road = |router: Router| with_fallbacks(router).layer(from_fn_with_state(Arc::clone(&edge), pipeline));
        let sample = home::Sample::of(built, road(api.clone()));
        road(
            api.merge(docs::router(title, &built.document))
                .merge(pages::assets())
                .merge(self.identity.as_ref().map(Identity::router).unwrap_or_default())
                .merge(home::router(Arc::clone(self), sample))
                .route("/livez", get(async || "ok"))
                .route("/readyz", get(async move || ready(&running.databases).await)),
        )
    }

    fn audit_log(&self) -> AuditLog {
        let keep = self.design.settings.audit.keep_days.map(|days| Duration::from_hours(24 * u64::from(days)));
        AuditLog::start(&self.databases.all().cloned().collect::<Vec<_>>(), &self.context.clock, keep)
    }

    /// The session that a browser sends along; a page can do without.
    pub(crate) async fn session(&self, headers: &HeaderMap) -> Option<pages::Session> {
        self.identity.as_ref()?.session(headers).await.ok().flatten()
    }

    /// The embedded issuer.
    pub(crate) fn identity(&self) -> Result<&Identity, Failure> {
        self.identity.as_ref().ok_or_else(|| Failure("the embedded issuer is off".into()))
    }
}

/// Whether the app can do its work, and if not, why.
async fn ready(databases: &Databases) -> Result<&'static str, Refusal> {
    match databases.ping().await {
        Ok(()) => Ok("ok"),
        Err(error) => {
            let words = "the database does not answer, or takes no writes";
            Err(Problem::unavailable().because(words).later(1).caused_by(error).into())
        }
    }
}
