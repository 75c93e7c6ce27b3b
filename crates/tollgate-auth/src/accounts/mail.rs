//! How an app sends mail: in a way of its own.

use std::{error::Error, fmt, pin::Pin, sync::Arc};

/// A message to one person.
#[derive(Clone)]
#[non_exhaustive]
pub struct Mail {
    /// The address.
    pub to: String,
    /// How they are called.
    pub name: String,
    /// What it is about.
    pub subject: String,
    /// What it says, as plain text. It holds a link that must not be logged.
    pub text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail was not sent.
pub type MailError = Box<dyn Error + Send + Sync>;

type Sent = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send>>;

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Arc<dyn Fn(Mail) -> Sent + Send + Sync>);

impl Mailer {
    /// Sends with this function.
    pub fn new<S>(send: impl Fn(Mail) -> S + Send + Sync + 'static) -> Self
    where
        S: Future<Output = Result<(), MailError>> + Send + 'static,
    {
        Self(Arc::new(move |mail| Box::pin(send(mail))))
    }

    /// Writes mail to the log, links included: for a developer's machine alone.
    #[must_use]
    pub fn to_the_log() -> Self {
        Self::new(async |mail| {
            tracing::warn!(to = mail.to, text = mail.text, "a mail, which outside `dev` is not logged");
            Ok(())
        })
    }

    pub(crate) async fn send(&self, mail: Mail) -> Result<(), MailError> {
        (self.0)(mail).await
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}
