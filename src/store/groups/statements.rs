//! The statements that change the members of a group.

use crate::{
    domain::{ConversationKind, Membership},
    store::{
        database::dialect::{ColumnType, Dialect},
        entity::{columns, value::stored_kind},
        heads::COLUMNS,
        lists::members::ANY_KIND,
        messages::append::COPIES,
        users,
    },
};

/// The kind of a group's rows.
const GROUP: i16 = stored_kind(ConversationKind::Group);

/// Their texts.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) lock_or_create_head: String,
    pub(super) lock_head: String,
    pub(super) earlier: String,
    pub(super) remember: String,
    pub(super) join: Change,
    pub(super) leave: Change,
    pub(super) some_members: String,
    pub(super) lock_members: String,
    pub(super) make_large: String,
    pub(super) forget_copies: String,
    pub(super) record: String,
    pub(super) lost_sight: String,
}

/// The statements that differ between joining and leaving.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Change {
    /// Raises the revisions of those of the users whose membership changes.
    pub(super) raise: String,
    /// Changes their rows, which are all those that it finds, and returns how they stand since.
    pub(super) apply: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        use ColumnType::{Integer, Text};
        let head = format!("RETURNING {}", columns("", COLUMNS));
        let rows = |first, columns: &[_]| dialect.rows("i", first, columns).0;
        let raised = |first| rows(first, &[("user_id", Text), ("revision", Integer)]);
        // An expression and no join, so that it is looked up by the whole key, once for each user.
        let raise = |membership| {
            let changes = match membership {
                Membership::Member => "IS NOT TRUE",
                Membership::Left => "IS TRUE",
            };
            format!(
                "INSERT INTO users (user_id, revision) SELECT i.user_id, {first} FROM {} \
                 WHERE (SELECT m.left_at IS NULL FROM members AS m \
                        WHERE m.user_id = i.user_id AND m.conversation_key = $1) {changes} \
                 ORDER BY i.user_id \
                 {raise} RETURNING user_id, revision",
                rows(2, &[("user_id", Text)]),
                first = users::first(),
                raise = users::raise(dialect),
            )
        };
        let stands = "RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, \
                      appeared_before, stays_away";
        Self {
            lock_or_create_head: format!(
                "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
                 VALUES ($1, $2, 0, $3) \
                 ON CONFLICT (conversation_key) DO UPDATE SET last_seq = conversations.last_seq {head}"
            ),
            lock_head: format!(
                "UPDATE conversations SET last_seq = last_seq WHERE conversation_key = $1 {head}"
            ),
            earlier: "SELECT request_digest, changed_count FROM group_requests \
                      WHERE conversation_key = $1 AND request_id = $2"
                .to_owned(),
            remember: "INSERT INTO group_requests \
                           (conversation_key, request_id, request_digest, kept_until, changed_count) \
                       VALUES ($1, $2, $3, $4, $5)"
                .to_owned(),
            join: Change {
                raise: raise(Membership::Member),
                // Joining again ends the stay before, which is remembered if it showed the user anything.
                // The history begins at the head, which no watermark is beyond. The conversation leaves the
                // list until the next message, and so loses its pin. What stays away goes on staying away.
                // Deletions from before can be undone no more.
                apply: format!(
                    "INSERT INTO members (user_id, conversation_key, kind, joined_after, \
                         hidden_through, cleared_through, last_seq, last_time, undo_ended) \
                     SELECT i.user_id, $1, {GROUP}, $2, $2, $2, $3, $4, i.revision FROM {} \
                     WHERE TRUE ORDER BY i.user_id \
                     ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
                         appeared_before = CASE WHEN members.left_at > members.joined_after THEN 1 \
                                           ELSE members.appeared_before END, \
                         joined_after = excluded.joined_after, left_at = NULL, \
                         hidden_through = excluded.hidden_through, \
                         cleared_through = excluded.cleared_through, \
                         last_seq = excluded.last_seq, last_time = excluded.last_time, \
                         pinned_at = NULL, taken_by = NULL, kept_after = NULL, \
                         undo_ended = excluded.undo_ended \
                     {stands}",
                    raised(5)
                ),
            },
            leave: Change {
                raise: raise(Membership::Left),
                // An insertion that always conflicts: it locks the rows in order, which an update does
                // not promise.
                apply: format!(
                    "INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time) \
                     SELECT i.user_id, $1, $2, $2, $3 FROM {} WHERE TRUE ORDER BY i.user_id \
                     ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
                         left_at = excluded.left_at, \
                         last_seq = excluded.last_seq, last_time = excluded.last_time \
                     {stands}",
                    raised(4)
                ),
            },
            // Enough to tell whether there are too many.
            some_members: format!(
                "SELECT m.user_id FROM members AS m \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} AND m.left_at IS NULL LIMIT {}",
                COPIES + 1
            ),
            // In the order in which messages and other members' changes take them.
            lock_members: format!(
                "SELECT m.user_id FROM members AS m \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} ORDER BY m.user_id {}",
                dialect.lock()
            ),
            make_large: "UPDATE conversations SET is_large = 1 WHERE conversation_key = $1"
                .to_owned(),
            forget_copies: format!(
                "UPDATE members AS m SET last_seq = NULL, last_time = NULL \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} AND m.left_at IS NULL"
            ),
            record: format!(
                "INSERT INTO changes \
                     (user_id, revision, kind, changed_at, kept_until, synced, conversations, results, \
                      caller) \
                 SELECT i.user_id, i.revision, $1, $2, $3, 1, $4, i.results, $5 FROM {}",
                rows(
                    6,
                    &[("user_id", Text), ("revision", Integer), ("results", Text)]
                )
            ),
            // Somebody no longer sees what was before: some of it may be for nobody now.
            lost_sight: "UPDATE conversations SET erasable_from = $2 WHERE conversation_key = $1"
                .to_owned(),
        }
    }
}
