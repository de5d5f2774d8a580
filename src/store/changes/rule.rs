//! The rule of a kind of change, as SQL over one row, and the statements that are made of it.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Change, ChangeError, Outcome,
    parameters::{Asked, Raised, Results, changes_shape, owned_shape, raised_shape},
};
use crate::store::{
    database::{
        coalesce::Coalescer,
        dialect::{ColumnType, Dialect},
        input::{InputRow, Shape},
    },
    entity::columns,
    log::RECORDED,
    users,
};

/// The rule that distinguishes one kind of change: SQL over `m`, the user's row of `members`, `i`, the row
/// of the request, which has a `conversation_key`, and `{revision}`, the revision that the change makes.
pub(in crate::store) struct ChangeRule {
    /// The `SET` clause of the update of `m`.
    pub(in crate::store) set: String,
    /// The numbers that are recorded for each conversation, worked out after the update.
    pub(in crate::store) results: Vec<ResultField>,
    /// Values that `results` name: a table expression of one row over `m` as it is after the update, `i` and
    /// `{revision}`.
    pub(in crate::store) named: Option<String>,
    /// The treatment of pins beyond the limit; `None` for a rule that pins nothing.
    pub(in crate::store) surplus: Option<Surplus>,
}

/// The treatment of the pins of a change after which the user has more than the limit allows. The rows that
/// the change has pinned have its revision in `changed_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Surplus {
    /// The change is not made.
    Refused,
    /// The change pins as many as there is room for, in its order.
    LeftOut,
}

/// One number that is recorded for each conversation of a change.
pub(in crate::store) struct ResultField {
    /// Worked out from `m` as it is after the update, `i`, `{revision}` and what the rule names.
    pub(in crate::store) sql: String,
    /// The value where the user has no such row; `None` for a number that may be missing anyway.
    pub(in crate::store) absent: Option<i64>,
}

/// A kind of change: its statements, and the requests for it that wait. `R` is the row that it takes for each
/// conversation, so a change of this kind cannot be given the rows of another one.
pub(in crate::store) struct ChangeKind<R> {
    /// The part that does not depend on the type of the rows.
    pub(super) of_rows: Arc<OfRows>,
    rows: PhantomData<fn(R)>,
}

/// A kind of change without the type of its rows, so that what makes changes is compiled once for all kinds.
/// Made once from the rule of the kind.
pub(super) struct OfRows {
    /// The statements.
    pub(super) form: Form,
    /// The columns of the rows.
    pub(super) shape: Shape,
    /// The changes that wait to be made together.
    pub(super) queue: Coalescer<Change, Outcome, ChangeError>,
}

/// The statements of a kind of change.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Form {
    /// On PostgreSQL, for a kind that changes nothing but rows of `members`.
    #[cfg_attr(test, serde(flatten, skip_serializing_if = "Option::is_none"))]
    pub(super) at_once: Option<AtOnce>,
    #[cfg_attr(test, serde(flatten))]
    pub(super) steps: Steps,
}

/// Statements each of which makes and records changes. They change nothing and return nothing for a change whose
/// request was carried out before, or for which there may be no room: the steps tell what becomes of it.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct AtOnce {
    /// One change.
    pub(super) alone: String,
    /// Changes of several users, where no limit applies.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) together: Option<String>,
}

/// Changes as several statements of one transaction.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Steps {
    pub(super) apply: String,
    pub(super) record: String,
    #[cfg_attr(test, serde(skip))]
    pub(super) surplus: Option<Surplus>,
}

/// The statements that all changes have in common.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) raise: String,
    pub(super) earlier: String,
    pub(super) record: String,
    pub(super) pins: String,
    pub(super) unpin: String,
}

/// The columns that are read of a change that was just made: the rest is known.
const NEWS: &str = "user_id, revision, results";
/// Whether `c`, of `changes`, was made by the request `q`.
const OF_REQUEST: &str = "c.user_id = q.user_id AND c.request_id = q.request_id";

/// The columns of `changes` but for `revision` and `results`, which become known with the change.
fn known() -> Shape {
    changes_shape()
}

