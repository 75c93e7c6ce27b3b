//! The role, and the tokens that it signs.

use crate::{config::Config, tls::Verify};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    error::Error as StdError,
    fmt::Write,
    iter,
    time::{Duration, SystemTime},
};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::config::Host;
use tollgate_core::with_causes;
use tollgate_store::{Error, Result};

/// How long the server takes a token.
const LIFETIME: Duration = Duration::from_mins(15);
/// How long one is used: clocks differ, and connecting takes its time.
const FRESH: Duration = Duration::from_mins(10);
/// Credentials that end sooner than that take their token with them on its way.
const MARGIN: Duration = Duration::from_mins(1);
/// All but what AWS leaves as it is (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Whoever the app runs as on AWS, at the door of one server.
pub(crate) struct Role {
    door: Door,
    aws: OnceCell<SdkConfig>,
    last: Mutex<Option<Token>>,
}

/// Whom a token lets in, and where.
#[derive(Debug)]
struct Door {
    host: String,
    port: u16,
    user: String,
}

struct Token {
    text: String,
    used_until: SystemTime,
}

impl Role {
    /// Who signs in by tokens, if this configuration says so.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the token might be read on its way, or would not be known at its end.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        if !config.iam {
            return Ok(None);
        }
        let door = door(config).map_err(|why| Error::invalid(format!("`iam` in `database.url`: {why}")))?;
        Ok(Some(Self { door, aws: OnceCell::new(), last: Mutex::default() }))
    }

    /// A token that is fresh; in words, why there is none.
    pub(crate) async fn token(&self) -> Result<String, String> {
        let now = SystemTime::now();
        let mut last = self.last.lock().await;
        if let Some(token) = last.as_ref().filter(|token| now < token.used_until) {
            return Ok(token.text.clone());
        }
        // Boxed, because the AWS SDK's futures are large.
        let new = Box::pin(self.new_token(now)).await?;
        Ok(last.insert(new).text.clone())
    }

    async fn new_token(&self, now: SystemTime) -> Result<Token, String> {
        let aws = self.aws.get_or_init(|| aws_config::defaults(BehaviorVersion::latest()).load()).await;
        let named = || aws.region().map(ToString::to_string);
        let region = region_of(&self.door.host).or_else(named).ok_or("no AWS region is known; set AWS_REGION")?;
        let provider = aws.credentials_provider().ok_or("there are no AWS credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| with_causes(&error))?;
        let text = sign_in(&self.door, &credentials, &region, now).map_err(|error| with_causes(&*error))?;
        Ok(Token { text, used_until: used_until(now, credentials.expiry()) })
    }

    /// The next token is a new one: this one let nobody in.
    pub(crate) async fn forget(&self) {
        *self.last.lock().await = None;
    }
}

fn door(config: &Config) -> Result<Door, &'static str> {
    let server = &config.server;
    if config.verify != Verify::Host {
        return Err("a token is sent to nobody but a server that proves who it is; add `sslmode=verify-full`, and \
                    `sslrootcert=FILE` with Amazon's authorities for RDS");
    }
    if server.get_password().is_some() {
        return Err("a token takes the place of the password; remove the password");
    }
    match (server.get_hosts(), server.get_user()) {
        ([Host::Tcp(host)], Some(user)) => {
            let port = server.get_ports().first().copied().unwrap_or(5432);
            Ok(Door { host: host.clone(), port, user: user.to_owned() })
        }
        _ => Err("a token is for one host; name one, as AWS does"),
    }
}

fn used_until(now: SystemTime, end: Option<SystemTime>) -> SystemTime {
    let fresh = now + FRESH;
    end.and_then(|end| end.checked_sub(MARGIN)).map_or(fresh, |end| end.min(fresh))
}

/// From `films.c1.eu-central-1.rds.amazonaws.com`, or `films.c1.rds.cn-north-1.amazonaws.com.cn` in China, the region.
/// It wins over the app's own: databases are called from other regions, too.
fn region_of(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let (before, _) = host.rsplit_once(".amazonaws.com")?;
    let mut labels = before.rsplit('.');
    match (labels.next()?, labels.next()?) {
        ("rds", region) | (region, "rds") => Some(region.to_owned()),
        _ => None,
    }
}

/// `HOST:PORT/?Action=connect&DBUser=…` with the signature of the role (AWS Signature Version 4).
fn sign_in(
    door: &Door,
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<String, Box<dyn StdError + Send + Sync>> {
    let encoded = |text| utf8_percent_encode(text, RESERVED);
    let Door { host, port, user } = door;
    let mut token = format!("{host}:{port}/?Action=connect&DBUser={}", encoded(user));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let params = SigningParams::builder().identity(&identity).region(region).name("rds-db").time(now);
    let params = params.settings(settings).build()?.into();
    let url = format!("https://{token}");
    let request = SignableRequest::new("GET", url, iter::empty(), SignableBody::Bytes(&[]))?;
    for (name, value) in sign(request, &params)?.output().params() {
        write!(token, "&{name}={}", encoded(value))?;
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
    }

    /// What botocore 1.43.11 answers to `generate_db_auth_token`, with its clock at 2015-08-30T12:36:00Z.
    const KNOWN: &str = "films.c1.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=a%20b%2B%C3%A9~\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-central-1%2Frds-db%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
        &X-Amz-Security-Token=session%2Ftoken\
        &X-Amz-Signature=38c17a07e921a859ccd998272a908b5fc9bca2bc2be7c00716d62a52f505dd78";

    #[test]
    fn a_token_is_what_aws_own_library_makes() {
        let (id, secret) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let credentials = Credentials::new(id, secret, Some("session/token".into()), None, "test");
        let door = Door { host: "films.c1.eu-central-1.rds.amazonaws.com".into(), port: 5432, user: "a b+é~".into() };
        let token = sign_in(&door, &credentials, "eu-central-1", time()).unwrap();
        // In which order the parameters come is left open.
        let sorted = |token: &str| {
            let mut parts: Vec<_> = token.split('&').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        assert_eq!(sorted(&token), sorted(KNOWN));
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
        let used = |end: Option<u64>| {
            let end = end.map(|seconds| time() + Duration::from_secs(seconds));
            used_until(time(), end).duration_since(time()).unwrap_or_default().as_secs()
        };
        assert_eq!([None, Some(3600), Some(300), Some(30)].map(used), [600, 600, 240, 0]);
    }

    #[test]
    fn a_token_is_sent_to_nobody_who_might_be_somebody_else() {
        let door = |url: &str| door(&Config::parse(url).unwrap()).map(|door| format!("{door:?}"));
        let full = "iam=true&sslmode=verify-full";
        assert_eq!(
            door(&format!("postgres://app@db:6432/films?{full}")).unwrap(),
            r#"Door { host: "db", port: 6432, user: "app" }"#
        );
        for (url, why) in [
            ("postgres://app@db/films?iam=true", "proves who it is"),
            ("postgres://app@db/films?iam=true&sslmode=verify-ca", "proves who it is"),
            (&*format!("postgres://app:hunter2@db/films?{full}"), "remove the password"),
            (&*format!("postgres://app@db,other/films?{full}"), "one host"),
        ] {
            assert!(door(url).unwrap_err().contains(why), "{url}");
        }
    }
}
