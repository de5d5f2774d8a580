//! The statements that read a user's list.
//!
//! [`chosen`] has the conditions of the filter, once for all statements. The whole list and a folder differ only
//! in the source of their rows ([`Rows`]).

use super::{
    members,
    parameters::{Choice, Chosen, InFolder, LEFT, MEMBER, Place},
};
use crate::{
    domain::MAX_COUNTED,
    store::{
        database::{
            dialect::{ColumnType, Dialect},
            input::Shape,
        },
        users::{self, BASE},
    },
};

/// The same of all other rows and their index.
pub(in crate::store) const IS_UNLISTED: &str = "m.last_seq <= m.unlisted_through";

/// True of every row `m` that may be listed. PostgreSQL reads the index of these rows only for a statement that
/// says it. One that has the key of a row does not, and goes by the primary key.
pub(in crate::store) const MAY_BE_LISTED: &str =
    "(m.last_seq IS NULL OR m.last_seq > m.unlisted_through)";

/// Listed, of a row with a copy of the head.
pub(in crate::store) const LISTED: &str =
    "m.last_seq > m.hidden_through AND m.last_seq > m.joined_after AND m.stays_away = 0";

/// The same where `last` is the newest position that has reached the user.
pub(in crate::store) fn listed(last: &str) -> String {
    LISTED.replace("m.last_seq", last)
}

/// Their texts.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) part: Scoped,
    pub(super) unread: Scoped,
    pub(in crate::store) selection: Scoped,
}

/// The same statement for the whole list and for one folder.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Scoped {
    pub(super) whole: String,
    pub(super) folder: String,
}

/// The index of a user's rows by their pins, and the one by their activity.
const BY_PIN: &str = "members_pinned";
const BY_ACTIVITY: &str = "members_listed";

/// The user's rows that the filter leaves. Of a row without a copy of the head it cannot be told here
/// whether it is listed, unread and active since.
enum Rows {
    /// Found by an index, anew for each use.
    ByIndex { chosen: String },
    /// The same, and each index is named.
    ByNamedIndex { chosen: String, dialect: Dialect },
    /// Found once: a folder has few.
    OfFolder { chosen: String },
}

impl Rows {
    fn whole(dialect: Dialect, shape: &Shape) -> Self {
        let chosen = format!(
            "m.user_id = {} AND {MAY_BE_LISTED} AND {}",
            shape.parameter("user_id"),
            chosen(shape),
        );
        if dialect.names_indices() {
            Self::ByNamedIndex { chosen, dialect }
        } else {
            Self::ByIndex { chosen }
        }
    }

    fn of_folder(dialect: Dialect, shape: &Shape) -> Self {
        let user = shape.parameter("user_id");
        // The tables are joined in this order, and the first finds the fewest rows.
        let chosen = format!(
            "SELECT m.* FROM folders AS d CROSS JOIN folder_conversations AS f CROSS JOIN members AS m \
             WHERE d.user_id = {user} AND d.name = {folder} \
             AND f.user_id = {user} AND f.folder_id = d.folder_id \
             AND m.user_id = {by_whole_key} AND m.conversation_key = f.conversation_key{routed} AND {chosen}",
            folder = shape.parameter("folder"),
            by_whole_key = dialect.after("f.ord", &user),
            routed = dialect.routed("m.user_id", &user),
            chosen = chosen(shape),
        );
        Self::OfFolder { chosen }
    }

    /// The beginning of a statement that reads them by these indices.
    fn with(&self, indices: &[&str]) -> String {
        let found = |name: &str, by_index: &str, chosen: &str| {
            format!(
                "{name} AS NOT MATERIALIZED (SELECT m.* FROM members AS m{by_index} WHERE {chosen}), "
            )
        };
        match self {
            Self::ByIndex { chosen } => found("chosen", "", chosen),
            Self::ByNamedIndex { chosen, dialect } => {
                let found = |index| found(&by(index), &dialect.by_index(index), chosen);
                indices.iter().copied().map(found).collect()
            }
            Self::OfFolder { chosen } => format!("filed AS ({chosen}), "),
        }
    }

    /// They as `entry`, to be read by this index where there may be many.
    fn by(&self, index: &str) -> String {
        match self {
            Self::ByIndex { .. } => "chosen AS entry".to_owned(),
            Self::ByNamedIndex { .. } => format!("{} AS entry", by(index)),
            Self::OfFolder { .. } => "filed AS entry".to_owned(),
        }
    }
}

/// The name of the rows that are found by this index.
fn by(index: &str) -> String {
    format!("by_{index}")
}

