//! The statements that change the members of a group.

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, Insert, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, Set, UpdateMany,
    sea_query::{Expr, Keyword},
};

use crate::{
    domain::{ConversationKey, ConversationKind, GroupRequest, Membership, Timestamp},
    store::{
        database::dialect::{ColumnType, Dialect},
        entity::{
            conversations, group_requests, members,
            value::{Flag, stored_kind},
        },
        lists::members::{ANY_KIND, any_kind},
        messages::append::COPIES,
        users,
    },
};

/// The kind of a group's rows.
const GROUP: i16 = stored_kind(ConversationKind::Group);

/// The memory of a request of this name.
pub(in crate::store) fn earlier(
    key: ConversationKey,
    request: GroupRequest,
) -> Select<group_requests::Entity> {
    use group_requests::Column as C;
    group_requests::Entity::find_by_id((key, request.id))
        .select_only()
        .columns([C::RequestDigest, C::ChangedCount])
}

/// Remembers how many members a request has changed.
pub(in crate::store) fn remember(
    key: ConversationKey,
    request: GroupRequest,
    kept_until: Timestamp,
    changed_count: i64,
) -> Insert<group_requests::ActiveModel> {
    group_requests::Entity::insert(group_requests::ActiveModel {
        conversation_key: Set(key),
        request_id: Set(request.id),
        request_digest: Set(request.digest),
        kept_until: Set(kept_until),
        changed_count: Set(changed_count),
    })
}

/// Locks the rows of all members, in the order in which messages and other members' changes take them.
pub(in crate::store) fn lock_members(key: ConversationKey) -> Select<members::Entity> {
    use members::Column as C;
    members::Entity::find()
        .select_only()
        .column(C::UserId)
        .filter(C::ConversationKey.eq(key))
        .filter(any_kind())
        .order_by_asc(C::UserId)
        .lock_exclusive()
}

/// Makes a group large.
pub(in crate::store) fn make_large(key: ConversationKey) -> UpdateMany<conversations::Entity> {
    use conversations::Column as C;
    conversations::Entity::update_many()
        .col_expr(C::IsLarge, Expr::value(Flag(true)))
        .filter(C::ConversationKey.eq(key))
}

/// Takes the copies of the head from all who are members.
pub(in crate::store) fn forget_copies(key: ConversationKey) -> UpdateMany<members::Entity> {
    use members::Column as C;
    members::Entity::update_many()
        .col_expr(C::LastSeq, Keyword::Null.into())
        .col_expr(C::LastTime, Keyword::Null.into())
        .filter(C::ConversationKey.eq(key))
        .filter(any_kind())
        .filter(C::LeftAt.is_null())
}

/// Notes that somebody no longer sees what was before: some of it may be for nobody now.
pub(in crate::store) fn lost_sight(
    key: ConversationKey,
    now: Timestamp,
) -> UpdateMany<conversations::Entity> {
    use conversations::Column as C;
    conversations::Entity::update_many()
        .col_expr(C::ErasableFrom, Expr::value(now))
        .filter(C::ConversationKey.eq(key))
}

/// The texts of the other statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) join: Change,
    pub(super) leave: Change,
    pub(super) some_members: String,
    pub(super) record: String,
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
        }
    }
}
