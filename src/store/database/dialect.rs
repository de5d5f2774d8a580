//! The differences between SQLite, PostgreSQL and Citus, in one place.
//!
//! The other modules of the store write their statements in the dialect that both databases share
//! (`RETURNING`, `UPDATE … FROM`, `ON CONFLICT`, `CASE`, `$1`). The databases differ in how a list of rows is
//! passed as parameters: [`Dialect::rows`] and [`Dialect::row_values`] do that. The text of a statement does
//! not depend on the number of rows, so it is prepared once.

mod column;

use sea_orm::{DbBackend, Value};

use super::coalesce::{Limits, RowsOfAUser};

pub(in crate::store) use column::{Column, ColumnType};

/// One of the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Dialect {
    /// SQLite, the embedded default.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
    /// PostgreSQL with its tables spread over machines by Citus.
    Citus,
}

impl Dialect {
    pub(in crate::store) const fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres | Self::Citus => DbBackend::Postgres,
        }
    }

    /// Whether what several statements change is one statement (`WITH … AS (UPDATE … RETURNING …)`), which
    /// saves the round trips. SQLite has none of them to save. A cluster would make each part by itself, hand what the
    /// parts return from machine to machine, and take several times as long.
    pub(in crate::store) const fn changes_in_one_statement(self) -> bool {
        match self {
            Self::Sqlite | Self::Citus => false,
            Self::Postgres => true,
        }
    }

    /// Whether an insertion can look up rows of other tables for what it returns.
    pub(in crate::store) const fn returns_look_ups(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgres => true,
            Self::Citus => false,
        }
    }

    /// How many changes of one kind run together. SQLite has one writer, for which all wait anyway. On a cluster
    /// nothing runs together: what concerns one user or one conversation is the work of one machine, and what concerns
    /// several would be a transaction of several.
    pub(in crate::store) const fn together(self) -> Limits {
        match self {
            Self::Sqlite => Limits {
                runs: 1,
                rows_of_one: 100,
                rows: 400,
                rows_of_a_user: RowsOfAUser::Any,
            },
            Self::Postgres => Limits {
                runs: 3,
                rows_of_one: 16,
                rows: 128,
                rows_of_a_user: RowsOfAUser::Any,
            },
            Self::Citus => Limits {
                rows_of_one: 0,
                ..Self::Postgres.together()
            },
        }
    }

    /// How many messages are stored together. PostgreSQL does not lock the rows of one user's change in an order
    /// that is sure: in a small table it may read them as they lie. So no run locks two rows of one user.
    pub(in crate::store) const fn appended_together(self) -> Limits {
        let rows_of_a_user = match self {
            Self::Sqlite => RowsOfAUser::Any,
            Self::Postgres | Self::Citus => RowsOfAUser::One,
        };
        Limits {
            rows_of_a_user,
            ..self.together()
        }
    }

    /// How much is looked up together. No look-up waits for a lock, so large requests gain, too.
    pub(in crate::store) const fn looked_up_together(self) -> Limits {
        let (runs, rows_of_one) = match self {
            Self::Sqlite => (1, 100),
            Self::Postgres => (2, 100),
            Self::Citus => (2, 0),
        };
        Limits {
            runs,
            rows_of_one,
            rows: 400,
            rows_of_a_user: RowsOfAUser::Any,
        }
    }

    /// OpenTelemetry's name of the database.
    pub(in crate::store) const fn system_name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres | Self::Citus => "postgresql",
        }
    }

    /// A table expression named `alias` for a list of rows that is passed as parameters from `$first`
    /// on. It has the named columns and `ord`, which rises in the order of the list. The second value
    /// is the number of the next free parameter.
    pub(in crate::store) fn rows(
        self,
        alias: &str,
        first: usize,
        columns: &[(&str, ColumnType)],
    ) -> (String, usize) {
        match self {
            Self::Postgres | Self::Citus => {
                let arrays = (first..).zip(columns);
                let arrays =
                    arrays.map(|(number, (_, kind))| format!("${number}::{}", kind.array()));
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                let sql = format!(
                    "unnest({}) WITH ORDINALITY AS {alias}({}, ord)",
                    arrays.collect::<Vec<_>>().join(", "),
                    names.join(", "),
                );
                (sql, first + columns.len())
            }
            Self::Sqlite => {
                let fields: Vec<_> = columns
                    .iter()
                    .enumerate()
                    .map(|(index, (name, kind))| match kind {
                        ColumnType::Key | ColumnType::Bytes | ColumnType::OptionalBytes => {
                            format!("unhex(r.value ->> {index}) AS {name}")
                        }
                        ColumnType::Integer
                        | ColumnType::Text
                        | ColumnType::OptionalInteger
                        | ColumnType::OptionalText => format!("r.value ->> {index} AS {name}"),
                    })
                    .collect();
                let sql = format!(
                    "(SELECT r.key AS ord, {} FROM jsonb_each(${first}) AS r) AS {alias}",
                    fields.join(", "),
                );
                (sql, first + 1)
            }
        }
    }

    /// The parameters for [`Dialect::rows`]. All columns have the same length.
    pub(in crate::store) fn row_values(self, columns: &[Column]) -> Vec<Value> {
        match self {
            Self::Postgres | Self::Citus => columns.iter().map(Column::to_array).collect(),
            Self::Sqlite => {
                let length = columns.first().map_or(0, Column::len);
                let mut json = String::from("[");
                for row in 0..length {
                    json.push_str(if row == 0 { "[" } else { ",[" });
                    for (index, column) in columns.iter().enumerate() {
                        if index > 0 {
                            json.push(',');
                        }
                        column.write_json(row, &mut json);
                    }
                    json.push(']');
                }
                json.push(']');
                vec![json.into()]
            }
        }
    }

    /// A condition on a column of texts: its value is one of those that are passed as [`Dialect::row_values`] of one
    /// column, from `$first` on. Beside the other columns of a key, an index is searched by the whole key, however
    /// few rows the database believes to have the others.
    pub(in crate::store) fn is_among(self, column: &str, first: usize) -> String {
        match self {
            Self::Postgres | Self::Citus => format!("{column} = ANY(${first}::text[])"),
            Self::Sqlite => {
                format!("{column} IN (SELECT r.value ->> 0 FROM jsonb_each(${first}) AS r)")
            }
        }
    }

    /// The greatest of these numbers, none of which is NULL.
    pub(in crate::store) fn greatest(self, numbers: &[&str]) -> String {
        let function = match self {
            Self::Sqlite => "MAX",
            Self::Postgres | Self::Citus => "GREATEST",
        };
        format!("{function}({})", numbers.join(", "))
    }

    /// The least of these numbers, none of which is NULL.
    pub(in crate::store) fn least(self, numbers: &[&str]) -> String {
        let function = match self {
            Self::Sqlite => "MIN",
            Self::Postgres | Self::Citus => "LEAST",
        };
        format!("{function}({})", numbers.join(", "))
    }

    /// The lesser of two numbers; the second where the first is NULL.
    pub(in crate::store) fn least_there_is(self, optional: &str, number: &str) -> String {
        match self {
            Self::Sqlite => {
                format!("(CASE WHEN {optional} < {number} THEN {optional} ELSE {number} END)")
            }
            Self::Postgres | Self::Citus => format!("LEAST({optional}, {number})"),
        }
    }

    /// A parameter as it stands in a condition that a table is searched by once for each of the
    /// [`Dialect::rows`]: the first column of a key of which the rows have the second.
    pub(in crate::store) fn after_rows(self, parameter: &str) -> String {
        self.after("i.ord", parameter)
    }

    /// The same after the rows of a table that have this column, which is never negative.
    ///
    /// Compared with the parameter itself, the first column of the key could be searched by alone, and
    /// both databases do that when they believe that the user has few rows: SQLite without statistics,
    /// PostgreSQL with those of the average user. Then they read all rows of a user who has 20,000. With
    /// this the parameter is known no sooner than the row, so that the whole key is.
    #[expect(clippy::unused_self, reason = "both databases need it")]
    pub(in crate::store) fn after(self, column: &str, parameter: &str) -> String {
        format!("CASE WHEN {column} >= 0 THEN {parameter} END")
    }

    /// The condition by which a cluster knows that `column` is the user of `parameter`, and asks one machine. It is
    /// added to conditions that say the same in a form that a cluster does not understand: a join, or
    /// [`Dialect::after`].
    ///
    /// No index has this collation, which sorts like that of the tables and is another one. So PostgreSQL does not
    /// search by this condition, for the reason that is given for [`Dialect::after`].
    pub(in crate::store) fn routed(self, column: &str, parameter: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => String::new(),
            Self::Citus => format!(" AND {column} = {parameter} COLLATE \"POSIX\""),
        }
    }

    /// The same for rows of the users in an array, the parameter `$number`: as many machines as they are on.
    pub(in crate::store) fn routed_to_any(self, column: &str, number: usize) -> String {
        match self {
            Self::Sqlite | Self::Postgres => String::new(),
            Self::Citus => format!(" AND {column} = ANY(${number}::text[] COLLATE \"POSIX\")"),
        }
    }

    /// The same for conversations whose keys are the array `$number`. The rest of the condition gives
    /// their whole key, so an index may serve this.
    pub(in crate::store) fn routed_to_keys(self, column: &str, number: usize) -> String {
        match self {
            Self::Sqlite | Self::Postgres => String::new(),
            Self::Citus => format!(" AND {column} = ANY(${number}::bytea[])"),
        }
    }

    /// A left join of the row of `table`, as `alias`, that `condition` finds by its whole key, with columns of
    /// several tables before it. PostgreSQL may take the columns of one of them alone, and read all rows that have
    /// a part of the key, if it believes that those are few. A query of its own, which `OFFSET 0` keeps apart, goes
    /// by all of them. SQLite always does.
    pub(in crate::store) fn left_look_up(
        self,
        table: &str,
        alias: &str,
        condition: &str,
    ) -> String {
        match self {
            Self::Sqlite => format!("LEFT JOIN {table} AS {alias} ON {condition}"),
            Self::Postgres | Self::Citus => format!(
                "LEFT JOIN LATERAL (SELECT {alias}.* FROM {table} AS {alias} WHERE {condition} OFFSET 0) \
                 AS {alias} ON TRUE"
            ),
        }
    }

    /// The clause that lets a query return no more rows than a parameter says. SQLite makes the plan of a statement
    /// anew whenever a parameter that is a limit by itself gets a value, which takes longer than the query.
    #[expect(clippy::unused_self, reason = "the other database does not mind")]
    pub(in crate::store) fn limit(self, parameter: &str) -> String {
        format!("LIMIT {parameter} + 0")
    }

    /// Whether a statement names the indices that it is to read by. SQLite mostly has no statistics, and without them
    /// prefers to read all rows of a user by the primary key. PostgreSQL knows better.
    pub(in crate::store) const fn names_indices(self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// The clause that follows a table in a `FROM` that is to be read by this index, where that is named.
    pub(in crate::store) fn by_index(self, index: &str) -> String {
        if self.names_indices() {
            format!(" INDEXED BY {index}")
        } else {
            String::new()
        }
    }

    /// An aggregate: the JSON text `[a, …]` of the rows of a group, in the order of `i.ord`.
    pub(in crate::store) fn json_array(self, value: &str) -> String {
        match self {
            Self::Postgres | Self::Citus => format!("json_agg({value} ORDER BY i.ord)::text"),
            Self::Sqlite => format!("json_group_array({value} ORDER BY i.ord)"),
        }
    }

    /// A JSON array of these values.
    pub(in crate::store) fn json_tuple(self, values: &[&str]) -> String {
        let build = match self {
            Self::Postgres | Self::Citus => "json_build_array",
            Self::Sqlite => "json_array",
        };
        format!("{build}({})", values.join(", "))
    }

    /// A value that is JSON, as one of the values of [`Dialect::json_array`]. SQLite forgets that a value is JSON and
    /// no text where it is one of several cases.
    pub(in crate::store) fn json(self, value: &str) -> String {
        match self {
            Self::Postgres | Self::Citus => value.to_owned(),
            Self::Sqlite => format!("json({value})"),
        }
    }

    /// An expression of the JSON text `[[a, b, …], …]` of the rows that `from` yields, in the order of
    /// the column `ord`.
    pub(in crate::store) fn json_rows(self, fields: &[&str], ord: &str, from: &str) -> String {
        let row = self.json_tuple(fields);
        let rows = match self {
            Self::Postgres | Self::Citus => {
                format!("COALESCE(json_agg({row} ORDER BY {ord})::text, '[]')")
            }
            Self::Sqlite => format!("json_group_array({row} ORDER BY {ord})"),
        };
        format!("(SELECT {rows} FROM {from})")
    }
}
