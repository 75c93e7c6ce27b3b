//! Messages: short ones, kept as documents. The author is whoever is signed in, and sees their own.
use tollgate::prelude::*;

/// A message.
#[resource(plural = "messages", database = "documents")]
pub struct Message {
    /// Names the message, in the order of creation.
    #[id(generated)]
    pub message_id: ObjectId,
    /// Who wrote it.
    #[owner]
    pub author: String,
    /// What it says.
    #[garde(length(min = 1, max = 2000))]
    pub text: String,
    /// When it was written.
    #[created_at]
    pub written: Timestamp,
    /// When it last changed.
    #[updated_at]
    pub changed: Timestamp,
    /// Counts the changes, from 1.
    #[version]
    pub version: i32,
}

/// The service: everything about messages that the rest of the app may see.
pub fn service() -> Service {
    service!("messages").crud::<Message>("/messages")
}
