//! What a kind of change is, as SQL over one row, and the statements that are made of it.

use super::{Change, ChangeError, Made};
use crate::store::{
    coalesce::Coalescer,
    dialect::{ColumnType, Dialect},
    log::{self, RECORDED},
};

/// What distinguishes one kind of change: SQL over `m`, the user's row of `members`, `i`, the row of
/// the request, and `{revision}`, the revision that the change makes.
pub(in crate::store) struct ChangeRule<'a> {
    /// The columns of `i`. The first is `conversation_key`.
    pub(in crate::store) input: &'a [(&'a str, ColumnType)],
    /// The `SET` list of the update of `m`.
    pub(in crate::store) assignments: String,
    /// What is recorded of each conversation, worked out after the update.
    pub(in crate::store) results: &'a [ResultField<'a>],
    /// What becomes of pins beyond the limit; `None` for a rule that pins nothing.
    pub(in crate::store) surplus: Option<Surplus>,
}

/// What becomes of the pins of a change after which the user has more than the limit allows. What a
/// change has pinned has its revision in `changed_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Surplus {
    /// The change is not made.
    Refused,
    /// The change pins nothing.
    LeftOut,
}

/// One number that is recorded for each conversation of a change.
pub(in crate::store) struct ResultField<'a> {
    pub(in crate::store) name: &'a str,
    /// Worked out from `m` as it is after the update, `i` and `{revision}`.
    pub(in crate::store) sql: String,
    /// The value where the user has no such row.
    pub(in crate::store) absent: i64,
}

/// The statements of one kind of change, made once from its rule, and the requests for it that wait.
pub(in crate::store) struct ChangeStatement {
    pub(super) form: Form,
    pub(super) queue: Coalescer<Change, Made, ChangeError>,
}

pub(super) enum Form {
    /// A change is one statement, and so are the changes of several users.
    OneStatement { alone: String, together: String },
    /// Changes are several statements of one transaction.
    Steps(Steps),
}

pub(super) struct Steps {
    pub(super) apply: String,
    pub(super) record: String,
    pub(super) surplus: Option<Surplus>,
}

/// The statements that all changes have in common.
pub(in crate::store) struct Statements {
    pub(super) raise: String,
    pub(super) earlier: String,
    pub(super) record: String,
    pub(super) pins: String,
    pub(super) unpin: String,
}

/// The columns of `changes` but for `revision` and `results`, which become known with the change.
const COLUMNS: [(&str, ColumnType); 13] = [
    ("user_id", ColumnType::Text),
    ("request_id", ColumnType::OptionalBytes),
    ("request_digest", ColumnType::OptionalBytes),
    ("client_id", ColumnType::OptionalText),
    ("kind", ColumnType::Integer),
    ("changed_at", ColumnType::Integer),
    ("synced", ColumnType::Integer),
    ("restorable_until", ColumnType::OptionalInteger),
    ("erasable_from", ColumnType::OptionalInteger),
    ("undoes", ColumnType::OptionalInteger),
    ("conversations", ColumnType::Text),
    ("detail", ColumnType::OptionalText),
    ("caller", ColumnType::OptionalText),
];
const USER: (&str, ColumnType) = ("user_id", ColumnType::Text);
const REVISION: (&str, ColumnType) = ("revision", ColumnType::Integer);

/// What is read of a change that was just made: the rest is known.
const NEWS: &str = "user_id, revision, results";
/// One result of changes `recorded` just now and `earlier`. Of the former only [`NEWS`] are read.
const RECORDED_AND_EARLIER: &str = "SELECT TRUE AS is_new, user_id, revision, results, \
        NULL::bytea AS request_digest, NULL::smallint AS kind, NULL::bigint AS restorable_until, \
        NULL::text AS conversations, NULL::text AS detail FROM recorded \
    UNION ALL SELECT FALSE, user_id, revision, results, request_digest, kind, restorable_until, \
        conversations, detail FROM earlier";
