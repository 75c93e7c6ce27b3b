//! What an application is going to be: from flags, or from a person at a terminal.

use super::New;
use crate::{Result, say, words};
use clap::ValueEnum;
use std::io::{IsTerminal, Write};

/// Where rows live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Database {
    /// A file beside the app
    Sqlite,
    /// A server, or Aurora
    Postgres,
    /// A server, or Atlas
    Mongodb,
}

/// Who says who is calling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Identity {
    /// The app itself
    Embedded,
    /// Okta
    Okta,
    /// Auth0
    Auth0,
    /// Google
    Google,
    /// Microsoft Entra ID
    Entra,
    /// Amazon Cognito
    Cognito,
    /// Keycloak
    Keycloak,
    /// Any other with metadata
    Generic,
}

/// Where it is going to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Target {
    /// Not decided
    None,
    /// AWS Lambda
    Lambda,
    /// AWS ECS on Fargate
    Ecs,
    /// Kubernetes on AWS EKS
    Eks,
}

impl Database {
    /// What its URLs begin with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mongodb => "mongodb",
        }
    }
}

impl Target {
    /// What it is called, if it is one.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lambda => Some("lambda"),
            Self::Ecs => Some("ecs"),
            Self::Eks => Some("eks"),
        }
    }
}

impl Identity {
    /// The name of its preset, and of its section.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
            Self::Google => "google",
            Self::Entra => "entra",
            Self::Cognito => "cognito",
            Self::Keycloak => "keycloak",
            Self::Generic => "generic",
        }
    }

    /// The settings without which nobody is recognised, each with an example.
    pub(crate) fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Embedded => &[],
            Self::Okta => &[("domain", "dev-123456.okta.com")],
            Self::Auth0 => &[("domain", "example.eu.auth0.com"), ("audience", "https://api.example.com")],
            Self::Google => &[("client_id", "1234-abc.apps.googleusercontent.com")],
            Self::Entra => &[
                ("tenant", "a1b2c3d4-0000-4000-8000-123456789abc"),
                ("audience", "11111111-2222-4333-8444-555555555555"),
            ],
            Self::Cognito => &[("user_pool", "eu-west-1_AbCdEfGhI"), ("client_id", "3example23")],
            Self::Keycloak => &[("url", "https://keycloak.example.com"), ("realm", "films"), ("client", "my-api")],
            Self::Generic => &[("issuer", "https://id.example.com"), ("audience", "https://api.example.com")],
        }
    }

    /// What it can be told besides: settings that are one text.
    fn knows(self) -> &'static [&'static str] {
        match self {
            Self::Embedded => &[],
            Self::Okta => &["authorization_server", "audience"],
            Self::Auth0 => &["role_claim", "clients"],
            Self::Google => &["hosted_domain"],
            Self::Entra => &["host"],
            Self::Cognito => &["resource_server", "domain"],
            Self::Keycloak => &["audience"],
            Self::Generic => &["role_claim", "permission_claim"],
        }
    }
}

/// All that is to be known.
pub(crate) struct Answers {
    pub(crate) database: Database,
    pub(crate) identity: Identity,
    /// Settings of the provider.
    pub(crate) issuer: Vec<(String, String)>,
    pub(crate) deploy: Target,
}

impl Answers {
    /// From flags; what they do not say is asked for, or the default.
    ///
    /// # Errors
    /// A setting that the provider does not know, or a terminal that went away.
    pub(crate) fn of(new: &New) -> Result<Self> {
        let asks = !new.yes && std::io::stdin().is_terminal();
        let database = choose(asks, "Database", new.database, Database::Sqlite)?;
        let identity = choose(asks, "Identity provider", new.identity, Identity::Embedded)?;
        let mut answers = Self { database, identity, issuer: new.issuer.clone(), deploy: Target::None };
        answers.check_issuer()?;
        if asks {
            answers.ask_issuer()?;
        }
        answers.deploy = choose(asks, "Deployment", new.deploy, Target::None)?;
        Ok(answers)
    }

    fn check_issuer(&self) -> Result {
        let needs = self.identity.needs().iter().map(|(name, _)| *name);
        let known: Vec<&str> = needs.chain(self.identity.knows().iter().copied()).collect();
        let Some((unknown, _)) = self.issuer.iter().find(|(name, _)| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let provider = self.identity.name();
        Err(match words::nearest(unknown, known.iter().copied()) {
            Some(near) => format!("--issuer: {provider} knows no `{unknown}`; did you mean `{near}`?"),
            None if known.is_empty() => "--issuer is for another identity provider than the app itself".into(),
            None => format!("--issuer: {provider} is told {}, not `{unknown}`", known.join(", ")),
        }
        .into())
    }

    fn ask_issuer(&mut self) -> Result {
        for name in self.missing() {
            let example = self.identity.needs().iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
            let said = ask(&format!("{} {name}, as in {example} (empty: later)", self.identity.name()))?;
            if !said.is_empty() {
                self.issuer.push((name.to_owned(), said));
            }
        }
        Ok(())
    }

    /// What the provider has to be told yet.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.identity.needs().iter().map(|(name, _)| *name).filter(|name| !self.says(name)).collect()
    }

    /// Whether the provider is told that.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.issuer.iter().any(|(said, _)| said == name)
    }
}

/// What a flag says, or a person, or the default.
fn choose<T: ValueEnum + Copy>(asks: bool, what: &str, said: Option<T>, default: T) -> Result<T> {
    let Some(said) = said else { return if asks { ask_for(what, default) } else { Ok(default) } };
    Ok(said)
}

fn ask_for<T: ValueEnum + Copy>(what: &str, default: T) -> Result<T> {
    let name = |value: &T| value.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default();
    let all: Vec<String> = T::value_variants().iter().map(&name).collect();
    loop {
        let said = ask(&format!("{what}: {} [{}]", all.join(", "), name(&default)))?;
        match T::from_str(&said, true) {
            Ok(value) => return Ok(value),
            Err(_) if said.is_empty() => return Ok(default),
            Err(_) => match words::nearest(&said, all.iter().map(String::as_str)) {
                Some(near) => say::care(&format!("there is no `{said}`; did you mean `{near}`?")),
                None => say::care(&format!("there is no `{said}`")),
            },
        }
    }
}

fn ask(question: &str) -> Result<String> {
    anstream::eprint!("{question}: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line)? == 0 {
        return Err("nobody answers: say it with flags, see --help".into());
    }
    Ok(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_are_told_are_settings_that_there_are_and_four_lines_are_enough() {
        let reference = include_str!("../../../../docs/reference/configuration.md");
        for identity in Identity::value_variants().iter().filter(|identity| **identity != Identity::Embedded) {
            for name in identity.needs().iter().map(|(name, _)| name).chain(identity.knows()) {
                let setting = format!("| `identity.issuers.NAME.{name}` ({}) |", identity.name());
                assert!(reference.contains(&setting), "{setting}");
            }
            assert!(identity.needs().len() < 4, "with the preset, four lines are enough: {}", identity.name());
        }
    }
}
