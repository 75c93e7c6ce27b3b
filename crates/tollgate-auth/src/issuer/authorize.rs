//! `GET, POST /oauth/authorize`: a client asks for a code (RFC 6749, 4.1.1; RFC 7636; OpenID Connect Core, 3.1.2).
//!
//! Until it is known that the request is a client's and goes back to that client, nobody is sent anywhere: a wrong
//! `client_id` or `redirect_uri` gets a problem page. Afterwards every answer goes back to the client, with its `state`
//! and our `iss` (RFC 9207).

use super::{
    client::{Client, ClientKind},
    codes::{self, is_challenge},
    consent::Said,
    denied::{Code, Denied},
    prompt::Prompt,
    scope,
};
use crate::{
    identity::Issuer,
    parameters::Parameters,
    sign_in::{LOGIN, Session, refuse, see_other},
    users::User,
};
use axum::{
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::Problem;

/// The longest `nonce`, in bytes: it is kept with the code.
const LONGEST_NONCE: usize = 512;

/// Where clients ask for codes.
pub(crate) const AUTHORIZE: &str = "/oauth/authorize";

/// Parameters that change what the others mean, and that we do not read (OpenID Connect Core, 6).
const FOREIGN: [(&str, Code, &str); 2] = [
    ("request", Code::RequestNotSupported, "`request` is not supported"),
    ("request_uri", Code::RequestUriNotSupported, "`request_uri` is not supported"),
];

/// What happens next.
enum Next {
    /// The client gets a code.
    Code(String),
    /// Somebody signs in first, and then asks for this again.
    SignIn(String),
    /// They are asked whether the client may have that scope.
    Ask(User, String),
}

pub(crate) async fn authorize(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    match Parameters::read(uri.query().unwrap_or_default().as_bytes()) {
        Ok(asked) => issuer.authorize(&asked, &headers, None).await,
        Err(malformed) => refuse(malformed.into()),
    }
}

pub(crate) async fn authorize_by_form(State(issuer): State<Arc<Issuer>>, request: HttpRequest) -> Response {
    let headers = request.headers().clone();
    match Parameters::of_form(request).await {
        Ok(asked) => issuer.authorize(&asked, &headers, None).await,
        Err(malformed) => refuse(malformed.into()),
    }
}

/// A request of a client that is known, for an address that is its own.
pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) redirect_uri: &'a str,
    pub(super) asked: &'a Parameters,
}