/// Whether `c`, of `changes`, was made by the request `q`.
const OF_REQUEST: &str = "c.user_id = q.user_id AND c.request_id = q.request_id";

fn prefixed<'a>(prefix: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("{prefix}{name}")).collect();
    names.join(", ")
}

/// [`COLUMNS`], each behind `prefix`.
fn columns(prefix: &str) -> String {
    prefixed(prefix, COLUMNS.iter().map(|(name, _)| *name))
}

/// The first so many parameters.
fn parameters(count: usize) -> String {
    let parameters: Vec<_> = (1..=count).map(|number| format!("${number}")).collect();
    parameters.join(", ")
}

/// The beginning of an insertion into the log.
fn insert() -> String {
    format!("INSERT INTO changes ({}, revision, results)", columns(""))
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let pinned = dialect.by_index("members_pinned");
        let (asked, _) = dialect.rows("q", 1, &COLUMNS[..2]);
        Self {
            raise: format!(
                "INSERT INTO users (user_id, revision) SELECT q.user_id, 1 FROM {asked} \
                 WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE {OF_REQUEST}) \
                 ORDER BY q.user_id \
                 ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
                 RETURNING user_id, revision"
            ),
            earlier: format!(
                "SELECT c.user_id, {RECORDED} FROM {asked} CROSS JOIN changes AS c \
                 WHERE {OF_REQUEST}"
            ),
            record: format!("{} VALUES ({})", insert(), parameters(COLUMNS.len() + 2)),
            pins: format!(
                "SELECT COUNT(*) AS pins, COUNT(CASE WHEN changed_by = $2 THEN 1 END) AS new_pins \
                 FROM members{pinned} WHERE user_id = $1 AND pinned_at IS NOT NULL"
            ),
            unpin: format!(
                "UPDATE members{pinned} SET pinned_at = NULL \
                 WHERE user_id = $1 AND pinned_at IS NOT NULL AND changed_by = $2"
            ),
        }
    }
}

impl ChangeStatement {
    /// Whether it can make changes of several users at once. What may be refused may not: it would have
    /// to be left out of them.
    pub(super) const fn can_be_together(&self) -> bool {
        match &self.form {
            Form::OneStatement { .. } => true,
            Form::Steps(steps) => steps.surplus.is_none(),
        }
    }

    pub(in crate::store) fn new(dialect: Dialect, rule: &ChangeRule<'_>) -> Self {
        let form = match (dialect, rule.surplus) {
            (Dialect::Postgres, None) => Form::OneStatement {
                alone: alone(rule),
                together: together(rule),
            },
            _ => Form::Steps(steps(dialect, rule)),
        };
        Self {
            form,
            queue: Coalescer::new(dialect.together()),
        }
    }
}

/// What an update returns of a row, as `a`, and what is recorded of that.
fn results_of_update(rule: &ChangeRule<'_>) -> (String, String) {
    let returned: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("{} AS {}", of_raised(&field.sql), field.name))
        .collect();
    let recorded: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("COALESCE(a.{}, {})", field.name, field.absent))
        .collect();
    let recorded = Dialect::Postgres.json_array_of_arrays(&recorded.join(", "));
    (returned.join(", "), recorded)
}

fn of_raised(sql: &str) -> String {
    sql.replace("{revision}", "b.revision")
}

/// One change. `$1` to `$13` are the [`COLUMNS`].
fn alone(rule: &ChangeRule<'_>) -> String {
    let (rows, _) = Dialect::Postgres.rows("i", COLUMNS.len() + 1, rule.input);
    let (returned, recorded) = results_of_update(rule);
    format!(
        "WITH earlier AS ({earlier}), \
         input AS (SELECT * FROM {rows}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT $1, 1 WHERE NOT EXISTS (SELECT 1 FROM earlier) \
             ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
             RETURNING revision), \
         applied AS ( \
             UPDATE members AS m SET {assignments} FROM input AS i CROSS JOIN raised AS b \
             WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {returned}), \
         recorded AS ( \
             {insert} SELECT {parameters}, b.revision, (SELECT COALESCE({recorded}, '[]') \
                 FROM input AS i LEFT JOIN applied AS a USING (ord)) \
             FROM raised AS b RETURNING {NEWS}) \
         {RECORDED_AND_EARLIER}",
        earlier = log::of_request(),
        assignments = of_raised(&rule.assignments),
        insert = insert(),
        parameters = parameters(COLUMNS.len()),
    )
}

