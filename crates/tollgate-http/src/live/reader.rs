//! One reader of changes: their permission, their pace, their end.

use super::{
    Followed,
    batch::{Batch, push, up_to},
    hub::{Seat, Subscription},
    measures::Measured,
};
use crate::{ClientAddress, limits::network};
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::{convert::Infallible, pin::Pin, time::Duration};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use tollgate_access::{May, Read, Rows};
use tollgate_core::Result;
use tollgate_store::{Resource, Store};

/// How often a reader is asked who they are.
const CHECK: Duration = Duration::from_secs(1);
/// After how many of those without an event something is sent all the same, so that nobody on the way takes the connection
/// for dead.
const QUIET: u32 = 15;
/// For how long nobody may be able to tell who a reader is.
const UNSURE: Duration = Duration::from_mins(1);
/// How long a client waits before it comes back, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";
/// The most entries of the log that are told to somebody who comes back.
const MISSED: u32 = 500;

/// One reader of changes.
pub(super) struct Reader<R: Resource> {
    call: Followed,
    rows: Rows<R>,
    /// What comes, and up to where they have everything.
    changes: Subscription<R>,
    /// What is sent first.
    first: Option<Bytes>,
    /// Up to where they were told that they have everything.
    told: i64,
    checks: Interval,
    quiet: u32,
    /// Since when nobody can tell who they are.
    unsure: Option<Instant>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    measured: Measured,
    _seat: Seat,
}

