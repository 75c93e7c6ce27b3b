//! `POST /oauth/token`: a code, a refresh token or the secret of a client becomes an access token (RFC 6749, 4.1.3, 6 and
//! 4.4).
//!
//! The first thing a code does is to be used up, together with the names of what it gives. So of two requests with one
//! code, the second knows what to revoke, also while the first is still being answered.

use super::{
    client::Client,
    codes::AuthorizationCode,
    denied::{Code, Denied, UNCACHED},
    given::Given,
    mint::{Access, Mint, SignIn},
    refresh::{FamilyId, Grant, RefreshToken, Refused},
    revoked::Ended,
    scope,
};
use crate::{identity::Issuer, parameters::Parameters, users::User};
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

/// Where codes become tokens.
pub(crate) const TOKEN: &str = "/oauth/token";

/// For the log; the client learns that its code or token is no good.
const ENDED: &str = "the user is gone or disabled, or what it was given under has ended";

/// RFC 6749, 5.1; OpenID Connect Core, 3.1.3.3.
#[derive(Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

pub(crate) async fn exchange(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    match issuer.exchange(request).await {
        Ok(tokens) => uncached(&tokens),
        Err(denied) => denied.into_response(),
    }
}

pub(super) fn uncached(tokens: &impl Serialize) -> Response {
    match serde_json::to_vec(tokens) {
        Ok(body) => (UNCACHED, body).into_response(),
        Err(_) => Denied::new(Code::ServerError, "the answer cannot be written").into_response(),
    }
}

impl Parameters {
    pub(super) fn required(&self, name: &str, why: &'static str) -> Result<&str, Denied> {
        self.get(name).ok_or(Denied::new(Code::InvalidRequest, why))
    }
}

impl Issuer {
    async fn exchange(&self, request: Request) -> Result<Tokens, Denied> {
        let (headers, at) = (request.headers().clone(), self.clock.unix());
        let asked = Parameters::of_form(request).await?;
        let client = self.client_of(&headers, &asked).await?;
        match asked.required("grant_type", "`grant_type` is missing")? {
            "authorization_code" => self.redeem_code(&asked, &client, at).await,
            "refresh_token" => self.redeem_refresh(&asked, &client, at).await,
            "client_credentials" => self.give_own(&asked, &client, at),
            _ => Err(Denied::new(
                Code::UnsupportedGrantType,
                "`grant_type` must be `authorization_code`, `refresh_token` or `client_credentials`",
            )),
        }
    }

    /// A client acts in its own name (RFC 6749, 4.4): whoever it is could be anybody without a secret.
    fn give_own(&self, asked: &Parameters, client: &Client, at: u64) -> Result<Tokens, Denied> {
        if client.permissions.is_empty() || !client.kind.keeps_a_secret() {
            return Err(Denied::new(Code::UnauthorizedClient, "this client may do nothing in its own name"));
        }
        let scope = scope::own(asked.get("scope").unwrap_or_default(), &client.grants());
        let scope = scope.ok_or(Denied::new(Code::InvalidScope, "nothing of that is the client's own"))?;
        let access_token = self.mint.own_token(client, &scope, at, self.revoked.version_of(&client.id))?;
        Ok(self.tokens(access_token, scope, None, None))
    }

    async fn redeem_code(&self, asked: &Parameters, client: &Client, at: u64) -> Result<Tokens, Denied> {
        let text = asked.required("code", "`code` is missing")?;
        let redirect_uri = asked.required("redirect_uri", "`redirect_uri` is missing")?;
        let code = self.codes.find(text).await?.filter(|code| code.client == client.id);
        let code = code.ok_or_else(|| Denied::grant("the code is unknown or another client's"))?;
        if code.token.is_some() {
            return Err(self.take_back(&code).await);
        }
        if !code.challenge.is_empty() {
            asked.required("code_verifier", "`code_verifier` is missing (RFC 7636)")?;
        }
        code.check(redirect_uri, asked.get("code_verifier"), self.clock.now()).map_err(Denied::grant)?;
        let given = code.given();
        let user = self.holder(client, &given).await?.ok_or_else(|| Denied::grant(ENDED))?;
        let refresh = self.first_refresh(&code, client).await?;
        let id = Mint::new_id();
        if !self.codes.spend(&code, &id, refresh.as_ref().map(|token| token.family().reveal())).await? {
            // Our own refresh token dies unseen.
            let spent = self.codes.find(text).await?.unwrap_or(code);
            return Err(self.take_back(&spent).await);
        }
        let lifetime = if refresh.is_some() { self.config.refresh_lifetime } else { self.config.access_lifetime };
        if !self.give(client, &given, lifetime.max(self.config.access_lifetime)).await? {
            return Err(Denied::grant(ENDED));
        }
        self.tokens_for((&code, client), &user, refresh, &id, at)
    }

    /// The first refresh token of a sign-in, where the client wants one.
    async fn first_refresh(&self, code: &AuthorizationCode, client: &Client) -> Result<Option<RefreshToken>, Denied> {
        if !client.offline && !scope::has(&code.scope, scope::OFFLINE) {
            return Ok(None);
        }
        let Given { user, version, under } = code.given();
        let (client, scope) = (client.id.clone(), code.scope.clone());
        let grant = Grant { user: user.to_string(), version, under, client, scope };
        Ok(Some(self.refresh.begin(grant, self.config.refresh_lifetime).await?))
    }

