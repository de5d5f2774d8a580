//! Reading, pinning, muting, marking, and the product's own data: changes of single columns of a
//! user's rows.
//!
//! Each rule says what it changes and when that is news. What was news has the change's revision in
//! `changed_by`, from which the results are worked out afterwards.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Store, StoreError,
    change::{Change, ChangeError, ChangeRule, ChangeStatement, ResultField, Surplus},
    deletions::within_membership,
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    kind::StoredKind,
    log::{CHANGED, NOT_FOUND, NOT_LISTED, Recorded, UNCHANGED},
};
use crate::domain::{
    Changed, ConversationId, CustomData, MarkChange, Marks, MarksChanged, Muting, Origin, Pinning,
    ReadingChanged, Seq, Synchronisation, Timestamp,
};

/// A conversation to read or pin.
#[derive(Debug, Clone)]
pub(crate) struct Positioned {
    /// The conversation, as its user sees it.
    pub(crate) conversation_id: ConversationId,
    /// Its key.
    pub(crate) key: ConversationKey,
    /// How far to read it; to pin it, its newest position.
    pub(crate) position: Seq,
}

pub(super) struct Statements {
    read: Arc<ChangeStatement>,
    pin: Arc<ChangeStatement>,
    unpin: Arc<ChangeStatement>,
    mute: Arc<ChangeStatement>,
    mark: Arc<ChangeStatement>,
    custom_data: Arc<ChangeStatement>,
}

/// How far to read; for pins, the newest position.
const POSITION: [(&str, ColumnType); 1] = [("position", ColumnType::Integer)];

/// The rule of one kind of change: `column` becomes `value` where `is_news` holds.
struct Rule<'a> {
    column: &'a str,
    value: &'a str,
    is_news: &'a str,
    /// Whether the value is recorded.
    recorded: bool,
    /// What the rows come with, as columns of `i`.
    input: &'a [(&'a str, ColumnType)],
    surplus: Option<Surplus>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let position = within_membership("i.position");
        let seen = dialect.greatest(&["m.read_through", "m.joined_after"]);
        let listed = format!("{position} > m.hidden_through AND {position} > m.joined_after");
        let marks = "((m.marks | i.added) & ~i.removed)";
        let pinning = |value, is_news, surplus| Rule {
            column: "pinned_at",
            value,
            is_news,
            recorded: false,
            input: &POSITION,
            surplus,
        };
        Self {
            read: Rule {
                column: "read_through",
                value: &position,
                is_news: &format!("{position} > {seen}"),
                recorded: true,
                input: &POSITION,
                surplus: None,
            }
            .statement(dialect, None),
            pin: pinning(
                "{revision}",
                &format!("m.pinned_at IS NULL AND {listed}"),
                Some(Surplus::Refused),
            )
            .statement(dialect, Some(&listed)),
            unpin: pinning("NULL", "m.pinned_at IS NOT NULL", None)
                .statement(dialect, Some(&listed)),
            mute: Rule {
                column: "muted",
                value: "i.muted",
                is_news: "m.muted <> i.muted",
                recorded: false,
                input: &[("muted", ColumnType::Integer)],
                surplus: None,
            }
            .statement(dialect, None),
            mark: Rule {
                column: "marks",
                value: marks,
                is_news: &format!("m.marks <> {marks}"),
                recorded: true,
                input: &[
                    ("added", ColumnType::Integer),
                    ("removed", ColumnType::Integer),
                ],
                surplus: None,
            }
            .statement(dialect, None),
            custom_data: Rule {
                column: "custom_data",
                value: "i.custom_data",
                is_news: "m.custom_data IS DISTINCT FROM i.custom_data",
                recorded: false,
                input: &[("custom_data", ColumnType::OptionalBytes)],
                surplus: None,
            }
            .statement(dialect, None),
        }
    }
}

impl Rule<'_> {
    /// `listed` is the condition on which a row counts as listed, for a change that needs it to be.
    fn statement(&self, dialect: Dialect, listed: Option<&str>) -> Arc<ChangeStatement> {
        let Self {
            column,
            value,
            is_news,
            ..
        } = self;
        let input = [&[("conversation_key", ColumnType::Key)], self.input].concat();
        let not_listed = listed.map_or_else(String::new, |listed| {
            format!("WHEN NOT ({listed}) THEN {NOT_LISTED} ")
        });
        let outcome = format!(
            "CASE WHEN m.changed_by = {{revision}} THEN {CHANGED} {not_listed}ELSE {UNCHANGED} END"
        );
        let field = |name, sql, absent| ResultField { name, sql, absent };
        let results = [
            field("outcome", outcome, NOT_FOUND),
            field("value", format!("m.{column}"), 0),
        ];
        let rule = ChangeRule {
            input: &input,
            assignments: format!(
                "{column} = CASE WHEN {is_news} THEN {value} ELSE m.{column} END, \
                 changed_by = CASE WHEN {is_news} THEN {{revision}} ELSE m.changed_by END"
            ),
            results: &results[..=usize::from(self.recorded)],
            surplus: self.surplus,
        };
        Arc::new(ChangeStatement::new(dialect, &rule))
    }
}

