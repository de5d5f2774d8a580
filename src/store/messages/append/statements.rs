//! The statements that store messages.

use super::{
    Appended,
    arrival::Arrival,
    placing::ToGroup,
    rows::{Incoming, Name, Position, Raise},
};
use crate::{
    domain::ConversationKind,
    store::{
        database::{dialect::Dialect, input::Shape, time},
        entity::{columns, value::stored_kind},
        heads,
        messages::history,
    },
};

/// The effect of messages on the row of a user whom they reach. Only a sender has read something by them: one's
/// own message lists what stayed away. What goes on staying away does not come back to the index of lists.
fn arrived(dialect: Dialect) -> String {
    let read = dialect.greatest(&["members.read_through", "excluded.read_through"]);
    format!(
        "ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
         read_through = {read}, \
         stays_away = CASE WHEN excluded.read_through > 0 THEN 0 ELSE members.stays_away END, \
         unlisted_through = CASE WHEN members.stays_away = 1 AND excluded.read_through = 0 \
                            THEN COALESCE(excluded.last_seq, members.unlisted_through) \
                            ELSE members.unlisted_through END, \
         last_seq = excluded.last_seq, last_time = excluded.last_time"
    )
}

/// The effect of new messages on their conversation's head.
fn raised(dialect: Dialect) -> String {
    let time = dialect.greatest(&["conversations.last_time", "excluded.last_time"]);
    format!(
        "ON CONFLICT (conversation_key) DO UPDATE SET \
         last_seq = conversations.last_seq + excluded.last_seq, last_time = {time}"
    )
}

/// Whether the head that was locked is as the statement saw it, and of the conversation that is meant. A head that is
/// new to the statement is not.
const AS_SEEN: &str = "WHERE conversations.canonical_id = excluded.canonical_id \
    AND conversations.last_seq = (SELECT c.last_seq FROM conversations AS c \
                                  WHERE c.conversation_key = excluded.conversation_key)";

/// Whether `m`, of `messages` or `erased_messages`, has the name of `i`.
const NAMED: &str = "m.conversation_key = i.conversation_key \
    AND m.sender_user_id = i.sender_user_id AND m.client_message_id = i.client_message_id";

/// The kind of a group.
const GROUP: i16 = stored_kind(ConversationKind::Group);

/// Their texts.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    /// Both sides, on one PostgreSQL.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) at_once: Option<String>,
    pub(super) placing: Placing,
    pub(super) arrive: String,
}

/// The conversations' side.
#[cfg_attr(test, derive(serde::Serialize), serde(untagged))]
pub(super) enum Placing {
    /// PostgreSQL. What has waited for a head is looked up once more.
    OneStatement {
        place: String,
        #[cfg_attr(test, serde(flatten))]
        look_ups: LookUps,
    },
    /// SQLite.
    InSteps(Steps),
    /// A cluster, whose insertions look up nothing.
    InStepsWithLookUps {
        #[cfg_attr(test, serde(flatten))]
        steps: Steps,
        #[cfg_attr(test, serde(flatten))]
        look_ups: LookUps,
    },
}

/// Look-ups once the heads are locked.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct LookUps {
    pub(super) erased_since: String,
    /// The members of groups.
    pub(super) members: String,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Steps {
    pub(super) earlier: String,
    pub(super) raise: String,
    pub(super) insert: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let (arrivals, _) = dialect.rows("i", 1, Shape::of::<Arrival<Appended>>().columns());
        let is_one = dialect.changes_in_one_statement();
        Self {
            at_once: is_one.then(at_once),
            placing: if is_one {
                Placing::OneStatement {
                    place: place(),
                    look_ups: look_ups(dialect),
                }
            } else if dialect.returns_look_ups() {
                Placing::InSteps(steps(dialect))
            } else {
                Placing::InStepsWithLookUps {
                    steps: steps(dialect),
                    look_ups: look_ups(dialect),
                }
            },
            arrive: arrive(
                dialect,
                &format!("i.read_through, i.last_seq, i.last_time FROM {arrivals} WHERE TRUE"),
            ),
        }
    }
}

/// Writes the rows of the users `i`, with these values. An insertion, also of rows that there are: that locks them in
/// order, which an update does not promise.
fn arrive(dialect: Dialect, values: &str) -> String {
    format!(
        "INSERT INTO members (user_id, conversation_key, kind, read_through, last_seq, last_time) \
         SELECT i.user_id, i.conversation_key, i.kind, {values} ORDER BY i.user_id, i.conversation_key {}",
        arrived(dialect),
    )
}

