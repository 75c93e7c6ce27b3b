//! What a gateway in front of AWS Lambda says about a request.

use crate::{Argument, Call, Operation};
use serde_json::Value;
use std::sync::Arc;
use tollgate_core::Problem;

/// What a gateway in front of AWS Lambda says about a request: the event's `requestContext`. A handler may ask for it; where
/// no gateway is, it says nothing.
///
/// Nothing of it decides who calls. An authorizer of the gateway may have judged a token, with other rules, keys and
/// audiences than this app has, or none may be there; so a token is judged here whatever is said, and who calls is in
/// [`May`](tollgate_access::May) and [`Actor`](tollgate_access::Actor). Whoever may invoke the function past the gateway
/// (`lambda:InvokeFunction`) writes here what they like.
///
/// ```
/// # use tollgate_http::Gateway;
/// fn stage(gateway: &Gateway) -> &str {
///     gateway.get("/stage").and_then(|stage| stage.as_str()).unwrap_or("none")
/// }
/// assert_eq!(stage(&Gateway::default()), "none");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Gateway(Arc<Value>);

impl Gateway {
    #[cfg(feature = "lambda")]
    pub(crate) fn of(context: Value) -> Self {
        Self(Arc::new(context))
    }

    /// What is at that place, a JSON Pointer (RFC 6901) such as `/identity/userAgent`.
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// The claims of the token that an authorizer of the gateway judged, if one did. They are not what this app goes by.
    pub fn claims(&self) -> Option<&Value> {
        self.get("/authorizer/jwt/claims").or_else(|| self.get("/authorizer/claims"))
    }
}

impl Argument for Gateway {
    const OF_A_REQUEST: bool = true;

    fn describe(_: &mut Operation<'_>) {}

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.head.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
