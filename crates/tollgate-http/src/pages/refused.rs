//! From a refusal to its page: the words for people.

use super::{DevFacts, Facts, Frame, Link, Person, ProblemPage, Road, sign_in_and_back};
use crate::refusal::{Asked, Refusal, RequestId};
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use tollgate_access::{Access, Actor, Roles};

/// What the page of a refusal shows. Given the roles, also what only developers should see.
pub(crate) fn refused(refusal: &Refusal, asked: &Asked, id: &RequestId, roles: Option<&Roles>) -> ProblemPage {
    let Refusal { problem, actor, access, .. } = refusal;
    let missing = missing(actor.as_ref(), access.as_ref());
    // A form that was refused cannot be sent again by following a link.
    let page = asked.head.as_ref().filter(|_| asked.method == Method::GET);
    let here = page.and_then(|head| head.uri.path_and_query()).map_or("/", |uri| uri.as_str());
    let sign_in = sign_in_and_back(here);
    let permissions = actor.iter().flat_map(|actor| actor.grants().permissions()).collect();
    ProblemPage {
        frame: Frame { person: actor.as_ref().and_then(Person::of), sign_in: sign_in.clone(), ..Frame::default() },
        status: problem.status(),
        heading: heading(problem.status()).to_owned(),
        // The faults have a panel of their own, which says it better.
        detail: problem.detail().filter(|_| problem.errors().is_empty()).map(sentence),
        links: links(problem.status(), actor.as_ref(), sign_in),
        faults: problem.errors().to_vec(),
        road: road(problem.status(), actor.as_ref(), missing.as_deref(), access.is_some()),
        facts: Facts {
            request_id: id.to_string(),
            when: Timestamp::now(),
            asked_for: format!("{} {}", asked.method, asked.path()),
            permissions,
            dev: roles.map(|roles| DevFacts {
                roles: missing.iter().flat_map(|missing| roles.that_grant(missing)).map(str::to_owned).collect(),
                raised_at: problem.raised().to_string(),
            }),
        },
        permission: missing,
        json: serde_json::to_string_pretty(problem).unwrap_or_default(),
    }
}

/// "there is none" → "There is none."
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}

/// The first permission that the route asks for and the caller does not have.
fn missing(actor: Option<&Actor>, access: Option<&Access>) -> Option<String> {
    let asked = access?.permissions();
    let lacks = |permission: &&&str| !actor.is_some_and(|actor| actor.grants().include(permission));
    asked.iter().find(lacks).map(|permission| (*permission).to_owned())
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::FORBIDDEN => "You may not do this",
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::METHOD_NOT_ALLOWED => "This cannot be done here",
        StatusCode::CONFLICT => "Something is in the way",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => "The request is not right",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        status if status.is_server_error() => "Something went wrong on our side",
        status => status.canonical_reason().unwrap_or("This was refused"),
    }
}

fn links(status: StatusCode, actor: Option<&Actor>, sign_in: String) -> Vec<Link> {
    let home = Link::new("/", "Back to the start");
    let signed_in = actor.is_some_and(Actor::is_signed_in);
    match status {
        StatusCode::UNAUTHORIZED => vec![Link::new(sign_in, "Sign in"), home],
        StatusCode::FORBIDDEN if signed_in => vec![home, Link::new(sign_in, "Sign in as someone else")],
        _ => vec![home, Link::new("/docs", "API docs")],
    }
}

/// How far the request came, as its status tells; nothing for a request that found no handler.
fn road(status: StatusCode, actor: Option<&Actor>, missing: Option<&str>, handled: bool) -> Option<Road> {
    let who = match actor {
        Some(actor) if actor.is_signed_in() => {
            format!("Yes: {}.", actor.email().or(actor.name()).unwrap_or(actor.id()))
        }
        _ => "Nobody is signed in.".to_owned(),
    };
    let may = "Yes.".to_owned();
    let (passed, stopped) = match status {
        _ if !handled => return None,
        StatusCode::UNAUTHORIZED => (vec![], who),
        StatusCode::FORBIDDEN => {
            let lacking = missing.map_or("This is outside what they may do.".to_owned(), |missing| {
                format!("No: {missing} is not among the permissions.")
            });
            (vec![who], lacking)
        }
        StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
            (vec![who, may, "Yes.".to_owned()], "Not among the rows that may be reached.".to_owned())
        }
        status if status.is_client_error() => (vec![who, may], "No: see what is wrong with it.".to_owned()),
        _ => (vec![who, may, "Yes.".to_owned()], "This is where it broke.".to_owned()),
    };
    Some(Road { passed, stopped })
}
