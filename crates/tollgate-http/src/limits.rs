//! How often may somebody ask? By address before anything else is done, by caller, API key and route once they are known.
//!
//! A quota is so many requests in so much time (GCRA): they may come at once, and come back evenly. Each is counted in this
//! process, by the stopwatch; where instances share a counter, that is asked too, and what either refuses is refused. Where
//! the shared counter does not answer, the one of this process goes on alone: without it, the limit of an app is that of an
//! instance times their number, and never none.
//!
//! Answers say what is left: `RateLimit-Policy` and `RateLimit` ([draft-ietf-httpapi-ratelimit-headers-10]); who is over is
//! told with 429 and `Retry-After` (RFC 6585, 4).
//!
//! [draft-ietf-httpapi-ratelimit-headers-10]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/

mod counters;

use crate::{Call, ClientAddress, refusal::Refusal};
use axum::{
    extract::MatchedPath,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use counters::Counters;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    net::IpAddr,
    pin::Pin,
    str::FromStr,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tollgate_core::{Clock, Problem};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Policy {
    limit: &'static str,
}

static REFUSED: LazyLock<Family<Policy, Counter>> = LazyLock::new(Family::default);

/// Adds what limits refused to the metrics that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    registry.register("tollgate_limit_refusals", "Requests over a limit, answered 429", REFUSED.clone());
}

/// So many requests in so much time: `100 per minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Quota {
    requests: u32,
    window: Duration,
}

impl Quota {
    /// How many requests may come in a [`window`](Self::window).
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// The time in which they come back.
    pub fn window(self) -> Duration {
        self.window
    }

    /// The time in which one comes back.
    pub fn interval(self) -> Duration {
        self.window / self.requests
    }
}

impl TryFrom<String> for Quota {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "this is no limit: write it as `100 per minute`, per second, minute, hour or day".to_owned();
        let (requests, unit) = text.split_once(" per ").ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "second" => 1,
            "minute" => 60,
            "hour" => 60 * 60,
            "day" => 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let requests = requests.trim().parse().ok().filter(|requests| (1..=1_000_000).contains(requests));
        Ok(Self { requests: requests.ok_or_else(wrong)?, window: Duration::from_secs(seconds) })
    }
}

/// What is limited; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    /// Of an IPv4 address, or a /64 network of IPv6.
    pub address: Option<Quota>,
    /// Of somebody who is signed in, whichever way they come.
    pub actor: Option<Quota>,
    /// Of an API key.
    pub key: Option<Quota>,
    /// Of a caller on one route, named `POST /movies`: of whoever is signed in, otherwise of the address.
    pub routes: BTreeMap<String, Quota>,
}

impl Quotas {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.address.is_none() && self.actor.is_none() && self.key.is_none() && self.routes.is_empty()
    }
}

/// Counts for all instances.
pub trait SharedCounters: Send + Sync + 'static {
    /// Counts a request against a quota: how long it takes until all of that is there again. A request that would make
    /// this longer than the window is over the limit, and not counted. `None` where that cannot be told now.
    fn count<'a>(&'a self, name: &'a str, quota: Quota) -> Counted<'a>;
}

/// What a shared counter says, some time later.
pub type Counted<'a> = Pin<Box<dyn Future<Output = Option<Duration>> + Send + 'a>>;

/// One limit of an app.
struct Limit {
    policy: &'static str,
    quota: Quota,
    /// What every answer says of it.
    said: HeaderValue,
}

impl Limit {
    fn new(policy: &'static str, quota: Quota) -> Arc<Self> {
        // Shown from the start: a counter that appears with its first refusal hides that one.
        drop(REFUSED.get_or_create(&Policy { limit: policy }));
        let text = format!("\"{policy}\";q={};w={}", quota.requests, quota.window.as_secs());
        let said = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(policy));
        Arc::new(Self { policy, quota, said })
    }
}

/// The limits of an app.
pub struct Limits {
    address: Option<Arc<Limit>>,
    actor: Option<Arc<Limit>>,
    key: Option<Arc<Limit>>,
    /// By path: each with its method.
    routes: HashMap<String, Vec<(String, Arc<Limit>)>>,
    counters: Counters,
    shared: Option<Arc<dyn SharedCounters>>,
}

tollgate_core::debug_by_name!(Limits);

impl Limits {
    /// These limits. Without quotas there are none.
    pub fn new(quotas: Quotas, clock: Arc<dyn Clock>, shared: Option<Arc<dyn SharedCounters>>) -> Option<Arc<Self>> {
        if quotas.is_empty() {
            return None;
        }
        let Quotas { address, actor, key, routes: of_routes } = quotas;
        let of = |policy| move |quota| Limit::new(policy, quota);
        let mut routes: HashMap<String, Vec<_>> = HashMap::new();
        for (route, quota) in of_routes {
            let (method, path) = route.split_once(' ').unwrap_or_default();
            routes.entry(path.to_owned()).or_default().push((method.to_owned(), Limit::new("route", quota)));
        }
        let (address, actor, key) = (address.map(of("address")), actor.map(of("actor")), key.map(of("key")));
        Some(Arc::new(Self { address, actor, key, routes, counters: Counters::new(clock), shared }))
    }

