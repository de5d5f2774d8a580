//! Puts conversations in, in bulk, as the service would have written them.

use conversation_service::machine;
use sea_orm::{ConnectionTrait as _, Value};

use crate::{
    database::{Database, hex},
    people::{stored, user_id},
    support::Outcome,
};

/// How many conversations one statement puts in.
const CHUNK: usize = 10_000;

/// The parts of the statements in which the dialects of the two databases differ.
struct Dialect {
    /// The heads, from a JSON array of keys, names and times in `$1`. Their position is `$2`.
    heads: &'static str,
    /// The two sides of the conversation `c`.
    first: &'static str,
    second: &'static str,
    content: &'static str,
    /// The numbers from 1 to `$2`.
    numbers: &'static str,
    /// The order of the rows of members. PostgreSQL's lie in the order in which they would have come,
    /// so those of one user are spread over the table; SQLite keeps them in the order of their keys.
    order: &'static str,
}

const POSTGRES: Dialect = Dialect {
    heads: "SELECT decode(r ->> 0, 'hex'), r ->> 1, $2, (r ->> 2)::bigint \
            FROM jsonb_array_elements($1::jsonb) AS r",
    first: "split_part(c.canonical_id, chr(10), 2)",
    second: "split_part(c.canonical_id, chr(10), 3)",
    content: "convert_to('hello ' || n.seq, 'UTF8')",
    numbers: "generate_series(1, $2::bigint) AS n(seq)",
    order: "last_time",
};

const SQLITE: Dialect = Dialect {
    heads: "SELECT unhex(r.value ->> 0), r.value ->> 1, $2, r.value ->> 2 FROM json_each($1) AS r",
    first: "substr(c.canonical_id, 5, instr(substr(c.canonical_id, 5), char(10)) - 1)",
    second: "substr(c.canonical_id, 5 + instr(substr(c.canonical_id, 5), char(10)))",
    content: "CAST('hello ' || n.seq AS BLOB)",
    numbers: "(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < $2) \
              SELECT seq FROM n) AS n",
    order: "user_id, conversation_key",
};

impl Database {
    fn dialect(&self) -> &'static Dialect {
        if self.is_postgres() {
            &POSTGRES
        } else {
            &SQLITE
        }
    }

    /// Makes a conversation of each of these pairs, in this order. Each has so many messages, from its
    /// two sides in turn, and sending has marked it read for the sender. All users' names begin with
    /// `name` and a dash, and nobody else's do.
    pub async fn seed(
        &self,
        name: &str,
        pairs: &[(String, String)],
        messages: usize,
    ) -> Outcome<()> {
        let Dialect {
            heads,
            first,
            second,
            order,
            ..
        } = self.dialect();
        let messages = i64::try_from(messages)?;
        if !self.is_postgres() {
            // On this connection only: the service and the floors have their own settings.
            self.pragma("synchronous = OFF").await?;
            self.pragma("cache_size = -400000").await?;
        }
        let base = machine::clock().now().as_micros() - (pairs.len() * 1_000) as i64;
        let heads = format!(
            "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) {heads}"
        );
        for (number, chunk) in pairs.chunks(CHUNK).enumerate() {
            let rows = chunk.iter().enumerate().map(|(index, (user, other))| {
                let (canonical, key) = stored(&user_id(user)?, &user_id(other)?)?;
                let time = base + ((number * CHUNK + index) * 1_000) as i64;
                Ok(serde_json::json!([hex(key.as_bytes()), canonical, time]))
            });
            let rows = rows.collect::<Outcome<Vec<_>>>()?;
            let rows = serde_json::Value::from(rows).to_string();
            self.run(&heads, [rows.into(), messages.into()]).await?;
        }
        self.write_messages(name, messages).await?;
        let member = |user, read_through| {
            format!(
                "SELECT {user} AS user_id, c.conversation_key, 1, {read_through}, c.last_seq, c.last_time \
                 FROM conversations AS c WHERE c.canonical_id LIKE $1"
            )
        };
        // The last message of each side is the last that it has read.
        let (odd, even) = (messages - (messages + 1) % 2, messages - messages % 2);
        self.run(
            &format!(
                "INSERT INTO members \
                     (user_id, conversation_key, kind, read_through, last_seq, last_time) \
                 {} UNION ALL {} ORDER BY {order}",
                member(first, odd),
                member(second, even)
            ),
            [conversations_of(name)],
        )
        .await?;
        if !self.is_postgres() {
            self.pragma("synchronous = FULL").await?;
        }
        self.settle().await
    }

    /// Writes the messages of the conversations of these people, none of which has any.
    pub async fn write_messages(&self, name: &str, messages: i64) -> Outcome<()> {
        let Dialect {
            first,
            second,
            content,
            numbers,
            ..
        } = self.dialect();
        self.run(
            &format!(
                "INSERT INTO messages (conversation_key, seq, sender_user_id, send_time, content) \
                 SELECT c.conversation_key, n.seq, \
                     CASE WHEN n.seq % 2 = 1 THEN {first} ELSE {second} END, c.last_time, {content} \
                 FROM conversations AS c CROSS JOIN {numbers} WHERE c.canonical_id LIKE $1"
            ),
            [conversations_of(name), messages.into()],
        )
        .await?;
        Ok(())
    }

    async fn pragma(&self, pragma: &str) -> Outcome<()> {
        self.control
            .execute_unprepared(&format!("PRAGMA {pragma}"))
            .await?;
        Ok(())
    }
}

/// A pattern of the names under which conversations of these people are stored.
fn conversations_of(name: &str) -> Value {
    format!("C2C\n{name}-%").into()
}
