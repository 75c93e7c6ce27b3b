//! Who calls, and with what.

use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate::testing::Identity as Issuer;
use tollgate_access::{Actor, Identity, Roles};
use tollgate_auth::IdentityConfig;
use tollgate_core::{Clock, ManualClock, Secret};
use tollgate_http::pages::{Pages, Site};
use tollgate_store::Database;

/// The kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    Anonymous,
    Expired,
    WrongAudience,
    LackingPermission,
    OtherOwner,
    Owner,
    Admin,
}

impl Caller {
    pub(super) const ALL: [Self; 7] = [
        Self::Anonymous,
        Self::Expired,
        Self::WrongAudience,
        Self::LackingPermission,
        Self::OtherOwner,
        Self::Owner,
        Self::Admin,
    ];

    /// The role of the user, if it is one.
    fn role(self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::LackingPermission => Some(NOTHING),
            Self::OtherOwner | Self::Owner => Some(OWN),
            Self::Admin | Self::Expired | Self::WrongAudience => Some(ALL),
        }
    }

    fn email(self) -> String {
        format!("{self:?}@example.test").to_lowercase()
    }

    /// Whether what they show is refused, whoever they would be.
    pub(super) fn shows_a_bad_token(self) -> bool {
        matches!(self, Self::Expired | Self::WrongAudience)
    }

    /// Who they are, as far as permissions go.
    pub(super) fn actor(self, roles: &Roles) -> Actor {
        let somebody = self.role().map_or_else(Identity::anyone, Identity::new);
        somebody.grants(&roles.grants(self.role())).grants(roles.anyone()).into()
    }
}

const NOTHING: &str = "matrix-nothing";
const OWN: &str = "matrix-own";
const ALL: &str = "matrix-all";

/// Roles for the callers: none, all permissions that routes ask for without `:any`, and all.
pub(super) fn roles<'p>(permissions: impl Iterator<Item = &'p str>) -> BTreeMap<String, Vec<String>> {
    let own = permissions.map(str::to_owned).collect();
    [(NOTHING, vec![]), (OWN, own), (ALL, vec!["*".to_owned()])].map(|(role, may)| (role.to_owned(), may)).into()
}

/// What each caller shows.
pub(super) type Tokens = BTreeMap<Caller, String>;

/// Users of the app, and a token of each. Those that are to have expired do so before the others are made.
pub(super) async fn tokens(
    issuer: &Issuer,
    roles: Arc<Roles>,
    database: &Arc<dyn Database>,
    clock: &ManualClock,
) -> Result<Tokens, Box<dyn std::error::Error>> {
    let mut tokens = Tokens::new();
    let password = Secret::from("a password of the matrix");
    for caller in Caller::ALL {
        if let Some(role) = caller.role() {
            issuer.create_user(&format!("{caller:?}"), &caller.email(), &password, &[role.to_owned()]).await?;
        }
    }
    let issue = async |issuer: &Issuer, caller: Caller| issuer.issue_token(&caller.email()).await;
    tokens.insert(Caller::Expired, issue(issuer, Caller::Expired).await?);
    clock.advance(Duration::from_hours(24));
    let elsewhere = elsewhere(issuer, roles, database, clock).await?;
    tokens.insert(Caller::WrongAudience, issue(&elsewhere, Caller::WrongAudience).await?);
    for caller in [Caller::LackingPermission, Caller::OtherOwner, Caller::Owner, Caller::Admin] {
        tokens.insert(caller, issue(issuer, caller).await?);
    }
    Ok(tokens)
}

/// The same issuer with the same keys, whose tokens are for another API.
async fn elsewhere(
    issuer: &Issuer,
    roles: Arc<Roles>,
    database: &Arc<dyn Database>,
    clock: &ManualClock,
) -> Result<Issuer, tollgate_auth::Error> {
    let config = IdentityConfig { audience: "another-api".into(), ..IdentityConfig::new(issuer.issuer(), roles) };
    let (clock, pages): (Arc<dyn Clock>, _) = (Arc::new(clock.clone()), Arc::new(Pages::new(Site::default())));
    Issuer::start(config, Arc::clone(database), clock, pages).await
}
