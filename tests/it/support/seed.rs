//! Large amounts of data, written as the service would have written them, but in bulk.

use std::fmt::Write as _;

use conversation_service::proto::ConversationId;
use ring::digest::{SHA256, digest};

use super::{databases::TestDatabase, ids::c2c, rows::Rows};

/// When the first of the seeded messages was sent, in microseconds: long ago.
const START_MICROS: usize = 1_600_000_000_000_000;

/// A second: far enough apart to tell what is recent from what is not.
const MICROS_BETWEEN: usize = 1_000_000;

/// How many rows one statement inserts.
const ROWS_AT_ONCE: usize = 2_000;

/// The name of a user of seeded chats.
pub(crate) fn user(number: usize) -> String {
    format!("user {number:06}")
}

/// The key under which the chat of two users stands, in hexadecimal.
pub(crate) fn chat_key(one: &str, other: &str) -> String {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let hash = digest(&SHA256, format!("C2C\n{first}\n{second}").as_bytes());
    hash.as_ref()[..16]
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        })
}

/// Gives `reader` a chat of one message with each of `count` users. Returns them in the order of the
/// list: the latest first.
pub(crate) async fn chats(
    database: &TestDatabase,
    reader: &str,
    count: usize,
) -> Vec<ConversationId> {
    let rows = Rows::of(database).await;
    let key = |hex: &str| match database.backend() {
        super::databases::Backend::Sqlite => format!("x'{hex}'"),
        super::databases::Backend::Postgres => format!("'\\x{hex}'::bytea"),
    };
    let all: Vec<_> = (0..count).collect();
    for numbers in all.chunks(ROWS_AT_ONCE) {
        let (mut heads, mut messages, mut members) = (vec![], vec![], vec![]);
        for number in numbers {
            let other = user(*number);
            let key = key(&chat_key(reader, &other));
            let time = START_MICROS + number * MICROS_BETWEEN;
            let (first, second) = if reader <= other.as_str() {
                (reader, other.as_str())
            } else {
                (other.as_str(), reader)
            };
            let canonical = match database.backend() {
                super::databases::Backend::Sqlite => {
                    format!("'C2C' || char(10) || '{first}' || char(10) || '{second}'")
                }
                super::databases::Backend::Postgres => format!("E'C2C\\n{first}\\n{second}'"),
            };
            let content = match database.backend() {
                super::databases::Backend::Sqlite => "x'6869'",
                super::databases::Backend::Postgres => "'\\x6869'::bytea",
            };
            heads.push(format!("({key}, {canonical}, 1, {time})"));
            messages.push(format!("({key}, 1, '{other}', {time}, {content})"));
            members.push(format!(
                "('{reader}', {key}, 1, 0, 1, {time}), ('{other}', {key}, 1, 1, 1, {time})"
            ));
        }
        rows.run(&format!(
            "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
             VALUES {}; \
             INSERT INTO messages (conversation_key, seq, sender_user_id, send_time, content) \
             VALUES {}; \
             INSERT INTO members \
                 (user_id, conversation_key, kind, read_through, last_seq, last_time) VALUES {}",
            heads.join(", "),
            messages.join(", "),
            members.join(", "),
        ))
        .await;
    }
    rows.close().await;
    (0..count).rev().map(|number| c2c(user(number))).collect()
}