/// The rows that the filter leaves, of `members AS m`.
///
/// PostgreSQL takes all these conditions together for so rare that it would read and sort every row of the
/// user before it applies a limit. Of a CASE it knows nothing, and follows the index.
fn chosen(shape: &Shape) -> String {
    let parameter = |name| shape.parameter(name);
    let [kinds, memberships] = ["kinds", "memberships"].map(parameter);
    let [marks, without_marks] = ["marks", "without_marks"].map(parameter);
    let [unread_only, active_since] = ["unread_only", "active_since"].map(parameter);
    format!(
        "CASE WHEN (m.kind & {kinds}) <> 0 \
             AND ({marks} = 0 OR (m.marks & {marks}) <> 0) \
             AND (m.marks & {without_marks}) = 0 \
             AND (CASE WHEN m.left_at IS NULL THEN {MEMBER} ELSE {LEFT} END & {memberships}) <> 0 \
             AND (m.last_seq IS NULL OR ({LISTED} \
                 AND ({unread_only} = 0 \
                      OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through)) \
                 AND ({active_since} IS NULL \
                      OR (m.last_time >= {active_since} AND m.last_seq > m.cleared_through)))) \
         THEN TRUE ELSE FALSE END"
    )
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let filter = Shape::of::<Chosen>();
        let page = filter.clone().beside(&Shape::of::<Place>());
        let choice = filter.clone().beside(&Shape::of::<Choice>());
        Self {
            part: Scoped::new(dialect, &page, part),
            unread: Scoped::new(dialect, &filter, unread),
            selection: Scoped::new(dialect, &choice, selection),
        }
    }
}

impl Scoped {
    fn new(dialect: Dialect, shape: &Shape, text: fn(Dialect, &Shape, &Rows) -> String) -> Self {
        let in_folder = shape.clone().beside(&Shape::of::<InFolder>());
        Self {
            whole: text(dialect, shape, &Rows::whole(dialect, shape)),
            folder: text(dialect, &in_folder, &Rows::of_folder(dialect, &in_folder)),
        }
    }
}

/// A part of the list. One statement, so that the revision and the rows are of one moment.
///
/// The rest of a page that the pins do not fill is read from below them. Rows without a copy of the head have
/// no place in any index, so all of them are returned that can be in the part.
fn part(dialect: Dialect, shape: &Shape, rows: &Rows) -> String {
    let parameter = |name| shape.parameter(name);
    let [user, active_since, length] = ["user_id", "active_since", "length"].map(parameter);
    let [pins_through, pin_pinned_at, pin_time, pin_key] =
        ["pins_through", "pin_pinned_at", "pin_time", "pin_key"].map(parameter);
    let [after_time, after_key] = ["after_time", "after_key"].map(parameter);
    format!(
        "WITH {with}pinned AS ( \
             SELECT entry.* FROM {by_pin} \
             WHERE entry.pinned_at IS NOT NULL AND entry.last_time IS NOT NULL \
             AND ({pins_through} IS NULL OR entry.pinned_at <= {pins_through}) \
             AND {after_time} IS NULL \
             AND ({pin_time} IS NULL OR entry.pinned_at < {pin_pinned_at} \
                  OR (entry.pinned_at = {pin_pinned_at} \
                      AND (entry.last_time < {pin_time} \
                           OR (entry.last_time = {pin_time} AND entry.conversation_key > {pin_key})))) \
             ORDER BY entry.pinned_at DESC, entry.last_time DESC, entry.conversation_key \
             {limit} \
         ), without_copy AS ( \
             SELECT entry.* FROM {by_activity} WHERE entry.last_time IS NULL \
         ), rest AS ( \
             SELECT entry.* FROM {by_activity} \
             WHERE entry.last_time <= COALESCE({after_time}, {LATEST}) \
             AND entry.last_time >= COALESCE({active_since}, {EARLIEST}) \
             AND CASE WHEN (entry.pinned_at IS NULL OR entry.pinned_at > {pins_through}) \
                 AND ({after_time} IS NULL OR entry.last_time < {after_time} \
                      OR entry.conversation_key > {after_key}) \
                 THEN TRUE ELSE FALSE END \
             ORDER BY entry.last_time DESC, entry.conversation_key \
             LIMIT {length} - (SELECT COUNT(*) FROM pinned) \
         ) \
         {page}",
        with = rows.with(&[BY_PIN, BY_ACTIVITY]),
        limit = dialect.limit(&length),
        by_pin = rows.by(BY_PIN),
        by_activity = rows.by(BY_ACTIVITY),
        page = dialect.select_many_beside(
            (&revisions(dialect), &me(&user)),
            &members::returned(dialect, "p", &user),
            "(SELECT * FROM pinned UNION ALL SELECT * FROM without_copy \
              UNION ALL SELECT * FROM rest) AS p",
        ),
    )
}

