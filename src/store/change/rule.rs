//! What a kind of change is, as SQL over one row, and the statements that are made of it.

use crate::store::{
    dialect::{ColumnType, Dialect},
    log::{self, RECORDED},
};

/// What distinguishes one kind of change: SQL over `m`, the user's row of `members`, `i`, the row of
/// the request, and `{revision}`, the revision that the change makes.
pub(in crate::store) struct ChangeRule<'a> {
    /// How many parameters the request has beside its rows. The first is [`FIRST_SCALAR`].
    pub(in crate::store) scalars: usize,
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

/// The statements of one kind of change, made once from its rule.
pub(in crate::store) enum ChangeStatement {
    OneStatement(String),
    Steps(Box<Steps>),
}

pub(in crate::store) struct Steps {
    pub(super) apply: String,
    pub(super) surplus: Option<Surplus>,
    pub(super) record: String,
}

/// The statements that all changes have in common.
pub(in crate::store) struct Statements {
    pub(super) earlier: String,
    pub(super) raise: String,
    pub(super) record: String,
    pub(super) pins: String,
    pub(super) unpin: String,
}

/// Parameters `$1` to `$13` are the user and the columns that every change has.
pub(in crate::store) const FIRST_SCALAR: usize = 14;

/// The columns of `changes` but for `revision` and `results`, in the order of `$1` to `$13`.
const COLUMNS: &str = "user_id, request_id, request_digest, client_id, kind, changed_at, synced, \
    restorable_until, erasable_from, undoes, conversations, detail, caller";
/// Their parameters.
const VALUES: &str = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13";

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let pinned = dialect.by_index("members_pinned");
        Self {
            earlier: log::of_request(),
            raise: "INSERT INTO users (user_id, revision) VALUES ($1, 1) \
                    ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
                    RETURNING revision"
                .to_owned(),
            record: record("$14", "$15"),
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

/// The insertion into the log, with these expressions for the revision and the results.
fn record(revision: &str, results: &str) -> String {
    format!(
        "INSERT INTO changes ({COLUMNS}, revision, results) VALUES ({VALUES}, {revision}, {results}) \
         RETURNING {RECORDED}"
    )
}

impl ChangeStatement {
    pub(in crate::store) fn new(dialect: Dialect, rule: &ChangeRule<'_>) -> Self {
        let (rows, next) = dialect.rows(FIRST_SCALAR + rule.scalars, rule.input);
        match (dialect, rule.surplus) {
            (Dialect::Postgres, None) => Self::OneStatement(one_statement(&rows, rule)),
            _ => Self::Steps(Box::new(steps(dialect, &rows, next, rule))),
        }
    }
}

fn one_statement(rows: &str, rule: &ChangeRule<'_>) -> String {
    let of_bumped = |sql: &str| sql.replace("{revision}", "b.revision");
    let returning: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("{} AS {}", of_bumped(&field.sql), field.name))
        .collect();
    let recorded: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("COALESCE(a.{}, {})", field.name, field.absent))
        .collect();
    let recorded: Vec<_> = recorded.iter().map(String::as_str).collect();
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
             RETURNING i.ord, {returning}), \
         recorded AS ( \
             INSERT INTO changes ({COLUMNS}, revision, results) \
             SELECT {VALUES}, b.revision, {results} FROM raised AS b \
             RETURNING {RECORDED}) \
         SELECT {RECORDED}, TRUE AS is_new FROM recorded \
         UNION ALL SELECT {RECORDED}, FALSE FROM earlier",
        earlier = log::of_request(),
        assignments = of_bumped(&rule.assignments),
        returning = returning.join(", "),
        results =
            Dialect::Postgres.json_rows(&recorded, "input AS i LEFT JOIN applied AS a USING (ord)"),
    )
}

fn steps(dialect: Dialect, rows: &str, revision: usize, rule: &ChangeRule<'_>) -> Steps {
    let of_parameter = |sql: &str| sql.replace("{revision}", &format!("${revision}"));
    let fields: Vec<_> = rule
        .results
        .iter()
        .map(|field| {
            format!(
                "CASE WHEN m.user_id IS NULL THEN {} ELSE {} END AS {}",
                field.absent,
                of_parameter(&field.sql),
                field.name
            )
        })
        .collect();
    let names: Vec<_> = rule.results.iter().map(|field| field.name).collect();
    let results = dialect.json_rows(
        &names,
        &format!(
            "(SELECT i.ord, {} FROM {rows} LEFT JOIN members AS m \
              ON m.user_id = $1 AND m.conversation_key = i.conversation_key) AS results",
            fields.join(", ")
        ),
    );
    Steps {
        apply: format!(
            "UPDATE members AS m SET {} FROM {rows} \
             WHERE m.user_id = {} AND m.conversation_key = i.conversation_key",
            of_parameter(&rule.assignments),
            dialect.after_rows("$1"),
        ),
        surplus: rule.surplus,
        record: record(&format!("${revision}"), &results),
    }
}