impl<R: Resource> Reader<R> {
    /// Follows from now on, or from where they were.
    pub(super) async fn begin(may: May<Read, R>, store: Store<R>, call: Followed) -> Result<Self> {
        let person = if may.actor().is_signed_in() {
            format!("actor {}", may.actor().id())
        } else {
            format!("address {}", network(ClientAddress::of(&call.head.extensions)))
        };
        let seat = call.live.seat(&person)?;
        // What comes while the log is read is in both: nobody is hurt by an event that comes twice.
        let changes = call.live.subscribe(&store).await?;
        let mut checks = interval(CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        checks.reset();
        let (rows, stop) = (may.rows().clone(), Box::pin(call.live.stop().draining()));
        let mut reader = Self {
            rows,
            told: changes.mark,
            changes,
            first: None,
            checks,
            quiet: 0,
            unsure: None,
            stop,
            is_over: false,
            measured: Measured::of(R::TABLE.name),
            _seat: seat,
            call,
        };
        let text = reader.begin_with(&store).await?;
        reader.first = Some(up_to(text, &reader.id()));
        Ok(reader)
    }

    /// What they missed; `ready` after it, or `reset` in its place.
    async fn begin_with(&mut self, store: &Store<R>) -> Result<String> {
        let mut text = RETRY.to_owned();
        let missed = match self.call.last.take() {
            None => Some(vec![]),
            Some(last) => self.missed(store, &last).await?,
        };
        let Some(missed) = missed else {
            push(&mut text, "reset", "{}");
            return Ok(text);
        };
        for batch in missed {
            let (events, count) = batch.events(&self.rows)?;
            self.measured.sent(count);
            text.push_str(&events);
        }
        push(&mut text, "ready", "{}");
        Ok(text)
    }

    /// Nothing if that is not known any more.
    async fn missed(&mut self, store: &Store<R>, last: &str) -> Result<Option<Vec<Batch<R>>>> {
        let seen = self.call.context.seal.open(&context(&self.rows), last).and_then(|bytes| bytes.try_into().ok());
        let Some(seen) = seen.map(i64::from_be_bytes) else { return Ok(None) };
        let log = self.call.live.log(tollgate_store::database_of(store));
        let Some(entries) = log.since(seen, R::TABLE.name, MISSED).await? else { return Ok(None) };
        let batches = Batch::of(&entries.iter().collect::<Vec<_>>(), store, (seen, seen)).await?;
        Ok(Some(batches).filter(|batches| batches.iter().all(|batch| !batch.is_reset)))
    }

    /// Where they are, sealed: the number tells how much is written, by others too. Who comes back with other rows than
    /// they had can not be told from it what they have and should not: to them it is not an id.
    fn id(&self) -> String {
        self.call.context.seal.close(&context(&self.rows), &self.changes.mark.to_be_bytes())
    }

    pub(super) fn body(self) -> Body {
        let next =
            |mut reader: Self| async move { reader.next().await.map(|bytes| (Ok::<_, Infallible>(bytes), reader)) };
        Body::from_stream(stream::unfold(self, next))
    }

    /// What is sent next; nothing after the last.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.is_over {
            tokio::select! {
                biased;
                () = &mut self.stop => return self.end("stop", None),
                _ = self.checks.tick() => {
                    if let Some(bytes) = self.check().await {
                        return Some(bytes);
                    }
                }
                batch = self.changes.batches.recv(), if self.unsure.is_none() => match batch {
                    Ok(batch) => {
                        if let Some(bytes) = self.take(&batch) {
                            return Some(bytes);
                        }
                    }
                    Err(RecvError::Lagged(_)) => return self.end("slow", Some("slow")),
                    Err(RecvError::Closed) => return self.end("stop", None),
                },
            }
        }
        None
    }

    /// Whether they are still who they were, and reach the same rows; if so, something now and then.
    async fn check(&mut self) -> Option<Bytes> {
        let actor = match self.call.context.authenticate.identify(&self.call.head).await {
            // That nobody can tell now refuses nobody, but no rows are sent meanwhile.
            Err(problem) if problem.status().is_server_error() => {
                let since = *self.unsure.get_or_insert_with(Instant::now);
                return if since.elapsed() < UNSURE { self.quietly() } else { self.end("unsure", None) };
            }
            actor => actor.ok(),
        };
        self.unsure = None;
        let Some(may) = actor.and_then(|actor| actor.may::<Read, R>().ok()) else {
            return self.end("refused", Some("refused"));
        };
        if scope(may.rows()) != scope(&self.rows) {
            return self.end("scope", Some("reset"));
        }
        self.quietly()
    }

    /// Something now and then, where nothing happens.
    fn quietly(&mut self) -> Option<Bytes> {
        self.quiet += 1;
        if self.quiet < QUIET {
            return None;
        }
        self.quiet = 0;
        self.changes.go_on();
        if self.told == self.changes.mark {
            return Some(Bytes::from_static(b":\n\n"));
        }
        self.told = self.changes.mark;
        Some(up_to(String::new(), &self.id()))
    }

    /// What a batch is to them.
    fn take(&mut self, batch: &Batch<R>) -> Option<Bytes> {
        let Ok((mut text, count)) = batch.events(&self.rows) else { return self.end("scope", Some("reset")) };
        self.changes.mark = self.changes.mark.max(batch.mark);
        if batch.is_reset {
            push(&mut text, "reset", "{}");
        }
        if text.is_empty() {
            return None;
        }
        self.measured.sent(count);
        (self.quiet, self.told) = (0, self.changes.mark);
        Some(up_to(text, &self.id()))
    }

    /// The last thing that is sent, if anything is.
    fn end(&mut self, why: &'static str, event: Option<&str>) -> Option<Bytes> {
        self.is_over = true;
        self.measured.ends(why);
        let mut text = String::new();
        push(&mut text, event?, "{}");
        Some(text.into())
    }
}

fn scope<R: Resource>(rows: &Rows<R>) -> Option<Vec<u8>> {
    match rows {
        Rows::All => None,
        Rows::None => Some(vec![]),
        Rows::Where(filter) => Some(filter.expr().to_bytes()),
    }
}

fn context<R: Resource>(rows: &Rows<R>) -> Vec<u8> {
    let (kind, filter) = scope(rows).map_or((0, vec![]), |filter| (1, filter));
    [b"changes of ", R::TABLE.name.as_bytes(), &[0, kind], &filter].concat()
}
