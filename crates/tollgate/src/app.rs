//! An application: its services, and what it brings along to run them.

use crate::{
    audit,
    backends::{HttpClient, Slot},
    cli,
    running::own_tables,
    settings::{Section, Settings},
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::fmt;
use tollgate_access::{Known, Roles};
use tollgate_auth::{
    Mail, MailError, Mailer,
    provider::{Endpoints, Provider},
};
use tollgate_core::{capitalized, with_causes};
use tollgate_http::{Api, Built, Flow, Scheme, Service, docs};
use tollgate_store::Table;
use tollgate_telemetry::Registry;

/// How the process ends.
pub type Exit = std::process::ExitCode;

/// An application.
///
/// ```no_run
/// # mod movies { pub fn service() -> tollgate::Service { tollgate::Service::new("movies") } }
/// use tollgate::prelude::*;
///
/// fn main() -> tollgate::Exit {
///     App::new("myapi").service(movies::service()).main()
/// }
/// ```
pub struct App {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) version: &'static str,
    pub(crate) about: &'static str,
    pub(crate) tagline: Option<&'static str>,
    pub(crate) built_in: Vec<(Option<&'static str>, &'static str)>,
    pub(crate) sections: Vec<Section>,
    backends: Vec<Slot>,
    services: Vec<Service>,
    mailer: Option<Mailer>,
    metrics: Vec<AddMetrics>,
    templates: Vec<(&'static str, &'static str)>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("name", &self.name).field("services", &self.services).finish_non_exhaustive()
    }
}

/// Registers metrics of an app.
pub(crate) type AddMetrics = fn(&mut Registry);

