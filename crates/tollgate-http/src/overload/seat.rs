//! Who holds no place? Whoever waits for a client.
//!
//! A client that sends its body slowly would otherwise hold a place for as long as it likes. So the place is given back
//! where the body has to be waited for, and taken again for the last of it; what comes until then is no work. It lies in
//! memory, though: all of it together may be so much, and one body as much as is still free, so that a few long ones leave
//! room for many short ones.

use super::{Away, Load};
use axum::body::{Body, HttpBody};
use futures_util::FutureExt;
use hyper::body::{Bytes, Frame, SizeHint};
use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll, ready},
};

/// What a piece of a body takes beside its bytes.
const PIECE: usize = 64;

/// A request with a body.
pub(crate) struct Seat {
    load: Arc<Load>,
    at: Mutex<At>,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// It has a place.
    Place,
    /// Its body is on its way.
    Way,
    SentAway(Away),
    /// It was answered, or is no more.
    End,
}

impl Seat {
    /// That of a request, if it has a body.
    pub(crate) fn of(load: &Arc<Load>, body: &mut Body) -> Option<Arc<Self>> {
        if body.is_end_stream() {
            return None;
        }
        let seat = Arc::new(Self { load: Arc::clone(load), at: Mutex::new(At::Place) });
        let coming = Coming { body: mem::take(body), seat: Arc::clone(&seat), size: 0, counted: 0, held: None };
        *body = Body::new(coming);
        Some(seat)
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It moves on from there, if it is there.
    fn moves(&self, from: At, to: At) -> bool {
        let mut at = self.at();
        let moves = *at == from;
        if moves {
            *at = to;
        }
        moves
    }

    /// Why it was sent away, if it was.
    pub(super) fn is_sent_away(&self) -> Option<Away> {
        match *self.at() {
            At::SentAway(why) => Some(why),
            At::Place | At::Way | At::End => None,
        }
    }

    /// It ends; whether it had a place.
    pub(super) fn end(&self) -> bool {
        mem::replace(&mut *self.at(), At::End) == At::Place
    }
}

/// A body, which is waited for without a place.
struct Coming {
    body: Body,
    seat: Arc<Seat>,
    /// How much has come, and how much of that the load knows of, in bytes.
    size: usize,
    counted: usize,
    /// The last of it, for which there has to be a place.
    held: Option<Held>,
}

type Piece = Option<Result<Frame<Bytes>, axum::Error>>;

/// A copy: a single byte would keep all that is there to be read into, some KiB.
fn alone(piece: Frame<Bytes>) -> Frame<Bytes> {
    piece.map_data(|bytes| Bytes::copy_from_slice(&bytes))
}

struct Held {
    piece: Piece,
    place: Pin<Box<dyn Future<Output = bool> + Send>>,
}

impl Coming {
    /// Whether there is room for what has come.
    fn has_room(&mut self) -> bool {
        let Load { coming, room, .. } = &*self.seat.load;
        let more = self.size - mem::replace(&mut self.counted, self.size);
        let all = coming.fetch_add(more, Ordering::Relaxed) + more;
        self.size + all <= *room
    }

    fn forget(&mut self) {
        self.seat.load.coming.fetch_sub(mem::take(&mut self.counted), Ordering::Relaxed);
    }

    /// On its way; sent away where there is too much of that. Nobody hears from it then: [`Load::run`] drops it.
    fn wait(&mut self) {
        if self.seat.moves(At::Place, At::Way) {
            self.seat.load.give_back();
        }
        if !self.has_room() {
            self.seat.moves(At::Way, At::SentAway(Away::NoRoom));
        }
    }

    fn hold(&mut self, piece: Piece) {
        let load = Arc::clone(&self.seat.load);
        // Asked once more after a no, it says nothing.
        let place = async move { load.find_place().await }.fuse();
        self.held = Some(Held { piece, place: Box::pin(place) });
    }

