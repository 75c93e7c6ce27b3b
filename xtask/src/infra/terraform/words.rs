//! Does each variable say what it means and what it may be, each output what it is, and each exception why it stands?

use crate::Result;
use std::{collections::BTreeMap, fs, path::Path};

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

/// A variable of several compositions is the same in all of them, word for word; each is copied alone, so each has it.
/// Below a line that says so are variables of one composition, which may mean what is called so elsewhere.
pub(super) fn same(examples: &Path, targets: &[&str]) -> Result<String> {
    let mut known = BTreeMap::new();
    for target in targets {
        let text = fs::read_to_string(examples.join(target).join("variables.tf"))?;
        let (shared, _) =
            text.split_once(" own.\n").ok_or_else(|| format!("{target}: no line says what is its own"))?;
        for variable in variables(shared) {
            let first =
                known.entry(variable.lines().next().map(str::to_owned)).or_insert((*target, variable.to_owned()));
            if first.1 != variable {
                return Err(format!("{} and {target} do not say the same:\n{variable}", first.0).into());
            }
        }
    }
    Ok(format!("{} of {}", known.len(), targets.join(", ")))
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n}\n").filter_map(|block| Some(block[block.find("variable ")?..].trim_end()))
}

#[cfg(test)]
mod tests {
    use super::{is_unexplained, said, same};

    #[test]
    fn what_is_shared_is_the_same_word_for_word() {
        let folder = std::env::temp_dir().join(format!("tollgate-same-{}", std::process::id()));
        let write = |target: &str, text: &str| {
            std::fs::create_dir_all(folder.join(target)).unwrap();
            std::fs::write(
                folder.join(target).join("variables.tf"),
                format!("{text}\n}}\n\n# Its own.\nvariable \"{target}\" {{\n}}\n"),
            )
            .unwrap();
            same(&folder, &["one", "two"]).map_err(|why| why.to_string())
        };
        let port = "variable \"port\" {\n  type = number";
        write("one", port).unwrap_err();
        assert!(write("two", port).is_ok());
        assert!(
            write("two", &port.replace("number", "string")).unwrap_err().contains("one and two do not say the same")
        );
        assert!(write("two", "variable \"more\" {").is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }

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
