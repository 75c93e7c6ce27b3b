//! Which rows: how far a permission reaches.

use crate::{Act, Actor};

/// A type of rows that permissions protect; `#[resource]` makes it one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    label = "permissions speak about resources",
    note = "put `#[resource(plural = \"…\")]` on the struct"
)]
pub trait Protected: Sized + Send + Sync + 'static {
    /// The name used in permissions: `movies`.
    const PLURAL: &'static str;
    /// How a subset of the rows is described; the store makes it its filter.
    type Scope: Clone + Send + Sync;
}

/// The rows a caller may touch.
#[derive(Debug)]
pub enum Rows<S: Protected> {
    /// Every row.
    All,
    /// Not a single one.
    None,
    /// Those the scope describes.
    Where(S::Scope),
}

// A derive would ask that `S` can be cloned, and it is the scope that must be.
impl<S: Protected> Clone for Rows<S> {
    fn clone(&self) -> Self {
        match self {
            Self::All => Self::All,
            Self::None => Self::None,
            Self::Where(scope) => Self::Where(scope.clone()),
        }
    }
}

/// Decides how far a granted permission reaches, by attributes of the actor.
///
/// `#[resource]` writes this impl: all rows, or the caller's own if there is an `#[owner]`. An app that needs
/// more (`tenants`, `published`) says `#[resource(…, policy)]` and writes it by hand. It is asked only if a
/// permission was granted without `:any`.
///
/// ```ignore
/// impl Policy for Book {
///     fn rows(actor: &Actor, act: Act) -> Rows<Self> {
///         let own = Self::AUTHOR.eq(actor.id());
///         Rows::Where(if act.is::<Read>() { own | Self::PUBLISHED.eq(true) } else { own })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says which rows of `{Self}` a caller may touch",
    label = "no policy",
    note = "`#[resource(…, policy)]` leaves it to you to write `impl Policy for {Self}`; without `policy` there is one"
)]
pub trait Policy: Protected {
    /// The rows on which `actor` may do `act`.
    fn rows(actor: &Actor, act: Act) -> Rows<Self> {
        let _ = (actor, act);
        Rows::All
    }
}