    fn tokens_for(
        &self,
        (code, client): (&AuthorizationCode, &Client),
        user: &User,
        refresh: Option<RefreshToken>,
        id: &str,
        at: u64,
    ) -> Result<Tokens, Denied> {
        let (grant, under) = (refresh.as_ref().map(|token| token.family().public()), code.given().public());
        let (grant, under, third_party) = (grant.as_deref(), Some(&*under), client.third_party);
        let signed_in = u64::try_from(code.signed_in.as_second()).ok();
        let access = Access { id, client: &code.client, third_party, scope: &code.scope, at, signed_in, grant, under };
        let access_token = self.mint.access_token(user, &access)?;
        let sign_in = SignIn {
            client: &code.client,
            scope: &code.scope,
            at: code.signed_in,
            methods: code.methods.as_deref(),
            nonce: code.nonce.as_deref(),
            access_token: &access_token,
        };
        let wants_id = scope::has(&code.scope, scope::OPENID);
        let id_token = wants_id.then(|| self.mint.id_token(user, &sign_in)).transpose()?;
        Ok(self.tokens(access_token, code.scope.clone(), refresh, id_token))
    }

    /// A code came back: what it gave ends.
    async fn take_back(&self, code: &AuthorizationCode) -> Denied {
        if let Err(denied) = self.end_what_it_gave(code).await {
            return denied;
        }
        tracing::warn!(client = code.client, user = %code.user_id, "a code was used twice: what it gave was revoked");
        let said = format!("{}: a code came back, and what it gave has ended", code.client);
        match self.accounts.record_unknown("redeem_code", Some(code.user_id), false, &said).await {
            Ok(()) => Denied::grant("the code was used before"),
            Err(error) => error.into(),
        }
    }

    async fn end_what_it_gave(&self, code: &AuthorizationCode) -> Result<(), Denied> {
        // Access tokens name the family that they came of, and end with it.
        match (code.family.as_deref().and_then(FamilyId::parse), &code.token) {
            (Some(family), _) => Ok(self.refresh.revoke_family(family).await?),
            (None, Some(id)) => Ok(self.revoked.end_of(&code.user_id.to_string(), Ended::Token(id)).await?),
            (None, None) => Ok(()),
        }
    }

    async fn redeem_refresh(&self, asked: &Parameters, client: &Client, at: u64) -> Result<Tokens, Denied> {
        let text = asked.required("refresh_token", "`refresh_token` is missing")?;
        let token = RefreshToken::parse(text).ok_or_else(|| Denied::grant("the refresh token is none"))?;
        let refreshed = match self.refresh.redeem_for(&token, &client.id, asked.get("scope")).await {
            Err(Refused::Reuse(grant)) => return Err(self.tell_of_theft(*grant).await),
            other => other?,
        };
        let given = refreshed.grant.given()?;
        let Some(user) = self.holder(client, &given).await? else {
            // Also where that was written by hand, and nothing else ended with it.
            self.refresh.revoke_family(token.family()).await?;
            return Err(Denied::grant(ENDED));
        };
        // As with all of it: whoever ends the family from here on knows this version of the user.
        if !self.refresh.stands(refreshed.token.family()).await? {
            return Err(Denied::grant("the refresh token was revoked"));
        }
        let scope = scope::renewed(&refreshed.grant.scope, asked.get("scope"), self.users.actor(&user).grants());
        let scope = scope.ok_or(Denied::new(Code::InvalidScope, "a refresh gives no more than was granted"))?;
        let (id, third_party) = (Mint::new_id(), client.third_party);
        let (grant, under) = (refreshed.token.family().public(), given.public());
        let (grant, under) = (Some(&*grant), Some(&*under));
        let (client, signed_in) = (&*client.id, None);
        let access = Access { id: &id, client, third_party, scope: &scope, at, signed_in, grant, under };
        let access_token = self.mint.access_token(&user, &access)?;
        Ok(self.tokens(access_token, scope, Some(refreshed.token), None))
    }

    /// A retired refresh token came back, and its family has ended: whoever looks after the app learns of it.
    async fn tell_of_theft(&self, Grant { user, client, .. }: Grant) -> Denied {
        tracing::warn!(client, user, "a retired refresh token was used: what came of it was revoked");
        let said = format!("{client}: a retired refresh token came back, and what came of it has ended");
        match self.accounts.record_unknown("refresh", Uuid::parse_str(&user).ok(), false, &said).await {
            Ok(()) => Denied::grant("a retired refresh token was used: its family has ended"),
            Err(error) => error.into(),
        }
    }

    fn tokens(
        &self,
        access_token: String,
        scope: String,
        refresh: Option<RefreshToken>,
        id_token: Option<String>,
    ) -> Tokens {
        Tokens {
            access_token,
            token_type: "Bearer",
            expires_in: self.config.access_lifetime.as_secs(),
            scope,
            refresh_token: refresh.map(|token| token.reveal()),
            id_token,
        }
    }
}
