//! From an app and its surroundings to its settings.

use super::{Settings, own};
use crate::{
    app::{App, Failure},
    secrets::Secrets,
};
use tollgate_core::config::{self, Configuration, Invalid, Sources};

/// What programs in Rust are told in which lines to log.
const RUST_LOG: &str = "RUST_LOG";

impl App {
    /// The settings of this process.
    ///
    /// # Errors
    /// What is wrong with which setting, a line each.
    pub fn load_settings(&self) -> Result<Settings, Failure> {
        self.settings_of(self.configuration()?)
    }

    /// The settings that the app brings along for an environment, without files and variables: for tests.
    ///
    /// # Errors
    /// As [`load_settings`](Self::load_settings).
    pub fn built_in_settings(&self, env: &str) -> Result<Settings, Failure> {
        let sources = Sources::built_in(self.name, env, self.built_in.clone());
        self.settings_of(sources.read(own::schema(&self.sections))?)
    }

    /// All that was said about settings, and where.
    pub(crate) fn configuration(&self) -> Result<Configuration, Failure> {
        let sources = Sources { built_in: self.built_in.clone(), ..Sources::of_process(self.name) };
        let mut configuration = sources.read(own::schema(&self.sections))?;
        // Empty as a manifest leaves it, it says nothing.
        let filter = std::env::var(RUST_LOG).ok().filter(|filter| !filter.trim().is_empty());
        if let Some(filter) = filter {
            configuration.overrule(&["log", "filter"], &filter, RUST_LOG);
        }
        Ok(configuration)
    }

    /// The reference of all settings, in Markdown.
    pub(crate) fn settings_page(&self) -> String {
        let (prefix, title) = (config::prefix(self.name), &self.title);
        let (command, page) = (self.name, config::page(&prefix, &own::schema(&self.sections)));
        format!(
            "# {title}: reference of its settings\n\nWritten by `{command} config --reference`. \
             `{prefix}_ENV` names the environment; it is `dev` without it.\n{page}"
        )
    }

    /// The framework's own settings, where references to secrets stand in place of their values.
    pub(crate) fn settings_unfetched(&self, configuration: &Configuration) -> Result<Settings, Failure> {
        let groups: Vec<_> = self.sections.iter().map(|section| section.name).collect();
        let mut settings: Settings = configuration.typed_without(&groups)?;
        configuration.environment().clone_into(&mut settings.env);
        settings.doubt = configuration.doubt().map(str::to_owned);
        Ok(settings)
    }

    fn settings_of(&self, mut configuration: Configuration) -> Result<Settings, Failure> {
        configuration.check()?;
        let held = Secrets::fetch(&mut configuration)?;
        let mut settings = self.settings_unfetched(&configuration)?;
        settings.held = held;
        for section in &self.sections {
            section.read(&configuration, &mut settings.own)?;
        }
        Ok(settings)
    }
}

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Self(error.to_string())
    }
}
