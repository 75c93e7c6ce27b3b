//! A client of the embedded issuer: somebody signs in with a browser, and it gets refresh tokens.
//!
//! It is the client of the documentation page, which every app has.

use crate::{Result, client::Client};
use hyper::header;
use std::sync::Arc;

/// Of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser in which somebody has signed in.
pub(crate) struct Browser {
    client: Client,
    cookie: String,
    /// Where the client is sent back to.
    redirect_uri: String,
}

/// What a client was given.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: Arc<str>,
    pub(crate) refresh: Arc<str>,
}

impl Browser {
    /// Signs the reader in, at an instance of that issuer.
    pub(crate) async fn sign_in(client: Client, issuer: &str) -> Result<Self> {
        Self::sign_in_as(client, issuer, "reader@example.test").await
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in_as(mut client: Client, issuer: &str, email: &str) -> Result<Self> {
        let form = format!("email={email}&password=lorem-ipsum");
        let answer = client.post_form("/auth/login", form, None).await?;
        let cookie = answer.header(&header::SET_COOKIE).split(';').next().unwrap_or_default().to_owned();
        Ok(Self { client, cookie, redirect_uri: format!("{issuer}/docs/assets/oauth2-redirect.html") })
    }

    /// Tokens of a refresh family of their own.
    pub(crate) async fn tokens(&mut self) -> Result<Tokens> {
        let asked = format!(
            "/oauth/authorize?response_type=code&client_id=docs&redirect_uri={}&scope=offline_access&prompt=none&\
             code_challenge={CHALLENGE}&code_challenge_method=S256",
            self.redirect_uri
        );
        let answer = self.client.get_with(&asked, (header::COOKIE, &self.cookie)).await?;
        let location = answer.header(&header::LOCATION).to_owned();
        let code = location.split_once("code=").and_then(|(_, rest)| rest.split('&').next());
        let code = code.ok_or_else(|| format!("no code: {location}"))?;
        let form = format!(
            "grant_type=authorization_code&client_id=docs&redirect_uri={}&code={code}&code_verifier={VERIFIER}",
            self.redirect_uri
        );
        read(&self.client.post_form("/oauth/token", form, None).await?.body)
    }
}

/// What came of a refresh.
pub(crate) enum Refreshed {
    Tokens(Tokens),
    /// The token is good for nothing.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Uses a refresh token.
pub(crate) async fn refresh(client: &mut Client, token: &str) -> Result<Refreshed> {
    let form = format!("grant_type=refresh_token&client_id=docs&refresh_token={token}");
    let Ok(answer) = client.post_form("/oauth/token", form, None).await else { return Ok(Refreshed::Unknown) };
    match answer.status.as_u16() {
        200 => read(&answer.body).map(Refreshed::Tokens),
        400 => Ok(Refreshed::Refused),
        503 => Ok(Refreshed::Unknown),
        other => Err(format!("a refresh is answered {other}").into()),
    }
}

fn read(body: &[u8]) -> Result<Tokens> {
    let tokens: serde_json::Value = serde_json::from_slice(body)?;
    let text = |name: &str| tokens[name].as_str().map(Arc::from).ok_or_else(|| format!("no {name}: {tokens}"));
    Ok(Tokens { access: text("access_token")?, refresh: text("refresh_token")? })
}
