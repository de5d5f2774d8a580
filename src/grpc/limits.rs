//! The limits of the work at one time. A call beyond them is refused at once: then the caller can try another
//! replica, or wait. In a queue it would give up before the server gets to its call.
//!
//! Invariants:
//! - Work on a call begins once its request has arrived completely ([`super::intake`]). Until then the call holds
//!   no permit, so incomplete requests block nobody.
//! - An admitted call holds a permit until its answer is there. A call that finds none is refused at once.
//! - Fewer calls are worked on than are admitted, so that work is fast. The others wait for at most
//!   [`PATIENCE`]: this absorbs a burst, and refuses a lasting overload. Callers take turns.
//! - No caller gets all permits ([`Shares`]), so there is room for others. A caller is known by its name or,
//!   without named callers, by its address.
//! - Reads have permits of their own, and fewer: a read is busy from beginning to end and may hold megabytes,
//!   while changes mostly wait for each other.
//! - Health and reflection use none of these permits, so an operator gets an answer even under overload. Their
//!   streams have permits of their own.
//! - A stream of requests never arrives completely. Instead, each of its messages is bounded
//!   ([`super::small_messages`]), and is read when there is room for it.
//! - A watch holds a permit like any call while it is set up, and two others while it lasts: one of the server's
//!   watches, and one of its connection's. HTTP/2 counts calls and watches of a connection together, so without
//!   the second one calls would wait behind watches (see [`crate::server`]).
//! - Unread parts of answers are held in a budget ([`super::sending`]).
//!
//! HTTP/2 limits how many calls one connection may have open (see [`crate::server`]).

use std::{
    future::Future,
    mem,
    net::IpAddr,
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
use tower::{Layer, Service};

use super::{
    MAX_REQUEST_BYTES,
    come_back::ComeBack,
    intake,
    lasting::Lasting,
    method::{Kind, Methods},
    reflection::MAX_QUESTION_BYTES,
    sending::Sending,
    small_messages::SmallMessages,
    status,
};
use crate::{
    access::Peer,
    domain::CallerName,
    peers::{self, Bundle, Share, Shares, Waiting},
};

/// How long a call may wait until it is worked on.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many changes of a caller are worked on for each connection of the pool: enough that none is ever
/// idle while others wait for a lock, or parse and render.
const CHANGES_PER_CONNECTION: u32 = 8;
/// How many are worked on at least, for the sake of those that wait for a lock in a small pool.
const LEAST_CHANGES: u32 = 64;
/// How many reads of a caller are worked on for each connection of the pool. None waits for a lock.
const READS_PER_CONNECTION: u32 = 2;
const LEAST_READS: u32 = 16;
/// The most bytes of a message of a stream. The largest valid one has some 300.
const MAX_STEP_BYTES: usize = 4 * 1024;
/// How many streams follow the server's health. Each client may have one on each of its connections.
const HEALTH_WATCHES: usize = 1000;
/// How many streams ask what the server offers. People do, one at a time.
const REFLECTIONS: usize = 32;
/// How long such a stream may last.
const LONGEST_REFLECTION: Duration = Duration::from_mins(5);

/// A connection as the calls that come over it know it.
#[derive(Debug, Clone)]
pub struct Via {
    /// The peer at its other end.
    pub(super) peer: Peer,
    watches: Arc<Semaphore>,
    most_watches: u32,
}

impl Via {
    /// A connection that may have so many watches open at once.
    pub fn new(peer: Peer, most_watches: u32) -> Self {
        let watches = usize::try_from(most_watches).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            peer,
            watches: Arc::new(Semaphore::new(watches.min(Semaphore::MAX_PERMITS))),
            most_watches,
        }
    }

    /// A permit for one more watch on this connection.
    ///
    /// # Errors
    ///
    /// The refusal for a connection that has as many as it may.
    pub(super) fn take_watch(&self) -> Result<OwnedSemaphorePermit, Status> {
        let permit = Arc::clone(&self.watches).try_acquire_owned();
        permit.map_err(|_| status::watch_limit_reached(self.most_watches))
    }
}

/// The holder of a call's permits, among whom they are shared out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// A caller that is named in the settings.
    Caller(CallerName),
    /// Anybody at this address.
    Host(IpAddr),
    /// Nobody knows.
    Unknown,
}

/// Permits of one kind.
pub(super) type Permits = Shares<Holder>;
/// A permit that is taken.
pub(super) type Permit = Share<Holder>;
/// The permits of the users of one stream.
pub(super) type UserPermits = Bundle<Holder>;
/// The permits of a watch: one of the server's, and one of its connection's.
pub(super) type WatchPermits = (Permit, Option<OwnedSemaphorePermit>);

