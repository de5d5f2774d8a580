//! A TCP connection that fails as networks and databases fail.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// How the connections through a proxy fare. A change applies to those that exist and to new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All bytes are passed on.
    Whole,
    /// All bytes are passed on, this much later.
    Slow(Duration),
    /// Bytes this way are held back until the line is whole again, as TCP sends lost ones again then.
    /// Neither end is told.
    Hole(Way),
    /// This way ends in good order, and the other one goes nowhere: a half-closed connection.
    HalfClosed(Way),
    /// Connections end, and new ones as soon as they are made.
    Cut,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    ToClient,
    Both,
}

/// Passes connections on to a server, as well as its line allows.
pub(crate) struct Proxy {
    address: SocketAddr,
    upstream: Arc<Mutex<String>>,
    line: watch::Sender<Line>,
    /// How often a client has sent something.
    sent: Arc<AtomicUsize>,
    /// Each connection holds a receiver.
    open: Arc<watch::Sender<()>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// In front of the server at `upstream`.
    pub(crate) async fn start(upstream: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (line, state) = watch::channel(Line::Whole);
        let upstream = Arc::new(Mutex::new(upstream));
        let leads_to = Arc::clone(&upstream);
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let open = Arc::new(watch::Sender::new(()));
        let connected = Arc::clone(&open);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            // Ends its connections when it is dropped.
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let upstream = leads_to.lock().expect("nobody panics with it").clone();
                let (line, is_open) = (state.clone(), connected.subscribe());
                let sent = Arc::clone(&counted);
                connections.spawn(async move {
                    pass(near, upstream, line, &sent).await;
                    drop(is_open);
                });
            }
        });
        Self {
            address,
            upstream,
            line,
            sent,
            open,
            _accepting: accepting,
        }
    }

    /// Where to connect to instead of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often clients have sent something so far, over all connections.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Changes how the connections fare.
    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Ends all connections, and new ones as soon as they are made.
    pub(crate) fn cut(&self) {
        self.set(Line::Cut);
    }

    /// Ends all connections, and waits until they have ended.
    pub(crate) async fn cut_all(&self) {
        self.cut();
        self.open.closed().await;
    }

    /// Lets new connections through again.
    pub(crate) fn mend(&self) {
        self.set(Line::Whole);
    }

    /// Leads new connections to another server.
    pub(crate) fn lead_to(&self, upstream: String) {
        *self.upstream.lock().expect("nobody panics with it") = upstream;
    }
}

async fn pass(
    near: TcpStream,
    upstream: String,
    mut line: watch::Receiver<Line>,
    sent: &AtomicUsize,
) {
    if *line.borrow_and_update() == Line::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(upstream).await else {
        return;
    };
    for end in [&near, &far] {
        end.set_nodelay(true).expect("the socket is open");
    }
    let (near_reads, near_writes) = near.into_split();
    let (far_reads, far_writes) = far.into_split();
    let to_server = pump(near_reads, far_writes, Way::ToServer, line.clone(), sent);
    let received = AtomicUsize::new(0);
    let to_client = pump(
        far_reads,
        near_writes,
        Way::ToClient,
        line.clone(),
        &received,
    );
    tokio::select! {
        _ = async { tokio::join!(to_server, to_client) } => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
}

/// Passes bytes one way until the sender has sent all, or the receiver takes no more, and counts how often.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    mut line: watch::Receiver<Line>,
    passed: &AtomicUsize,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = line.wait_for(|line| ends(*line, way)) => 0,
        };
        passed.fetch_add(1, Ordering::Relaxed);
        // Bytes that were read while the line was whole may have to wait now.
        let held = line.wait_for(|line| !holds(*line, way)).await;
        let now = held.map_or(Line::Cut, |line| *line);
        if let Line::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if read == 0 || ends(now, way) || to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    // A connection that is half closed stays so until the line is mended.
    let _ = line
        .wait_for(|line| !matches!(line, Line::HalfClosed(_)))
        .await;
}

fn goes(way: Way, same: Way) -> bool {
    way == same || same == Way::Both
}

fn ends(line: Line, way: Way) -> bool {
    matches!(line, Line::HalfClosed(closed) if goes(way, closed))
}

fn holds(line: Line, way: Way) -> bool {
    match line {
        Line::Hole(hole) => goes(way, hole),
        Line::HalfClosed(closed) => !goes(way, closed),
        Line::Whole | Line::Slow(_) | Line::Cut => false,
    }
}
