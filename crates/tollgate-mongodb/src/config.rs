//! How to reach a server, and how patient to be with it: everything is in one URL.

#[cfg(feature = "aws")]
use mongodb::options::AuthMechanism;
use mongodb::options::{Acknowledgment, ClientOptions, Credential, ReadConcern, WriteConcern};
use std::{fmt, time::Duration};
use tollgate_store::{Error, Result};

/// The database that a URL without one means.
const DATABASE: &str = "default";
/// How long a server that can be asked is looked for, and a connection made.
const SELECTION: Duration = Duration::from_secs(3);

/// A database, as its URL says.
///
/// `mongodb://USER:PASSWORD@HOST:PORT,…/DATABASE?OPTION=VALUE&…`, with the options of MongoDB's [connection
/// strings], or `mongodb+srv://HOST/DATABASE`, whose hosts and options the DNS tells. Without `/DATABASE` it is the one
/// named `default`.
///
/// The name of a host is enough for a cluster that lets roles of AWS in: `mongodb+srv://cluster0.example.net` without a
/// user signs in with `MONGODB-AWS`, by the credentials that the AWS SDKs find (environment, profile, web identity,
/// ECS, EC2). This takes the feature `aws`.
///
/// Where the URL does not say otherwise, a server is looked for during 3 seconds. Reads see what most members have;
/// writes are acknowledged once they are on the disks of most.
///
/// [connection strings]: https://www.mongodb.com/docs/manual/reference/connection-string-options/
#[derive(Clone)]
pub struct Config {
    pub(crate) options: ClientOptions,
    pub(crate) database: String,
}

impl Config {
    /// Reads a URL. One with `+srv` asks the DNS.
    ///
    /// # Errors
    /// The URL is not understood or the DNS does not know the host; never with the password.
    pub async fn parse(url: &str) -> Result<Self> {
        let options = ClientOptions::parse(url).await.map_err(|error| {
            Error::invalid(format!(
                "`database.url` is no URL of a MongoDB: {}",
                without_password(url, &error.to_string())
            ))
        })?;
        let mut config =
            Self { database: options.default_database.clone().unwrap_or_else(|| DATABASE.into()), options };
        if url.starts_with("mongodb+srv:") && config.options.credential.is_none() {
            config.options.credential = Some(role()?);
        }
        config.fill_in();
        Ok(config)
    }

    fn fill_in(&mut self) {
        let options = &mut self.options;
        options.app_name.get_or_insert_with(|| "tollgate".into());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
    }
}

/// Whoever the app runs as on AWS.
#[cfg(feature = "aws")]
fn role() -> Result<Credential> {
    Ok(Credential::builder().mechanism(AuthMechanism::MongoDbAws).source(Some("$external".into())).build())
}

#[cfg(not(feature = "aws"))]
fn role() -> Result<Credential> {
    Err(Error::invalid(
        "`database.url` names no user: write mongodb+srv://user:password@host, or turn on the feature `aws` to sign in as \
         the role that the app runs as",
    ))
}

/// What the driver says about a URL may quote it.
fn without_password(url: &str, said: &str) -> String {
    let password = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':'));
    match password {
        Some((_, password)) if !password.is_empty() => said.replace(password, "…"),
        _ => said.to_owned(),
    }
}

/// Hosts and database, never the password.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.options.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({self})")
    }
}
