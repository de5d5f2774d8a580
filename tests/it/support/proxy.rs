//! A TCP connection that can be cut, as a network or a database fails.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Passes connections on to a server, until it is cut.
pub(crate) struct Proxy {
    address: SocketAddr,
    passes: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// In front of the server at `upstream`.
    pub(crate) async fn start(upstream: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (passes, state) = watch::channel(true);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            // Ends its connections when it is dropped.
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(pass(near, upstream.clone(), state.clone()));
            }
        });
        Self {
            address,
            passes,
            _accepting: accepting,
        }
    }

    /// Where to connect to instead of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and new ones as soon as they are made.
    pub(crate) fn cut(&self) {
        self.passes.send_replace(false);
    }

    /// Lets new connections through again.
    pub(crate) fn mend(&self) {
        self.passes.send_replace(true);
    }
}

async fn pass(mut near: TcpStream, upstream: String, mut passes: watch::Receiver<bool>) {
    if !*passes.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(upstream).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = passes.wait_for(|passes| !passes) => {}
    }
}
