//! Is it the client that it says? (RFC 6749, 2.3)
//!
//! ```text
//! Authorization: Basic …            client_secret_basic   a client that keeps a secret
//! client_id and client_secret       client_secret_post    the same
//! client_id alone                   none                  a client that keeps none
//! ```
//! A secret is compared as a hash, in constant time. It is too long to be guessed; who tries nevertheless is told to slow
//! down, and the log says so once. The true client still comes through: its secret is good whoever else tries.

use super::{
    client::Client,
    denied::{Code, Denied},
};
use crate::{identity::Issuer, parameters::Parameters};
use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How many wrong secrets of a client a minute may bring before its callers are told to slow down.
const TRIES: u32 = 10;

/// What was said about who is calling.
struct Said<'a> {
    id: Cow<'a, str>,
    secret: Option<Cow<'a, str>>,
    /// Whether it was said in the header, where the answer must name the scheme (RFC 6749, 5.2).
    in_header: bool,
}

/// Wrong secrets, counted by client and minute. Only clients that exist are counted, so there is a bound.
#[derive(Default)]
pub(crate) struct WrongSecrets(Mutex<(u64, HashMap<String, u32>)>);

impl WrongSecrets {
    /// Counts one; whether there were too many.
    fn count(&self, client: &str, minute: u64) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0 != minute {
            *counted = (minute, HashMap::new());
        }
        let tries = counted.1.entry(client.to_owned()).or_default();
        *tries += 1;
        if *tries == TRIES + 1 {
            tracing::warn!(client, "somebody is guessing at the secret of a client");
        }
        *tries > TRIES
    }
}

impl Issuer {
    /// The client that sent this, proven as its kind demands.
    pub(super) async fn client_of(&self, headers: &HeaderMap, asked: &Parameters) -> Result<Arc<Client>, Denied> {
        let said = said(headers, asked)?;
        let denied = |reason| unknown(said.in_header).because(reason);
        let client = self.clients.find(&said.id).await?.ok_or_else(|| denied("there is no such client"))?;
        match (&said.secret, client.kind.keeps_a_secret()) {
            (None, false) => Ok(client),
            (Some(secret), true) if client.is_secret(secret) => Ok(client),
            (None, true) => Err(denied("the client keeps a secret and did not say it")),
            (Some(_), false) => Err(denied("the client keeps no secret and said one")),
            (Some(_), true) if self.wrong_secrets.count(&client.id, self.clock.uptime().as_secs() / 60) => {
                Err(denied("too many wrong secrets").retry_after(60))
            }
            (Some(_), true) => Err(denied("the secret is wrong")),
        }
    }

    /// The same, for what only clients may ask that keep a secret; to all others the answer is 401 (RFC 7662, 2.3).
    pub(super) async fn proven_client(&self, headers: &HeaderMap, asked: &Parameters) -> Result<Arc<Client>, Denied> {
        let client = self.client_of(headers, asked).await.map_err(|denied| match denied.code {
            Code::InvalidClient => denied.with_challenge(),
            _ => denied,
        })?;
        if client.kind.keeps_a_secret() {
            Ok(client)
        } else {
            Err(unknown(true).because("the client keeps no secret, so it could be anybody"))
        }
    }
}

fn unknown(challenge: bool) -> Denied {
    let denied = Denied::new(Code::InvalidClient, "the client is unknown, or did not prove that it is itself");
    if challenge { denied.with_challenge() } else { denied }
}

/// One method and not two (RFC 6749, 2.3).
fn said<'a>(headers: &HeaderMap, asked: &'a Parameters) -> Result<Said<'a>, Denied> {
    let (id, secret) = (asked.get("client_id"), asked.get("client_secret"));
    let Some((known, password)) = basic(headers)? else {
        let id = id.ok_or_else(|| unknown(false).because("nobody said which client this is"))?;
        return Ok(Said { id: id.into(), secret: secret.map(Into::into), in_header: false });
    };
    if secret.is_some() || id.is_some_and(|id| id != known) {
        return Err(Denied::new(Code::InvalidRequest, "the client says who it is in two ways"));
    }
    Ok(Said { id: known.into(), secret: Some(password.into()), in_header: true })
}

/// Id and secret of the one `Authorization` header, each in the encoding of forms (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Denied> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(unreadable()),
    };
    let (scheme, text) = value.split_at_checked(SCHEME.len()).ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(unreadable());
    }
    let text = STANDARD.decode(text).ok().and_then(|text| String::from_utf8(text).ok()).ok_or_else(unreadable)?;
    let (id, secret) = text.split_once(':').ok_or_else(unreadable)?;
    let decoded = |text| decoded(text).ok_or_else(unreadable);
    Ok(Some((decoded(id)?, decoded(secret)?)))
}

const SCHEME: &[u8] = b"Basic ";

fn unreadable() -> Denied {
    unknown(true).because("the header `Authorization` is not one of the scheme Basic")
}

/// `None` where it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_secrets_in_the_header_are_encoded_like_forms() {
        let header = |text: &str| HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
        let of = |pair: &str| basic(&header(&format!("basic {}", STANDARD.encode(pair))));
        for (pair, id, secret) in [
            ("app:secret", "app", "secret"),
            ("a%3Ab:c%25d+e", "a:b", "c%d e"),
            ("app:", "app", ""),
            ("app:a:b", "app", "a:b"),
            ("app:a&b=c", "app", "a&b=c"),
        ] {
            assert_eq!(of(pair).unwrap().unwrap(), (id.to_owned(), secret.to_owned()));
        }
        for bad in ["Basic", "Basic ", "Basic !", "Bearer abc", "Basic YXBw", "Basic YXBwOiVmZg=="] {
            assert_eq!(basic(&header(bad)).unwrap_err().code, Code::InvalidClient, "{bad}");
        }
        assert!(basic(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn wrong_secrets_are_counted_by_client_and_minute() {
        let wrong = WrongSecrets::default();
        assert!((0..TRIES).all(|_| !wrong.count("app", 1)));
        assert!(wrong.count("app", 1) && !wrong.count("other", 1) && !wrong.count("app", 2));
    }
}
