//! Where do tokens come from? Each issuer is a security scheme of the document, and a button of its page.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One place where tokens come from.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Its name in the document: `oauth2` is the app's own.
    pub name: String,
    /// What it is, for people; may be empty.
    pub about: String,
    /// How a person gets a token there.
    pub flow: Flow,
    /// What stands before a permission to make it a scope there; `None` if permissions are no scopes there.
    pub scope_prefix: Option<String>,
    /// Whether the token of its answers is the ID token.
    pub id_tokens: bool,
    /// The client that the page `/docs` is there. Without one, whoever signs in types it.
    pub client_id: Option<String>,
    /// What the page sends along when it asks for a code.
    pub parameters: Vec<(String, String)>,
}

/// How a person gets a token.
#[derive(Debug, Clone)]
pub enum Flow {
    /// Authorization code with PKCE (RFC 6749, 4.1; RFC 7636).
    Code {
        /// Where a browser is sent to.
        authorize: String,
        /// Where the code becomes a token.
        token: String,
    },
    /// As the issuer's metadata says, which is at this address.
    Metadata(String),
}

impl Scheme {
    /// The app's own issuer, for the page as its client of that id.
    pub fn own(authorize: &str, token: &str, client_id: &str) -> Self {
        Self {
            name: "oauth2".into(),
            about: String::new(),
            flow: Flow::Code { authorize: authorize.into(), token: token.into() },
            scope_prefix: Some(String::new()),
            id_tokens: false,
            client_id: Some(client_id.into()),
            parameters: vec![],
        }
    }

    fn is_own(&self) -> bool {
        self.name == "oauth2"
    }

    fn scope(&self, permission: &str) -> Option<String> {
        self.scope_prefix.as_ref().map(|prefix| format!("{prefix}{permission}"))
    }

    /// What an operation that needs those permissions asks of it.
    pub(crate) fn requirement(&self, permissions: &[&str]) -> Value {
        let scopes: Vec<_> = permissions.iter().filter_map(|permission| self.scope(permission)).collect();
        json!({ &self.name: scopes })
    }

    /// As it stands in the document. OpenAPI 3.1 has no word for PKCE.
    pub(crate) fn describe(&self, permissions: &BTreeMap<&str, String>) -> Value {
        let mut scheme = match &self.flow {
            Flow::Code { authorize, token } => {
                let mut scopes =
                    BTreeMap::from_iter((!self.is_own()).then(|| (OPENID.to_owned(), "who it is".to_owned())));
                scopes.extend(permissions.iter().filter_map(|(name, text)| Some((self.scope(name)?, text.clone()))));
                let flow = json!({ "authorizationUrl": authorize, "tokenUrl": token, "scopes": scopes });
                json!({ "type": "oauth2", "flows": { "authorizationCode": flow } })
            }
            Flow::Metadata(url) => json!({ "type": "openIdConnect", "openIdConnectUrl": url }),
        };
        if !self.about.is_empty() {
            scheme["description"] = self.about.as_str().into();
        }
        if self.id_tokens {
            scheme["x-tokenName"] = "id_token".into();
        }
        scheme
    }

    /// What the page begins with. Of the app's own issuer all scopes are chosen, for the token then holds those that
    /// whoever signs in has; another refuses who asks for a scope that it does not know.
    pub(crate) fn start(&self) -> (String, Value) {
        let parameters: serde_json::Map<_, _> =
            self.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let scopes = if self.is_own() { Value::Null } else { json!([OPENID]) };
        let start = json!({
            "clientId": self.client_id.as_deref().unwrap_or_default(), "scopes": scopes,
            "additionalQueryStringParams": parameters,
        });
        (self.name.clone(), start)
    }

    /// The addresses that the page calls.
    pub(crate) fn called(&self) -> &str {
        match &self.flow {
            Flow::Code { token, .. } => token,
            Flow::Metadata(url) => url,
        }
    }
}

const OPENID: &str = "openid";
