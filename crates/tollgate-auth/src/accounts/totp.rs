//! Time-based one-time passwords (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds, as all authenticator apps do it.

use aws_lc_rs::{constant_time, hmac};

/// The secret that an app and we share: 160 bits (RFC 4226, 4).
pub(crate) type Shared = [u8; 20];

/// How long a code is shown, in seconds.
const STEP: u64 = 30;
/// How many steps a clock may be ahead or behind.
const SKEW: u64 = 1;
const DIGITS: usize = 6;

/// The step whose code this is, among those around now.
pub(crate) fn step_of(secret: &Shared, typed: &str, unix: u64) -> Option<u64> {
    let now = unix / STEP;
    let is =
        |step: &u64| constant_time::verify_slices_are_equal(code(secret, *step).as_bytes(), typed.as_bytes()).is_ok();
    (now.saturating_sub(SKEW)..=now + SKEW).find(is)
}

/// The code of a step (RFC 4226, 5.3).
fn code(secret: &Shared, step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = tag.as_ref().last().map_or(0, |last| usize::from(last & 0x0f));
    let number = tag.as_ref().iter().skip(at).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000)
}

/// What an app reads from the picture: `otpauth://totp/…`.
pub(crate) fn address(secret: &Shared, app: &str, email: &str) -> String {
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (app, email) = (escaped(app), escaped(email));
    format!("otpauth://totp/{app}:{email}?secret={}&issuer={app}", base32(secret))
}

/// RFC 4648, section 6, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digit = |start: usize| (start..start + 5).fold(0, |digit, at| digit << 1 | bit(at));
    (0..bytes.len() * 8).step_by(5).map(|start| char::from(ALPHABET[usize::from(digit(start))])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &Shared = b"12345678901234567890";

    /// RFC 6238, appendix B, of whose eight digits six are ours.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (unix, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, unix / STEP), expected);
            assert_eq!(step_of(SECRET, expected, unix), Some(unix / STEP));
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_its_own() {
        let (step, typed) = (1_234_567_890 / STEP, "005924");
        for (unix, found) in [
            ((step - 1) * STEP, true),
            ((step - 1) * STEP - 1, false),
            ((step + 2) * STEP - 1, true),
            ((step + 2) * STEP, false),
        ] {
            assert_eq!(step_of(SECRET, typed, unix).is_some(), found, "{unix}");
        }
        for wrong in ["", "00592", "0059240", "005925", "００５９２４"] {
            assert_eq!(step_of(SECRET, wrong, 1_234_567_890), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn a_secret_is_written_as_apps_read_it() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        let address = address(SECRET, "Lorem Ipsum", "ada&x@example.test");
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let expected =
            format!("otpauth://totp/Lorem%20Ipsum:ada%26x%40example.test?secret={secret}&issuer=Lorem%20Ipsum");
        assert_eq!(address, expected);
    }
}