impl App {
    /// An app without services. Its name is that of its command, and of its settings: `MYAPI_SERVER__PORT`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let (title, version) = (title(name), env!("CARGO_PKG_VERSION"));
        Self {
            name,
            title,
            version,
            about: "",
            tagline: None,
            built_in: vec![],
            sections: vec![],
            backends: vec![],
            services: vec![],
            mailer: None,
            metrics: vec![],
            templates: vec![],
        }
    }

    /// The app's version: `env!("CARGO_PKG_VERSION")`. Without it, that of Tollgate is shown.
    #[must_use]
    pub fn version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    /// What the app is, in a sentence or two: for its home page and its document.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// What the app is, in a few words: ends the footer of its pages.
    #[must_use]
    pub fn tagline(self, tagline: &'static str) -> Self {
        Self { tagline: Some(tagline), ..self }
    }

    /// Settings that the app brings along: `include_str!("../config/default.toml")`. Files in `./config` and the
    /// environment win over them.
    #[must_use]
    pub fn settings(mut self, toml: &'static str) -> Self {
        self.built_in.push((None, toml));
        self
    }

    /// Settings that the app brings along for one environment.
    #[must_use]
    pub fn settings_in(mut self, env: &'static str, toml: &'static str) -> Self {
        self.built_in.push((Some(env), toml));
        self
    }

    /// Settings of the app's own: `[films]` is read into that struct, and handlers ask for [`Config<T>`](crate::Config).
    /// They come from the same files and variables (`MYAPI_FILMS__SIZE`), may be secrets kept elsewhere, and are in
    /// `config` and in the reference.
    #[must_use]
    pub fn config<T: DeserializeOwned + JsonSchema + Send + Sync + 'static>(mut self, group: &'static str) -> Self {
        self.sections.push(Section::of::<T>(group));
        self
    }

    /// Another API that the app asks: handlers ask for [`Backend<T>`](crate::backends::Backend), and `[backends.weather]`
    /// says where it is.
    #[must_use]
    pub fn backend<T: From<HttpClient> + Send + Sync + 'static>(mut self, name: &'static str) -> Self {
        self.backends.push(Slot::of::<T>(name));
        self
    }

    /// As [`backend`](Self::backend), of an API that the app can do without: handlers ask for `Backend<Option<T>>`, which
    /// is none where no address is set.
    #[must_use]
    pub fn optional_backend<T: From<HttpClient> + Send + Sync + 'static>(mut self, name: &'static str) -> Self {
        self.backends.push(Slot::optional::<T>(name));
        self
    }

    /// Shows metrics of the app's own beside those of the framework, where `telemetry.metrics` says.
    ///
    /// ```no_run
    /// use std::sync::LazyLock;
    /// use tollgate::{App, prometheus_client::metrics::counter::Counter};
    ///
    /// static LENT: LazyLock<Counter> = LazyLock::new(Counter::default);
    ///
    /// fn main() -> tollgate::Exit {
    ///     App::new("library").metrics(|registry| registry.register("library_lent", "Books lent", LENT.clone())).main()
    /// }
    /// ```
    #[must_use]
    pub fn metrics(mut self, add: fn(&mut Registry)) -> Self {
        self.metrics.push(add);
        self
    }

    /// How the app sends mail: a function that takes a [`Mail`](crate::Mail). With it, people who forgot their password get a
    /// link. Without it, links come from `user reset-link`; in `dev`, mail goes to the log.
    ///
    /// ```
    /// # use tollgate::App;
    /// let app = App::new("myapi").mail(async |mail| {
    ///     println!("to {}: {}", mail.to, mail.subject);
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn mail<S>(self, send: impl Fn(Mail) -> S + Send + Sync + 'static) -> Self
    where
        S: Future<Output = Result<(), MailError>> + Send + 'static,
    {
        Self { mailer: Some(Mailer::new(send)), ..self }
    }

    /// Brings a template along for pages of the app's own, which [`View`](crate::View) fills:
    /// `.template("shelf.html", include_str!("../templates/shelf.html"))`. One whose name ends in `.html` escapes what
    /// it is given; it begins with `{% extends "base.html" %}`.
    #[must_use]
    pub fn template(mut self, name: &'static str, source: &'static str) -> Self {
        self.templates.push((name, source));
        self
    }

    /// Adds a service.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// Runs the command that the process was started with; `serve` if none was named.
    #[must_use]
    pub fn main(self) -> Exit {
        cli::main(self)
    }

    /// Joins the services under these settings.
    pub(crate) fn design(self, mut settings: Settings) -> Result<Design, Failure> {
        let Self { name, title, version, about, tagline, backends, mailer, metrics, templates, .. } = self;
        let roles = Roles::new(&settings.access.roles, &settings.access.anyone).map_err(Failure)?;
        check_roles(&settings, &roles)?;
        let services = Service::only(self.services, &settings.server.services);
        let mut services = services.map_err(|why| Failure(format!("server.services: {why}")))?;
        services.extend([tollgate_auth::service(), audit::service(), tollgate_auth::api_keys_service()]);
        services.extend(settings.has_embedded_issuer().then(tollgate_auth::users_service));
        let has_providers = !settings.identity.issuers.is_empty();
        services.extend(has_providers.then(tollgate_auth::provider_people_service));
        let mut extensions = settings.own.clone();
        for slot in &backends {
            slot.tell(&mut extensions);
        }
        let api = Api {
            title: title.clone(),
            version: version.into(),
            about: about.into(),
            anyone: roles.anyone().clone(),
            schemes: schemes(&settings)?,
            services,
            quotas: settings.limits.quotas(),
            extensions,
        };
        let built = api.build().map_err(|mistakes| Failure(mistakes.join("\n")))?;
        check_table_names(&built)?;
        check_paths(&built)?;
        settings.databases.retain(|name, _| is_needed(name, &built));
        let roles = roles.knowing(known(&built));
        Ok(Design {
            name,
            title,
            version,
            about,
            tagline,
            settings,
            roles,
            built,
            mailer,
            metrics,
            templates,
            backends,
        })
    }
}

/// An app whose services contradict each other nowhere, under certain settings.
pub(crate) struct Design {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) version: &'static str,
    pub(crate) about: &'static str,
    pub(crate) tagline: Option<&'static str>,
    pub(crate) settings: Settings,
    pub(crate) roles: Roles,
    pub(crate) built: Built,
    pub(crate) mailer: Option<Mailer>,
    pub(crate) metrics: Vec<AddMetrics>,
    pub(crate) templates: Vec<(&'static str, &'static str)>,
    pub(crate) backends: Vec<Slot>,
}

/// Whether a database is more than one of services elsewhere alone. Of one that nobody names it is told later.
fn is_needed(database: &str, built: &Built) -> bool {
    let is_of = |table: &Table| table.database == Some(database);
    let is_here = built.resources.iter().any(|resource| is_of(resource.table()));
    is_here || !built.tables_elsewhere.iter().any(|table| is_of(table))
}

/// Where tokens come from: the app itself, and the issuers that the settings name. Which endpoints an issuer has is known
/// without asking, or told by its metadata.
fn schemes(settings: &Settings) -> Result<Vec<Scheme>, Failure> {
    let own = settings.has_embedded_issuer().then(|| Scheme::own("/oauth/authorize", "/oauth/token", docs::CLIENT));
    let others = settings.providers().map_err(Failure)?;
    Ok(own.into_iter().chain(others.iter().filter_map(scheme)).collect())
}

