//! The page on which people see where they are signed in, and end what is not them.

use jiff::Timestamp;
use serde::Serialize;

/// The browsers in which somebody is signed in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SessionsPage {
    /// Who is signed in.
    pub email: String,
    /// The browsers, this one too.
    pub sessions: Vec<BrowserSession>,
    /// Where the form is sent, with the `session` to end.
    pub action: String,
    /// Where they change their password, if the app itself knows it.
    pub password: Option<String>,
}

impl SessionsPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "sessions.html";
}

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BrowserSession {
    /// Names it; no secret.
    pub id: String,
    /// [Which one](browser_name).
    pub browser: Option<String>,
    /// The address they signed in from, where it is known.
    pub address: Option<String>,
    /// When they signed in, to the minute.
    pub since: String,
    /// Whether it is the browser that looks at the page.
    pub is_this: bool,
}

/// A time to the minute, as in `3 Nov 2026, 10:40 UTC`.
pub fn minute(time: Timestamp) -> String {
    time.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// What people call the browser that sends this `User-Agent`, as in `Firefox on Windows`; the words themselves if unknown.
pub fn browser_name(agent: &str) -> String {
    // Each also says that it is those below it.
    const BROWSERS: [(&str, &str); 8] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let known =
        |names: &[(&str, &'static str)]| names.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name);
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        _ => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser_name;

    #[test]
    fn people_read_the_name_of_their_browser() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
                 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.6 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.14.1", "curl/8.14.1"),
        ] {
            assert_eq!(browser_name(agent), name);
        }
    }
}
