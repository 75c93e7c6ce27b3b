//! The book: is every page in its table of contents, and does every link lead somewhere?
//!
//! `docs/` is an mdBook (`mdbook serve docs`); nothing here needs mdbook. Decisions are added often and by several people
//! at once, so their part of `docs/SUMMARY.md` is written by `cargo xtask includes` from their titles.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{Result, steps::stdout};

const SUMMARY: &str = "docs/SUMMARY.md";

/// What the last part of the summary begins with.
const DECISIONS: &str = "# Decisions\n\n";

/// Every Markdown file that git knows, with its text.
type Pages = BTreeMap<PathBuf, String>;

/// Writes the list of decisions anew.
pub(crate) fn write() -> Result {
    let (old, new) = summary(&pages()?)?;
    if old != new {
        fs::write(SUMMARY, new)?;
        println!("wrote {SUMMARY}");
    }
    Ok(())
}

/// Fails where a page is not in the book, or a link leads nowhere.
pub(crate) fn check() -> Result<String> {
    let pages = pages()?;
    let (old, new) = summary(&pages)?;
    let stale = (old != new).then(|| format!("{SUMMARY} is stale: run cargo xtask includes"));
    let is_there = |path: &Path| path.exists();
    let wrong: Vec<_> = stale.into_iter().chain(left_out(&pages)).chain(dead_links(&pages, is_there)).collect();
    if wrong.is_empty() { Ok(format!("{} pages", pages.len())) } else { Err(wrong.join("\n").into()) }
}

fn pages() -> Result<Pages> {
    let listed = stdout(std::process::Command::new("git").args(["ls-files", "*.md"]))?;
    let pages = listed.lines().map(PathBuf::from).filter(|path| path.exists());
    pages.map(|path| Ok((path.clone(), fs::read_to_string(path)?))).collect()
}

/// The summary as it is, and as it should be.
fn summary(pages: &Pages) -> Result<(String, String)> {
    let old = pages.get(Path::new(SUMMARY)).ok_or("docs/SUMMARY.md is missing")?;
    let (by_hand, _) = old.split_once(DECISIONS).ok_or_else(|| format!("{SUMMARY} has no `# Decisions`"))?;
    let line = |(path, text): (&PathBuf, &String)| {
        let (folder, file) = (path.parent()?, path.file_name()?.to_str()?);
        let title = text.lines().next()?.trim_start_matches("# ");
        (folder == Path::new("docs/decisions")).then(|| format!("- [{title}](decisions/{file})\n"))
    };
    let (contents, decisions): (Vec<_>, Vec<_>) =
        pages.iter().filter_map(line).partition(|line| line.contains("/README.md"));
    Ok((old.clone(), [by_hand, DECISIONS, &contents.concat(), &decisions.concat()].concat()))
}

fn left_out(pages: &Pages) -> impl Iterator<Item = String> {
    let summary = pages.get(Path::new(SUMMARY)).map(String::as_str).unwrap_or_default();
    pages.keys().filter_map(move |path| {
        let page = path.strip_prefix("docs").ok().filter(|page| *page != Path::new("SUMMARY.md"))?.to_str()?;
        (!summary.contains(&format!("({page})"))).then(|| format!("{SUMMARY} does not name {page}"))
    })
}

fn dead_links(pages: &Pages, is_there: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut dead = vec![];
    for (path, text) in pages {
        for link in links(text) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                file => normal(&path.parent().unwrap_or(Path::new("")).join(file)),
            };
            let has_heading = |text: &String| heading.is_empty() || headings(text).any(|one| one == heading);
            if !is_there(&target) || !pages.get(&target).is_none_or(has_heading) {
                dead.push(format!("{}: `{link}` leads nowhere", path.display()));
            }
        }
    }
    dead
}

/// Without `..`, as git names it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        if component != Component::ParentDir || !normal.pop() {
            normal.push(component);
        }
    }
    normal
}

/// Lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Links to other places in the repository.
fn links(text: &str) -> Vec<String> {
    let mut links = vec![];
    for line in prose(text) {
        let line: String = line.split('`').step_by(2).collect();
        let ends = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        links.extend(ends.filter(|link| !link.contains(':')).map(str::to_owned));
    }
    links
}

/// The names that GitHub and mdBook give to headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let line = line.trim_start_matches('#').trim().to_lowercase();
        let is_kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
        line.chars().filter(is_kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(files: &[(&str, &str)]) -> Pages {
        files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let good = "[b](guide/b.md) [c](guide/b.md#two-words) [d](#here) [e](https://x.test) `[f](g)`\n# Here\n```\n[h](i)\n```";
        let pages =
            |text: &str| pages(&[("docs/a.md", text), ("docs/guide/b.md", "# B\n## Two `words`!\n[a](../a.md)")]);
        let dead = |text: &str| {
            let pages = pages(text);
            dead_links(&pages, |path| pages.contains_key(path))
        };
        assert_eq!(dead(good), Vec::<String>::new());
        assert_eq!(dead("[b](b.md) [c](guide/b.md#three)").len(), 2);
    }

    #[test]
    fn every_page_is_in_the_book_and_decisions_come_by_themselves() {
        let by_hand = "# Summary\n\n- [A](a.md)\n\n# Decisions\n\n";
        let pages = pages(&[
            ("README.md", "# Not in the book"),
            ("docs/SUMMARY.md", by_hand),
            ("docs/a.md", "# A"),
            ("docs/decisions/README.md", "# Decisions"),
            ("docs/decisions/one.md", "# One"),
            ("docs/forgotten.md", "# F"),
        ]);
        let (_, new) = summary(&pages).unwrap();
        assert_eq!(new, format!("{by_hand}- [Decisions](decisions/README.md)\n- [One](decisions/one.md)\n"));
        let wrong: Vec<_> = left_out(&pages).filter(|wrong| !wrong.contains("decisions")).collect();
        assert_eq!(wrong, ["docs/SUMMARY.md does not name forgotten.md"]);
    }
}