    /// Counts a request against its address.
    pub(crate) async fn of_address(&self, address: Option<IpAddr>) -> Taken {
        let mut taken = Taken::default();
        if let Some(limit) = &self.address {
            self.take(limit, &network(address), &mut taken).await;
        }
        taken
    }

    /// Counts a request against its caller and its route. Who they are is asked where that counts; whether they may come
    /// in is not decided here.
    pub(crate) async fn of_caller(&self, call: &mut Call) -> Taken {
        let mut taken = Taken::default();
        let of_route = self.of_route(call);
        if self.key.is_none() && self.actor.is_none() && of_route.is_none() {
            return taken;
        }
        let actor = call.actor().await.ok().filter(tollgate_access::Actor::is_signed_in);
        if let (Some(limit), Some(key)) = (&self.key, actor.as_ref().and_then(|actor| actor.key())) {
            self.take(limit, key, &mut taken).await;
        }
        if let (Some(limit), Some(actor)) = (&self.actor, &actor) {
            self.take(limit, actor.id(), &mut taken).await;
        }
        if let (Some((method, limit)), Some(path)) = (of_route, call.head.extensions.get::<MatchedPath>()) {
            let path = path.as_str();
            let caller = match &actor {
                Some(actor) => format!("{method} {path} actor {}", actor.id()),
                None => format!("{method} {path} address {}", network(ClientAddress::of(&call.head.extensions))),
            };
            self.take(limit, &caller, &mut taken).await;
        }
        taken
    }

    fn of_route(&self, call: &Call) -> Option<&(String, Arc<Limit>)> {
        let limits = self.routes.get(call.head.extensions.get::<MatchedPath>()?.as_str())?;
        let method = if call.head.method == Method::HEAD { "GET" } else { call.head.method.as_str() };
        limits.iter().find(|(of, _)| of == method)
    }

    /// Counts a request here, and then for all instances, unless one before was refused.
    async fn take(&self, limit: &Arc<Limit>, who: &str, taken: &mut Taken) {
        if taken.0.iter().any(|one| one.wait().is_some()) {
            return;
        }
        let Limit { policy, quota, .. } = **limit;
        let mut debt = self.counters.count((policy, who), quota);
        if let (Some(shared), true) = (&self.shared, debt <= quota.window) {
            let name = format!("{policy}:{who}");
            debt = shared.count(&name, quota).await.unwrap_or(debt);
        }
        if debt > quota.window {
            REFUSED.get_or_create(&Policy { limit: policy }).inc();
        }
        taken.0.push(One { limit: Arc::clone(limit), debt });
    }
}

/// From where a request comes. Where that is not known, all are one.
pub(crate) fn network(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "unknown".into(), ClientAddress::network)
}

/// What a request was counted against.
#[derive(Default)]
pub(crate) struct Taken(Vec<One>);

struct One {
    limit: Arc<Limit>,
    /// How long it takes until all of the quota is there again.
    debt: Duration,
}

impl One {
    /// How long to wait, if it is over.
    fn wait(&self) -> Option<Duration> {
        self.debt.checked_sub(self.limit.quota.window).filter(|wait| !wait.is_zero())
    }

    fn left(&self) -> u128 {
        let quota = self.limit.quota;
        quota.window.saturating_sub(self.debt).as_nanos() / quota.interval().as_nanos().max(1)
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Taken {
    /// The answer to who is over a limit.
    pub(crate) fn refusal(&self) -> Option<Response> {
        let (one, wait) = self.0.iter().find_map(|one| Some((one, one.wait()?)))?;
        let wait = u32::try_from(seconds(wait)).unwrap_or(u32::MAX).max(1);
        let Limit { policy, quota: Quota { requests, window }, .. } = *one.limit;
        let window = window.as_secs();
        let why = format!("over the limit by {policy}: {requests} requests in {window} seconds");
        Some(Refusal::from(Problem::new(StatusCode::TOO_MANY_REQUESTS).because(why).retry_after(wait)).into_response())
    }

    /// Says what is left.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        for one in &self.0 {
            let policy = one.limit.policy;
            let left = match one.wait() {
                Some(wait) => format!("\"{policy}\";r=0;t={}", seconds(wait)),
                None => format!("\"{policy}\";r={};t={}", one.left(), seconds(one.debt)),
            };
            headers.append(POLICY, one.limit.said.clone());
            if let Ok(left) = HeaderValue::try_from(left) {
                headers.append(LEFT, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_so_many_requests_in_so_much_time() {
        let quota = |text: &str| text.parse::<Quota>().map(|quota| (quota.requests, quota.window.as_secs()));
        assert_eq!(quota("100 per minute"), Ok((100, 60)));
        assert_eq!(quota("1 per day"), Ok((1, 86_400)));
        for bad in ["", "100", "100/minute", "0 per second", "-1 per hour", "2000000 per day", "9 per fortnight"] {
            assert!(quota(bad).unwrap_err().contains("is no limit: write it as `100 per minute`"), "{bad}");
        }
    }
}
