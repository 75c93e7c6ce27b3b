//! Reading a token strictly: what may be said about the bytes before any key is looked at.
//!
//! Everything that could make two readers see two tokens is refused here: odd base64, duplicate keys, header
//! members that change the meaning of the rest. Header members that name a key (`jwk`, `jku`, `x5u`, `x5c`)
//! are not read at all: a token does not choose what it is verified with.

use super::{Algorithm, LEVELS, Object, Refusal};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tollgate_core::strict;

/// The longest token that is read, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// Header members that change what the claims or the signature mean. We implement none of them.
const MEANING: [&str; 4] = ["crit", "zip", "b64", "enc"];

/// The `typ` of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// There is none.
    Absent,
    /// `JWT`
    Jwt,
    /// `at+jwt` or `application/at+jwt`: an access token by RFC 9068.
    AccessToken,
}

/// A token that is well-formed, and nothing more: nobody has vouched for it.
pub(crate) struct Unverified<'t> {
    pub algorithm: Algorithm,
    pub kind: Type,
    pub kid: Option<String>,
    pub claims: Object,
    pub signed: &'t [u8],
    pub signature: Vec<u8>,
}

/// To be asked first: even hashing a token costs what it is long.
pub(crate) fn check_length(token: &[u8]) -> Result<(), Refusal> {
    if token.len() > LONGEST { Err(Refusal::TooLong) } else { Ok(()) }
}

/// What a token says that it is signed with.
pub(crate) fn algorithm_of(token: &[u8]) -> Option<Algorithm> {
    Unverified::read(token).ok().map(|token| token.algorithm)
}

impl<'t> Unverified<'t> {
    pub(crate) fn read(token: &'t [u8]) -> Result<Self, Refusal> {
        let (signed, [header, claims, signature]) = segments(token)?;
        let mut header = object(header, "header")?;
        if let Some(member) = MEANING.into_iter().find(|member| header.contains_key(*member)) {
            return Err(Refusal::Header(member));
        }
        let algorithm = text(&mut header, "alg").ok().flatten().and_then(|name| Algorithm::from_name(&name));
        let kind = text(&mut header, "typ").map_err(|()| Refusal::Type)?;
        Ok(Self {
            algorithm: algorithm.ok_or(Refusal::Algorithm)?,
            kind: kind_of(kind.as_deref()).ok_or(Refusal::Type)?,
            kid: text(&mut header, "kid").map_err(|()| Refusal::UnknownKey)?,
            claims: object(claims, "claims")?,
            signed,
            signature: decode(signature, "signature")?,
        })
    }
}

/// The signed part, and the three segments.
fn segments(token: &[u8]) -> Result<(&[u8], [&[u8]; 3]), Refusal> {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Segments);
    };
    let signed = &token[..header.len() + 1 + claims.len()];
    Ok((signed, [header, claims, signature]))
}

fn object(segment: &[u8], part: &'static str) -> Result<Object, Refusal> {
    strict::object(&decode(segment, part)?, LEVELS).map_err(|_| Refusal::Json(part))
}

/// Canonical: no padding, no bits left over, no other alphabet.
fn decode(segment: &[u8], part: &'static str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Refusal::Encoding(part))
}

/// A member that is a string where it is there at all.
fn text(header: &mut Object, member: &str) -> Result<Option<String>, ()> {
    match header.remove(member) {
        None => Ok(None),
        Some(serde_json::Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}

/// Media types compare without case and may leave out `application/` (RFC 7515, 4.1.9).
fn kind_of(name: Option<&str>) -> Option<Type> {
    match name.map(str::to_ascii_lowercase).as_deref() {
        None => Some(Type::Absent),
        Some("jwt") => Some(Type::Jwt),
        Some("at+jwt" | "application/at+jwt") => Some(Type::AccessToken),
        Some(_) => None,
    }
}
