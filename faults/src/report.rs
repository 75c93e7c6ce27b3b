//! What came of the long form, kept beside the code.

use crate::{FAULTS, Fault, Finding, Result};
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// What came of one fault the last time.
#[derive(Serialize, Deserialize)]
struct Entry {
    id: String,
    passed: bool,
    acks: usize,
    lost: usize,
    doubled: usize,
    note: String,
    when: Timestamp,
}

impl Entry {
    /// What came of it just now.
    fn new(fault: &Fault, finding: &Finding) -> Result<Self> {
        let Finding { acks, lost, doubled, .. } = *finding;
        let when = Timestamp::now().round(Unit::Second)?;
        Ok(Self { id: fault.id.into(), passed: finding.passed(), acks, lost, doubled, note: finding.words(), when })
    }
}

/// Puts what came of a fault in the place of what came of it before; the others stay.
///
/// # Errors
/// The files cannot be read or written.
pub fn keep(fault: &Fault, finding: &Finding) -> Result {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("report.json");
    let mut entries: Vec<Entry> = if file.exists() { serde_json::from_slice(&fs::read(&file)?)? } else { vec![] };
    entries.retain(|old| old.id != fault.id);
    entries.push(Entry::new(fault, finding)?);
    let place = |entry: &Entry| FAULTS.iter().position(|fault| fault.id == entry.id);
    entries.retain(|entry| place(entry).is_some());
    entries.sort_by_key(place);
    fs::write(file, serde_json::to_string_pretty(&entries)? + "\n")?;
    fs::write(folder.join("REPORT.md"), text(&entries))?;
    Ok(())
}

fn text(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let Entry { id, passed, acks, lost, doubled, note, when } = entry;
        let title = FAULTS.iter().find(|fault| fault.id == *id).map_or("", |fault| fault.title);
        let passed = if *passed { "yes" } else { "**no**" };
        let note = note.replace('|', "\\|").replace('\n', " ");
        format!("| {id} | {title} | {passed} | {acks} | {lost} | {doubled} | {note} | {when} |\n")
    };
    let lines: String = entries.iter().map(line).collect();
    format!(
        "# Faults\n\n\
         Written by `cargo xtask faults`. The release build of the reference application runs as a process of its own, \
         under load on loopback. An acknowledgement is a 2xx whose body was read whole; lost is what was acknowledged \
         and is not stored, doubled what is stored more than once.\n\n\
         | id | what breaks | passed | acknowledged | lost | doubled | note | when |\n\
         |---|---|---|---|---|---|---|---|\n{lines}"
    )
}