impl Store {
    /// Marks conversations read, each through its position; or returns what was recorded when the
    /// request came first.
    pub(crate) async fn read(
        &self,
        origin: &Origin,
        time: Timestamp,
        conversations: Vec<Positioned>,
    ) -> Result<ReadingChanged, ChangeError> {
        let change = positioned(origin, time, StoredKind::Read, conversations);
        let statement = &self.statements.settings.read;
        let recorded = self.change("read", statement, change).await?;
        Ok(changed_to(recorded, Seq::from_stored)?)
    }

    /// Pins or unpins conversations, as [`Store::read`] reads them.
    pub(crate) async fn pin(
        &self,
        origin: &Origin,
        time: Timestamp,
        pinning: Pinning,
        conversations: Vec<Positioned>,
        pin_limit: u32,
    ) -> Result<Changed, ChangeError> {
        let statements = &self.statements.settings;
        let (kind, statement) = match pinning {
            Pinning::Pin => (StoredKind::Pin, &statements.pin),
            Pinning::Unpin => (StoredKind::Unpin, &statements.unpin),
        };
        let change = Change {
            pin_limit,
            ..positioned(origin, time, kind, conversations)
        };
        let recorded = self.change("pin", statement, change).await?;
        Ok(changed(recorded)?)
    }

    /// Mutes or unmutes conversations, as [`Store::read`] reads them.
    pub(crate) async fn mute(
        &self,
        origin: &Origin,
        time: Timestamp,
        muting: Muting,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<Changed, ChangeError> {
        let (kind, muted) = match muting {
            Muting::Mute => (StoredKind::Mute, 1),
            Muting::Unmute => (StoredKind::Unmute, 0),
        };
        let muted = Column::Integers(vec![muted; conversations.len()]);
        let change = keyed(origin, time, kind, conversations, vec![muted]);
        let statement = &self.statements.settings.mute;
        let recorded = self.change("mute", statement, change).await?;
        Ok(changed(recorded)?)
    }

    /// Puts marks on conversations and takes marks off, as [`Store::read`] reads them.
    pub(crate) async fn mark(
        &self,
        origin: &Origin,
        time: Timestamp,
        marks: MarkChange,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<MarksChanged, ChangeError> {
        let marks = [marks.add, marks.remove]
            .map(|marks| Column::Integers(vec![marks.to_stored(); conversations.len()]));
        let change = keyed(origin, time, StoredKind::Mark, conversations, marks.into());
        let statement = &self.statements.settings.mark;
        let recorded = self.change("mark", statement, change).await?;
        Ok(changed_to(recorded, |bits| Some(Marks::from_stored(bits)))?)
    }

    /// Sets the product's own data on conversations, as [`Store::read`] reads them.
    pub(crate) async fn set_custom_data(
        &self,
        origin: &Origin,
        time: Timestamp,
        data: &CustomData,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<Changed, ChangeError> {
        let bytes = data.as_bytes();
        let data = (!bytes.is_empty()).then(|| bytes.to_vec());
        let data = Column::OptionalBytes(vec![data; conversations.len()]);
        let kind = StoredKind::SetCustomData;
        let change = Change {
            detail: Some(STANDARD.encode(bytes)),
            ..keyed(origin, time, kind, conversations, vec![data])
        };
        let statement = &self.statements.settings.custom_data;
        let recorded = self.change("set_custom_data", statement, change).await?;
        Ok(changed(recorded)?)
    }
}

/// A change that is always synchronised and takes nothing.
pub(super) fn plain(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<ConversationId>,
    input: Vec<Column>,
) -> Change {
    Change {
        origin: origin.clone(),
        kind,
        time,
        synchronisation: Synchronisation::OtherClients,
        restorable_until: None,
        erasable_from: None,
        undoes: None,
        detail: None,
        conversations,
        input,
        pin_limit: u32::MAX,
    }
}

fn positioned(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<Positioned>,
) -> Change {
    let positions = conversations
        .iter()
        .map(|one| one.position.to_stored())
        .collect();
    let keyed_ids = conversations
        .into_iter()
        .map(|one| (one.conversation_id, one.key))
        .collect();
    let positions = vec![Column::Integers(positions)];
    keyed(origin, time, kind, keyed_ids, positions)
}

/// A change with these columns beside the keys.
fn keyed(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<(ConversationId, ConversationKey)>,
    mut columns: Vec<Column>,
) -> Change {
    let (ids, keys) = conversations.into_iter().unzip();
    columns.insert(0, Column::Keys(keys));
    plain(origin, time, kind, ids, columns)
}

fn changed(recorded: Recorded) -> Result<Changed, StoreError> {
    results(recorded, |_| Some(()))
}

fn changed_to<T>(
    recorded: Recorded,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Changed<T>, StoreError> {
    results(recorded, |numbers| read(*numbers.first()?))
}

fn results<T>(
    recorded: Recorded,
    read: impl Fn(&[i64]) -> Option<T>,
) -> Result<Changed<T>, StoreError> {
    let error = recorded.inconsistent("results");
    let conversations = recorded.conversations.into_iter().map(|conversation| {
        let outcome = conversation.change_outcome()?;
        let value = read(&conversation.numbers)?;
        Some((conversation.id, outcome, value))
    });
    Ok(Changed {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}

/// The data that a change has set.
pub(super) fn recorded_data(recorded: &Recorded) -> Result<CustomData, StoreError> {
    let bytes = recorded
        .detail
        .as_ref()
        .and_then(|text| STANDARD.decode(text).ok());
    let data = bytes.and_then(|bytes| CustomData::new(bytes).ok());
    data.ok_or_else(|| recorded.inconsistent("detail"))
}
