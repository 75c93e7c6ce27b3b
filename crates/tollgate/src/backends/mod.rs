//! Which other APIs does the app ask, and how?
//!
//! An app names them beside its services, each with a type of its own that knows what can be asked there; handlers take
//! that type as they take a store. Where an API is, how long it may take and with which token, is settings.
//!
//! ```
//! use tollgate::{backends::{Backend, HttpClient}, prelude::*};
//!
//! /// Knows tomorrow.
//! struct Weather(HttpClient);
//!
//! impl From<HttpClient> for Weather {
//!     fn from(client: HttpClient) -> Self {
//!         Self(client)
//!     }
//! }
//!
//! /// Tomorrow, somewhere.
//! #[input(open)]
//! #[output]
//! struct Forecast {
//!     celsius: f64,
//! }
//!
//! impl Weather {
//!     async fn tomorrow(&self, city: &str) -> Result<Forecast> {
//!         Ok(self.0.get(["cities", city, "tomorrow"]).query("units", "metric").read().await?)
//!     }
//! }
//!
//! async fn tomorrow(_: Public, weather: Backend<Weather>, Path(city): Path<String>) -> Result<Json<Forecast>> {
//!     Ok(Json(weather.tomorrow(&city).await?))
//! }
//!
//! let service = Service::new("weather").get("/tomorrow/{city}", tomorrow);
//! let app = App::new("myapi").service(service).backend::<Weather>("weather");
//! # let _ = app.settings("backends.weather.url = 'https://api.weather.example/v1'");
//! ```
//!
//! A request that may be repeated is tried again while there is time and budget, one in ten requests; what a caller sent
//! becomes one segment of a path or one value of a query, never an address.

mod budget;
mod client;
mod error;
mod measures;
mod request;

pub use client::HttpClient;
pub use error::{BackendError, ErrorKind};
pub(crate) use measures::metrics;
pub use request::{Request, Response};

use crate::{app::Failure, settings::BackendSettings};
use axum::http::Extensions;
use std::{any::type_name, collections::BTreeMap, marker::PhantomData, ops::Deref, sync::Arc};
use tollgate_core::{Problem, config::prefix};
use tollgate_http::{Argument, Call, Operation};

/// Another API, in a handler: what [`App::backend`](crate::App::backend) made of its client;
/// `Backend<Option<T>>` for one of [`App::optional_backend`](crate::App::optional_backend).
pub struct Backend<T>(Arc<T>);

tollgate_core::debug_by_name!(Backend<T>);

impl<T> Clone for Backend<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Backend<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// For tests that call a function of the app by hand.
impl<T> From<T> for Backend<T> {
    fn from(backend: T) -> Self {
        Self(Arc::new(backend))
    }
}

impl<T: Send + Sync + 'static> Argument for Backend<T> {
    /// Without the API nothing starts: it would be a 500 at the first call.
    fn describe(operation: &mut Operation<'_>) {
        let whole = type_name::<T>();
        let (name, word) = match whole.strip_prefix("core::option::Option<") {
            Some(inner) => (inner.trim_end_matches('>'), "optional_backend"),
            None => (whole, "backend"),
        };
        let name = name.rsplit("::").next().unwrap_or(name);
        let asked = if word == "backend" { name.to_owned() } else { format!("Option<{name}>") };
        operation.needs::<Named<T>>(format!(
            "asks for `Backend<{asked}>`, which the app does not name: add `.{word}::<{name}>(\"…\")` to it"
        ));
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.extension()
    }
}

/// That the app named a `T`, before there is one.
struct Named<T>(PhantomData<fn() -> T>);

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

/// One that the app named, and how its type is made.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    name: &'static str,
    is_optional: bool,
    fill: fn(Option<HttpClient>, &mut Extensions),
    tell: fn(&mut Extensions),
}

impl Slot {
    pub(crate) fn of<T: From<HttpClient> + Send + Sync + 'static>(name: &'static str) -> Self {
        let fill = |client: Option<HttpClient>, to: &mut Extensions| {
            client.map(|client| to.insert(Backend(Arc::new(T::from(client)))));
        };
        Self { name, is_optional: false, fill, tell: tell::<T> }
    }

    pub(crate) fn optional<T: From<HttpClient> + Send + Sync + 'static>(name: &'static str) -> Self {
        let fill = |client: Option<HttpClient>, to: &mut Extensions| {
            to.insert(Backend(Arc::new(client.map(T::from))));
        };
        Self { name, is_optional: true, fill, tell: tell::<Option<T>> }
    }

    /// Says that handlers may ask for it.
    pub(crate) fn tell(&self, to: &mut Extensions) {
        (self.tell)(to);
    }

    /// Makes it, for handlers; answers its client.
    fn open(
        &self,
        app: &str,
        settings: Option<&BackendSettings>,
        to: &mut Extensions,
    ) -> Result<Option<HttpClient>, Failure> {
        if settings.is_none() && !self.is_optional {
            let variable = format!("{}_BACKENDS__{}__URL", prefix(app), self.name.to_uppercase());
            return Err(Failure(format!("backends.{}: the app asks this API; set {variable}", self.name)));
        }
        let client = settings.map(|settings| HttpClient::new(self.name, settings)).transpose()?;
        (self.fill)(client.clone(), to);
        Ok(client)
    }
}

fn tell<T: 'static>(to: &mut Extensions) {
    to.insert(Named::<T>(PhantomData));
}

/// Makes them all, for handlers; answers their clients.
pub(crate) fn open(
    app: &str,
    slots: &[Slot],
    settings: &BTreeMap<String, BackendSettings>,
    to: &mut Extensions,
) -> Result<Vec<HttpClient>, Failure> {
    if let Some(unknown) = settings.keys().find(|name| slots.iter().all(|slot| slot.name != **name)) {
        let known: Vec<_> = slots.iter().map(|slot| slot.name).collect();
        return Err(Failure(format!("backends.{unknown}: the app asks no such API; it asks: {}", known.join(", "))));
    }
    slots.iter().filter_map(|slot| slot.open(app, settings.get(slot.name), to).transpose()).collect()
}
