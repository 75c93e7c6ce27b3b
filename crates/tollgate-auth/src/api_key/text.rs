//! How a key is written.
//!
//! ```text
//! tg_lorem_ipsum_k7m2xq4zab5c_a3…
//! │  │           │            └ 32 characters of secret, and 6 that depend on everything before: a slip of the
//! │  │           │              keyboard is told without asking anybody, and scanners know a key from its like
//! │  │           └ id: no secret; in lists and in the log
//! │  └ the app
//! └ what scanners of repositories and logs look for
//! ```
//! The characters are those of base32 (RFC 4648, 6), in lower case: five bits each, and a double click takes it all.

use super::error::Wrong;
use crate::{error::Result, random::random};
use aws_lc_rs::digest;
use tollgate_core::Secret;

/// What every key begins with.
pub(super) const MARK: &str = "tg_";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const ID: usize = 12;
const SECRET: usize = 32;
const CHECK: usize = 6;

/// What the keys of an app begin with.
pub(super) struct Brand(String);

impl Brand {
    /// `lorem-ipsum` → `tg_lorem_ipsum_`.
    pub(super) fn of(app: &str) -> Self {
        let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        Self(format!("{MARK}{}_", app.chars().map(word).collect::<String>()))
    }

    /// A key that nobody had before: its id, and the whole of it.
    pub(super) fn make(&self) -> Result<(String, Secret)> {
        let (id, secret) = (letters(random::<ID>()?), letters(random::<SECRET>()?));
        let most = format!("{}{id}_{secret}", self.0);
        let check = check(&most);
        Ok((id, (most + &check).into()))
    }

    /// The id of a key, if it is one of this app and written as it was made.
    pub(super) fn id<'t>(&self, text: &'t [u8]) -> Result<&'t str, Wrong> {
        let text = str::from_utf8(text).map_err(|_| Wrong::Mistyped)?;
        let rest = text.strip_prefix(&self.0).ok_or(Wrong::AnotherApp)?;
        let (id, secret) = rest.split_once('_').ok_or(Wrong::Mistyped)?;
        let is_whole = id.len() == ID && secret.len() == SECRET + CHECK && text.is_ascii();
        let (most, last) = text.split_at_checked(text.len() - CHECK).ok_or(Wrong::Mistyped)?;
        if is_whole && check(most) == last { Ok(id) } else { Err(Wrong::Mistyped) }
    }
}

fn letters<const N: usize>(random: [u8; N]) -> String {
    random.map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).iter().collect()
}

/// The first 30 bits of a SHA-256.
fn check(most: &str) -> String {
    let hash = digest::digest(&digest::SHA256, most.as_bytes());
    let bits = hash.as_ref().iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    (0..CHECK).map(|at| char::from(ALPHABET[(bits >> (27 - 5 * at)) as usize % 32])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let brand = Brand::of("Lorem-Ipsum");
        let (id, key) = brand.make().unwrap();
        let key = key.reveal();
        assert!(key.starts_with(&format!("tg_lorem_ipsum_{id}_")) && key.len() == 66, "{key}");
        assert!(brand.id(key.as_bytes()).is_ok_and(|read| read == id));
        assert_ne!(brand.make().unwrap().1.reveal(), key);
    }

    /// The same for scanners elsewhere: SHA-256 of what stands before the last six characters, thirty bits of it.
    #[test]
    fn the_last_six_characters_are_those_of_the_guide() {
        assert_eq!(check("tg_lorem_ipsum_k7m2xq4zab5c_aaaabbbbccccddddeeeeffffgggghhhh"), "75dsyb");
    }

    #[test]
    fn every_slip_of_the_keyboard_is_told() {
        let brand = Brand::of("app");
        let (_, key) = brand.make().unwrap();
        let key = key.reveal().as_bytes();
        let own = "tg_app_".len();
        for at in 0..key.len() {
            let mut other = key.to_vec();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            let wrong = if at < own { Wrong::AnotherApp } else { Wrong::Mistyped };
            assert_eq!(brand.id(&other), Err(wrong), "{at}");
            let mut short = key.to_vec();
            short.remove(at);
            assert!(brand.id(&short).is_err(), "{at}");
        }
        for text in ["tg_app_", "tg_app__", "tg_app_é_", "tg_app_aaaaaaaaaaaa_", "tg_"] {
            assert!(brand.id(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(Brand::of("other").id(key), Err(Wrong::AnotherApp));
    }
}