/// The latest and the earliest time that can be stored.
pub(super) const LATEST: &str = "9223372036854775807";
pub(super) const EARLIEST: &str = "-9223372036854775808";

/// The unread messages of all that the filter leaves, and the rows without a copy of the head.
fn unread(dialect: Dialect, _: &Shape, rows: &Rows) -> String {
    let seen = dialect.greatest(&[
        "entry.read_through",
        "entry.hidden_through",
        "entry.cleared_through",
        "entry.joined_after",
    ]);
    let sum = |muted, name| {
        let unread = format!("CASE WHEN entry.muted = {muted} THEN entry.last_seq - {seen} END");
        format!("CAST(COALESCE(SUM({unread}), 0) AS bigint) AS {name}")
    };
    format!(
        "WITH {with}counted AS ( \
             SELECT {messages}, {muted_messages}, \
                    COUNT(CASE WHEN entry.muted = 0 THEN 1 END) AS conversations \
             FROM {by_activity} WHERE entry.last_time IS NOT NULL \
         ), without_copy AS ( \
             SELECT entry.* FROM {by_activity} WHERE entry.last_time IS NULL \
         ) \
         SELECT counted.messages, counted.muted_messages, counted.conversations, {columns} FROM counted LEFT JOIN without_copy AS p ON TRUE",
        with = rows.with(&[BY_ACTIVITY]),
        messages = sum("0", "messages"),
        muted_messages = sum("1", "muted_messages"),
        by_activity = rows.by(BY_ACTIVITY),
        columns = members::returned_without_folders("p").columns(),
    )
}

/// The first of what a selector leaves, the oldest activity first, and how many there are. One statement, so
/// that the revision and the rows are of one moment. Rows without a copy of the head have no place in any
/// index, so all of them are returned that can be among these.
fn selection(dialect: Dialect, shape: &Shape, rows: &Rows) -> String {
    let parameter = |name| shape.parameter(name);
    let [
        user,
        includes_pinned,
        includes_unread,
        inactive_before,
        length,
    ] = [
        "user_id",
        "includes_pinned",
        "includes_unread",
        "inactive_before",
        "length",
    ]
    .map(parameter);
    let key = ("conversation_key", ColumnType::Key);
    let (excluded, _) = dialect.rows("x", shape.len() + 1, &[key]);
    let may_be_chosen = format!(
        "({includes_pinned} = 1 OR entry.pinned_at IS NULL) \
         AND entry.conversation_key NOT IN (SELECT x.conversation_key FROM {excluded})"
    );
    let header = format!(
        "{}, (SELECT COUNT(*) FROM matching) AS matched",
        revisions(dialect)
    );
    format!(
        "WITH {with}matching AS ( \
             SELECT entry.* FROM {by_activity} \
             WHERE entry.last_time IS NOT NULL \
             AND CASE WHEN ({includes_unread} = 1 OR entry.last_seq <= entry.read_through \
                            OR entry.last_seq <= entry.cleared_through) \
                 AND ({inactive_before} IS NULL OR entry.last_time < {inactive_before} \
                      OR entry.last_seq <= entry.cleared_through) \
                 AND {may_be_chosen} \
                 THEN TRUE ELSE FALSE END \
             ORDER BY entry.last_time, entry.conversation_key DESC \
             LIMIT {MAX_COUNTED} \
         ), oldest AS ( \
             SELECT * FROM matching AS entry \
             ORDER BY entry.last_time, entry.conversation_key DESC {limit} \
         ), without_copy AS ( \
             SELECT entry.* FROM {by_activity} WHERE entry.last_time IS NULL AND {may_be_chosen} \
         ) \
         {selected}",
        limit = dialect.limit(&length),
        with = rows.with(&[BY_ACTIVITY]),
        by_activity = rows.by(BY_ACTIVITY),
        selected = dialect.select_many_beside(
            (&header, &me(&user)),
            &members::returned_without_folders("p"),
            "(SELECT * FROM oldest UNION ALL SELECT * FROM without_copy) AS p",
        ),
    )
}

/// The user's revisions, of [`me`].
pub(super) fn revisions(dialect: Dialect) -> String {
    format!("{BASE} AS base, {} AS revision", users::present(dialect))
}

/// The row of the user, who may have none yet.
pub(super) fn me(user: &str) -> String {
    format!("(SELECT {user} AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id")
}
