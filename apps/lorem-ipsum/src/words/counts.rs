//! How often each word occurs in a text: letters and digits, in lower case.

use super::Word;
use std::{collections::BTreeMap, ops::Sub};

/// What is longer, in characters, is no word.
const LONGEST: usize = 64;

/// How often each word occurs, or by how much that differs.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts(BTreeMap<String, i64>);

impl Counts {
    /// Those in a text.
    pub(crate) fn of(pages: &[String]) -> Self {
        let mut counts = Self::default();
        for page in pages {
            for word in page.split(|c: char| !c.is_alphanumeric()) {
                if !word.is_empty() && word.chars().nth(LONGEST).is_none() {
                    *counts.0.entry(word.to_lowercase()).or_default() += 1;
                }
            }
        }
        counts
    }

    /// As rows.
    pub(crate) fn rows(&self) -> Vec<Word> {
        self.0.iter().map(|(word, count)| Word { word: word.clone(), count: *count }).collect()
    }

    /// Those that became fewer.
    pub(crate) fn fewer(&self) -> Vec<String> {
        self.0.iter().filter(|(_, count)| **count < 0).map(|(word, _)| word.clone()).collect()
    }
}

/// The difference, without what stayed the same.
impl Sub for Counts {
    type Output = Self;

    fn sub(mut self, before: Self) -> Self {
        for (word, count) in before.0 {
            *self.0.entry(word).or_default() -= count;
        }
        self.0.retain(|_, count| *count != 0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counts(text: &str) -> Vec<(String, i64)> {
        Counts::of(&[text.to_owned()]).0.into_iter().collect()
    }

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        let said = counts("Lorem, lorem; ÆTHER—lorem? 42 ÆTHER");
        let expected = [("42", 1), ("lorem", 3), ("æther", 2)];
        assert_eq!(said, expected.map(|(word, count)| (word.to_owned(), count)));
        assert_eq!(counts(&"x".repeat(65)), []);
        assert_eq!(counts(" … "), []);
    }

    #[test]
    fn a_difference_names_what_changed_alone() {
        let after = Counts::of(&["a b b c".into()]) - Counts::of(&["a b d".into()]);
        assert_eq!(after.0.into_values().collect::<Vec<_>>(), [1, 1, -1]);
    }
}
