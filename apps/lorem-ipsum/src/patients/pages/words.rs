//! Moments and stretches of time in words. All in UTC: the app does not know where its readers are.

use std::time::Duration;
use tollgate::Timestamp;

/// `Fri 20 Nov 2026, 10:40`
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%a %-d %b %Y, %H:%M").to_string()
}

/// `Fri 20, 10:40`
pub(super) fn short(at: Timestamp) -> String {
    at.strftime("%a %-d, %H:%M").to_string()
}

/// How long ago that was; nothing if it has yet to come.
pub(super) fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(now.as_second() - at.as_second()).unwrap_or_default())
}

/// `2 min`, `7 h`, `3 d`
pub(super) fn brief(time: Duration) -> String {
    match time.as_secs() {
        0..60 => "now".into(),
        seconds @ 60..5400 => format!("{} min", seconds / 60),
        seconds @ 5400..172_800 => format!("{} h", (seconds + 1800) / 3600),
        seconds => format!("{} d", seconds / 86400),
    }
}

/// How long something has lasted: `just now`, `for 7 h`
pub(super) fn lasts(time: Duration) -> String {
    if time.as_secs() < 60 { "just now".into() } else { format!("for {}", brief(time)) }
}

/// `just now`, `2 minutes ago`, `1 hour ago`
pub(super) fn ago(time: Duration) -> String {
    let (count, unit) = match time.as_secs() {
        0..60 => return "just now".into(),
        seconds @ 60..5400 => (seconds / 60, "minute"),
        seconds @ 5400..172_800 => ((seconds + 1800) / 3600, "hour"),
        seconds => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `1 patient`, `2 patients`
pub(super) fn several(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// How many years somebody born then is old, as far as a year tells.
pub(super) fn years(born: i32, now: Timestamp) -> i32 {
    now.strftime("%Y").to_string().parse().unwrap_or(born) - born
}

#[cfg(test)]
mod tests {
    use super::{ago, brief};
    use std::time::Duration;

    #[test]
    fn stretches_of_time_are_told_in_the_unit_that_fits() {
        let told = |seconds| (brief(Duration::from_secs(seconds)), ago(Duration::from_secs(seconds)));
        let expected = |brief: &str, ago: &str| (brief.to_owned(), ago.to_owned());
        assert_eq!(told(59), expected("now", "just now"));
        assert_eq!(told(60), expected("1 min", "1 minute ago"));
        assert_eq!(told(5399), expected("89 min", "89 minutes ago"));
        assert_eq!(told(5400), expected("2 h", "2 hours ago"));
        assert_eq!(told(172_800), expected("2 d", "2 days ago"));
    }
}