/// The beginning of an insertion into the log of [`known`], `revision` and `results`, in this order.
fn insert() -> String {
    let columns = known().beside(&Shape::of::<Raised>());
    let columns = columns.beside(&Shape::of::<Results>());
    format!("INSERT INTO changes ({})", columns.names(""))
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let pinned = dialect.by_index("members_pinned");
        let requests = Shape::of::<Asked>();
        let (asked, _) = dialect.rows("q", 1, requests.columns());
        let routed = dialect.routed_to_any("c.user_id", requests.array("user_id", 1));
        let recorded = known().beside(&Shape::of::<Raised>());
        let recorded = recorded.beside(&Shape::of::<Results>());
        let (keys, _) = dialect.rows("i", 4, &[("conversation_key", ColumnType::Key)]);
        Self {
            raise: format!(
                "INSERT INTO users (user_id, revision) SELECT q.user_id, {first} FROM {asked} \
                 WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE {OF_REQUEST}{routed}) \
                 ORDER BY q.user_id \
                 {raise} RETURNING user_id, revision",
                first = users::first(),
                raise = users::raise(dialect),
            ),
            earlier: format!(
                "SELECT c.user_id, {} FROM {asked} CROSS JOIN changes AS c \
                 WHERE {OF_REQUEST}{routed}",
                columns("c.", RECORDED)
            ),
            record: format!("{} VALUES ({})", insert(), recorded.parameters()),
            pins: format!(
                "SELECT COUNT(*) AS pins, COUNT(CASE WHEN changed_by = $2 THEN 1 END) AS new_pins \
                 FROM members{pinned} WHERE user_id = $1 AND pinned_at IS NOT NULL"
            ),
            unpin: format!(
                "UPDATE members{pinned} SET pinned_at = NULL \
                 WHERE user_id = $1 AND pinned_at IS NOT NULL AND conversation_key IN ( \
                     SELECT conversation_key FROM ( \
                         SELECT m.conversation_key, ROW_NUMBER() OVER (ORDER BY i.ord) AS place \
                         FROM members AS m{pinned} CROSS JOIN {keys} \
                         WHERE m.user_id = $1 AND m.pinned_at IS NOT NULL AND m.changed_by = $2 \
                         AND i.conversation_key = m.conversation_key) AS new_pins \
                     WHERE place > $3)"
            ),
        }
    }
}

impl<R: InputRow> ChangeKind<R> {
    pub(in crate::store) fn new(dialect: Dialect, rule: &ChangeRule) -> Self {
        let shape = Shape::of::<R>();
        let at_once = dialect
            .changes_in_one_statement()
            .then(|| at_once(rule, &shape));
        Self::of(dialect, rule, shape, at_once)
    }

    /// Of a kind of change that does more in its transaction, on either database.
    pub(in crate::store) fn in_steps(dialect: Dialect, rule: &ChangeRule) -> Self {
        Self::of(dialect, rule, Shape::of::<R>(), None)
    }

    fn of(dialect: Dialect, rule: &ChangeRule, shape: Shape, at_once: Option<AtOnce>) -> Self {
        let steps = steps(dialect, rule, &shape);
        let of_rows = OfRows {
            form: Form { at_once, steps },
            shape,
            queue: Coalescer::new(dialect.together()),
        };
        Self {
            of_rows: Arc::new(of_rows),
            rows: PhantomData,
        }
    }
}

/// Its texts.
#[cfg(test)]
impl<R> serde::Serialize for ChangeKind<R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.of_rows.form.serialize(serializer)
    }
}

impl OfRows {
    /// Whether changes of several users are to be made at once. Not where each is one statement by itself and
    /// several of them are not.
    pub(super) fn is_coalesced(&self) -> bool {
        let at_once = self.form.at_once.as_ref();
        at_once.is_none_or(|at_once| at_once.together.is_some())
    }
}

/// The record of one conversation, as JSON: of the row `m` after its update, and of a row that there is not.
fn result(dialect: Dialect, rule: &ChangeRule) -> (String, String) {
    let fields: Vec<_> = rule
        .results
        .iter()
        .map(|field| field.sql.as_str())
        .collect();
    let fields = dialect.json_tuple(&fields);
    let result = match &rule.named {
        Some(named) => format!("(SELECT {fields} FROM {named})"),
        None => fields,
    };
    let absent = rule.results.iter().map(|field| field.absent);
    let absent: Vec<_> = absent
        .map(|absent| absent.map_or_else(|| "null".to_owned(), |number| number.to_string()))
        .collect();
    (of_target(&result), format!("'[{}]'", absent.join(", ")))
}

/// A rule's SQL, with the revision from the row `i`.
fn of_target(sql: &str) -> String {
    sql.replace("{revision}", "i.revision")
}

fn at_once(rule: &ChangeRule, shape: &Shape) -> AtOnce {
    AtOnce {
        alone: alone(rule, shape),
        together: rule.surplus.is_none().then(|| together(rule, shape)),
    }
}