/// The messages that have the names of the rows `i`, erased since or not.
fn earlier(rows: &str, routed: &str) -> String {
    format!(
        "SELECT i.number, {columns}, NULL AS fingerprint \
         FROM {rows} CROSS JOIN messages AS m WHERE {NAMED}{routed} \
         UNION ALL \
         SELECT i.number, m.seq, m.sender_user_id, m.send_time, NULL, NULL, m.fingerprint \
         FROM {rows} CROSS JOIN erased_messages AS m WHERE {NAMED}{routed}",
        columns = columns("m.", history::COLUMNS),
    )
}

/// The part of a statement that stores the messages of `placed`.
const STORED: &str = "stored AS ( \
    INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, \
        content, recognised_until) \
    SELECT conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content, \
        CASE WHEN client_message_id IS NOT NULL THEN send_time + $2 END \
    FROM placed)";

/// Each message is the only one of its conversation.
fn at_once() -> String {
    let (incoming, next) = Dialect::Postgres.rows("i", 4, Shape::of::<Incoming>().columns());
    let (arrivals, _) = Dialect::Postgres.rows("i", next, Shape::of::<Arrival<()>>().columns());
    format!(
        "WITH input AS (SELECT * FROM {incoming}), \
         raised AS ( \
             INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
             SELECT i.conversation_key, i.canonical_id, 1, $1 FROM input AS i \
             WHERE NOT EXISTS (SELECT 1 FROM messages AS m WHERE {NAMED} OFFSET 0) \
                 AND NOT EXISTS (SELECT 1 FROM erased_messages AS m WHERE {NAMED} OFFSET 0) \
                 AND {now} <= $3 \
             ORDER BY i.conversation_key {raised} {AS_SEEN} RETURNING conversation_key, last_seq, last_time), \
         placed AS ( \
             SELECT i.*, r.last_seq AS seq, r.last_time AS send_time \
             FROM input AS i JOIN raised AS r USING (conversation_key)), \
         {STORED}, \
         arrived AS ({arrive}) \
         SELECT number, seq, send_time FROM placed",
        now = time::NOW,
        raised = raised(Dialect::Postgres),
        arrive = arrive(
            Dialect::Postgres,
            &format!(
                "CASE WHEN i.is_own = 1 THEN p.seq ELSE 0 END, p.seq, p.send_time \
                 FROM {arrivals} JOIN placed AS p USING (conversation_key)"
            ),
        ),
    )
}

fn place() -> String {
    let (incoming, _) = Dialect::Postgres.rows("i", 3, Shape::of::<Incoming>().columns());
    format!(
        "WITH input AS (SELECT * FROM {incoming}), \
         earlier AS ({earlier}), \
         fresh AS ( \
             SELECT i.*, ROW_NUMBER() OVER (PARTITION BY i.conversation_key ORDER BY i.number) AS place \
             FROM input AS i WHERE NOT EXISTS (SELECT 1 FROM earlier AS e WHERE e.number = i.number)), \
         counted AS ( \
             SELECT conversation_key, MIN(canonical_id) AS canonical_id, COUNT(*) AS messages \
             FROM fresh GROUP BY conversation_key), \
         raised AS ( \
             INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
             SELECT conversation_key, canonical_id, messages, $1 FROM counted \
             ORDER BY conversation_key {raised} RETURNING {head}, membership_changes), \
         placed AS ( \
             SELECT f.*, r.last_seq - c.messages AS seq_before, r.last_seq - c.messages + f.place AS seq, \
                 f.place = c.messages AS is_last, r.last_time AS send_time, r.canonical_id AS raised_id, \
                 r.is_large, r.membership_changes \
             FROM fresh AS f JOIN counted AS c USING (conversation_key) \
             JOIN raised AS r USING (conversation_key)), \
         {STORED} \
         SELECT TRUE AS is_earlier, number, seq, send_time, sender_user_id, payload_type, content, \
             fingerprint, NULL AS canonical_id, NULL::smallint AS is_large, FALSE AS has_waited, \
             FALSE AS members_changed, NULL AS members \
         FROM earlier \
         UNION ALL \
         SELECT FALSE, p.number, p.seq, p.send_time, NULL, NULL, NULL, NULL, p.raised_id, p.is_large, \
             p.seq_before > COALESCE((SELECT c.last_seq FROM conversations AS c \
                                      WHERE c.conversation_key = p.conversation_key), 0), \
             p.kind = {GROUP} AND p.membership_changes <> COALESCE(( \
                 SELECT c.membership_changes FROM conversations AS c \
                 WHERE c.conversation_key = p.conversation_key), 0), \
             CASE WHEN p.kind <> {GROUP} THEN NULL WHEN p.is_large = 1 THEN {sender} \
                  WHEN p.is_last THEN {all} END \
         FROM placed AS p",
        earlier = earlier("input AS i", ""),
        raised = raised(Dialect::Postgres),
        head = columns("", heads::COLUMNS),
        sender = members(
            "p",
            "json_build_array(g.user_id)::text",
            "AND g.user_id = p.sender_user_id"
        ),
        all = members("p", "json_agg(g.user_id)::text", ""),
    )
}

