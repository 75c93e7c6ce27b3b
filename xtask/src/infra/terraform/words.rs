//! Does each variable say what it means and what it may be, each output what it is, and each exception why it stands?

use crate::Result;
use std::{fs, path::Path};

/// Reads all files below a folder.
pub(super) fn check(folder: &Path) -> Result<String> {
    let (mut blocks, mut wrong) = (0, vec![]);
    for file in files(folder)? {
        let text = fs::read_to_string(&file)?;
        wrong
            .extend(text.lines().filter(|line| is_unexplained(line)).map(|line| format!("{}: {line}", file.display())));
        for block in text.split("\n}\n") {
            let missing = missing(block);
            blocks += usize::from(missing.is_some());
            wrong.extend(missing.flatten().map(|what| format!("{}: {what}", file.display())));
        }
    }
    if wrong.is_empty() { Ok(format!("{blocks} variables and outputs")) } else { Err(wrong.join("\n").into()) }
}

/// Of a variable or an output: what it does not say, if there is something. A boolean needs no validation.
fn missing(block: &str) -> Option<Option<String>> {
    let head = block.lines().find(|line| line.starts_with("variable ") || line.starts_with("output "))?;
    let (kind, name) = head.trim_end_matches(" {").split_once(' ')?;
    let says = |word: &str| block.lines().any(|line| line.trim_start().starts_with(word));
    let wanted: &[&str] = match kind {
        "output" => &["description ", "value "],
        _ if says("type        = bool") => &["description ", "type "],
        _ => &["description ", "type ", "validation "],
    };
    let lacks = wanted.iter().find(|word| !says(word));
    Some(lacks.map(|word| format!("{kind} {name} has no {}", word.trim_end())))
}

/// `checkov:skip=ID:reason` without the reason.
fn is_unexplained(line: &str) -> bool {
    let skip = line.split_once("checkov:skip=").map(|(_, skip)| skip);
    skip.is_some_and(|skip| skip.split_once(':').is_none_or(|(_, reason)| reason.split(' ').count() < 3))
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "tf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{is_unexplained, missing};

    #[test]
    fn an_exception_says_why_it_stands() {
        assert!(is_unexplained("  #checkov:skip=CKV_AWS_18"));
        assert!(is_unexplained("  #checkov:skip=CKV_AWS_18:no"));
        assert!(!is_unexplained("  #checkov:skip=CKV_AWS_18:who reads is in CloudTrail"));
        assert!(!is_unexplained("  name = var.name"));
    }

    #[test]
    fn a_variable_says_what_it_means_and_what_it_may_be() {
        let whole = "variable \"port\" {\n  description = \"Port.\"\n  type        = number\n\n  validation {\n    condition = true\n  }";
        assert_eq!(missing(whole), Some(None));
        let without = |line: &str| missing(&whole.replace(line, "")).flatten().unwrap();
        assert_eq!(without("  description = \"Port.\"\n"), "variable \"port\" has no description");
        assert_eq!(without("  type        = number\n"), "variable \"port\" has no type");
        assert_eq!(without("  validation {\n"), "variable \"port\" has no validation");
        assert_eq!(missing("variable \"on\" {\n  description = \"On?\"\n  type        = bool"), Some(None));
        assert_eq!(missing("output \"url\" {\n  value = 1").flatten().unwrap(), "output \"url\" has no description");
        assert_eq!(missing("resource \"aws_lb\" \"this\" {"), None);
    }
}