/// One change, whose own columns are parameters of their own; with a surplus the limit of pins comes behind the
/// rows.
///
/// The rows of `members` are looked up by the whole of their key, in the order of their keys, but that in a small
/// table the planner may read them as they lie. So nothing that does not hold the user's lock may lock two rows
/// of one user.
///
/// The results are put together by `input` and not by `targets`, of which the planner expects one row: it would look
/// through all results for each.
///
/// The statement sees the pins as they were when it began, and may wait for the user's lock. So with a surplus it
/// changes nothing if another change of the user has come between, nor if there may be no room: it counts every
/// conversation of the change as a new pin.
fn alone(rule: &ChangeRule, shape: &Shape) -> String {
    let known = known();
    let (user, request) = (known.parameter("user_id"), known.parameter("request_id"));
    let (rows, limit) = Dialect::Postgres.rows("i", known.len() + 1, shape.columns());
    let (has_room, is_unchanged) = match rule.surplus {
        None => (String::new(), String::new()),
        Some(_) => (
            format!(
                " AND (SELECT COUNT(*) FROM members WHERE user_id = {user} AND pinned_at IS NOT NULL) \
                  + (SELECT COUNT(*) FROM input) <= ${limit}"
            ),
            format!(" WHERE users.revision = (SELECT revision FROM users WHERE user_id = {user})"),
        ),
    };
    let (result, absent) = result(Dialect::Postgres, rule);
    format!(
        "WITH input AS (SELECT * FROM {rows}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT {user}, {first} \
             WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = {user} AND request_id = {request}){has_room} \
             {raise}{is_unchanged} RETURNING user_id, revision), \
         targets AS MATERIALIZED ( \
             SELECT i.*, b.user_id, b.revision FROM input AS i CROSS JOIN raised AS b \
             ORDER BY i.conversation_key), \
         applied AS ( \
             UPDATE members AS m SET {set} FROM targets AS i \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {result} AS result) \
         {insert} SELECT {parameters}, b.revision, (SELECT COALESCE({results}, '[]') \
             FROM input AS i LEFT JOIN applied AS a USING (ord)) \
         FROM raised AS b RETURNING {NEWS}",
        set = of_target(&rule.set),
        first = users::first(),
        raise = users::raise(Dialect::Postgres),
        insert = insert(),
        parameters = known.parameters(),
        results = Dialect::Postgres.json_array(&format!("COALESCE(a.result, {absent})")),
    )
}

/// Changes of several users: the same, with a list of the changes. The users' rows are locked in their
/// order, before any row of `members`.
fn together(rule: &ChangeRule, shape: &Shape) -> String {
    let known = known();
    let (asked, first) = Dialect::Postgres.rows("q", 1, known.columns());
    let (rows, _) = Dialect::Postgres.rows("i", first, owned_shape(shape).columns());
    let (result, absent) = result(Dialect::Postgres, rule);
    format!(
        "WITH asked AS (SELECT * FROM {asked}), \
         input AS (SELECT * FROM {rows}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT q.user_id, {first} FROM asked AS q \
             WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE {OF_REQUEST}) \
             ORDER BY q.user_id \
             {raise} RETURNING user_id, revision), \
         targets AS MATERIALIZED ( \
             SELECT i.*, b.revision FROM input AS i JOIN raised AS b ON b.user_id = i.user_id \
             WHERE (SELECT COUNT(*) FROM raised) > 0 ORDER BY i.user_id, i.conversation_key), \
         applied AS ( \
             UPDATE members AS m SET {set} FROM targets AS i \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {result} AS result), \
         made AS ( \
             SELECT i.user_id, {results} AS results \
             FROM input AS i LEFT JOIN applied AS a USING (ord) GROUP BY i.user_id) \
         {insert} SELECT {known}, b.revision, COALESCE(r.results, '[]') \
         FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id \
         LEFT JOIN made AS r ON r.user_id = q.user_id \
         RETURNING {NEWS}",
        set = of_target(&rule.set),
        first = users::first(),
        raise = users::raise(Dialect::Postgres),
        insert = insert(),
        known = known.names("q."),
        results = Dialect::Postgres.json_array(&format!("COALESCE(a.result, {absent})")),
    )
}

/// Changes of any number of users, whose revisions have been raised. `apply` has the rows of the
/// requests, each with its user and that user's new revision; `record` has the changes and the
/// revision of each before them.
fn steps(dialect: Dialect, rule: &ChangeRule, shape: &Shape) -> Steps {
    let rows = raised_shape(shape);
    let (result, absent) = result(dialect, rule);
    let result = format!("CASE WHEN m.user_id IS NULL THEN {absent} ELSE {result} END");
    let (to_apply, _) = dialect.rows("i", 1, rows.columns());
    let changes = known().beside(&Shape::of::<Raised>());
    let (made, first) = dialect.rows("q", 1, changes.columns());
    let (to_record, _) = dialect.rows("i", first, rows.columns());
    Steps {
        apply: format!(
            "UPDATE members AS m SET {} FROM (SELECT * FROM {to_apply} ORDER BY user_id, conversation_key) AS i \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key{}",
            of_target(&rule.set),
            dialect.routed_to_any("m.user_id", rows.array("user_id", 1)),
        ),
        record: format!(
            "{insert} SELECT {changes}, COALESCE(r.results, '[]') FROM {made} LEFT JOIN \
                 (SELECT i.user_id, {results} AS results FROM {to_record} LEFT JOIN members AS m \
                  ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key{routed} \
                  GROUP BY i.user_id) AS r ON r.user_id = q.user_id \
             RETURNING {NEWS}",
            routed = dialect.routed_to_any("m.user_id", rows.array("user_id", first)),
            insert = insert(),
            changes = changes.names("q."),
            results = dialect.json_array(&dialect.json(&result)),
        ),
        surplus: rule.surplus,
    }
}