fn scheme(provider: &Provider) -> Option<Scheme> {
    let flow = match &provider.endpoints {
        Some(Endpoints { authorize, token, .. }) => Flow::Code { authorize: authorize.clone(), token: token.clone() },
        None => Flow::Metadata(provider.keys.metadata()?),
    };
    Some(Scheme {
        name: provider.name.clone(),
        about: format!("People whom {} knows.", provider.realms.first()?.name),
        flow,
        scope_prefix: provider.permission_scopes.clone(),
        id_tokens: provider.id_tokens,
        client_id: provider.common.docs_client_id.clone(),
        parameters: provider.endpoints.iter().flat_map(|endpoints| endpoints.parameters.clone()).collect(),
    })
}

/// What permissions can speak of.
fn known(built: &Built) -> Known {
    let resources = built.resources.iter().map(|resource| resource.table().name);
    Known::of(resources, built.routes.iter().flat_map(|route| route.access.permissions()))
}

/// A resource may not share a table with the framework: `users` are those of the embedded issuer.
fn check_table_names(built: &Built) -> Result<(), Failure> {
    let own = own_tables();
    let is_taken = |table: &Table| own.iter().any(|own| own.name == table.name && *own != table);
    let taken = built.resources.iter().find(|resource| is_taken(resource.table()));
    taken.map_or(Ok(()), |resource| {
        let (name, ty) = (resource.table().name, resource.type_name());
        Err(Failure(format!("the framework itself has a table `{name}`: give `{ty}` another plural")))
    })
}

/// A route may not take the place of the framework's own.
fn check_paths(built: &Built) -> Result<(), Failure> {
    let is_own = |path: &str| {
        let below = ["/docs/", "/oauth/", "/auth/", "/-/", "/.well-known/"];
        let exactly = ["/", "/docs", "/openapi.json", "/livez", "/readyz", "/token"];
        exactly.contains(&path) || below.iter().any(|start| path.starts_with(start))
    };
    built.routes.iter().find(|route| is_own(&route.path)).map_or(Ok(()), |route| {
        Err(Failure(format!("`{} {}` is the framework's own: give the route another path", route.method, route.path)))
    })
}

/// A role that a setting names must be there.
fn check_roles(settings: &Settings, roles: &Roles) -> Result<(), Failure> {
    let identity = &settings.identity;
    let default = identity.default_role.iter().map(|role| ("default_role".to_owned(), role));
    let second_factor = identity.second_factor.iter().map(|role| ("second_factor".to_owned(), role));
    let of_issuers = identity
        .issuers
        .iter()
        .flat_map(|(name, issuer)| issuer.common.roles.iter().map(move |role| (format!("issuers.{name}.roles"), role)));
    match default.chain(second_factor).chain(of_issuers).find(|(_, role)| !roles.has(role)) {
        Some((setting, role)) => {
            Err(Failure(format!("identity.{setting}: there is no role `{role}`; add it to [access.roles]")))
        }
        None => Ok(()),
    }
}

/// `lorem-ipsum` → "Lorem Ipsum".
pub(crate) fn title(name: &str) -> String {
    name.split(['-', '_']).map(capitalized).collect::<Vec<_>>().join(" ")
}

/// Why a command did not do what it was asked to: what is wrong and what to do about it, in a line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub(crate) String);

impl Failure {
    /// The error and everything behind it, in a line.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self(with_causes(error))
    }
}

impl From<tollgate_store::Error> for Failure {
    fn from(error: tollgate_store::Error) -> Self {
        Self::of(&error)
    }
}

impl From<tollgate_auth::Error> for Failure {
    fn from(error: tollgate_auth::Error) -> Self {
        Self::of(&error)
    }
}

impl From<tollgate_auth::KeyError> for Failure {
    fn from(error: tollgate_auth::KeyError) -> Self {
        Self::of(&error)
    }
}

impl From<tollgate_auth::UserError> for Failure {
    fn from(error: tollgate_auth::UserError) -> Self {
        Self::of(&error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_for_machines_becomes_one_for_people() {
        assert_eq!(super::title("lorem-ipsum"), "Lorem Ipsum");
        assert_eq!(super::title("myapi"), "Myapi");
    }
}