    /// The last of it, once there is a place.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        let Some(Held { piece, place }) = &mut self.held else { return Poll::Ready(None) };
        if !ready!(place.as_mut().poll(context)) {
            self.seat.moves(At::Way, At::SentAway(Away::NoPlace));
            return Poll::Pending;
        }
        if !self.seat.moves(At::Way, At::Place) {
            self.seat.load.give_back();
        }
        let piece = piece.take();
        self.held = None;
        self.forget();
        Poll::Ready(piece)
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.forget();
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
        let this = &mut *self;
        if this.held.is_some() {
            return this.poll_held(context);
        }
        let Poll::Ready(piece) = Pin::new(&mut this.body).poll_frame(context) else {
            this.wait();
            return Poll::Pending;
        };
        let bytes = |frame: &Frame<Bytes>| frame.data_ref().map_or(0, Bytes::len) + PIECE;
        this.size += piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, bytes);
        let is_away = *this.seat.at() == At::Way;
        let piece = if is_away { piece.map(|piece| piece.map(alone)) } else { piece };
        let is_last = piece.is_none() || this.body.is_end_stream();
        // To be told that it broke off, nobody needs a place.
        if !is_last || matches!(piece, Some(Err(_))) || !is_away {
            return Poll::Ready(piece);
        }
        this.hold(piece);
        this.poll_held(context)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.held.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ROOM, *};
    use axum::{body::to_bytes, http::StatusCode, response::IntoResponse};
    use futures_util::{future::join, stream::poll_fn};
    use std::{pin::pin, time::Duration};
    use tokio::{sync::mpsc, time::sleep};

    type Pieces = mpsc::UnboundedSender<Result<Bytes, axum::Error>>;

    fn load() -> Arc<Load> {
        Arc::new(Load::new(1, Duration::from_millis(50), Duration::from_secs(30)))
    }

    /// A body that comes as it is sent.
    fn body() -> (Pieces, Body) {
        let (sender, mut pieces) = mpsc::unbounded_channel();
        (sender, Body::from_stream(poll_fn(move |context| pieces.poll_recv(context))))
    }

    fn some(bytes: usize) -> Bytes {
        vec![1; bytes].into()
    }

    /// Reads a body whole, and then works for a while.
    async fn read(load: &Arc<Load>, mut body: Body) -> (u16, usize) {
        let seat = Seat::of(load, &mut body);
        let mut read = 0;
        let work = async {
            let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
            read = bytes.len();
            sleep(Duration::from_millis(100)).await;
            StatusCode::OK.into_response()
        };
        let status = load.run(seat.as_deref(), pin!(work)).await.status().as_u16();
        (status, read)
    }

    async fn other(load: &Load) -> u16 {
        let work = async {
            sleep(Duration::from_millis(100)).await;
            StatusCode::OK.into_response()
        };
        load.run(None, pin!(work)).await.status().as_u16()
    }

    /// What happens while such a body is on its way.
    async fn beside<T>(load: &Arc<Load>, then: impl AsyncFnOnce(Pieces) -> T) -> ((u16, usize), T) {
        let (pieces, body) = body();
        join(read(load, body), async {
            sleep(Duration::from_secs(1)).await;
            then(pieces).await
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_a_body_slowly_holds_no_place_until_it_is_there() {
        let load = load();
        let (slow, others) = beside(&load, async |pieces| {
            let mut others = vec![];
            for _ in 0..10 {
                pieces.send(Ok(some(10))).unwrap();
                others.push(other(&load).await);
            }
            drop(pieces);
            sleep(Duration::from_millis(10)).await;
            others.push(other(&load).await);
            others
        })
        .await;
        assert_eq!(slow, (200, 100));
        assert_eq!((&others[..10], others[10]), (&[200; 10][..], 503), "{others:?}");
        assert_eq!((load.counts().in_flight, load.done.load(Ordering::Relaxed)), (0, 11), "each is done once");
        assert_eq!(load.places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_to_no_place_is_sent_away() {
        let load = load();
        let (slow, held) = beside(&load, async |pieces| {
            let end = async {
                sleep(Duration::from_millis(10)).await;
                drop(pieces);
            };
            join(other(&load), end).await.0
        })
        .await;
        assert_eq!((slow, held), ((503, 0), 200));
        assert_eq!((load.counts().shed, load.places.available_permits()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_hears_that_a_body_broke_off_needs_no_place() {
        let load = load();
        let (slow, held) = beside(&load, async |pieces| {
            pieces.send(Err(axum::Error::new("gone"))).unwrap();
            other(&load).await
        })
        .await;
        assert_eq!((slow.0, held, load.places.available_permits()), (400, 200, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_there_keeps_its_place() {
        let load = load();
        let body = Body::from(vec![1; 1000]);
        assert_eq!(join(read(&load, body), other(&load)).await, ((200, 1000), 503));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_on_its_way_leaves_room_for_short_ones() {
        let load = Arc::new(Load { room: 10_000, ..Load::default() });
        let (long, short) = beside(&load, async |pieces| {
            pieces.send(Ok(some(4000))).unwrap();
            let short = beside(&load, async |others| {
                others.send(Ok(some(1000))).unwrap();
                sleep(Duration::from_secs(1)).await;
            });
            let more = async {
                sleep(Duration::from_secs(1)).await;
                pieces.send(Ok(some(1500))).unwrap();
            };
            join(short, more).await.0.0
        })
        .await;
        assert_eq!((long, short), ((503, 0), (200, 1000)));
        assert_eq!((load.coming.load(Ordering::Relaxed), load.counts().in_flight), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_of_a_body_on_its_way_keeps_nothing_else() {
        let load = load();
        let (pieces, mut body) = body();
        let seat = Seat::of(&load, &mut body).unwrap();
        let mut next = async || to_frame(&mut body).await;
        let larger = Bytes::from(vec![1; 8192]);
        assert!(next().now_or_never().is_none(), "it is on its way");
        pieces.send(Ok(larger.slice(..1))).unwrap();
        let piece = next().await;
        assert_eq!(piece.len(), 1);
        assert!(larger.is_unique(), "and is read into again");
        drop((seat, piece));
    }

    async fn to_frame(body: &mut Body) -> Bytes {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_body_that_a_route_takes_has_room() {
        let longest = ROOM / 8 * 5;
        let load = Arc::new(Load::default().with_bodies_of(longest));
        let (long, ()) = beside(&load, async |pieces| {
            for _ in 0..2 {
                pieces.send(Ok(some(longest / 2))).unwrap();
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        assert_eq!(long, (200, longest));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_before_their_body_is_there_leaves_nothing() {
        let load = load();
        let (pieces, body) = body();
        pieces.send(Ok(some(1000))).unwrap();
        let left = tokio::time::timeout(Duration::from_secs(1), read(&load, body)).await;
        assert!(left.is_err());
        assert_eq!((load.coming.load(Ordering::Relaxed), load.places.available_permits()), (0, 1));
        assert_eq!(other(&load).await, 200);
    }
}
