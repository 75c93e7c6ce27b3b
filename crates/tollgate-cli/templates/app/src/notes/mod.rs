//! Notes: everybody keeps their own.
use tollgate::prelude::*;

#[cfg(test)]
mod tests;

/// A note to oneself.
#[resource(plural = "notes")]
pub struct Note {
    /// Names the note.
    #[id(generated)]
    pub note_id: Uuid,
    /// Who wrote it.
    #[owner]
    pub author: String,
    /// What it says.
    #[garde(length(min = 1, max = 500))]
    pub text: String,
    /// When it was written.
    #[created_at]
    pub written: Timestamp,
}

/// The service: everything about notes that the rest of the app may see.
pub fn service() -> Service {
    service!("notes").crud::<Note>("/notes")
}
