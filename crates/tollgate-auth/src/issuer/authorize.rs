//! `GET /oauth/authorize`: a client asks for a code (RFC 6749, 4.1.1; RFC 7636; OpenID Connect Core, 3.1.2).
//!
//! Until it is known that the request is a client's and goes back to that client, nobody is sent anywhere: a wrong
//! `client_id` or `redirect_uri` gets a problem page. Afterwards every answer goes back to the client, with its `state`
//! and our `iss` (RFC 9207).

use super::{
    client::{Client, ClientKind},
    codes::{self, is_challenge},
    denied::{Code, Denied},
    scope,
};
use crate::{
    identity::Issuer,
    parameters::Parameters,
    sign_in::{LOGIN, Session, see_other},
    users::User,
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tollgate_core::Problem;
use tollgate_http::Refusal;

/// Where clients ask for codes.
pub(crate) const AUTHORIZE: &str = "/oauth/authorize";

/// Parameters that change what the others mean, and that we do not read (OpenID Connect Core, 6).
const FOREIGN: [&str; 2] = ["request", "request_uri"];

/// What happens next.
enum Next {
    /// The client gets a code.
    Code(String),
    /// Somebody signs in first, and then asks for this again.
    SignIn(String),
}

pub(crate) async fn authorize(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = match Parameters::read(uri.query().unwrap_or_default().as_bytes()) {
        Ok(asked) => asked,
        Err(malformed) => return Refusal::from(Problem::from(malformed)).into_response(),
    };
    let (client, redirect_uri) = match issuer.target(&asked).await {
        Ok(target) => target,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    let request = Request { client: &client, redirect_uri, asked: &asked };
    match issuer.next(&request, &headers).await {
        Ok(Next::Code(code)) => request.answer(issuer.identifier(), &[("code", &code)]),
        Ok(Next::SignIn(again)) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &again).finish();
            see_other(&format!("{LOGIN}?{query}"))
        }
        Err(denied) => {
            denied.log();
            let error = [("error", denied.code.as_str()), ("error_description", denied.description)];
            request.answer(issuer.identifier(), &error)
        }
    }
}

/// A request of a client that is known, for an address that is its own.
struct Request<'a> {
    client: &'a Client,
    redirect_uri: &'a str,
    asked: &'a Parameters,
}

impl Request<'_> {
    /// Sends the browser back to the client.
    fn answer(&self, issuer: &str, members: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(members);
        query.extend_pairs(self.asked.get("state").map(|state| ("state", state)));
        let query = query.append_pair("iss", issuer).finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        see_other(&format!("{}{joint}{query}", self.redirect_uri))
    }

    /// The PKCE challenge; without one, whoever intercepts the code can redeem it. Empty for a client that may do without.
    fn challenge(&self) -> Result<&str, Denied> {
        let invalid = |why| Denied::new(Code::InvalidRequest, why);
        if FOREIGN.iter().any(|name| self.asked.get(name).is_some()) {
            return Err(invalid("`request` and `request_uri` are not supported"));
        }
        if self.asked.get("response_type") != Some("code") {
            return Err(Denied::new(Code::UnsupportedResponseType, "`response_type` must be `code`"));
        }
        if self.asked.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("`response_mode` must be `query`"));
        }
        let (challenge, method) = (self.asked.get("code_challenge"), self.asked.get("code_challenge_method"));
        let may_do_without = self.client.insecure_without_pkce && self.client.kind == ClientKind::Confidential;
        if may_do_without && challenge.is_none() && method.is_none() {
            return Ok("");
        }
        if method != Some("S256") {
            return Err(invalid("`code_challenge_method` must be `S256` (RFC 7636)"));
        }
        let challenge = challenge.filter(|challenge| is_challenge(challenge));
        challenge.ok_or(invalid("`code_challenge` must be the SHA-256 of the verifier in base64url (RFC 7636)"))
    }
}

impl Issuer {
    /// The client, and where it is sent back to.
    async fn target<'a>(&self, asked: &'a Parameters) -> Result<(Arc<Client>, &'a str), Problem> {
        let refused = |why: &str| Problem::bad_request().because(why);
        let client = self.clients.find(asked.get("client_id").unwrap_or_default()).await?;
        let client = client.ok_or_else(|| refused("`client_id` is not that of a client of this app"))?;
        let redirect_uri = asked.get("redirect_uri").filter(|uri| client.may_return_to(uri));
        let redirect_uri = redirect_uri.ok_or_else(|| refused("`redirect_uri` is not one of the client's"))?;
        Ok((client, redirect_uri))
    }

    async fn next(&self, request: &Request<'_>, headers: &HeaderMap) -> Result<Next, Denied> {
        let challenge = request.challenge()?;
        let prompt = request.asked.get("prompt");
        let signed_in = self.signed_in(headers).await?.filter(|_| prompt != Some("login"));
        match signed_in {
            Some((session, user)) => Ok(Next::Code(self.code(request, challenge, &session, &user).await?)),
            None if prompt == Some("none") => Err(Denied::new(Code::LoginRequired, "nobody is signed in")),
            None => Ok(Next::SignIn(format!("{AUTHORIZE}?{}", request.asked.without("prompt")))),
        }
    }

    async fn code(
        &self,
        request: &Request<'_>,
        challenge: &str,
        session: &Session,
        user: &User,
    ) -> Result<String, Denied> {
        let requested = request.asked.get("scope").unwrap_or_default();
        let asked = codes::Asked {
            client: &request.client.id,
            redirect_uri: request.redirect_uri,
            challenge,
            user_id: user.user_id,
            signed_in: session.signed_in,
            scope: scope::granted(requested, self.users.actor(user).grants()),
            nonce: request.asked.get("nonce"),
        };
        Ok(self.codes.issue(asked).await?)
    }

    /// The origin that a request for a code goes back to, for the policy of the page on the way.
    pub(crate) async fn origin_behind(&self, path: &str) -> Option<String> {
        let query = path.strip_prefix(AUTHORIZE)?.strip_prefix('?')?;
        let asked = Parameters::read(query.as_bytes()).ok()?;
        let (_, redirect_uri) = self.target(&asked).await.ok()?;
        let url = url::Url::parse(redirect_uri).ok()?;
        let origin = url.origin();
        Some(if origin.is_tuple() { origin.ascii_serialization() } else { format!("{}:", url.scheme()) })
    }
}
