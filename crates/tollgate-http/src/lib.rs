//! The edge: from bytes to a handler's arguments, and from its answer back to bytes.
//!
//! ```text
//! a function is a route    handler.rs      its shape
//!                          guard.rs        who may call it
//!                          argument.rs     what it may ask for: json.rs query.rs list.rs preconditions.rs …
//!                          answer.rs       what it may return, and in which state: etag.rs
//!                          refusal.rs      every "no", in the words of words.rs
//!                          call.rs         the request on its way, and from where: address.rs gateway.rs
//! once, often, for many    idempotency.rs  limits.rs  cache.rs
//! told from its signature  operation.rs    schemas.rs  scheme.rs; all together: api.rs; as a page: docs.rs
//! together                 service.rs      crud.rs  resources.rs; pages of an app: view.rs; without a caller: job.rs
//!                          live/           changes, as they happen
//! on the road              serve/          accept; or a call of AWS Lambda: lambda/ (feature `lambda`)
//!                          pipeline.rs     one visible list: edge.rs overload.rs panics.rs cors.rs access_log.rs
//!                          pages.rs        for people
//! how it is doing          health.rs       for probes
//!                          observe.rs      metrics of routes; of places and kept answers: counts.rs
//!                          trace.rs        steps of a trace
//!                          audit.rs        refusals, recorded
//! ```
//!
//! This crate does not know how a caller is recognised: the road has a slot for it, [`Authenticate`].

// What `#[resource]` writes speaks of the facade; for the framework's own resources that is this crate.
extern crate self as tollgate;

mod access_log;
mod address;
mod answer;
mod api;
mod argument;
mod audit;
mod background;
mod cache;
mod call;
mod cors;
mod counts;
mod crud;
pub mod docs;
mod edge;
mod etag;
mod gateway;
mod guard;
mod handler;
mod health;
mod idempotency;
mod job;
mod json;
#[cfg(feature = "lambda")]
pub mod lambda;
mod limits;
mod list;
mod live;
mod observe;
mod operation;
mod overload;
pub mod pages;
mod panics;
mod pipeline;
mod preconditions;
mod query;
mod refusal;
mod resources;
mod schemas;
mod scheme;
mod serve;
mod service;
pub mod trace;
mod view;
mod words;

pub use address::ClientAddress;
pub use answer::{Answer, Created, IntoProblem, Located, NoContent, Page, Tagged};
pub use api::{Api, Built, RouteInfo, ServiceInfo, with_fallbacks};
pub use argument::{Argument, Arguments, Axum, Now, Path};
pub use audit::AuditLog;
pub use background::Background;
pub use cache::{AnswerCache, AnswerKey, AnswerStore, CacheCounts, Found, InMemory, Kept, Later, Stamp};
pub use call::{Authenticate, Call, Context, Identified, media_type};
pub use cors::{Cors, Origins};
pub use counts::Counts;
pub use edge::Edge;
pub use gateway::Gateway;
pub use guard::{Guard, Reach};
pub use handler::Handler;
pub use health::{Health, Unwell};
pub use idempotency::{Keyed, KeyedRequest, NoIdempotencyKey};
pub use job::{Job, JobArguments};
pub use json::Json;
pub use limits::{Counted, Limits, Quota, Quotas, SharedCounters};
pub use list::List;
pub use live::{Live, LiveLimits};
pub use observe::{Observe, metrics};
pub use operation::{Operation, Place};
pub use overload::{Load, LoadCounts};
pub use panics::log_panics;
pub use pipeline::{Piped, Pipeline};
pub use preconditions::Preconditions;
pub use query::{Form, Query};
pub use refusal::Refusal;
pub use resources::{AnyResource, BadRow, Care, LoadError, Loading, Stores, load_rows};
pub use scheme::{Flow, Scheme};
pub use serve::{ConnectionLimits, Ended, Listening, Probe, Serving, Stop, Tls, bind, take_socket};
pub use service::Service;
pub use view::{Download, Html, View};

#[doc(hidden)]
pub use tollgate_store::__private;
