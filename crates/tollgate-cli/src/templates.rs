//! Templates, filled in.

use crate::Result;
use minijinja::{Environment, Value};

/// The text, with what stands in braces replaced. Nothing is escaped: none of it is HTML.
///
/// # Errors
/// The template is wrong, which the tests would have found.
pub(crate) fn render(template: &str, about: &Value) -> Result<String> {
    let text = Environment::new().render_str(template, about)?;
    // The end of the last line is taken for the template's own.
    Ok(if template.ends_with('\n') { text + "\n" } else { text })
}
