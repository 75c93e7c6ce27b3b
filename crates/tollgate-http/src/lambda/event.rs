//! An event becomes a request.
//!
//! ```text
//!                                      path       query                  headers            whom it speaks for
//! API Gateway HTTP API, format 2.0     decoded    as sent                joined by commas   requestContext
//! function URL, format 2.0             as sent    as sent                joined by commas   requestContext
//! API Gateway REST API, format 1.0     as sent    decoded, in pieces     each by itself     requestContext
//! API Gateway HTTP API, format 1.0     decoded    decoded, in pieces     each by itself     requestContext
//! Application Load Balancer            as sent    as sent, in pieces     the last, or each  X-Forwarded-For
//! ```
//!
//! What was decoded cannot be told from what was not, so a path is only made one: what cannot stand in it is escaped, and
//! what is escaped stays. Nothing that a caller writes into a path becomes a part of the query.

use crate::{ClientAddress, Gateway};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, net::IpAddr};
use tollgate_core::Problem;

/// What cannot stand in a query (RFC 3986, 3.4).
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What cannot stand in a path (RFC 3986, 3.3).
const NOT_IN_PATH: &AsciiSet = &NOT_IN_QUERY.add(b'?');
/// What may mean something else in a name or a value of a query.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who sent an event, as far as the answer depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// API Gateway, with format 1.0: REST APIs.
    One,
    /// API Gateway, with format 2.0: HTTP APIs; and function URLs.
    Two,
    /// An Application Load Balancer that gives the last of several values, and takes one.
    Balancer,
    /// One whose attribute `lambda.multi_value_headers.enabled` is set.
    BalancerOfMany,
}

/// A value, or several, under each name.
type Many = BTreeMap<String, Vec<String>>;
type Single = BTreeMap<String, String>;

/// What all kinds of events together say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    /// Authorizers are asked with events that look like requests.
    r#type: Option<Value>,
    version: Option<String>,
    http_method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<Single>,
    multi_value_headers: Option<Many>,
    query_string_parameters: Option<Single>,
    multi_value_query_string_parameters: Option<Many>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Value,
}

impl Event {
    /// What was sent, if it is a request.
    pub(super) fn read(payload: Value) -> Option<(Format, Self)> {
        let event = Self::deserialize(payload).ok()?;
        Some((event.format()?, event))
    }

    fn format(&self) -> Option<Format> {
        let said = |pointer: &str| self.request_context.pointer(pointer).is_some();
        let is_many = self.multi_value_headers.is_some();
        match (&self.http_method, &self.raw_path, &self.path) {
            _ if self.r#type.is_some() => None,
            (Some(_), _, Some(_)) if said("/elb") => {
                Some(if is_many { Format::BalancerOfMany } else { Format::Balancer })
            }
            (_, Some(_), _) if said("/http/method") => Some(Format::Two),
            (Some(_), _, Some(_)) if said("/identity") => Some(Format::One),
            _ => None,
        }
    }

    /// The request, without what the gateway puts in front of paths.
    ///
    /// # Errors
    /// 400 for what is no HTTP.
    pub(super) fn into_request(self, format: Format, base_path: &str) -> Result<Request, Problem> {
        let wrong = |what: &str| Problem::bad_request().because(format!("the gateway sent {what} that is none"));
        let method = self.http_method.as_deref().or_else(|| self.context("/http/method")).unwrap_or_default();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("a method"))?;
        let uri = self.uri(format, base_path).ok_or_else(|| wrong("a path"))?;
        let headers = self.headers().ok_or_else(|| wrong("a header"))?;
        let address = self.address(format, &headers);
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            Body::from(STANDARD.decode(body).map_err(|_| wrong("a body in Base64"))?)
        } else {
            Body::from(body)
        };
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        address.and_then(|address| request.extensions_mut().insert(address));
        request.extensions_mut().insert(Gateway::of(self.request_context));
        Ok(request)
    }

    fn context(&self, pointer: &str) -> Option<&str> {
        self.request_context.pointer(pointer)?.as_str()
    }

    fn uri(&self, format: Format, base_path: &str) -> Option<Uri> {
        let path = self.raw_path.as_deref().or(self.path.as_deref()).unwrap_or("/");
        let path = escaped(below(below(path, &self.stage()), base_path), NOT_IN_PATH);
        let query = escaped(&self.query(format), NOT_IN_QUERY);
        let mark = if query.is_empty() { "" } else { "?" };
        if path.starts_with('/') { format!("{path}{mark}{query}").parse().ok() } else { None }
    }

    /// What an HTTP API puts in front of paths at its own address, where its stage has a name.
    fn stage(&self) -> String {
        let said = |pointer| self.context(pointer).unwrap_or_default();
        let (stage, api, domain) = (said("/stage"), said("/apiId"), said("/domainName"));
        let is_own = !api.is_empty() && domain.strip_prefix(api).is_some_and(|rest| rest.starts_with(".execute-api."));
        let is_named = self.version.is_some() && !matches!(stage, "" | "$default");
        if is_own && is_named { format!("/{stage}") } else { String::new() }
    }

    fn query(&self, format: Format) -> String {
        if format == Format::Two {
            return self.raw_query_string.clone().unwrap_or_default();
        }
        // A balancer does not decode what it takes apart.
        let write = |text: &str| match format {
            Format::One => utf8_percent_encode(text, NOT_PLAIN).to_string(),
            _ => text.to_owned(),
        };
        let each = pairs(self.multi_value_query_string_parameters.as_ref(), self.query_string_parameters.as_ref());
        each.map(|(name, value)| format!("{}={}", write(name), write(value))).collect::<Vec<_>>().join("&")
    }

    fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs(self.multi_value_headers.as_ref(), self.headers.as_ref()) {
            let name = HeaderName::try_from(name).ok()?;
            headers.append(name, HeaderValue::try_from(value).ok()?);
        }
        if let Some(cookies) = self.cookies.as_ref().filter(|cookies| !cookies.is_empty()) {
            headers.insert(header::COOKIE, HeaderValue::try_from(cookies.join("; ")).ok()?);
        }
        Some(headers)
    }

    /// Where the request comes from, as the gateway saw it. A balancer adds it to what the caller wrote.
    fn address(&self, format: Format, headers: &HeaderMap) -> Option<ClientAddress> {
        match format {
            Format::Balancer | Format::BalancerOfMany => ClientAddress::said_by(1, headers),
            Format::One | Format::Two => {
                let said = self.context("/http/sourceIp").or_else(|| self.context("/identity/sourceIp"))?;
                Some(ClientAddress(said.parse::<IpAddr>().ok()?.to_canonical()))
            }
        }
    }
}