impl Request<'_> {
    /// What it asks for.
    pub(super) fn scope(&self) -> &str {
        self.asked.get("scope").unwrap_or_default()
    }

    /// Where somebody signs in before it is asked again; with the name that the client thinks they have.
    fn sign_in(&self, again: &str) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("return_to", again);
        query.extend_pairs(self.asked.get("login_hint").map(|hint| ("login_hint", hint)));
        see_other(&format!("{LOGIN}?{}", query.finish()))
    }

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
        if let Some((_, code, why)) = FOREIGN.into_iter().find(|(name, ..)| self.asked.get(name).is_some()) {
            return Err(Denied::new(code, why));
        }
        if self.asked.get("response_type") != Some("code") {
            return Err(Denied::new(Code::UnsupportedResponseType, "`response_type` must be `code`"));
        }
        if self.asked.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("`response_mode` must be `query`"));
        }
        let fits = |nonce: &str| nonce.len() <= LONGEST_NONCE && !nonce.chars().any(char::is_control);
        if self.asked.get("nonce").is_some_and(|nonce| !fits(nonce)) {
            return Err(invalid("`nonce` has at most 512 characters, and none that cannot be seen"));
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
    /// Answers a request for a code; `said` is what somebody answered to the page that asks them.
    pub(super) async fn authorize(&self, asked: &Parameters, headers: &HeaderMap, said: Option<&Said>) -> Response {
        let (client, redirect_uri) = match self.target(asked).await {
            Ok(target) => target,
            Err(problem) => return refuse(problem),
        };
        let request = Request { client: &client, redirect_uri, asked };
        match self.next(&request, headers, said).await {
            Ok(Next::Code(code)) => request.answer(self.identifier(), &[("code", &code)]),
            Ok(Next::SignIn(again)) => request.sign_in(&again),
            Ok(Next::Ask(user, scope)) => self.consent_page(&request, &user, scope).await.unwrap_or_else(refuse),
            Err(denied) => {
                denied.log();
                let error = [("error", denied.code.as_str()), ("error_description", denied.description)];
                request.answer(self.identifier(), &error)
            }
        }
    }

    /// The client, and where it is sent back to.
    async fn target<'a>(&self, asked: &'a Parameters) -> Result<(Arc<Client>, &'a str), Problem> {
        let refused = |why: &str| Problem::bad_request().because(why);
        let client = self.clients.find(asked.get("client_id").unwrap_or_default()).await?;
        let client = client.ok_or_else(|| refused("`client_id` is not that of a client of this app"))?;
        let redirect_uri = asked.get("redirect_uri").filter(|uri| client.may_return_to(uri));
        let redirect_uri = redirect_uri.ok_or_else(|| refused("`redirect_uri` is not one of the client's"))?;
        Ok((client, redirect_uri))
    }

    async fn next(&self, request: &Request<'_>, headers: &HeaderMap, said: Option<&Said>) -> Result<Next, Denied> {
        let (challenge, prompt) = (request.challenge()?, Prompt::read(request.asked)?);
        let signed_in = self.signed_in(headers).await?;
        let is_meant = |(session, user): &(Session, User)| {
            prompt.accepts(session, self.clock.now()) && self.is_expected(request.asked, user)
        };
        let Some((session, user)) = signed_in.filter(is_meant) else {
            if prompt.none {
                return Err(Denied::new(
                    Code::LoginRequired,
                    "nobody is signed in, or somebody else, or not recently enough",
                ));
            }
            return Ok(Next::SignIn(format!("{AUTHORIZE}?{}", prompt.afterwards(request.asked))));
        };
        let scope = self.scope_for(request, &user)?;
        if self.is_allowed(request, &prompt, (&user, &scope), said).await? {
            Ok(Next::Code(self.code(request, challenge, scope, (&session, &user)).await?))
        } else if prompt.none {
            Err(Denied::new(Code::ConsentRequired, "the user has to be asked"))
        } else {
            Ok(Next::Ask(user, scope))
        }
    }

    /// Whether that is whom the client expects, if it says so: with the ID token that it got.
    fn is_expected(&self, asked: &Parameters, user: &User) -> bool {
        let Some(hint) = asked.get("id_token_hint") else { return true };
        let subject = user.user_id.to_string();
        let claims = self.mint.keys.id_token(hint.as_bytes());
        claims.is_some_and(|claims| claims.get("sub").is_some_and(|known| *known == *subject))
    }

    /// What the client would be granted.
    fn scope_for(&self, request: &Request<'_>, user: &User) -> Result<String, Denied> {
        let (actor, requested) = (self.users.actor(user), request.scope());
        if !request.client.third_party {
            return Ok(scope::granted(requested, actor.grants()));
        }
        let named = scope::named(requested, actor.grants());
        let nothing = || Denied::new(Code::InvalidScope, "nothing of that can be granted");
        Some(named).filter(|named| !named.is_empty()).ok_or_else(nothing)
    }

    async fn code(
        &self,
        request: &Request<'_>,
        challenge: &str,
        scope: String,
        (session, user): (&Session, &User),
    ) -> Result<String, Denied> {
        let given = self.giving(request.client, session, user).await?;
        let asked = codes::Asked {
            given,
            client: &request.client.id,
            redirect_uri: request.redirect_uri,
            challenge,
            session,
            scope,
            nonce: request.asked.get("nonce"),
        };
        Ok(self.codes.issue(asked).await?)
    }

    /// The origin that a request for a code goes back to, for the policy of the page on the way.
    pub(crate) async fn origin_behind(&self, path: &str) -> Option<String> {
        let query = path.strip_prefix(AUTHORIZE)?.strip_prefix('?')?;
        let asked = Parameters::read(query.as_bytes()).ok()?;
        let (_, redirect_uri) = self.target(&asked).await.ok()?;
        origin_of(redirect_uri)
    }
}

/// The origin of an address; of an app's own scheme, the scheme.
pub(super) fn origin_of(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    let origin = url.origin();
    Some(if origin.is_tuple() { origin.ascii_serialization() } else { format!("{}:", url.scheme()) })
}
