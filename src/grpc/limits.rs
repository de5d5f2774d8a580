//! How much is worked on at once. What goes beyond is refused, before anything of it is read: a caller
//! who knows that soon can go to another replica or wait, and one who is left in a queue gives up on it,
//! and has it worked on in vain.
//!
//! What holds here:
//! - A call that was let in takes one place until its answer is there. Who finds no place is refused at
//!   once.
//! - Fewer are worked on than there are places, so that work goes quickly. The others wait in the order in
//!   which they came, for [`PATIENCE`] at most: a burst is taken in, a queue that does not get shorter is
//!   not. So nobody waits for more than that and the work ahead.
//! - Health and reflection take no place: whoever looks why nothing goes forward gets an answer.
//! - A watch takes a place while it is set up, like any call, and one of its own kind while it lasts: of
//!   those of the server, and of those of its connection. HTTP/2 counts calls and watches together, so
//!   without the latter calls would wait behind watches, see [`crate::server`].
//!
//! Deliberately absent: limits for each caller. How many calls one connection may have
//! open is settled by HTTP/2, see [`crate::server`].

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tonic::{Status, body::Body};
use tonic_health::pb::health_server::SERVICE_NAME as HEALTH;
use tonic_reflection::pb::{
    v1::server_reflection_server::SERVICE_NAME as REFLECTION,
    v1alpha::server_reflection_server::SERVICE_NAME as REFLECTION_ALPHA,
};
use tower::{Layer, Service};

use super::{access, status};
use crate::access::Peer;

/// How long a call may wait until it is worked on.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many calls are worked on for each connection of the pool: enough that none is ever idle while
/// others wait for a lock, or parse and render.
const AT_WORK_PER_CONNECTION: u32 = 8;
/// How many are worked on at least, for the sake of those that wait for a lock in a small pool.
const LEAST_AT_WORK: u32 = 64;

/// After how long at least, and at most, whoever was refused is asked to come back. All that were refused
/// at once do not come back at once.
#[derive(Debug, Clone, Copy)]
struct ComeBack {
    after: Duration,
    within: Duration,
}

const CALLS: ComeBack = ComeBack {
    after: Duration::from_secs(1),
    within: Duration::from_secs(2),
};
/// A gateway that connects anew begins all of its watches at once.
const WATCHES: ComeBack = ComeBack {
    after: Duration::from_secs(1),
    within: Duration::from_secs(10),
};

impl ComeBack {
    fn refusal(self) -> Status {
        let spread = self.within.saturating_sub(self.after);
        status::overloaded(self.after + spread.mul_f64(rand::random()))
    }
}

/// A connection as the calls that come over it know it.
#[derive(Debug, Clone)]
pub struct Via {
    /// The peer at its other end.
    pub(super) peer: Peer,
    watches: Places,
    most_watches: u32,
}

impl Via {
    /// A connection that may have so many watches open at once.
    pub fn new(peer: Peer, most_watches: u32) -> Self {
        Self {
            peer,
            watches: Places::new(most_watches),
            most_watches,
        }
    }

    /// A place for one more watch on this connection.
    ///
    /// # Errors
    ///
    /// The refusal for a connection that has as many as it may.
    pub(super) fn take_watch(&self) -> Result<Place, Status> {
        let place = self.watches.try_take();
        place.ok_or_else(|| status::watch_limit_reached(self.most_watches))
    }
}

/// How many may be at it at once. Its clones count together.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(number: u32) -> Self {
        let number = usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(number)))
    }

    /// A place, if one is free.
    fn try_take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    /// A place for a watch, if one is free.
    ///
    /// # Errors
    ///
    /// The refusal of a watch for which none is left.
    pub(super) fn take_watch(&self) -> Result<Place, Status> {
        self.try_take().ok_or_else(|| WATCHES.refusal())
    }

    /// A place, if one becomes free soon.
    async fn await_one(&self) -> Option<Place> {
        let permit = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let permit = permit.ok()?.ok()?;
        Some(Place { _permit: permit })
    }
}

/// The layer around all services, within [`super::Access`]: who may not call takes no place.
#[derive(Debug, Clone)]
pub struct Limits {
    places: Places,
    at_work: Places,
}

/// A service that works on a limited number of calls at once.
#[derive(Debug, Clone)]
pub struct Limited<S> {
    limits: Limits,
    inner: S,
}

impl Limits {
    /// Lets in this many requests at once, and works on what so many connections to the database are kept
    /// busy with.
    pub fn new(requests: u32, connections: u32) -> Self {
        let at_work = connections
            .saturating_mul(AT_WORK_PER_CONNECTION)
            .max(LEAST_AT_WORK);
        Self {
            places: Places::new(requests),
            at_work: Places::new(at_work),
        }
    }
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            limits: self.clone(),
            inner,
        }
    }
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_about_the_server(request.uri().path()) {
            return Box::pin(self.inner.call(request));
        }
        let come_back = if access::is_watch(request.uri().path()) {
            WATCHES
        } else {
            CALLS
        };
        let Some(place) = self.limits.places.try_take() else {
            return Box::pin(ready(Ok(come_back.refusal().into_http())));
        };
        let at_work = self.limits.at_work.clone();
        // Nothing of it happens until it is first asked for its answer.
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Some(turn) = at_work.await_one().await else {
                return Ok(come_back.refusal().into_http());
            };
            let answer = answer.await;
            drop((turn, place));
            answer
        })
    }
}

/// Whether a call of this path asks about the server itself, and so takes no place.
fn is_about_the_server(path: &str) -> bool {
    matches!(
        access::service_and_method(path),
        Some((HEALTH | REFLECTION | REFLECTION_ALPHA, _))
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn those_who_are_refused_at_once_are_asked_to_come_back_at_different_times() {
        for come_back in [CALLS, WATCHES] {
            let delays: BTreeSet<_> = (0..100)
                .map(|_| {
                    let retry = come_back.refusal().get_details_retry_info();
                    retry.and_then(|retry| retry.retry_delay).unwrap()
                })
                .collect();
            assert!(delays.len() > 50, "{delays:?}");
            assert!(delays.first() >= Some(&come_back.after), "{delays:?}");
            assert!(delays.last() <= Some(&come_back.within), "{delays:?}");
        }
    }
}
