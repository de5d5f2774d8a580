//! A user's hidden conversations.
//!
//! They are read from the index of unlisted conversations, and from the index of lists, where a conversation that
//! was just deleted still is; listed ones are skipped there. As for a list, the rows of large groups are returned
//! as well, because only their heads say whether they are hidden.

use std::{collections::HashMap, iter::once};

use sea_orm::FromQueryResult;

use super::{
    LISTED,
    entries::Entry,
    members::{self, member},
    statements::{self, EARLIEST, LATEST},
};
use crate::{
    domain::{
        ConversationKey, ConversationKind, HiddenFilter, HiddenPosition, Revision, Timestamp,
        UserId,
    },
    store::{
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            row::{Row, read_all},
        },
        entity::{self, changes, value::stored_kind},
        lists::{IS_UNLISTED, Lists, MAY_BE_LISTED},
        users::{Revisions, revisions_of},
    },
};

/// A hidden conversation.
#[derive(Debug)]
pub(crate) struct Hidden {
    pub(crate) entry: Entry,
    /// The last deletion that took something from it, unless its undo has ended for good.
    pub(crate) deletion: Option<Revision>,
}

/// The deletions that lie on a conversation.
#[derive(FromQueryResult)]
struct Taken {
    taken_by: Option<Revision>,
    undo_ended: Option<Revision>,
}

/// A deletion that can be undone.
#[derive(FromQueryResult)]
struct Restorable {
    revision: Revision,
    restorable_until: Timestamp,
}

/// The user, the kinds as one mask, the place at which the page begins, and how long it is.
struct Page {
    user: UserId,
    kinds: i64,
    after: Option<(Timestamp, ConversationKey)>,
    limit: usize,
}

impl InputRow for Page {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |page| page.user.to_string()),
        InputColumn::integer("kinds", |page| page.kinds),
        InputColumn::optional_integer("after_time", |page| {
            page.after.map(|(time, _)| time.as_micros())
        }),
        InputColumn::optional_bytes("after_key", |page| {
            page.after.map(|(_, key)| key.to_bytes())
        }),
        InputColumn::integer("length", |page| {
            i64::try_from(page.limit).unwrap_or(i64::MAX)
        }),
    ];
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    page: String,
    restorable: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let shape = Shape::of::<Page>();
        let [user, kinds, after_time, after_key, length] =
            ["user_id", "kinds", "after_time", "after_key", "length"]
                .map(|name| shape.parameter(name));
        let limit = dialect.limit(&length);
        let rows = |index, are_in_it| {
            let by_index = dialect.by_index(index);
            format!(
                "SELECT m.* FROM members AS m{by_index} \
                 WHERE m.user_id = {user} AND {are_in_it} AND (m.kind & {kinds}) <> 0"
            )
        };
        let may_be_listed = rows("members_listed", MAY_BE_LISTED);
        let unlisted = rows("members_unlisted", IS_UNLISTED);
        let hidden = format!(
            "m.last_time <= COALESCE({after_time}, {LATEST}) AND m.last_time >= {EARLIEST} \
             AND CASE WHEN m.last_seq > m.joined_after AND NOT ({LISTED}) \
                 AND ({after_time} IS NULL OR m.last_time < {after_time} \
                      OR m.conversation_key > {after_key}) \
                 THEN TRUE ELSE FALSE END \
             ORDER BY m.last_time DESC, m.conversation_key {limit}"
        );
        let (deletions, _) = dialect.rows("i", 3, &[("revision", ColumnType::Integer)]);
        Self {
            page: format!(
                "WITH without_copy AS ({may_be_listed} AND m.last_time IS NULL), \
                 just_deleted AS ({may_be_listed} AND {hidden}), \
                 unlisted AS ({unlisted} AND {hidden}), \
                 hidden AS ( \
                     SELECT * FROM (SELECT * FROM just_deleted UNION ALL SELECT * FROM unlisted) AS either \
                     ORDER BY last_time DESC, conversation_key {limit} \
                 ) \
                 SELECT {revisions}, p.taken_by, p.undo_ended, {columns} FROM {me} \
                 LEFT JOIN (SELECT * FROM without_copy UNION ALL SELECT * FROM hidden) AS p ON TRUE",
                revisions = statements::revisions(dialect),
                me = statements::me(&user),
                columns = members::returned(dialect, "p", &user).columns(),
            ),
            restorable: format!(
                "SELECT c.revision, c.restorable_until FROM {deletions} CROSS JOIN changes AS c \
                 WHERE c.user_id = {user} AND c.revision = i.revision AND c.restorable_until > $2{routed}",
                user = dialect.after_rows("$1"),
                routed = dialect.routed("c.user_id", "$1"),
            ),
        }
    }
}

impl Lists {
    /// A page of what is hidden, in no order, and the user's revisions. Besides the page, all large groups that are
    /// hidden: where they stand, their heads tell, which are read in a second statement.
    pub(crate) async fn hidden(
        &self,
        user: &UserId,
        filter: &HiddenFilter,
        after: Option<HiddenPosition>,
        limit: usize,
    ) -> Result<(Revisions, Vec<Hidden>), StoreError> {
        let mask = |mask, kind: &ConversationKind| mask | i64::from(stored_kind(*kind));
        let kinds = match &filter.kinds[..] {
            [] => i64::from(i16::MAX),
            kinds => kinds.iter().fold(0, mask),
        };
        let page = Page {
            user: user.clone(),
            kinds,
            after: after.map(|after| (after.activity, ConversationKey::of_bytes(after.key))),
            limit,
        };
        let page = Input::of(&once(&page)).into_scalars();
        let statement = self.database.statement(&self.statements.hidden.page, page);
        let (revisions, members, deletions) = self
            .database
            .read("hidden", statement, |rows| {
                let (mut members, mut deletions) = (Vec::new(), Vec::new());
                for row in rows {
                    let Some(member) = member(row)? else { continue };
                    let Taken {
                        taken_by,
                        undo_ended,
                    } = Row::of(entity::members::Entity, row).read()?;
                    let can_be_undone = |by: &Revision| undo_ended.is_none_or(|ended| *by > ended);
                    let deletion = taken_by.filter(can_be_undone);
                    members.push(member);
                    deletions.push(deletion);
                }
                Ok((revisions_of(rows)?, members, deletions))
            })
            .await?;
        let entries = self.with_latest(members).await?.into_iter();
        let hidden = entries.zip(deletions);
        let hidden = hidden.map(|(entry, deletion)| Hidden { entry, deletion });
        let hidden = hidden.filter(|one| one.entry.member.view.is_hidden(one.entry.latest.seq));
        Ok((revisions, hidden.collect()))
    }

    /// Those of these deletions that can be undone `now`, and until when.
    pub(crate) async fn restorable(
        &self,
        user: &UserId,
        deletions: Vec<Revision>,
        now: Timestamp,
    ) -> Result<HashMap<Revision, Timestamp>, StoreError> {
        if deletions.is_empty() {
            return Ok(HashMap::new());
        }
        let deletions = deletions.into_iter().map(Revision::to_stored).collect();
        let mut values = vec![user.as_str().into(), now.as_micros().into()];
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Integers(deletions)]),
        );
        let statement = self
            .database
            .statement(&self.statements.hidden.restorable, values);
        self.database
            .read("restorable", statement, |rows| {
                let rows: Vec<Restorable> = read_all(changes::Entity, rows)?;
                let until = rows
                    .into_iter()
                    .map(|row| (row.revision, row.restorable_until));
                Ok(until.collect())
            })
            .await
    }
}
