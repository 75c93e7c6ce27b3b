//! Groups of settings of an app's own: `[films]` is read into a struct, and handlers ask for it.

use super::Settings;
use axum::http::Extensions;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{ops::Deref, sync::Arc};
use tollgate_core::{
    Problem,
    config::{Configuration, Invalid, schema_of},
};
use tollgate_http::{Argument, Call, Operation};

/// A group of settings that [`App::config`](crate::App::config) named, in a handler.
///
/// ```
/// use tollgate::prelude::*;
///
/// /// What is shown of films.
/// #[settings]
/// struct Films {
///     /// How many are new at once. Default: 3.
///     #[default(3)]
///     new_at_once: u8,
///     /// Where their posters are.
///     posters: String,
///     /// What the posters' owner wants to see.
///     key: Option<Secret>,
/// }
///
/// async fn posters(_: Public, films: Config<Films>) -> Json<String> {
///     Json(films.posters.clone())
/// }
///
/// let films = Service::new("films").get("/posters", posters);
/// let app = App::new("myapi").service(films).config::<Films>("films");
/// let missing = app.built_in_settings("prod").unwrap_err().to_string();
/// assert!(missing.contains("set MYAPI_FILMS__POSTERS"));
/// let app = app.settings("films.posters = 'https://films.example/posters'");
/// assert!(app.built_in_settings("prod").is_ok());
/// ```
pub struct Config<T>(Arc<T>);

tollgate_core::debug_by_name!(Config<T>);

impl<T> Clone for Config<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// For tests that call a function of the app by hand.
impl<T> From<T> for Config<T> {
    fn from(settings: T) -> Self {
        Self(Arc::new(settings))
    }
}

impl<T> Deref for Config<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Argument for Config<T> {
    /// Without the group nothing starts: it would be a 500 at the first call.
    fn describe(operation: &mut Operation<'_>) {
        let name = std::any::type_name::<T>();
        let name = name.rsplit("::").next().unwrap_or(name);
        operation.needs::<Self>(format!(
            "asks for `Config<{name}>`, which no group of settings is read into: add `.config::<{name}>(\"…\")` to the app"
        ));
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.extension()
    }
}

/// A group that the app reads itself.
#[derive(Clone)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    schema: fn() -> Value,
    read: fn(&Configuration, &str, &mut Extensions) -> Result<(), Invalid>,
}

impl Section {
    pub(crate) fn of<T: DeserializeOwned + JsonSchema + Send + Sync + 'static>(name: &'static str) -> Self {
        let read = |configuration: &Configuration, name: &str, to: &mut Extensions| {
            to.insert(Config::from(configuration.typed_group::<T>(name)?));
            Ok(())
        };
        Self { name, schema: schema_of::<T>, read }
    }

    pub(crate) fn read(&self, configuration: &Configuration, to: &mut Extensions) -> Result<(), Invalid> {
        (self.read)(configuration, self.name, to)
    }
}

/// What settings there are: those of the framework, and groups of the app's own. One of these without which there is
/// nothing makes its group such a one.
pub(crate) fn schema(sections: &[Section]) -> Value {
    let mut all = schema_of::<Settings>();
    let mut required = vec![];
    for section in sections {
        let schema = (section.schema)();
        required.extend(schema.get("required").map(|_| section.name));
        all["properties"][section.name] = schema;
    }
    all["required"] = required.into();
    all
}
