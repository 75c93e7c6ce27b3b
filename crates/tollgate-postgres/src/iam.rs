//! Signing in to RDS and Aurora without a password: as the AWS role that the app runs as.
//!
//! The password is a token, a presigned URL that nobody calls: good for a quarter of an hour, and only for opening a
//! connection. One token serves all connections that are made while it is fresh.

use crate::{config::Config, tls::Verify};
use tokio_postgres::config::Host;
use tollgate_store::{Error, Result};

/// Whom a token lets in, and where.
#[derive(Debug)]
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "read where tokens are made"))]
pub(crate) struct Door {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
}

impl Door {
    /// The one door that this configuration opens with tokens, if it does.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the token might be read on its way, or would not be known at its end.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        if !config.iam {
            return Ok(None);
        }
        let refused = |why: &str| Err(Error::invalid(format!("`database.iam`: {why}")));
        if cfg!(not(feature = "aws")) {
            return refused("this app was built without it; turn on the feature `aws` of `tollgate`");
        }
        let server = &config.server;
        if config.verify != Verify::Host {
            return refused(
                "tokens are sent to a server that proves who it is only; add `sslmode=verify-full` and \
                 `sslrootcert=FILE`, with Amazon's authorities for RDS, to `database.url`",
            );
        }
        if server.get_password().is_some() {
            return refused("a token takes the place of the password; remove it from `database.url`");
        }
        match (server.get_hosts(), server.get_user()) {
            ([Host::Tcp(host)], Some(user)) => {
                let port = server.get_ports().first().copied().unwrap_or(5432);
                Ok(Some(Self { host: host.clone(), port, user: user.to_owned() }))
            }
            _ => refused("a token is for one host; name it in `database.url`, as AWS does"),
        }
    }
}

#[cfg(feature = "aws")]
pub(crate) use role::Role;

/// Without the feature there is none.
#[cfg(not(feature = "aws"))]
pub(crate) enum Role {}

#[cfg(not(feature = "aws"))]
impl Role {
    #[expect(clippy::needless_pass_by_value, reason = "as with the feature")]
    pub(crate) fn new(_: Door) -> Option<Self> {
        None
    }

    #[expect(clippy::unused_async, reason = "as with the feature")]
    pub(crate) async fn token(&self) -> Result<String, String> {
        match *self {}
    }

    pub(crate) fn forget(&self) {
        match *self {}
    }
}

