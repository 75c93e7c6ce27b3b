//! Parameters of a query or a form, each at most once.
//!
//! A parameter that comes twice is refused (RFC 6749, 3.1): two readers that pick different ones are how checks are
//! passed. One without a value counts as absent, as that section says.

use axum::{body::to_bytes, extract::Request, http::StatusCode};
use percent_encoding::percent_decode;
use tollgate_core::Problem;
use tollgate_http::media_type;

/// The longest form, in bytes: the longest password, percent-encoded, and a long address to return to.
const LONGEST: usize = 16 * 1024;

/// The most parameters: each is held against those before it.
const MOST: usize = 64;

/// Parameters by name. Not printable: some are passwords.
pub(crate) struct Parameters(Vec<(String, String)>);

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    status: StatusCode,
    /// In words for the caller.
    pub(crate) why: &'static str,
}

const TWICE: Malformed = Malformed { status: StatusCode::BAD_REQUEST, why: "a parameter comes twice" };
const TOO_MANY: Malformed = Malformed { status: StatusCode::BAD_REQUEST, why: "there are more than 64 parameters" };
const ENCODING: Malformed = Malformed { status: StatusCode::BAD_REQUEST, why: "a parameter is not UTF-8" };
const MEDIA_TYPE: Malformed =
    Malformed { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, why: "send `application/x-www-form-urlencoded`" };
const BODY: Malformed =
    Malformed { status: StatusCode::PAYLOAD_TOO_LARGE, why: "the form is longer than 16 KiB, or did not come whole" };

impl Parameters {
    /// Of a query.
    pub(crate) fn read(text: &[u8]) -> Result<Self, Malformed> {
        let mut all: Vec<(String, String)> = Vec::new();
        // What is not UTF-8 is replaced, and then two passwords could be one.
        percent_decode(text).decode_utf8().map_err(|_| ENCODING)?;
        for (name, value) in form_urlencoded::parse(text) {
            if all.iter().any(|(other, _)| *other == name) {
                return Err(TWICE);
            }
            if all.len() == MOST {
                return Err(TOO_MANY);
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    /// Of a form.
    pub(crate) async fn of_form(request: Request) -> Result<Self, Malformed> {
        let (head, body) = request.into_parts();
        if media_type(&head.headers) != "application/x-www-form-urlencoded" {
            return Err(MEDIA_TYPE);
        }
        Self::read(&to_bytes(body, LONGEST).await.map_err(|_| BODY)?)
    }

    /// The parameter of that name, if it has a value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All but the parameters of those names, and one more, as a query.
    pub(crate) fn changed(&self, without: &[&str], more: Option<(&str, &str)>) -> String {
        let others = self.0.iter().filter(|(known, _)| !without.contains(&known.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(others).extend_pairs(more).finish()
    }
}

impl From<Malformed> for Problem {
    #[track_caller]
    fn from(malformed: Malformed) -> Self {
        Self::new(malformed.status).because(malformed.why)
    }
}
