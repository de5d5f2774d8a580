//! Connections that do not keep to HTTP/2: frames of any kind in any order, with lengths and contents
//! that do not fit, and a greeting that is none.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::mutations::{any_bytes, byte, with_other_bytes};
use crate::support::{
    dice::Dice,
    frames::{DATA, END_OF_HEADERS, END_OF_STREAM, GREETING, HEADERS, SETTINGS, headers, http2},
    stage::PATIENCE,
    wire::frame,
};

/// The first three are streams that a client may open.
const STREAMS: [u32; 6] = [1, 3, 5, 0, 2, 0x7fff_ffff];

/// Connects, says anything, and hangs up, at once or after having waited for the server to do so.
pub(super) async fn disturb(address: SocketAddr, dice: &mut Dice, path: &str, message: &[u8]) {
    let said = conversation(dice, path, message);
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.expect("the server accepts connections");
    // The server may have hung up before all of it was said.
    let _ = stream.write_all(&said).await;
    if dice.once_in(4) {
        return;
    }
    let _ = stream.shutdown().await;
    let mut heard = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    // Reset is closed, too.
    let _ = closed.unwrap_or_else(|_| panic!("the server holds on to a connection after {said:?}"));
}

fn conversation(dice: &mut Dice, path: &str, message: &[u8]) -> Vec<u8> {
    let mut said = GREETING.to_vec();
    if dice.once_in(8) {
        said = with_other_bytes(dice, &said);
    }
    said.extend(http2(SETTINGS, 0, 0, &[]));
    for _ in 0..=dice.below(8) {
        let frame = any_frame(dice, path, message);
        let frame = if dice.once_in(4) {
            with_other_bytes(dice, &frame)
        } else {
            frame
        };
        said.extend(frame);
    }
    said
}

fn any_frame(dice: &mut Dice, path: &str, message: &[u8]) -> Vec<u8> {
    let stream = *dice.one_of(&STREAMS);
    match dice.below(4) {
        0 => {
            let ends = u8::from(dice.once_in(2)) * END_OF_STREAM;
            http2(
                HEADERS,
                END_OF_HEADERS | ends,
                stream,
                &headers(path, "localhost"),
            )
        }
        1 => http2(DATA, END_OF_STREAM, stream, &frame(message)),
        _ => {
            // The last kind of the standard is 9.
            let kind = u8::try_from(dice.below(12)).expect("a small number");
            let flags = if dice.once_in(2) { 0 } else { byte(dice) };
            let content = any_bytes(dice, 32);
            http2(kind, flags, stream, &content)
        }
    }
}