fn look_ups(dialect: Dialect) -> LookUps {
    let (name, to_group) = (Shape::of::<Name>(), Shape::of::<ToGroup>());
    let (names, _) = dialect.rows("i", 1, name.columns());
    let (groups, _) = dialect.rows("i", 1, to_group.columns());
    LookUps {
        erased_since: format!(
            "SELECT 1 AS one FROM {names} CROSS JOIN erased_messages AS m WHERE {NAMED}{routed} LIMIT 1",
            routed =
                dialect.routed_to_keys("m.conversation_key", name.array("conversation_key", 1)),
        ),
        // The look-up of a row is no join, so that it is by the whole key although a cluster is given a part of it.
        members: format!(
            "SELECT i.conversation_key, own.user_id FROM {groups} CROSS JOIN LATERAL ( \
                 SELECT g.user_id FROM group_members AS g \
                 WHERE g.conversation_key = i.conversation_key AND g.is_member = 1{routed} OFFSET 0) AS own \
             WHERE i.is_large = 0 \
             UNION \
             SELECT i.conversation_key, own.user_id FROM {groups} CROSS JOIN LATERAL ( \
                 SELECT g.user_id FROM group_members AS g \
                 WHERE g.conversation_key = i.conversation_key AND g.user_id = i.sender_user_id \
                 AND g.is_member = 1{routed} OFFSET 0) AS own \
             WHERE i.is_large = 1",
            routed =
                dialect.routed_to_keys("g.conversation_key", to_group.array("conversation_key", 1)),
        ),
    }
}

/// Members of the group of the row `of`, as JSON.
fn members(of: &str, json: &str, condition: &str) -> String {
    format!(
        "(SELECT {json} FROM group_members AS g \
          WHERE g.conversation_key = {of}.conversation_key {condition} AND g.is_member = 1)"
    )
}

fn steps(dialect: Dialect) -> Steps {
    let name = Shape::of::<Name>();
    let (names, _) = dialect.rows("i", 1, name.columns());
    let (raises, _) = dialect.rows("i", 2, Shape::of::<Raise>().columns());
    let messages = Shape::of::<Incoming>().beside(&Shape::of::<Position>());
    let (messages, _) = dialect.rows("i", 2, messages.columns());
    Steps {
        earlier: earlier(
            &names,
            &dialect.routed_to_keys("m.conversation_key", name.array("conversation_key", 1)),
        ),
        raise: format!(
            "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
             SELECT i.conversation_key, i.canonical_id, i.messages, $1 FROM {raises} WHERE TRUE \
             {raised} RETURNING {head}",
            raised = raised(dialect),
            head = columns("", heads::COLUMNS),
        ),
        insert: format!(
            "INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, \
                 send_time, payload_type, content, recognised_until) \
             SELECT i.conversation_key, i.seq, i.sender_user_id, i.client_message_id, i.send_time, \
                 i.payload_type, i.content, \
                 CASE WHEN i.client_message_id IS NOT NULL THEN i.send_time + $1 END \
             FROM {messages} \
             RETURNING conversation_key, {} AS members",
            members_of_stored(dialect)
        ),
    }
}

/// The members of the group of a message that was stored.
fn members_of_stored(dialect: Dialect) -> String {
    if !dialect.returns_look_ups() {
        return "NULL::text".to_owned();
    }
    let sender = members(
        "messages",
        "json_array(g.user_id)",
        "AND g.user_id = messages.sender_user_id",
    );
    let all = members("messages", "json_group_array(g.user_id)", "");
    format!(
        "(SELECT CASE WHEN c.is_large = 1 THEN {sender} WHEN c.last_seq = messages.seq THEN {all} END \
          FROM conversations AS c WHERE c.conversation_key = messages.conversation_key)"
    )
}
