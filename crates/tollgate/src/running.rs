//! An app with its database: what every command but `routes` and `openapi` works with.

use crate::{
    app::{Design, Failure, title},
    backends, console,
    databases::Databases,
    home,
    identities::{Identities, With},
    kept::Values,
    seed,
    shared::{Ping, Shared},
};
use axum::{Router, middleware::from_fn};
use std::{sync::Arc, time::Duration};
use tollgate_auth::{Identity, ProviderSignIn};
use tollgate_core::{Clock, SystemClock};
use tollgate_http::{
    AuditLog, Authenticate, Context, Cors, Edge, Keyed, KeyedRequest, Live, Load, Observe, Pipeline, Stop, Stores,
    docs,
    pages::{self, Link, Pages, Site, Way},
    with_fallbacks,
};
use tollgate_store::{Database, Table};

/// An app with its database.
pub(crate) struct Running {
    pub(crate) design: Arc<Design>,
    pub(crate) databases: Databases,
    pub(crate) identities: Identities,
    /// The other APIs that the app asks.
    pub(crate) backends: Vec<backends::HttpClient>,
    pub(crate) context: Arc<Context>,
    pub(crate) pages: Arc<Pages>,
    /// Told when the process is on its way out.
    pub(crate) stop: Stop,
    /// The requests that run.
    pub(crate) load: Arc<Load>,
    /// Asks the Redis, if there is one.
    pub(crate) redis: Option<Ping>,
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
    pub seed: bool,
}

tollgate_core::debug_by_name!(Ground);

impl Design {
    /// Opens the databases and makes them ready.
    pub(crate) async fn open(self) -> Result<Running, Failure> {
        // Boxed, because it holds all settings more than once.
        Box::pin(self.open_by(Arc::new(SystemClock::default()))).await
    }

    /// The same by another clock.
    pub(crate) async fn open_by(self, clock: Arc<dyn Clock>) -> Result<Running, Failure> {
        self.settings.check().map_err(Failure)?;
        let databases = Databases::open(&self).await?;
        let (held, every) = (self.settings.held.clone(), self.settings.secrets.refresh_seconds);
        let ground = Ground { databases, clock, authenticate: None, seed: true };
        // Boxed: it is large, and part of what each command does.
        let running = Box::pin(self.open_on(ground)).await?;
        running.identities.follow(&held, &running.design.settings);
        if every > 0 {
            held.keep_fresh(Duration::from_secs(every.into()));
        }
        Ok(running)
    }

    /// Makes databases ready.
    pub(crate) async fn open_on(self, ground: Ground) -> Result<Running, Failure> {
        let Ground { databases, clock, authenticate, seed } = ground;
        let mut done = databases.prepare(&self).await?;
        let database = &databases.default;

        let values = Values::new(Arc::clone(database), Arc::clone(&clock));
        let pages = Arc::new(Pages::with(self.site(&**database), self.templates(), self.ways()));
        let with = With { database, clock: &clock, pages: &pages, values: &values };
        let identities = Identities::start(&self, &with, authenticate).await?;
        let stop = Stop::default();
        let shared = Shared::open(&self, &clock, &stop)?;
        let watch = |table: &Table| shared.watch(table);
        let stores = Stores::watched(&self.built.resources, |table| databases.of(table), &clock, watch);
        if seed {
            done.extend(seed::add(&self.built, &stores, &databases, &clock).await?);
        }
        let mut extensions = self.settings.own.clone();
        extensions.insert(Arc::clone(&pages));
        extensions.insert(identities.accounts.clone());
        extensions.insert(identities.keys.clone());
        extensions.insert(identities.people.clone());
        extensions.insert(shared.live.clone());
        let backends = backends::open(self.name, &self.backends, &self.settings.backends, &mut extensions)?;
        let (seal, keyed, authenticate) =
            (values.seal().await?, Keyed::default(), Arc::clone(&identities.authenticate));
        let Shared { cache, limits, redis, .. } = shared;
        let context = Arc::new(Context { authenticate, stores, seal, clock, keyed, cache, limits, extensions });
        let (load, design) =
            (Arc::new(self.settings.server.load().with_bodies_of(self.built.longest_body)), Arc::new(self));
        Ok(Running { design, databases, identities, backends, context, pages, stop, load, redis, done })
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

    fn templates(&self) -> Vec<(&'static str, &'static str)> {
        let console = self.settings.recent.as_ref().map(|_| console::TEMPLATE);
        self.templates.iter().copied().chain(console).collect()
    }

    /// The ways to the pages of the services, with what those take.
    fn ways(&self) -> Vec<Way> {
        let links = self.built.services.iter().flat_map(|service| service.links.clone());
        let permissions = |link: &Link| {
            let route = self.built.routes.iter().find(|route| route.path == link.href);
            route.iter().flat_map(|route| route.access.permissions()).map(str::to_owned).collect()
        };
        let console = self.settings.recent.as_ref().map(|_| console::way());
        links.map(|link| Way { permissions: permissions(&link), link }).chain(console).collect()
    }

    /// Those that the sign-in page offers.
    fn sign_in_providers(&self) -> Vec<pages::Provider> {
        let providers = self.settings.providers().unwrap_or_default();
        let those = providers.iter().filter(|provider| provider.common.client_id.is_some());
        those.map(|provider| pages::Provider { id: provider.name.clone(), label: title(&provider.name) }).collect()
    }
}

/// The tables of the framework itself.
pub(crate) fn own_tables() -> Vec<&'static Table> {
    let own = [Values::TABLE, KeyedRequest::TABLE];
    [&own[..], &Identity::tables()[..], &ProviderSignIn::tables()[..]].concat()
}

