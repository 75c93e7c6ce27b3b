//! What can be done: the first half of a permission such as `read:movies`.

use std::fmt;

/// Something an actor may be allowed to do. Apps add their own, and say what it [implies](Implies).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an action",
    note = "actions are `Read`, `Create`, `Update`, `Delete`, and yours: `impl Action for {Self} {{ … }}`"
)]
pub trait Action: Send + Sync + 'static {
    /// The name used in permissions: lower-case, as in `read`.
    const NAME: &'static str;
    /// Whether it writes rows, and so can contradict what is stored (409).
    const WRITES: bool = true;
}

/// Says that whoever may do this may also do `A`, on the same rows, where that is part of it.
///
/// Publishing a book changes it, but whoever may publish need not be allowed other changes:
/// ```
/// use tollgate_access::{Action, Implies, May, Protected, Update};
/// struct Publish;
/// impl Action for Publish { const NAME: &'static str = "publish"; }
/// impl Implies<Update> for Publish {}
///
/// # fn publish<Book: Protected>(may: May<Publish, Book>) {
/// let update: May<Update, Book> = may.implied();
/// # }
/// ```
/// Only the app that defines an action says what it implies; `Read` implies nothing, and nobody can change that:
/// ```compile_fail,E0117
/// # use tollgate_access::{Delete, Implies, Read};
/// impl Implies<Delete> for Read {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not imply `{A}`",
    note = "if it is part of your action, write `impl Implies<{A}> for {Self} {{}}`; else ask for `May<{A}, …>` as well"
)]
pub trait Implies<A: Action>: Action {}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal, writes: $writes:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $action;
        impl Action for $action {
            const NAME: &'static str = $name;
            const WRITES: bool = $writes;
        }
    )+};
}

actions! {
    /// See rows.
    Read = "read", writes: false;
    /// Add rows.
    Create = "create", writes: true;
    /// Change rows.
    Update = "update", writes: true;
    /// Remove rows.
    Delete = "delete", writes: false;
}

/// An action as a value: what a [`Policy`](crate::Policy) is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act(&'static str);

impl Act {
    /// The action `A`.
    pub const fn of<A: Action>() -> Self {
        Self(A::NAME)
    }

    /// Whether it is the action `A`.
    pub fn is<A: Action>(self) -> bool {
        self.0 == A::NAME
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
