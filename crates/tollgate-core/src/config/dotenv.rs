//! The file `.env`: a variable per line, as shells and direnv read them, but nothing is run or filled in.
//!
//! ```text
//! # A comment.
//! MYAPI_SERVER__PORT=8000          # up to white space and `#`
//! export MYAPI_LOG__FILTER="a b"   # in double quotes \n, \", \\ and \$ mean what they do in a shell
//! MYAPI_DATABASE__DEV='as it is'
//! ```

use super::Invalid;

/// The variables, in their order.
///
/// # Errors
/// The number of a line that is none of the above; what it says is not repeated.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Invalid> {
    let mut variables = vec![];
    // Some editors begin a file with a mark that nobody sees.
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let wrong =
                || Invalid(format!(".env, line {}: write NAME=value, NAME=\"value\" or NAME='value'", index + 1));
            variables.push(variable(line).ok_or_else(wrong)?);
        }
    }
    Ok(variables)
}

fn variable(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(())?;
    let value = match value.chars().next() {
        Some('\'') => {
            let (inside, after) = value[1..].split_once('\'')?;
            is_comment(after).then(|| inside.to_owned())?
        }
        Some('"') => quoted(&value[1..])?,
        _ => plain(value).to_owned(),
    };
    Some((name.to_owned(), value))
}

/// Up to the closing quote, behind which there may be a comment.
fn quoted(text: &str) -> Option<String> {
    let (mut value, mut rest) = (String::new(), text.chars());
    loop {
        match rest.next()? {
            '"' => return is_comment(rest.as_str()).then_some(value),
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

/// A password may have a `#`, so a comment has white space in front of it.
fn plain(value: &str) -> &str {
    let is_start = |(at, _): &(usize, &str)| *at == 0 || value[..*at].ends_with([' ', '\t']);
    let end = value.match_indices('#').find(is_start).map_or(value.len(), |(at, _)| at);
    value[..end].trim_end()
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_is_a_variable() {
        let text = "\u{feff}# first\nA=1\n export B = two words # why\n\nC=\"x # \\\"y\\\"\\n\" # z\nD='\\n'\nE=p#w\nF=\nG= # none";
        let variables = parse(text).unwrap();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x # \"y\"\n"), ("D", "\\n"), ("E", "p#w"), ("F", ""), ("G", "")];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_variable_is_told_by_its_line_and_not_shown() {
        for bad in ["hunter2", "A-B=hunter2", "=hunter2", "A=\"hunter2", "A='hunter2", "A='x' hunter2"] {
            let said = parse(&format!("X=1\n{bad}")).unwrap_err().to_string();
            assert!(said.starts_with(".env, line 2: ") && !said.contains("hunter2"), "{said}");
        }
    }
}
