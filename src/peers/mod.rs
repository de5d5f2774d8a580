//! Limits of the connections, calls and bytes that a peer can hold. A peer that hangs does by accident what an
//! attacker does on purpose, so everything that is held for a peer has a limit.
//!
//! There are two kinds:
//! - [`Shares`] divides the *work at one time* among callers. Nobody gets all of it, so others find room.
//! - [`Budget`] limits the memory that *waits for a peer*: silent connections, incomplete requests, answers that
//!   are not read. When it is used up, the oldest holder is cut off and not the newest: a peer that behaves is done
//!   in milliseconds and never the oldest. So it does not matter whose peers they are, and nobody can lock others
//!   out by holding on.
//!
//! A call that is cut off ends with its HTTP/2 stream ([`StreamCut`]); its connection stays, unless the
//! connection itself is what is stuck.
//!
//! Deliberately absent: settings. The numbers follow from what a peer that behaves needs, and from the
//! memory of a small container.

mod budget;
mod lull;
mod shares;
mod stream;

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::metrics::PeerMetrics;

use self::budget::Cut;
pub(crate) use self::{
    budget::{Budget, Held},
    lull::Lull,
    shares::{Bundle, Share, Shares},
    stream::{StreamCut, Streams},
};

/// How long a connection may take from being accepted to its HTTP/2 preface, TLS included.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take to arrive, from its headers to its last byte.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may stand still because it is not read.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// The same of a stream's messages. Watches have a rule of their own, and it is shorter; this is for what
/// is left of them.
const MESSAGE_PATIENCE: Duration = Duration::from_mins(2);

/// The most connections that arrive at once.
const MOST_ARRIVING: usize = 256;
/// The most bytes of all requests together that have not arrived as a whole.
const MOST_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of all answers together that have not been read.
const MOST_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The most bytes of all messages of streams together that have not been read.
const MOST_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The budgets of what waits for peers. Clones are one.
#[derive(Clone)]
pub(crate) struct Waiting {
    /// Connections that have not come to their HTTP/2 preface.
    pub(crate) arriving: Budget<CancellationToken>,
    /// Connections over which no call has come yet. Each may stay until there is no room for another.
    pub(crate) unused: Budget<UnusedCut>,
    /// Requests that have not arrived as a whole, in bytes.
    pub(crate) requests: Budget<CancellationToken>,
    /// Answers that have not been read, in bytes.
    pub(crate) answers: Budget<StreamCut>,
    /// Messages of streams that have not been read, in bytes.
    pub(crate) messages: Budget<StreamCut>,
}

impl Waiting {
    /// Nothing waits yet.
    pub(crate) fn new(metrics: &PeerMetrics) -> Self {
        let arriving = metrics.cut_off("arriving_connection");
        let unused = metrics.cut_off("unused_connection");
        let (request, answer) = (metrics.cut_off("request"), metrics.cut_off("answer"));
        let message = metrics.cut_off("stream");
        Self {
            arriving: Budget::new(MOST_ARRIVING, Some(ARRIVAL_PATIENCE), arriving),
            unused: Budget::new(usize::MAX, None, unused),
            requests: Budget::new(MOST_REQUEST_BYTES, Some(REQUEST_PATIENCE), request),
            answers: Budget::new(MOST_ANSWER_BYTES, Some(ANSWER_PATIENCE), answer),
            messages: Budget::new(MOST_MESSAGE_BYTES, Some(MESSAGE_PATIENCE), message),
        }
    }

    /// Cuts off the holders that have waited for too long, until dropped.
    pub(crate) async fn watch_over(&self) {
        tokio::join!(
            self.arriving.watch_over("connections that said nothing"),
            self.requests.watch_over("requests that did not arrive"),
            self.answers.watch_over("answers that were not read"),
            self.messages.watch_over("streams that were not read"),
        );
    }
}

/// The handle that cuts off a connection over which no call has come yet: it is closed.
#[derive(Clone, Debug)]
pub(crate) struct UnusedCut {
    /// Where it comes from.
    pub(crate) host: IpAddr,
    pub(crate) close: CancellationToken,
}

impl Cut for UnusedCut {
    fn cut(&self) {
        self.close.cancel();
    }
}

/// Where a peer connects from, as far as that tells peers apart: one host has a whole IPv6 network.
pub(crate) fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_host_and_an_ipv4_address_is_one_however_it_is_written() {
        let host = |text: &str| host(text.parse().unwrap()).to_string();
        assert_eq!(host("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(host("2001:db8:1:2::"), "2001:db8:1:2::");
        assert_ne!(host("2001:db8:1:3::"), "2001:db8:1:2::");
        assert_eq!(host("10.1.2.3"), "10.1.2.3");
        assert_eq!(host("::ffff:10.1.2.3"), "10.1.2.3");
    }
}
