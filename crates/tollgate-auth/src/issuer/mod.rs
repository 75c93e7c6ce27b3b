//! Which tokens do we hand out ourselves?
//!
//! The access tokens of an embedded issuer are signed by a [`SigningKey`](crate::token::SigningKey) and checked by
//! the same [`Gate`](crate::Gate) as everybody else's. What keeps a sign-in alive beyond them is [`refresh`].

pub mod refresh;
