//! The statements that store a message.

use crate::store::{
    conversations,
    dialect::{ColumnType, Dialect},
    members::ANY_KIND,
    messages,
};

/// The effect of a message on the row of a user whom it reaches.
const ARRIVED: &str = "ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
    read_through = CASE WHEN excluded.read_through > members.read_through \
                   THEN excluded.read_through ELSE members.read_through END, \
    last_seq = excluded.last_seq, last_time = excluded.last_time";

/// Their texts.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) earlier: String,
    pub(super) raise_heads: String,
    pub(super) insert: String,
    pub(super) arrive: String,
    pub(super) arrive_in_small_group: String,
    pub(super) read_own: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        use ColumnType::{Integer, Key, Text};
        let (columns, head) = (messages::COLUMNS, conversations::COLUMNS);
        let (keys, _) = dialect.rows("i", 3, &[("conversation_key", Key)]);
        let (heads, _) = dialect.rows("i", 2, &[("conversation_key", Key), ("canonical_id", Text)]);
        let (messages, _) = dialect.rows(
            "i",
            6,
            &[
                ("conversation_key", Key),
                ("seq", Integer),
                ("send_time", Integer),
            ],
        );
        let (arrivals, _) = dialect.rows(
            "i",
            1,
            &[
                ("user_id", Text),
                ("conversation_key", Key),
                ("kind", Integer),
                ("read_through", Integer),
                ("last_seq", Integer),
                ("last_time", Integer),
            ],
        );
        Self {
            earlier: format!(
                "SELECT m.conversation_key, {columns}, NULL AS fingerprint \
                 FROM {keys} CROSS JOIN messages AS m \
                 WHERE m.conversation_key = i.conversation_key \
                 AND m.sender_user_id = $1 AND m.client_message_id = $2 \
                 UNION ALL \
                 SELECT e.conversation_key, e.seq, e.sender_user_id, e.send_time, NULL, NULL, e.fingerprint \
                 FROM {keys} CROSS JOIN erased_messages AS e \
                 WHERE e.conversation_key = i.conversation_key \
                 AND e.sender_user_id = $1 AND e.client_message_id = $2"
            ),
            raise_heads: format!(
                "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
                 SELECT i.conversation_key, i.canonical_id, 1, $1 FROM {heads} \
                 WHERE TRUE ORDER BY i.conversation_key \
                 ON CONFLICT (conversation_key) DO UPDATE SET \
                     last_seq = conversations.last_seq + 1, \
                     last_time = CASE WHEN excluded.last_time > conversations.last_time \
                                 THEN excluded.last_time ELSE conversations.last_time END \
                 RETURNING {head}"
            ),
            // Not if it was erased since it was looked for.
            insert: format!(
                "INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, \
                     send_time, payload_type, content, recognised_until) \
                 SELECT i.conversation_key, i.seq, $1, $2, i.send_time, $3, $4, \
                     CASE WHEN $2 IS NOT NULL THEN i.send_time + $5 END \
                 FROM {messages} \
                 WHERE NOT EXISTS (SELECT 1 FROM erased_messages AS e \
                     WHERE e.conversation_key = i.conversation_key \
                     AND e.sender_user_id = $1 AND e.client_message_id = $2)"
            ),
            arrive: format!(
                "INSERT INTO members (user_id, conversation_key, kind, read_through, last_seq, last_time) \
                 SELECT i.user_id, i.conversation_key, i.kind, i.read_through, i.last_seq, i.last_time \
                 FROM {arrivals} WHERE TRUE ORDER BY i.user_id {ARRIVED}"
            ),
            // An insertion that always conflicts: it locks the rows in order, which an update does not
            // promise.
            arrive_in_small_group: format!(
                "INSERT INTO members (user_id, conversation_key, read_through, last_seq, last_time) \
                 SELECT m.user_id, m.conversation_key, CASE WHEN m.user_id = $1 THEN $3 ELSE 0 END, $3, $4 \
                 FROM members AS m \
                 WHERE m.conversation_key = $2 AND {ANY_KIND} AND m.left_at IS NULL \
                 ORDER BY m.user_id {ARRIVED} RETURNING user_id"
            ),
            read_own: "UPDATE members SET \
                     read_through = CASE WHEN $3 > read_through THEN $3 ELSE read_through END \
                 WHERE user_id = $1 AND conversation_key = $2 AND left_at IS NULL \
                 RETURNING user_id"
                .to_owned(),
        }
    }
}