impl Running {
    /// Everything the app answers: its services, its document, its pages, its issuer. And what answers in their place.
    pub(crate) fn router(self: &Arc<Self>) -> (Router, Arc<Edge>) {
        let Design { title, built, settings, roles, .. } = &*self.design;
        let roles = settings.is_dev().then(|| roles.clone());
        let authenticate = Arc::clone(&self.context.authenticate);
        let edge = Edge::new(Arc::clone(&self.pages), authenticate, roles).audited(self.audit_log());
        let edge = edge.behind(settings.server.proxies.into()).limited(self.context.limits.clone());
        let edge = if settings.lambda.is_here { edge.believing_ids() } else { edge };
        let edge = edge.read_by(Cors::new(settings.server.origins.clone(), self.identities.pages()));
        let is_tls = !settings.is_dev() && settings.public_url().starts_with("https://");
        let edge = if is_tls { edge.over_tls_alone() } else { edge };
        let edge = Arc::new(edge.bearing(Arc::clone(&self.load)));
        self.sweep_changes();
        let api = built.router.clone().with_state(Arc::clone(&self.context));
        let has_console = settings.recent.is_some();
        let road = |router: Router| {
            let layers = (Observe, Pipeline(Arc::clone(&edge)));
            // With its state a route is made once, and not for each request.
            let router = with_fallbacks(router);
            let router = if has_console { router.layer(from_fn(console::note)) } else { router };
            router.layer(layers).with_state(())
        };
        let sample = home::Sample::of(built, road(api.clone()));
        let router = road(
            api.merge(docs::router(title, &built.document, &built.schemes))
                .merge(pages::assets())
                .merge(self.identities.router())
                .merge(home::router(Arc::clone(self), sample))
                .merge(console::router(self))
                .merge(self.health().router()),
        );
        (router, edge)
    }

    /// Old changes are of use to nobody.
    fn sweep_changes(&self) {
        let databases = self.design.followed().into_iter().map(|name| Arc::clone(self.databases.named(name)));
        if let Some(live) = self.context.extensions.get::<Live>() {
            live.sweep(databases);
        }
    }

    fn audit_log(&self) -> AuditLog {
        let keep = self.design.settings.audit.keep_days.map(|days| Duration::from_hours(24 * u64::from(days)));
        AuditLog::start(&self.databases.all().cloned().collect::<Vec<_>>(), &self.context.clock, keep)
            .watching(self.design.built.resources.iter().map(|resource| resource.table()))
    }

    /// The embedded issuer.
    pub(crate) fn identity(&self) -> Result<&Identity, Failure> {
        self.identities.own.as_ref().ok_or_else(|| Failure("the embedded issuer is off".into()))
    }
}
