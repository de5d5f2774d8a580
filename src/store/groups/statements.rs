//! The statements that change the members of a group.

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, Insert, QueryFilter as _, QuerySelect as _, Select, Set,
    UpdateMany, sea_query::Expr,
};

use super::parameters::{Joining, Leaving, OfRequest, OfUser};
use crate::{
    domain::{Batch, ConversationKey, ConversationKind, GroupRequest, Timestamp},
    store::{
        database::{
            dialect::{ColumnType, Dialect},
            input::{InputRow, Shape},
        },
        entity::{
            columns, conversations, group_requests,
            members::Column as C,
            value::{Flag, stored_kind},
        },
        messages::append::COPIES,
        users::{self, Raised},
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

/// Makes a group large.
pub(in crate::store) fn make_large(key: ConversationKey) -> UpdateMany<conversations::Entity> {
    use conversations::Column as C;
    conversations::Entity::update_many()
        .col_expr(C::IsLarge, Expr::value(Flag(true)))
        .filter(C::ConversationKey.eq(key))
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
    /// Raises the revisions of the users whose membership changes.
    pub(super) raise: String,
    /// All members of a group that was small before the last ones joined.
    pub(super) members_of_small: String,
    /// Takes the copies of the head from these users, who are all that have one or are about to get one.
    pub(super) forget_copies: String,
    pub(super) record: String,
}

/// The statements that differ between joining and leaving.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Change {
    /// Notes with the group who is a member now, and returns the users for whom that is new.
    pub(super) note: String,
    /// Changes the users' rows, and returns how they stand since.
    pub(super) apply: String,
    /// Raises the revisions as well, where that can be one statement.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) at_once: Option<String>,
}

/// The columns that joining and leaving return of a user's row.
const STANDS: [C; 7] = [
    C::UserId,
    C::JoinedAfter,
    C::HiddenThrough,
    C::ClearedThrough,
    C::PinnedAt,
    C::AppearedBefore,
    C::StaysAway,
];

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let (users, _) = dialect.rows("i", 2, &[("user_id", ColumnType::Text)]);
        let note_joining = format!(
            "INSERT INTO group_members (conversation_key, user_id, is_member) \
             SELECT $1, i.user_id, 1 FROM {users} WHERE TRUE ORDER BY i.user_id \
             ON CONFLICT (conversation_key, user_id) DO UPDATE SET is_member = 1 \
             WHERE group_members.is_member = 0 RETURNING user_id"
        );
        let note_leaving = format!(
            "UPDATE group_members SET is_member = 0 \
             WHERE conversation_key = $1 AND {} AND is_member = 1 RETURNING user_id",
            dialect.is_among("user_id", 2)
        );
        Self {
            join: Change::new::<Joining>(dialect, note_joining, join),
            leave: Change::new::<Leaving>(dialect, note_leaving, leave),
            raise: raise(dialect, 1),
            members_of_small: format!(
                "SELECT g.user_id FROM group_members AS g \
                 WHERE g.conversation_key = $1 AND g.is_member = 1 LIMIT {}",
                COPIES + Batch::MAX
            ),
            // In the order of the users, and also of those who are about to join: their rows are changed next.
            forget_copies: format!(
                "INSERT INTO members (user_id, conversation_key, kind) \
                 SELECT i.user_id, $1, {GROUP} FROM {users} WHERE TRUE ORDER BY i.user_id \
                 ON CONFLICT (user_id, conversation_key) DO UPDATE SET last_seq = NULL, last_time = NULL"
            ),
            record: record(dialect),
        }
    }
}

impl Change {
    /// With the statements that change the users' rows as `apply` does, which gets the parameters that stand before
    /// the users' and the users with their revisions.
    fn new<R: InputRow>(dialect: Dialect, note: String, apply: fn(&Shape, &str) -> String) -> Self {
        let shape = Shape::of::<R>();
        let first = shape.len() + 1;
        let (raised, _) = dialect.rows("i", first, Shape::of::<Raised>().columns());
        let at_once = dialect
            .changes_in_one_statement()
            .then(|| at_once(&raise(dialect, first), &apply(&shape, "raised AS i")));
        Self {
            note,
            apply: apply(&shape, &raised),
            at_once,
        }
    }
}

fn raise(dialect: Dialect, first: usize) -> String {
    format!(
        "INSERT INTO users (user_id, revision) SELECT i.user_id, {first_revision} FROM {users} \
         WHERE TRUE ORDER BY i.user_id {raise} RETURNING user_id, revision",
        first_revision = users::first(),
        users = dialect.rows("i", first, &[("user_id", ColumnType::Text)]).0,
        raise = users::raise(dialect),
    )
}

/// Joining again ends the stay before, which is remembered if it showed the user anything. The history begins at
/// the head, which no watermark is beyond. The conversation leaves the list until the next message, and so loses
/// its pin. What stays away goes on staying away. Deletions from before can be undone no more.
fn join(shape: &Shape, raised: &str) -> String {
    let [key, joined_after, last_seq, last_time] =
        ["conversation_key", "joined_after", "last_seq", "last_time"]
            .map(|name| shape.parameter(name));
    format!(
        "INSERT INTO members (user_id, conversation_key, kind, joined_after, \
             hidden_through, cleared_through, last_seq, last_time, undo_ended) \
         SELECT i.user_id, {key}, {GROUP}, {joined_after}, {joined_after}, {joined_after}, \
             {last_seq}, {last_time}, i.revision FROM {raised} \
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
         RETURNING {stands}",
        stands = columns("", STANDS)
    )
}

/// An insertion that always conflicts: it locks the rows in order, which an update does not promise.
fn leave(shape: &Shape, raised: &str) -> String {
    let [key, last_seq, last_time] =
        ["conversation_key", "last_seq", "last_time"].map(|name| shape.parameter(name));
    format!(
        "INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time) \
         SELECT i.user_id, {key}, {last_seq}, {last_seq}, {last_time} FROM {raised} \
         WHERE TRUE ORDER BY i.user_id \
         ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
             left_at = excluded.left_at, \
             last_seq = excluded.last_seq, last_time = excluded.last_time \
         RETURNING {stands}",
        stands = columns("", STANDS)
    )
}

/// Changes the users' rows with `apply` and raises the revisions first: sorting them takes all their locks before the
/// first row's.
fn at_once(raise: &str, apply: &str) -> String {
    format!(
        "WITH raised AS ({raise}), applied AS ({apply}) \
         SELECT {stands}, r.revision FROM applied AS a JOIN raised AS r ON r.user_id = a.user_id",
        stands = columns("a.", STANDS),
    )
}

fn record(dialect: Dialect) -> String {
    let shape = Shape::of::<OfRequest>();
    let [kind, changed_at, kept_until, conversations, caller] = [
        "kind",
        "changed_at",
        "kept_until",
        "conversations",
        "caller",
    ]
    .map(|name| shape.parameter(name));
    let (users, _) = dialect.rows("i", shape.len() + 1, Shape::of::<OfUser>().columns());
    format!(
        "INSERT INTO changes \
             (user_id, revision, kind, changed_at, kept_until, synced, conversations, results, caller) \
         SELECT i.user_id, i.revision, {kind}, {changed_at}, {kept_until}, 1, {conversations}, i.results, \
             {caller} FROM {users}"
    )
}