/// The layer around all services, within [`super::Access`]: a caller that is not admitted takes no permit.
#[derive(Clone)]
pub struct Limits {
    methods: Methods,
    waiting: Waiting,
    let_in: Permits,
    reads: Permits,
    changes: Permits,
    health_watches: Permits,
    reflections: Permits,
}

/// A service that works on a limited number of calls at once.
#[derive(Clone)]
pub struct Limited<S> {
    limits: Limits,
    inner: S,
}

impl Limits {
    /// Lets in this many requests of a caller at once, and works on what so many connections to the
    /// database are kept busy with.
    pub(crate) fn new(requests: u32, connections: u32, waiting: Waiting) -> Self {
        let at_work = |each: u32, least| permits(connections.saturating_mul(each).max(least));
        Self {
            methods: Methods::new(),
            waiting,
            let_in: permits(requests),
            reads: at_work(READS_PER_CONNECTION, LEAST_READS),
            changes: at_work(CHANGES_PER_CONNECTION, LEAST_CHANGES),
            health_watches: Shares::new(HEALTH_WATCHES),
            reflections: Shares::new(REFLECTIONS),
        }
    }

    /// The answer to a call of this kind, or why there is none.
    async fn answer<S>(
        &self,
        kind: Kind,
        request: Request<Body>,
        inner: &mut S,
    ) -> Result<Result<Response<Body>, S::Error>, Status>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let holder = Holder::of(&request);
        let requests = &self.waiting.requests;
        let come_back = kind.come_back();
        Ok(match kind {
            Kind::None => inner.call(request).await,
            Kind::Health => {
                let request =
                    intake::whole(request, MAX_QUESTION_BYTES, requests, come_back).await?;
                inner.call(request).await
            }
            Kind::HealthWatch => {
                let request =
                    intake::whole(request, MAX_QUESTION_BYTES, requests, come_back).await?;
                let permit = take(&self.health_watches, holder, come_back)?;
                let answer = inner.call(request).await;
                answer.map(|answer| answer.map(|body| Body::new(Lasting::new(body, permit, None))))
            }
            Kind::Reflection => {
                let permit = take(&self.reflections, holder, come_back)?;
                let answer = inner.call(request).await;
                let longest = Some(LONGEST_REFLECTION);
                answer
                    .map(|answer| answer.map(|body| Body::new(Lasting::new(body, permit, longest))))
            }
            Kind::Read | Kind::Watch | Kind::Change | Kind::Stream => {
                // There may be no room by the time that all has arrived, but mostly it is clear before.
                if !self.let_in.has_room_for(&holder) {
                    return Err(come_back.refusal());
                }
                let request = match kind {
                    Kind::Stream => {
                        request.map(|body| Body::new(SmallMessages::new(body, MAX_STEP_BYTES)))
                    }
                    _ => intake::whole(request, MAX_REQUEST_BYTES, requests, come_back).await?,
                };
                let _admitted = take(&self.let_in, holder.clone(), come_back)?;
                let permits = match kind {
                    Kind::Change => &self.changes,
                    _ => &self.reads,
                };
                let _permit = timeout(PATIENCE, permits.wait(holder))
                    .await
                    .map_err(|_| come_back.refusal())?;
                inner.call(request).await
            }
        })
    }
}

/// A permit, if there is one.
///
/// # Errors
///
/// The refusal of a call for which none is left.
pub(super) fn take(
    permits: &Permits,
    holder: Holder,
    come_back: ComeBack,
) -> Result<Permit, Status> {
    permits.take(holder).ok_or_else(|| come_back.refusal())
}

/// So many permits for a caller that is alone.
pub(super) fn permits(number: u32) -> Permits {
    Shares::new(usize::try_from(number).unwrap_or(usize::MAX / 4))
}

impl Holder {
    /// The holder that a request belongs to, as [`super::Access`] has found out.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        Self::from_extensions(request.extensions())
    }

    /// The same of what is left of a request.
    pub(super) fn from_extensions(extensions: &http::Extensions) -> Self {
        if let Some(caller) = extensions.get::<CallerName>() {
            return Self::Caller(caller.clone());
        }
        let address = extensions.get::<Via>().and_then(|via| via.peer.address);
        address.map_or(Self::Unknown, |address| {
            Self::Host(peers::host(address.ip()))
        })
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
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
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
        let kind = self.limits.methods.kind(request.uri().path());
        let limits = self.limits.clone();
        // The one that is ready.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let answer = match limits.answer(kind, request, &mut inner).await {
                Ok(answer) => answer?,
                Err(status) => return Ok(status.into_http()),
            };
            let budget = if kind.is_short() {
                limits.waiting.answers
            } else {
                limits.waiting.messages
            };
            Ok(answer.map(|body| Body::new(Sending::new(body, budget))))
        })
    }
}
