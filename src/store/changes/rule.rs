//! The rule of a kind of change, as SQL over one row, and the statements that are made of it.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Change, ChangeError, Made,
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
pub(in crate::store) struct ChangeRule<'a> {
    /// The `SET` clause of the update of `m`.
    pub(in crate::store) set: String,
    /// The numbers that are recorded for each conversation, worked out after the update.
    pub(in crate::store) results: &'a [ResultField<'a>],
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
pub(in crate::store) struct ResultField<'a> {
    pub(in crate::store) name: &'a str,
    /// Worked out from `m` as it is after the update, `i` and `{revision}`.
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
    pub(super) queue: Coalescer<Change, Made, ChangeError>,
}

#[cfg_attr(test, derive(serde::Serialize), serde(untagged))]
pub(super) enum Form {
    /// A change is one statement, and so are the changes of several users. Not on a cluster: it would make each
    /// part of such a statement by itself, hand what the parts return from machine to machine, and take several
    /// times as long as for the steps.
    OneStatement {
        alone: String,
        together: String,
        #[cfg_attr(test, serde(flatten))]
        steps: Steps,
    },
    /// Changes are several statements of one transaction.
    Steps(Steps),
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Steps {
    /// One change as one statement, where that is sure to leave no more pins than the limit allows. Otherwise it
    /// changes nothing and returns nothing.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) at_once: Option<String>,
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
/// One result of changes `recorded` just now and `earlier`. Of the former only [`NEWS`] are read.
const RECORDED_AND_EARLIER: &str = "SELECT TRUE AS is_new, user_id, revision, results, \
        NULL::bytea AS request_digest, NULL::smallint AS kind, NULL::bigint AS restorable_until, \
        NULL::text AS conversations, NULL::text AS detail FROM recorded \
    UNION ALL SELECT FALSE, user_id, revision, results, request_digest, kind, restorable_until, \
        conversations, detail FROM earlier";
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
    pub(in crate::store) fn new(dialect: Dialect, rule: &ChangeRule<'_>) -> Self {
        let shape = Shape::of::<R>();
        let form = match rule.surplus {
            None if dialect.changes_in_one_statement() => Form::OneStatement {
                alone: at_once(rule, &shape),
                together: together(rule, &shape),
                steps: steps(dialect, rule, &shape),
            },
            _ => Form::Steps(steps(dialect, rule, &shape)),
        };
        Self::of(dialect, shape, form)
    }

    /// Of a kind of change that does more in its transaction, on either database.
    pub(in crate::store) fn in_steps(dialect: Dialect, rule: &ChangeRule<'_>) -> Self {
        let shape = Shape::of::<R>();
        let form = Form::Steps(steps(dialect, rule, &shape));
        Self::of(dialect, shape, form)
    }

    fn of(dialect: Dialect, shape: Shape, form: Form) -> Self {
        let of_rows = OfRows {
            form,
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
    /// The steps of a kind of change that is made in steps.
    pub(super) fn steps(&self) -> &Steps {
        match &self.form {
            Form::Steps(steps) => steps,
            Form::OneStatement { .. } => unreachable!("it is made in steps"),
        }
    }

    /// Whether changes of several users are to be made at once. Not where each is one statement by itself and
    /// several of them are not.
    pub(super) const fn is_coalesced(&self) -> bool {
        match &self.form {
            Form::OneStatement { .. } => true,
            Form::Steps(steps) => steps.at_once.is_none(),
        }
    }
}

/// The columns that an update returns of a row, as `a`, and the JSON that is recorded of them.
fn results_of_update(rule: &ChangeRule<'_>) -> (String, String) {
    let returned: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("{} AS {}", of_target(&field.sql), field.name))
        .collect();
    let recorded: Vec<_> = rule
        .results
        .iter()
        .map(|field| match field.absent {
            Some(absent) => format!("COALESCE(a.{}, {absent})", field.name),
            None => format!("a.{}", field.name),
        })
        .collect();
    let recorded = Dialect::Postgres.json_array_of_arrays(&recorded.join(", "));
    (returned.join(", "), recorded)
}

/// A rule's SQL, with the revision from the row `i`.
fn of_target(sql: &str) -> String {
    sql.replace("{revision}", "i.revision")
}

/// One change, whose own columns are parameters of their own; with a surplus the limit of pins comes behind the
/// rows.
///
/// The rows of `members` are looked up by the whole of their key, in the order of their keys, but that in a small
/// table the planner may read them as they lie. So nothing that does not hold the user's lock may lock two rows
/// of one user.
///
/// The statement sees the pins as they were when it began, and may wait for the user's lock. So with a surplus it
/// changes nothing if another change of the user has come between, nor if there may be no room: it counts every
/// conversation of the change as a new pin.
fn at_once(rule: &ChangeRule<'_>, shape: &Shape) -> String {
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
    let (returned, recorded) = results_of_update(rule);
    format!(
        "WITH earlier AS ( \
             SELECT user_id, {recorded_columns} FROM changes \
             WHERE user_id = {user} AND request_id = {request}), \
         input AS (SELECT * FROM {rows}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT {user}, {first} \
             WHERE NOT EXISTS (SELECT 1 FROM earlier){has_room} \
             {raise}{is_unchanged} RETURNING user_id, revision), \
         targets AS MATERIALIZED ( \
             SELECT i.*, b.user_id, b.revision FROM input AS i CROSS JOIN raised AS b \
             ORDER BY i.conversation_key), \
         applied AS ( \
             UPDATE members AS m SET {set} FROM targets AS i \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {returned}), \
         recorded AS ( \
             {insert} SELECT {parameters}, b.revision, (SELECT COALESCE({recorded}, '[]') \
                 FROM input AS i LEFT JOIN applied AS a USING (ord)) \
             FROM raised AS b RETURNING {NEWS}) \
         {RECORDED_AND_EARLIER}",
        recorded_columns = columns("", RECORDED),
        set = of_target(&rule.set),
        first = users::first(),
        raise = users::raise(Dialect::Postgres),
        insert = insert(),
        parameters = known.parameters(),
    )
}

/// Changes of several users: the same, with a list of the changes. The users' rows are locked in their
/// order, before any row of `members`.
fn together(rule: &ChangeRule<'_>, shape: &Shape) -> String {
    let known = known();
    let (asked, first) = Dialect::Postgres.rows("q", 1, known.columns());
    let (rows, _) = Dialect::Postgres.rows("i", first, owned_shape(shape).columns());
    let (returned, recorded) = results_of_update(rule);
    format!(
        "WITH asked AS (SELECT * FROM {asked}), \
         input AS (SELECT * FROM {rows}), \
         earlier AS ( \
             SELECT c.user_id, {recorded_of_c} FROM asked AS q CROSS JOIN changes AS c \
             WHERE {OF_REQUEST}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT q.user_id, {first} FROM asked AS q \
             WHERE NOT EXISTS (SELECT 1 FROM earlier AS e WHERE e.user_id = q.user_id) \
             ORDER BY q.user_id \
             {raise} RETURNING user_id, revision), \
         targets AS MATERIALIZED ( \
             SELECT i.*, b.revision FROM input AS i JOIN raised AS b ON b.user_id = i.user_id \
             WHERE (SELECT COUNT(*) FROM raised) > 0 ORDER BY i.user_id, i.conversation_key), \
         applied AS ( \
             UPDATE members AS m SET {set} FROM targets AS i \
             WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {returned}), \
         results AS ( \
             SELECT i.user_id, {recorded} AS results \
             FROM input AS i LEFT JOIN applied AS a USING (ord) GROUP BY i.user_id), \
         recorded AS ( \
             {insert} SELECT {known}, b.revision, COALESCE(r.results, '[]') \
             FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id \
             LEFT JOIN results AS r ON r.user_id = q.user_id \
             RETURNING {NEWS}) \
         {RECORDED_AND_EARLIER}",
        recorded_of_c = columns("c.", RECORDED),
        set = of_target(&rule.set),
        first = users::first(),
        raise = users::raise(Dialect::Postgres),
        insert = insert(),
        known = known.names("q."),
    )
}

/// Changes of any number of users, whose revisions have been raised. `apply` has the rows of the
/// requests, each with its user and that user's new revision; `record` has the changes and the
/// revision of each before them.
fn steps(dialect: Dialect, rule: &ChangeRule<'_>, shape: &Shape) -> Steps {
    let rows = raised_shape(shape);
    let fields: Vec<_> = rule
        .results
        .iter()
        .map(|field| {
            let sql = of_target(&field.sql);
            match field.absent {
                Some(absent) => format!("CASE WHEN m.user_id IS NULL THEN {absent} ELSE {sql} END"),
                None => sql,
            }
        })
        .collect();
    let (to_apply, _) = dialect.rows("i", 1, rows.columns());
    let changes = known().beside(&Shape::of::<Raised>());
    let (made, first) = dialect.rows("q", 1, changes.columns());
    let (to_record, _) = dialect.rows("i", first, rows.columns());
    Steps {
        at_once: (dialect.changes_in_one_statement() && rule.surplus.is_some())
            .then(|| at_once(rule, shape)),
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
            results = dialect.json_array_of_arrays(&fields.join(", ")),
        ),
        surplus: rule.surplus,
    }
}
