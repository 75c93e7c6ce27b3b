//! How to reach a server, and how patient to be with it: everything is in one URL.

#[cfg(feature = "aws")]
use mongodb::options::AuthMechanism;
use mongodb::{
    error::{Error as Failure, ErrorKind},
    options::{Acknowledgment, ClientOptions, Credential, ReadConcern, ReadPreference, WriteConcern},
};
use std::{fmt, time::Duration};
use tollgate_store::{Error, Result};

/// The database that a URL without one means.
const DATABASE: &str = "default";
/// How long a server that can be asked is looked for, and a connection made.
const SELECTION: Duration = Duration::from_secs(3);
/// How often a server says that it is there; one that is frozen is missed this and [`SELECTION`] later.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// As many connections as the official drivers of other languages make at most.
const CONNECTIONS: u32 = 100;

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
/// Where the URL does not say otherwise, a server is looked for during 3 seconds, says every 2 seconds that it is there,
/// and has at most 100 connections (`maxPoolSize`); all but an eighth serve those who may wait for others, who are refused
/// after 2 seconds without one (503). Whatever the URL says, what is read is what most members keep, asked of the one that
/// writes, and writes are acknowledged once they are on the disks of most.
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
    /// [`Error::Invalid`]: the URL is not understood, or takes the feature `aws`. [`Error::Unavailable`]: the DNS does not
    /// know the host. Never with the password.
    pub async fn parse(url: &str) -> Result<Self> {
        let options = ClientOptions::parse(url).await.map_err(|error| misread(url, &error))?;
        Self::new(options, url.starts_with("mongodb+srv:"))
    }

    fn new(options: ClientOptions, is_cluster: bool) -> Result<Self> {
        let mut config =
            Self { database: options.default_database.clone().unwrap_or_else(|| DATABASE.into()), options };
        if is_cluster {
            let named = config.options.credential.take();
            config.options.credential = Some(named.map_or_else(role, |named| Ok(at_home(named)))?);
        }
        config.fill_in();
        Ok(config)
    }

    /// How many connections the pool has at most.
    pub(crate) fn connections(&self) -> usize {
        self.options.max_pool_size.unwrap_or(CONNECTIONS) as usize
    }

    fn fill_in(&mut self) {
        let options = &mut self.options;
        options.app_name.get_or_insert_with(|| "tollgate".into());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.max_pool_size.get_or_insert(CONNECTIONS);
        options.selection_criteria = Some(ReadPreference::Primary.into());
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
    }
}

/// Whoever the app runs as on AWS.
#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "as without the feature")]
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

/// What the DNS says of where the users of a cluster are is about those with passwords; roles are in no database.
#[cfg(feature = "aws")]
fn at_home(mut named: Credential) -> Credential {
    if named.mechanism == Some(AuthMechanism::MongoDbAws) {
        named.source = Some("$external".into());
    }
    named
}

#[cfg(not(feature = "aws"))]
fn at_home(named: Credential) -> Credential {
    named
}

/// What is wrong with a URL.
fn misread(url: &str, error: &Failure) -> Error {
    let why = match &*error.kind {
        ErrorKind::DnsResolve { .. } => {
            return Error::Unavailable(Error::source_of(format!(
                "the DNS does not know the host of `database.url`: {error}; check its name"
            )));
        }
        _ if may_quote_secret(url) => {
            "a `?`, `&` or `%` in the user, the password or an option must be percent-encoded"
        }
        ErrorKind::InvalidArgument { message, .. } if message.contains("aws-auth") => {
            "`MONGODB-AWS` takes the feature `aws`; turn it on, or sign in with user and password"
        }
        ErrorKind::InvalidArgument { message, .. } => message,
        _ => "it cannot be read",
    };
    Error::invalid(format!("`database.url` is no URL of a MongoDB: {why}"))
}

/// What the driver says quotes hosts and options. A password that has a `?` is taken for both, and some options are
/// secrets themselves.
fn may_quote_secret(url: &str) -> bool {
    let options = url.split_once('?').map_or("", |(_, options)| options).to_lowercase();
    ["@", "password", "properties"].iter().any(|part| options.contains(part))
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

#[cfg(test)]
mod tests {
    use super::{ClientOptions, Config, Result};

    /// What a URL says, as if the DNS had told its hosts if they are those of a cluster.
    async fn config(url: &str, is_cluster: bool) -> Result<Config> {
        Config::new(ClientOptions::parse(url).await.unwrap(), is_cluster)
    }

    #[tokio::test]
    async fn who_is_named_is_who_signs_in() {
        let named = config("mongodb://app:secret@host/db", true).await.unwrap().options.credential.unwrap();
        assert_eq!((named.username.as_deref(), named.mechanism), (Some("app"), None));
        assert_eq!(config("mongodb://host/db", false).await.unwrap().options.credential, None, "as nobody");
    }

    async fn refusal(url: &str) -> String {
        let said = Config::parse(url).await.unwrap_err().to_string();
        assert!(said.contains("`database.url`") && !said.contains('\n'), "{said}");
        said
    }

    #[tokio::test]
    async fn what_is_no_url_is_refused_without_its_secrets() {
        for url in [
            "mongodb://app:secret@",
            "mongodb://app:secret@host:no",
            "mongodb://app:secret@host/db?w=-1",
            "mongodb://app:secret?word@host/db",
            "mongodb://app:1?secret@host/db",
            "mongodb://app:se/cret@host/db",
            "mongodb://app:secr%et@host/db",
            "mongodb://host/db?authMechanism=MONGODB-AWS&authMechanismProperties=secret",
            "mongodb://host/db?tls=true&tlsCertificateKeyFilePassword=a&secret",
        ] {
            let said = refusal(url).await;
            assert!(["secret", "cret", "se/", "got 1"].iter().all(|part| !said.contains(part)), "{url}: {said}");
        }
        assert!(refusal("mongodb://app:secret@host:no").await.contains("host:no"), "what is no secret is told");
    }

    #[tokio::test]
    async fn a_url_cannot_make_writes_less_safe() {
        let url = "mongodb://host/db?w=1&journal=false&readPreference=secondary&readConcernLevel=local&maxPoolSize=7";
        let options = Config::parse(url).await.unwrap().options;
        let said = format!("{:?} {:?} {:?}", options.write_concern, options.read_concern, options.selection_criteria);
        assert!(
            said.contains("Majority") && said.contains("journal: Some(true)") && !said.contains("Secondary"),
            "{said}"
        );
        assert_eq!((options.max_pool_size, options.heartbeat_freq), (Some(7), Some(super::HEARTBEAT)));
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn signing_in_as_a_role_of_aws_takes_its_feature() {
        let said = refusal("mongodb://host/db?authMechanism=MONGODB-AWS&authSource=$external").await;
        assert!(said.contains("feature `aws`"), "{said}");
        let said = config("mongodb://host/db", true).await.unwrap_err().to_string();
        assert!(said.contains("`database.url` names no user") && said.contains("feature `aws`"), "{said}");
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn a_host_alone_means_the_role_that_the_app_runs_as() {
        let url = "mongodb://host/db?authMechanism=MONGODB-AWS&authSource=$external";
        let role = Config::parse(url).await.unwrap().options.credential;
        assert!(role.is_some());
        assert_eq!(config("mongodb://host/db", true).await.unwrap().options.credential, role);
    }
}
