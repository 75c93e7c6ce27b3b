//! Who is calling, and what was granted to them.

use crate::{Act, Action, Denied, Grants, May, Policy, Rows, grant::Reach};
use std::{fmt, sync::Arc};

/// Whoever calls: someone who signed in, anyone at all, or the system itself. Cheap to clone.
#[derive(Clone)]
pub struct Actor(Arc<Identity>);

/// What makes an [`Actor`]. Only whoever verified a token, a session or a reason has a use for it; it is not
/// among what applications import.
#[derive(Debug, Clone)]
pub struct Identity {
    id: String,
    kind: Kind,
    name: Option<String>,
    email: Option<String>,
    provider: Option<String>,
    roles: Vec<String>,
    grants: Grants,
    key: Option<String>,
    client: Option<String>,
    signed_in_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Anyone,
    SignedIn,
    Service,
    System(&'static str),
}

impl Identity {
    /// The id of nobody in particular, which is nobody else's.
    pub const ANYONE: &'static str = "anyone";

    /// Someone who signed in, known by that stable identifier. It is what owners are compared with, so two
    /// people must never share one.
    pub fn new(id: impl Into<String>) -> Self {
        Self::of(id.into(), Kind::SignedIn)
    }

    /// A program that speaks for itself, known by that stable identifier, which is no person's.
    pub fn service(id: impl Into<String>) -> Self {
        Self::of(id.into(), Kind::Service)
    }

    /// Nobody in particular.
    pub fn anyone() -> Self {
        Self::of(Self::ANYONE.into(), Kind::Anyone)
    }

    fn of(id: String, kind: Kind) -> Self {
        Self {
            id,
            kind,
            name: None,
            email: None,
            provider: None,
            roles: vec![],
            grants: Grants::default(),
            key: None,
            client: None,
            signed_in_at: None,
        }
    }

    /// How they are called.
    #[must_use]
    pub fn named(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }

    /// Their e-mail address. One of another provider's is verified; that of the app's own users is what was entered.
    #[must_use]
    pub fn email(mut self, email: Option<String>) -> Self {
        self.email = email;
        self
    }

    /// Who vouches for them.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Their roles, for show: what the roles grant must be [granted](Self::grants) too.
    #[must_use]
    pub fn roles(mut self, roles: Vec<String>) -> Self {
        self.roles = roles;
        self
    }

    /// They came with the API key of that id.
    #[must_use]
    pub fn by_key(mut self, id: impl Into<String>) -> Self {
        self.key = Some(id.into());
        self
    }

    /// That client of somebody else's acts in their stead.
    #[must_use]
    pub fn by_client(mut self, id: impl Into<String>) -> Self {
        self.client = Some(id.into());
        self
    }

    /// They proved who they are at that second since 1970.
    #[must_use]
    pub fn signed_in_at(mut self, seconds: Option<u64>) -> Self {
        self.signed_in_at = seconds;
        self
    }

    /// Grants permissions such as `read:books` or `read:books:any`.
    #[must_use]
    pub fn granted<'a>(self, permissions: impl IntoIterator<Item = &'a str>) -> Self {
        self.grants(&Grants::of(permissions))
    }

    /// Grants permissions.
    #[must_use]
    pub fn grants(mut self, grants: &Grants) -> Self {
        self.grants = self.grants.and(grants);
        self
    }
}

impl From<Identity> for Actor {
    fn from(identity: Identity) -> Self {
        Self(Arc::new(identity))
    }
}

impl Actor {
    /// The stable identifier, which owners are compared with.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// How they are called, if that is known.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Their e-mail address, if that is known. One of another provider's is verified; that of the app's own users is what
    /// was entered.
    pub fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Who vouches for them, as configured.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// Their roles.
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// What was granted to them.
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Whether they proved who they are, person or program. (The system did not, and has no need to.)
    pub fn is_signed_in(&self) -> bool {
        matches!(self.0.kind, Kind::SignedIn | Kind::Service)
    }

    /// Whether this is a program that speaks for itself.
    pub fn is_service(&self) -> bool {
        self.0.kind == Kind::Service
    }

    /// The id of the API key that they came with, if they did.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The client of somebody else's that acts in their stead, if one does.
    pub fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// When they proved who they are, in seconds since 1970, if that is known: by their session, or by a token that was given
    /// for it and says so.
    pub fn signed_in_at(&self) -> Option<u64> {
        self.0.signed_in_at
    }

    /// Why the system acts, if this is the system.
    pub fn reason(&self) -> Option<&'static str> {
        match self.0.kind {
            Kind::System(reason) => Some(reason),
            Kind::Anyone | Kind::SignedIn | Kind::Service => None,
        }
    }

    /// Whether this is nobody in particular.
    pub fn is_anyone(&self) -> bool {
        self.0.kind == Kind::Anyone
    }

    /// The check: what nothing grants is denied.
    ///
    /// In the middle of a handler it is the same value as in its signature:
    /// `let may: May<Publish, Book> = actor.may()?;`
    ///
    /// # Errors
    /// 403, or 401 if nobody is signed in.
    #[track_caller]
    pub fn may<A: Action, S: Policy>(&self) -> Result<May<A, S>, Denied> {
        let rows = match self.0.grants.reach(A::NAME, S::PLURAL) {
            Some(Reach::Any) => Rows::All,
            Some(Reach::Policy) => S::rows(self, Act::of::<A>()),
            None => return Err(Denied::new(A::NAME, S::PLURAL, self.is_anyone())),
        };
        Ok(May::granted(self.clone(), rows))
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Actor").field(&self.0.id).finish()
    }
}

/// Work without a caller: start-up, commands, jobs. It may do everything, and must say why.
///
/// ```
/// # use tollgate_access::{Policy, Protected, System, Update};
/// # struct Word;
/// # impl Protected for Word { const PLURAL: &'static str = "words"; type Scope = (); }
/// # impl Policy for Word {}
/// let may = System::because("word counts follow their book").may::<Update, Word>();
/// ```
#[derive(Debug, Clone)]
pub struct System(Actor);

impl System {
    /// The id of the system, which is nobody else's.
    pub const ID: &'static str = "system";

    /// The system, acting for a reason, which is in the log with each permission it takes.
    pub fn because(reason: &'static str) -> Self {
        Self(Identity::of(Self::ID.into(), Kind::System(reason)).granted(["*"]).into())
    }

    /// A permission for every row.
    pub fn may<A: Action, S: Policy>(&self) -> May<A, S> {
        let reason = self.0.reason();
        tracing::debug!(action = A::NAME, resource = S::PLURAL, reason, "the system acts");
        May::granted(self.0.clone(), Rows::All)
    }
}