/// Changes of several users: the same, with a list of [`COLUMNS`]. The users' rows are locked in their
/// order, before any row of `members`, and those are looked up in the order of their users, too.
fn together(rule: &ChangeRule<'_>) -> String {
    let (asked, first) = Dialect::Postgres.rows("q", 1, &COLUMNS);
    let input: Vec<_> = [&[USER], rule.input].concat();
    let (rows, _) = Dialect::Postgres.rows("i", first, &input);
    let (returned, recorded) = results_of_update(rule);
    format!(
        "WITH asked AS (SELECT * FROM {asked}), \
         input AS (SELECT * FROM {rows}), \
         earlier AS ( \
             SELECT c.user_id, {recorded_of_c} FROM asked AS q CROSS JOIN changes AS c \
             WHERE {OF_REQUEST}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT q.user_id, 1 FROM asked AS q \
             WHERE NOT EXISTS (SELECT 1 FROM earlier AS e WHERE e.user_id = q.user_id) \
             ORDER BY q.user_id \
             ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
             RETURNING user_id, revision), \
         applied AS ( \
             UPDATE members AS m SET {assignments} \
             FROM input AS i JOIN raised AS b ON b.user_id = i.user_id \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
             AND (SELECT COUNT(*) FROM raised) > 0 \
             RETURNING i.ord, {returned}), \
         results AS ( \
             SELECT i.user_id, {recorded} AS results \
             FROM input AS i LEFT JOIN applied AS a USING (ord) GROUP BY i.user_id), \
         recorded AS ( \
             {insert} SELECT {columns}, b.revision, COALESCE(r.results, '[]') \
             FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id \
             LEFT JOIN results AS r ON r.user_id = q.user_id \
             RETURNING {NEWS}) \
         {RECORDED_AND_EARLIER}",
        recorded_of_c = prefixed("c.", RECORDED.split(", ")),
        assignments = of_raised(&rule.assignments),
        insert = insert(),
        columns = columns("q."),
    )
}

/// Changes of any number of users, whose revisions have been raised. `apply` has the rows of the
/// requests, each with its user and that user's new revision; `record` has [`COLUMNS`] and the
/// revision of each change before them.
fn steps(dialect: Dialect, rule: &ChangeRule<'_>) -> Steps {
    let input: Vec<_> = [&[USER, REVISION], rule.input].concat();
    let of_input = |sql: &str| sql.replace("{revision}", "i.revision");
    let fields: Vec<_> = rule
        .results
        .iter()
        .map(|field| {
            let (absent, sql) = (field.absent, of_input(&field.sql));
            format!("CASE WHEN m.user_id IS NULL THEN {absent} ELSE {sql} END")
        })
        .collect();
    let (to_apply, _) = dialect.rows("i", 1, &input);
    let (made, first) = dialect.rows("q", 1, &[&COLUMNS[..], &[REVISION]].concat());
    let (to_record, _) = dialect.rows("i", first, &input);
    Steps {
        apply: format!(
            "UPDATE members AS m SET {} FROM {to_apply} \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key",
            of_input(&rule.assignments),
        ),
        record: format!(
            "{insert} SELECT {columns}, q.revision, COALESCE(r.results, '[]') FROM {made} LEFT JOIN \
                 (SELECT i.user_id, {results} AS results FROM {to_record} LEFT JOIN members AS m \
                  ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
                  GROUP BY i.user_id) AS r ON r.user_id = q.user_id \
             RETURNING {NEWS}",
            insert = insert(),
            columns = columns("q."),
            results = dialect.json_array_of_arrays(&fields.join(", ")),
        ),
        surplus: rule.surplus,
    }
}
