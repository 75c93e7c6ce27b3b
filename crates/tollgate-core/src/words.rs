//! Words for people: an error with everything behind it, the name that a misspelt one means, a capital letter.

use std::{error::Error, iter::successors};

/// From this likeness on (Jaro-Winkler, 0 to 1) a name is worth suggesting.
const LIKE: f64 = 0.7;

/// The error and everything behind it, in a line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut said: Vec<String> = vec![];
    for cause in successors(Some(error), |&error| error.source()) {
        let words = cause.to_string();
        // Some errors repeat their cause.
        if said.last().is_none_or(|last| !last.contains(&words)) {
            said.push(words);
        }
    }
    said.join(": ")
}

/// The known name that is most like this one, whatever the case of its letters, if any is.
pub fn nearest<N: AsRef<str>>(name: &str, known: impl IntoIterator<Item = N>) -> Option<N> {
    let name = name.to_lowercase();
    let known = known.into_iter().map(|known| (strsim::jaro_winkler(&name, &known.as_ref().to_lowercase()), known));
    let nearest = known.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(likeness, _)| *likeness > LIKE);
    nearest.map(|(_, known)| known)
}

/// The text with its first letter in upper case.
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Failed {
        words: &'static str,
        source: Option<Box<Failed>>,
    }

    #[test]
    fn each_cause_is_said_once() {
        let failed = |words, source: Option<Failed>| Failed { words, source: source.map(Box::new) };
        let full = failed("no space left", None);
        let repeated = failed("cannot write: no space left", Some(full));
        assert_eq!(with_causes(&failed("not saved", Some(repeated))), "not saved: cannot write: no space left");
    }

    #[test]
    fn a_name_that_is_like_none_is_not_taken_for_one() {
        assert_eq!(nearest("prot", ["host", "port"]), Some("port"));
        assert_eq!(nearest("colour", ["host", "port"]), None);
        assert_eq!(nearest("post /notes", ["GET /movies", "POST /notes"]), Some("POST /notes"));
    }
}
