//! Which tokens do we hand out ourselves?
//!
//! A small OpenID provider inside the app: authorization code with PKCE, refresh tokens, discovery, published keys. Its
//! access tokens are checked by the same [`Gate`](crate::Gate) as everybody else's.
//!
//! ```text
//! GET  /oauth/authorize   authorize.rs   a client asks → a code        codes.rs      one use each
//! POST /oauth/token       exchange.rs    a code → tokens               refresh.rs    families.rs  what keeps them alive
//! POST /oauth/revoke      revoke.rs      given back                    revoked.rs    what ended   follow.rs  elsewhere
//! POST /oauth/introspect  introspect.rs  is it good?
//! GET  /oauth/userinfo    userinfo.rs    who signed in?
//! GET  /.well-known/…     discovery.rs   what clients may learn        keyring.rs    our keys
//! POST /token             password_grant.rs  where it is switched on
//!
//! GET  /auth/apps         apps.rs        whom did I allow?             consents.rs   consent.rs  and who asked
//! GET  /oauth/logout      logout.rs      a client signs somebody out
//!                         given.rs       under what was it given, and does that stand?
//!
//! client.rs   what a client is     clients.rs  which there are     proof.rs   is it that one?
//! mint.rs     what tokens say      scope.rs    what they grant     config.rs  how it is set up    denied.rs  every "no"
//! ```

mod apps;
mod authorize;
mod client;
mod clients;
mod codes;
mod config;
mod consent;
mod consents;
mod denied;
mod discovery;
mod exchange;
mod families;
mod follow;
mod given;
mod introspect;
mod keyring;
mod logout;
mod mint;
mod password_grant;
mod prompt;
mod proof;
pub mod refresh;
mod revoke;
mod revoked;
mod scope;
mod userinfo;

pub use client::{Client, ClientKind};
pub use clients::StoredClient;
pub use codes::AuthorizationCode;
pub use config::IdentityConfig;
pub use consents::Consent;
pub use families::RefreshFamily;
pub use keyring::{KeyInfo, StoredKey};
pub use revoked::Revocation;

pub(crate) use authorize::AUTHORIZE;
pub(crate) use client::COMMAND_LINE;
pub(crate) use clients::Clients;
pub(crate) use codes::Codes;
pub(crate) use consent::APPS;
pub(crate) use consents::Consents;
pub(crate) use families::StoredFamilies;
pub(crate) use follow::{Follower, SWEEP, Seen, start as follow};
pub(crate) use given::public_name;
pub(crate) use keyring::Keyring;
pub(crate) use mint::{Access, Mint};
pub(crate) use proof::WrongSecrets;
pub(crate) use revoked::{Ended, Revoked};
pub(crate) use scope::granted;

use crate::identity::Issuer;
use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use std::sync::Arc;

/// Paths, and what answers there.
pub(crate) type Routes = Vec<(&'static str, MethodRouter<Arc<Issuer>>)>;

fn usual() -> Routes {
    vec![
        (exchange::TOKEN, post(exchange::exchange)),
        (revoke::REVOKE, post(revoke::revoke)),
        (userinfo::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo)),
        (discovery::METADATA[0], get(discovery::metadata)),
        (discovery::METADATA[1], get(discovery::metadata)),
        (discovery::KEYS, get(discovery::keys)),
        (authorize::AUTHORIZE, get(authorize::authorize).post(authorize::authorize_by_form)),
        (consent::CONSENT, post(consent::consent)),
        (consent::APPS, get(apps::page).post(apps::withdraw)),
        (introspect::INTROSPECT, post(introspect::introspect)),
        (logout::LOGOUT, get(logout::ask).post(logout::answer)),
    ]
}

fn for_scripts() -> Routes {
    vec![("/token", post(password_grant::password))]
}

/// All paths of the issuer, those included that the settings may leave away.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    [usual(), for_scripts()].into_iter().flatten().map(|(path, _)| path)
}

/// A router of these routes.
pub(crate) fn router_of(routes: Routes) -> Router<Arc<Issuer>> {
    routes.into_iter().fold(Router::new(), |router, (path, answers)| router.route(path, answers))
}

/// The issuer's own routes.
pub(crate) fn router(issuer: &Arc<Issuer>) -> Router<Arc<Issuer>> {
    let router = router_of(usual());
    if issuer.config.password_grant { router.merge(router_of(for_scripts())) } else { router }
}
