//! Code in Markdown that is a file of the project, never a paste.
//!
//! Between `<!-- include PATH -->` and `<!-- end -->` stands the file as a code block; `cargo xtask includes` writes
//! it, and `cargo xtask lint` fails where it is stale.

use std::{fmt::Write, fs, path::Path};

use crate::{Result, steps::stdout};

const START: &str = "<!-- include ";
const END: &str = "<!-- end -->";

/// Writes every block anew.
pub(crate) fn write() -> Result {
    for (path, old, new) in files()? {
        if old != new {
            fs::write(&path, new)?;
            println!("wrote {path}");
        }
    }
    Ok(())
}

/// Fails where a block is not its file.
pub(crate) fn check() -> Result<String> {
    let stale: Vec<_> = files()?.into_iter().filter(|(_, old, new)| old != new).map(|(path, ..)| path).collect();
    if stale.is_empty() {
        return Ok(String::new());
    }
    Err(format!("stale code in {}: run cargo xtask includes", stale.join(", ")).into())
}

/// Each Markdown file that git knows: path, text, text with fresh blocks.
fn files() -> Result<Vec<(String, String, String)>> {
    let listed = stdout(std::process::Command::new("git").args(["ls-files", "*.md"]))?;
    let mut files = vec![];
    for path in listed.lines().filter(|path| Path::new(path).exists()) {
        let old = fs::read_to_string(path)?;
        let new = fresh(&old, |file| Ok(fs::read_to_string(file)?)).map_err(|error| format!("{path}: {error}"))?;
        files.push((path.to_owned(), old, new));
    }
    Ok(files)
}

fn fresh(text: &str, read: impl Fn(&str) -> Result<String>) -> Result<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(START) {
        let (file, after) = after.split_once(" -->").ok_or("an include without an end")?;
        let (_, after) = after.split_once(END).ok_or_else(|| format!("no `{END}` after {file}"))?;
        let content = read(file).map_err(|error| format!("{file}: {error}"))?;
        let language = match file.rsplit('.').next().unwrap_or_default() {
            "rs" => "rust",
            other => other,
        };
        let content = content.trim_end();
        write!(out, "{before}{START}{file} -->\n```{language}\n{content}\n```\n{END}")?;
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_becomes_its_file() {
        let text = "Before.\n<!-- include a.rs -->\nold\n<!-- end -->\nAfter.";
        let new = fresh(text, |_| Ok("fn main() {}\n".into())).unwrap();
        assert_eq!(new, "Before.\n<!-- include a.rs -->\n```rust\nfn main() {}\n```\n<!-- end -->\nAfter.");
        assert_eq!(fresh(&new, |_| Ok("fn main() {}\n".into())).unwrap(), new);
        assert!(fresh("<!-- include a.rs -->", |_| Ok(String::new())).is_err());
    }
}
