//! How is an app doing?
//!
//! ```text
//! numbers    metrics.rs   what is shown to Prometheus       process.rs  what the process and its runtime need
//! lines      log/         for people, or for Elasticsearch  redact.rs   what no line shows
//! steps      otlp.rs      traces, sent to a receiver (feature `otlp`)
//!            recent.rs    the last requests, for the developer's console
//! ```
//!
//! The crates of the road count and log by themselves; this one only knows how that leaves the process. Nothing here
//! makes a request wait: counters are added to, lines are queued, steps are sent in the background, and where a queue is
//! full, what does not fit is dropped. Lines that were dropped are counted, and batches of steps that were not taken.

mod log;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod process;
mod recent;
mod redact;

pub use log::{BadFilter, Flush, Format, Layered, Logging, Scope};
pub use metrics::{CONTENT_TYPE, Metrics};
#[cfg(feature = "otlp")]
pub use otlp::{Sent, Traces, TracesError, Transport, adopt, current, link, state};
/// For what registers metrics of its own.
pub use prometheus_client::{self, registry::Registry};
pub use recent::{Facts, Point, Recent, Seen, Step};
/// For what joins layers.
pub use tracing_subscriber::Layer;