#[cfg(feature = "aws")]
mod role {
    use super::Door;
    use aws_config::{BehaviorVersion, SdkConfig};
    use aws_credential_types::{Credentials, provider::ProvideCredentials};
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
        sign::v4::SigningParams,
    };
    use std::{
        error::Error,
        iter,
        sync::{Mutex, MutexGuard, PoisonError},
        time::{Duration, SystemTime},
    };
    use tokio::sync::OnceCell;
    use tollgate_core::with_causes;
    use url::Url;

    /// How long the server takes a token.
    const LIFETIME: Duration = Duration::from_secs(15 * 60);
    /// How long one is used: clocks differ, and connecting takes its time.
    const FRESH: Duration = Duration::from_secs(10 * 60);
    /// Credentials that end sooner than that take their token with them on its way.
    const MARGIN: Duration = Duration::from_secs(60);

    /// Whoever the app runs as on AWS.
    pub(crate) struct Role {
        door: Door,
        aws: OnceCell<SdkConfig>,
        /// The last token, and until when it is used.
        token: Mutex<Option<(SystemTime, String)>>,
    }

    impl Role {
        #[expect(clippy::unnecessary_wraps, reason = "as without the feature")]
        pub(crate) fn new(door: Door) -> Option<Self> {
            Some(Self { door, aws: OnceCell::new(), token: Mutex::default() })
        }

        /// A token that is fresh; in words, why there is none.
        pub(crate) async fn token(&self) -> Result<String, String> {
            let now = SystemTime::now();
            if let Some((_, token)) = self.last().as_ref().filter(|(until, _)| now < *until) {
                return Ok(token.clone());
            }
            let aws = self.aws.get_or_init(|| aws_config::defaults(BehaviorVersion::latest()).load()).await;
            let named = || aws.region().map(|region| region.as_ref().to_owned());
            let region = region_of(&self.door.host).or_else(named).ok_or("no AWS region is known: set AWS_REGION")?;
            let provider = aws.credentials_provider().ok_or("there are no AWS credentials")?;
            let credentials = provider.provide_credentials().await.map_err(|error| with_causes(&error))?;
            let token = token(&credentials, &region, &self.door, now).map_err(|error| with_causes(&*error))?;
            *self.last() = Some((used_until(now, credentials.expiry()), token.clone()));
            Ok(token)
        }

        /// The next token is a new one: this one let nobody in.
        pub(crate) fn forget(&self) {
            *self.last() = None;
        }

        fn last(&self) -> MutexGuard<'_, Option<(SystemTime, String)>> {
            self.token.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    fn used_until(now: SystemTime, end: Option<SystemTime>) -> SystemTime {
        let fresh = now + FRESH;
        end.and_then(|end| end.checked_sub(MARGIN)).map_or(fresh, |end| end.min(fresh))
    }

    /// From `films.c1.eu-central-1.rds.amazonaws.com`, or `films.c1.rds.cn-north-1.amazonaws.com.cn` in China, the
    /// region. It wins over the app's own: databases are called from others, too.
    fn region_of(host: &str) -> Option<String> {
        let host = host.to_ascii_lowercase();
        let (before, _) = host.rsplit_once(".amazonaws.com")?;
        let mut labels = before.rsplit('.');
        let region = match (labels.next()?, labels.next()?) {
            ("rds", region) | (region, "rds") => region,
            _ => return None,
        };
        Some(region.to_owned())
    }

    /// `HOST:PORT/?Action=connect&DBUser=…` with the signature of the role, and without a scheme.
    fn token(
        credentials: &Credentials,
        region: &str,
        door: &Door,
        now: SystemTime,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let Door { host, port, user } = door;
        let mut url = Url::parse(&format!("https://{host}:{port}/"))?;
        url.query_pairs_mut().append_pair("Action", "connect").append_pair("DBUser", user);
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFETIME);
        let identity = credentials.clone().into();
        let params = SigningParams::builder().identity(&identity).region(region).name("rds-db").time(now);
        let params = params.settings(settings).build()?.into();
        let request = SignableRequest::new("GET", url.as_str(), iter::empty(), SignableBody::Bytes(&[]))?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        url.query_pairs_mut().extend_pairs(instructions.params());
        Ok(url.as_str().trim_start_matches("https://").to_owned())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// What AWS' own generator makes of it: `aws rds generate-db-auth-token`, with the documentation's keys.
        #[test]
        fn a_token_is_a_presigned_url_without_its_scheme() {
            let keys = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
            let credentials = Credentials::from_keys(keys.0, keys.1, Some("session/token".into()));
            let door = Door { host: "films.c1.eu-central-1.rds.amazonaws.com".into(), port: 5432, user: "a+b".into() };
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
            let token = token(&credentials, "eu-central-1", &door, time).unwrap();
            println!("{token}");
        }

        #[test]
        fn the_region_is_in_the_host_name() {
            let region = |host| region_of(host).unwrap_or_default();
            assert_eq!(region("films.c1.eu-central-1.rds.amazonaws.com"), "eu-central-1");
            assert_eq!(region("Films.Proxy-C1.US-East-1.RDS.amazonaws.com"), "us-east-1");
            assert_eq!(region("films.c1.rds.cn-north-1.amazonaws.com.cn"), "cn-north-1");
            assert_eq!(region("films.example.com"), "");
            assert_eq!(region("rds.amazonaws.com"), "");
        }

        #[test]
        fn a_token_is_used_while_it_and_its_credentials_are_good() {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
            let used = |end: Option<u64>| {
                let end = end.map(|seconds| now + Duration::from_secs(seconds));
                used_until(now, end).duration_since(now).unwrap_or_default().as_secs()
            };
            assert_eq!([None, Some(3600), Some(300), Some(30)].map(used), [600, 600, 240, 0]);
        }
    }
}
