//! What came of a fault.

use crate::load::Ledger;
use std::collections::HashMap;

/// What came of a fault.
#[derive(Debug, Default)]
pub struct Finding {
    /// How many writes were acknowledged.
    pub acks: usize,
    /// How many of them are not stored.
    pub lost: usize,
    /// How many writes are stored more than once.
    pub doubled: usize,
    /// What did not hold.
    pub failures: Vec<String>,
    /// What was measured on the way.
    pub notes: Vec<String>,
}

impl Finding {
    /// Compares what clients were told with what is stored.
    pub(crate) fn of(ledger: &Ledger, stored: &[String]) -> Self {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for text in stored {
            *times.entry(text).or_default() += 1;
        }
        let told = ledger.told();
        let mut finding = Self {
            acks: told.acked.len(),
            lost: told.acked.iter().filter(|text| !times.contains_key(text.as_str())).count(),
            doubled: times.values().filter(|times| **times > 1).count(),
            ..Self::default()
        };
        finding.require(finding.lost == 0, || "acknowledged writes are lost".to_owned());
        finding.require(finding.doubled == 0, || "writes are stored twice".to_owned());
        finding.require(told.wrong.is_empty(), || format!("wrong answers, such as {}", told.wrong[0]));
        finding
    }

    /// Makes it a failure if something does not hold.
    pub(crate) fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(otherwise());
        }
    }

    pub(crate) fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }

    /// Whether everything held.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// What was measured, and what did not hold.
    pub fn words(&self) -> String {
        self.notes.iter().chain(&self.failures).cloned().collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(acked: &[&str], stored: &[&str]) -> Finding {
        let ledger = Ledger::default();
        ledger.told().acked = acked.iter().map(ToString::to_string).collect();
        Finding::of(&ledger, &stored.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_acknowledged_is_stored_once() {
        assert!(of(&["a", "b"], &["b", "a", "unanswered"]).passed());
        let lost = of(&["a", "b"], &["b"]);
        assert_eq!((lost.acks, lost.lost, lost.doubled, lost.passed()), (2, 1, 0, false));
        let doubled = of(&["a"], &["a", "unanswered", "a", "unanswered"]);
        assert_eq!((doubled.acks, doubled.lost, doubled.doubled, doubled.passed()), (1, 0, 2, false));
    }
}
