//! Letters as people type them, who do not look at their case.

/// `Okafor` of `OKAFOR`.
pub(crate) fn capital(word: &str) -> String {
    let word = word.to_lowercase();
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
