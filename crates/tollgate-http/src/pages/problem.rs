//! A problem in a browser: what happened, how far the request came, what to do next.

use super::{Frame, Link, status};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tollgate_core::Fault;

/// What the page of a problem shows.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemPage {
    /// The top bar, and who is signed in.
    pub frame: Frame,
    /// The status of the answer.
    #[serde(serialize_with = "status")]
    pub status: StatusCode,
    /// What happened, in a few words.
    pub heading: String,
    /// What happened, in a sentence or two.
    pub detail: Option<String>,
    /// The permission that was missing; where the detail names it, it looks like one.
    pub permission: Option<String>,
    /// What to do next. The first is what most will want.
    pub links: Vec<Link>,
    /// Each fault in the input.
    pub faults: Vec<Fault>,
    /// How far the request came; none if it took no route at all, or nobody knows.
    pub road: Option<Road>,
    /// What someone who helps would ask for.
    pub facts: Facts,
    /// The problem document, laid out to be read.
    pub json: String,
}

impl ProblemPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "problem.html";
}

/// How far a request came. The gates are, in order: Who is it? May they? Is it sound? Which rows? Answer.
#[derive(Debug, Clone, Serialize)]
pub struct Road {
    /// What each gate that let it through has to say, from the first on. The request stopped at the next gate.
    pub passed: Vec<String>,
    /// What the gate where it stopped has to say.
    pub stopped: String,
}

/// What someone who helps would ask for. Who is signed in stands in the [`Frame`].
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Names the request in the log.
    pub request_id: String,
    /// When it was refused.
    #[serde(serialize_with = "moment")]
    pub when: Timestamp,
    /// Method and path.
    pub asked_for: String,
    /// The permissions of whoever is signed in.
    pub permissions: Vec<String>,
    /// What only developers should see.
    pub dev: Option<DevFacts>,
}

/// What only developers should see.
#[derive(Debug, Clone, Serialize)]
pub struct DevFacts {
    /// The roles that have the missing permission.
    pub roles: Vec<String>,
    /// Where in the source the problem was raised.
    pub raised_at: String,
}

fn moment<S: Serializer>(when: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&when.strftime("%a %-d %b %Y, %H:%M:%S (UTC)"))
}
