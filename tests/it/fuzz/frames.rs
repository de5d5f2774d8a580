//! Connections that do not keep to HTTP/2: frames of any kind in any order, with lengths and contents
//! that do not fit, and a greeting that is none.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::mutations::{any_bytes, byte, with_other_bytes};
use crate::support::{dice::Dice, stage::PATIENCE, wire::frame};

const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

const END_OF_STREAM: u8 = 1;
const END_OF_HEADERS: u8 = 4;

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
            http2(HEADERS, END_OF_HEADERS | ends, stream, &headers(path))
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

fn http2(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The headers of a call, each written out.
fn headers(path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        block.push(0);
        for text in [name, value] {
            // So short that one byte says it.
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    block
}
