//! SECURITY.md names, for each behaviour, the tests that show it. Are they there?

use std::{collections::BTreeSet, fs};

use crate::{Result, steps::stdout};

const FILE: &str = "SECURITY.md";
/// How far the behaviours are numbered that an app is built for: each has a row.
const PROMISED: [(char, u8); 3] = [('T', 7), ('I', 12), ('A', 10)];

/// Fails where a row names no test, or one that is gone, or where a behaviour has no row.
pub(crate) fn check() -> Result<String> {
    let listed = stdout(std::process::Command::new("git").args(["ls-files", "*.rs"]))?;
    let sources = listed.lines().filter_map(|path| fs::read_to_string(path).ok()).collect::<Vec<_>>();
    let tests: BTreeSet<&str> = sources.iter().flat_map(|source| tests(source)).collect();
    let text = fs::read_to_string(FILE)?;
    let missing = missing(&text);
    if missing.is_empty() {
        judge(&text, &tests)
    } else {
        Err(format!("{FILE}: no row for {}", missing.join(", ")).into())
    }
}

fn missing(text: &str) -> Vec<String> {
    let there: BTreeSet<&str> = text.lines().filter_map(row).map(|(id, _)| id).collect();
    let promised =
        PROMISED.into_iter().flat_map(|(kind, last)| (1..=last).map(move |number| format!("{kind}{number}")));
    promised.filter(|id| !there.contains(&**id)).collect()
}

fn judge(text: &str, tests: &BTreeSet<&str>) -> Result<String> {
    let (mut count, mut wrong) = (0, vec![]);
    for (id, shown_by) in text.lines().filter_map(row) {
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("{FILE}, {id}: no test shows it"));
        }
        let gone = names.iter().filter(|name| !tests.contains(*name));
        wrong.extend(gone.map(|name| format!("{FILE}, {id}: there is no test `{name}`")));
        count += names.len();
    }
    if wrong.is_empty() { Ok(format!("{count} tests named")) } else { Err(wrong.join("\n").into()) }
}

/// The id of a behaviour, as in `T1`, and the last cell of its row.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let id = cells.next()?;
    let number = id.strip_prefix(['T', 'I', 'A'])?;
    number.parse::<u8>().ok()?;
    Some((id, cells.last()?))
}

/// What a claim of the suite that every driver passes takes: each becomes a test for each store.
const CLAIM: &str = "(database: Arc<dyn Database>)";

/// The names of the functions that are tests.
fn tests(source: &str) -> Vec<&str> {
    let (mut is_test, mut names) = (false, vec![]);
    for line in source.lines().map(str::trim) {
        is_test |= line.starts_with("#[") && (line.ends_with("test]") || line.contains("::test("));
        is_test |= line.starts_with("pub async fn ") && line.contains(CLAIM);
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(rest.split_once('(').map(|(name, _)| name));
            is_test = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_behaviour_without_a_row_is_missed() {
        let row = |id: &&str| format!("| {id} | this | `one` |");
        let all = missing("");
        assert_eq!((all.len(), &*all[0], &*all[28]), (29, "T1", "A10"));
        let but_one: Vec<_> = all.iter().map(String::as_str).filter(|id| *id != "I9").collect();
        assert_eq!(missing(&but_one.iter().map(row).collect::<Vec<_>>().join("\n")), ["I9"]);
    }

    #[test]
    fn a_row_without_a_test_that_is_there_is_refused() {
        let source = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn two() {}\nfn helper() {}\n\
             pub async fn three(database: Arc<dyn Database>) {}\nasync fn start(database: Arc<dyn Database>) {}";
        let tests: BTreeSet<_> = tests(source).into_iter().collect();
        assert_eq!(tests, BTreeSet::from(["one", "three", "two"]));
        let said = |row: &str| judge(&format!("| | a | b |\n|---|---|---|\n{row}\nText.\n"), &tests);
        assert_eq!(said("| T1 | this | `one` `two` |").unwrap(), "2 tests named");
        for (bad, why) in
            [("| T1 | this | |", "no test shows it"), ("| A10 | this | `one` `helper` |", "no test `helper`")]
        {
            assert!(said(bad).unwrap_err().to_string().contains(why), "{bad}");
        }
    }
}
