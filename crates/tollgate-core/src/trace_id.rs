//! The name of a trace, which is work in several programs, as W3C Trace Context writes it.

use std::fmt;

/// The id of a trace: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// Reads a `traceparent` (W3C Trace Context, 3.2).
    pub fn read(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, id) = (parts.next()?, parts.next()?);
        let (parent, flags) = (parts.next()?, parts.next()?);
        let is_digit = |c| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(is_digit);
        let fits = is_hex(version, 2) && version != "ff" && is_hex(id, 32) && is_hex(parent, 16) && is_hex(flags, 2);
        let is_none = |text: &str| text.bytes().all(|c| c == b'0');
        let ends = version != "00" || parts.next().is_none();
        if !fits || !ends || is_none(id) || is_none(parent) {
            return None;
        }
        id.as_bytes().try_into().ok().map(Self)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::TraceId;

    #[test]
    fn only_a_traceparent_names_a_trace() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |text: &str| TraceId::read(text).map(|id| id.to_string());
        assert_eq!(read(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(read(&format!("01-{id}-00f067aa0ba902b7-01-more")).as_deref(), Some(id), "a later version");
        for wrong in [
            "",
            "00",
            &format!("00-{id}-00f067aa0ba902b7"),
            &format!("00-{id}-00f067aa0ba902b7-01-more"),
            &format!("ff-{id}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{id}-{}-01", "0".repeat(16)),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
