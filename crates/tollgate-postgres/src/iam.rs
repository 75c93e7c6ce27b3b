//! Signing in to RDS and Aurora without a password: as the AWS role that the app runs as.
//!
//! The password is a token, a presigned URL that nobody calls: good for a quarter of an hour, and only for opening a
//! connection. One token serves all connections that are made while it is fresh.

#[cfg(feature = "aws")]
mod role;

#[cfg(not(feature = "aws"))]
pub(crate) use none::Role;
#[cfg(feature = "aws")]
pub(crate) use role::Role;

/// Without the feature there is no role.
#[cfg(not(feature = "aws"))]
mod none {
    use crate::config::Config;
    use std::future::Ready;
    use tollgate_store::{Error, Result};

    pub(crate) enum Role {}

    impl Role {
        pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
            let words = "`iam` in `database.url`: this app was built without it; turn on the feature `aws` of `tollgate`: cargo add tollgate --features aws";
            if config.iam { Err(Error::invalid(words)) } else { Ok(None) }
        }

        pub(crate) fn token(&self) -> Ready<Result<String, String>> {
            match *self {}
        }

        pub(crate) fn forget(&self) -> Ready<()> {
            match *self {}
        }
    }
}
