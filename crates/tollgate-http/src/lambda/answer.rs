//! A response becomes what a gateway takes for one.
//!
//! Text travels as it is, anything else as Base64: what is no UTF-8 is no text, whatever its type says.

use super::event::Format;
use axum::{
    body::to_bytes,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use tollgate_core::Problem;

/// How many bytes AWS Lambda takes of one answer: 6 MiB, and a little for what is around it.
const LARGEST: usize = 6 * 1024 * 1024 + 100;
/// How many a load balancer takes.
const LARGEST_OF_BALANCER: usize = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    /// Balancers ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// The answer, as that gateway reads it.
///
/// # Errors
/// 500 if it is too large, or does not come whole.
pub(super) async fn write(format: Format, response: Response) -> Result<Box<RawValue>, Problem> {
    let largest = match format {
        Format::One | Format::Two => LARGEST,
        Format::Balancer | Format::BalancerOfMany => LARGEST_OF_BALANCER,
    };
    let (head, body) = response.into_parts();
    let body = to_bytes(body, largest).await.map_err(|error| unsent(error, largest))?;
    let (body, is_base64_encoded) = match String::from_utf8(body.into()) {
        Ok(text) => (text, false),
        Err(other) => (STANDARD.encode(other.as_bytes()), true),
    };
    let answer = answer(format, head.status, &head.headers, body, is_base64_encoded);
    let written = to_raw_value(&answer).map_err(|error| Problem::internal().caused_by(error))?;
    if written.get().len() > largest { Err(too_large(largest)) } else { Ok(written) }
}

fn answer(format: Format, status: StatusCode, headers: &HeaderMap, body: String, is_base64_encoded: bool) -> Answer {
    let mut answer = Answer {
        status_code: status.as_u16(),
        status_description: None,
        headers: None,
        multi_value_headers: None,
        cookies: vec![],
        body,
        is_base64_encoded,
    };
    let mut many = many(headers);
    match format {
        Format::One => answer.multi_value_headers = Some(many),
        Format::Two => {
            answer.cookies = many.remove(header::SET_COOKIE.as_str()).unwrap_or_default();
            answer.headers = Some(joined(many));
        }
        Format::Balancer => {
            answer.status_description = Some(status.to_string());
            answer.headers = Some(joined(one_cookie(many)));
        }
        Format::BalancerOfMany => {
            answer.status_description = Some(status.to_string());
            answer.multi_value_headers = Some(many);
        }
    }
    answer
}

fn many(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut many = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        many.entry(name.as_str().to_owned()).or_default().push(value);
    }
    many
}

/// A list of several lines is one of several values (RFC 9110, 5.3).
fn joined(many: BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    many.into_iter().map(|(name, values)| (name, values.join(", "))).collect()
}

/// Cookies are the one thing that cannot be joined.
fn one_cookie(mut many: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    if let Some(cookies) = many.get_mut(header::SET_COOKIE.as_str())
        && cookies.len() > 1
    {
        tracing::error!(
            "the load balancer takes the first of several cookies: set the attribute lambda.multi_value_headers.enabled of its \
             target group"
        );
        cookies.truncate(1);
    }
    many
}

fn unsent(error: axum::Error, largest: usize) -> Problem {
    let error = error.into_inner();
    if error.is::<http_body_util::LengthLimitError>() {
        too_large(largest)
    } else {
        Problem::internal().caused_by(error)
    }
}

fn too_large(largest: usize) -> Problem {
    let words =
        format!("the answer has more than the {largest} bytes that AWS Lambda sends: ask for less of it at once");
    Problem::internal().because(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_told_as_a_problem() {
        let answer = |letter: &str| Response::new(letter.repeat(LARGEST_OF_BALANCER).into());
        assert!(write(Format::Two, answer("a")).await.is_ok(), "an API takes more than a load balancer");
        for (format, letter, most) in [(Format::Balancer, "a", "1000000"), (Format::Two, "aaaaaaa", "6291556")] {
            let refused = write(format, answer(letter)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
            let said = serde_json::to_string(&refused).unwrap();
            assert!(said.contains(&format!("{most} bytes")) && said.contains("ask for less"), "{said}");
        }
    }
}