/// Each name with each of its values.
fn pairs<'e>(many: Option<&'e Many>, single: Option<&'e Single>) -> impl Iterator<Item = (&'e str, &'e str)> {
    let single = single.filter(|_| many.is_none());
    let many = many.into_iter().flatten().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    many.chain(single.into_iter().flatten()).map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The path below that prefix, if it is.
fn below<'p>(path: &'p str, prefix: &str) -> &'p str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The same, with escapes for what cannot stand there. What is escaped stays.
fn escaped(text: &str, not: &'static AsciiSet) -> String {
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    let mut pieces = text.split('%');
    let mut written: String = utf8_percent_encode(pieces.next().unwrap_or_default(), not).collect();
    for rest in pieces {
        written.push_str(if is_escape(rest) { "%" } else { "%25" });
        written.extend(utf8_percent_encode(rest, not));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(path: &str, query: &str) -> String {
        let context = json!({ "http": { "method": "GET", "sourceIp": "203.0.113.7" } });
        let event = json!({ "version": "2.0", "rawPath": path, "rawQueryString": query, "requestContext": context });
        let (format, event) = Event::read(event).unwrap();
        event.into_request(format, "/base").unwrap().uri().to_string()
    }

    #[test]
    fn what_was_decoded_stays_a_path_and_what_was_not_stays_as_it_is() {
        assert_eq!(path("/movies/a b?admin=true#x", ""), "/movies/a%20b%3Fadmin=true%23x");
        assert_eq!(path("/movies/a%20b%3Fc/ü/100%", "q=a%20b+c&d"), "/movies/a%20b%3Fc/%C3%BC/100%25?q=a%20b+c&d");
        assert_eq!(path("/a\u{0}\n\"<>\\^`{|}", ""), "/a%00%0A%22%3C%3E%5C%5E%60%7B%7C%7D");
        assert_eq!(path("/movies", "q=a b#c%"), "/movies?q=a%20b%23c%25");
    }

    #[test]
    fn a_prefix_goes_where_it_ends_at_a_slash() {
        let paths = ["/base", "/base/", "/base/movies", "/basement", "/movies/base"];
        assert_eq!(paths.map(|whole| path(whole, "")), ["/", "/", "/movies", "/basement", "/movies/base"]);
    }

    #[test]
    fn what_an_authorizer_said_reaches_the_handler() {
        let said = |format_2: bool, authorizer: serde_json::Value| {
            let context = json!({ "http": { "method": "GET" }, "stage": "prod", "authorizer": authorizer });
            let mut event = json!({ "rawPath": "/", "path": "/", "httpMethod": "GET", "requestContext": context });
            event["version"] = if format_2 { "2.0".into() } else { "1.0".into() };
            let (format, event) = Event::read(event).unwrap();
            let request = event.into_request(format, "").unwrap();
            let gateway = request.extensions().get::<Gateway>().unwrap();
            assert_eq!(gateway.get("/stage"), Some(&json!("prod")));
            gateway.claims().map(|claims| claims["sub"].clone())
        };
        let claims = json!({ "sub": "ann" });
        assert_eq!(said(true, json!({ "jwt": { "claims": claims } })), Some(json!("ann")), "HTTP APIs");
        assert_eq!(said(false, json!({ "claims": claims })), Some(json!("ann")), "REST APIs");
        assert_eq!(said(true, json!({ "lambda": { "sub": "ann" } })), None, "an authorizer of one's own has no claims");
    }

    #[test]
    fn an_authorizer_is_not_asked_for_a_page() {
        let context = json!({ "http": { "method": "GET" }, "identity": {} });
        let event =
            json!({ "type": "REQUEST", "rawPath": "/", "path": "/", "httpMethod": "GET", "requestContext": context });
        assert!(Event::read(event).is_none());
    }
}
