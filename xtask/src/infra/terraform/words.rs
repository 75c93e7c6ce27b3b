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
        for (name, lacks) in text.split("\n}\n").filter_map(said) {
            blocks += 1;
            wrong.extend(lacks.map(|word| format!("{}: {name} has no {}", file.display(), word.trim_end())));
        }
    }
    if wrong.is_empty() { Ok(format!("{blocks} variables and outputs")) } else { Err(wrong.join("\n").into()) }
}

/// A variable or an output, and what it does not say, if there is something. A boolean needs no validation.
fn said(block: &str) -> Option<(String, Option<&'static str>)> {
    let head = block.lines().find(|line| line.starts_with("variable ") || line.starts_with("output "))?;
    let says = |word: &&&str| block.lines().any(|line| line.trim_start().starts_with(**word));
    let wanted: &[&str] = if head.starts_with("output ") {
        &["description ", "value "]
    } else if says(&&"type        = bool") {
        &["description ", "type "]
    } else {
        &["description ", "type ", "validation "]
    };
    Some((head.trim_end_matches(" {").to_owned(), wanted.iter().find(|word| !says(word)).copied()))
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
    use super::{is_unexplained, said};

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
        let lacks = |block: &str| said(block).map(|(_, lacks)| lacks);
        assert_eq!(said(whole), Some(("variable \"port\"".to_owned(), None)));
        for (line, word) in [
            ("  description = \"Port.\"\n", "description "),
            ("  type        = number\n", "type "),
            ("  validation {\n", "validation "),
        ] {
            assert_eq!(lacks(&whole.replace(line, "")), Some(Some(word)));
        }
        assert_eq!(lacks("variable \"on\" {\n  description = \"On?\"\n  type        = bool"), Some(None));
        assert_eq!(lacks("output \"url\" {\n  value = 1"), Some(Some("description ")));
        assert_eq!(lacks("resource \"aws_lb\" \"this\" {"), None);
    }
}
