//! Reading, pinning, muting, marking, and the product's own data: changes of single columns of a
//! user's rows.
//!
//! Each rule says what it changes and when that is news. What was news has the change's revision in
//! `changed_by`, from which the results are worked out afterwards.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Store, StoreError,
    change::{
        Change, ChangeError, ChangeRule, ChangeStatement, FIRST_SCALAR, ResultField, Surplus,
    },
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
    read: ChangeStatement,
    pin: ChangeStatement,
    unpin: ChangeStatement,
    mute: ChangeStatement,
    mark: ChangeStatement,
    custom_data: ChangeStatement,
}

/// The rule of one kind of change: `column` becomes `value` where `is_news` holds.
struct Rule<'a> {
    column: &'a str,
    value: &'a str,
    is_news: &'a str,
    /// Whether the value is recorded.
    recorded: bool,
    scalars: usize,
    /// Whether the rows come with a position, as `i.position`.
    positioned: bool,
    surplus: Option<Surplus>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let position = within_membership("i.position");
        let seen = dialect.greatest(&["m.read_through", "m.joined_after"]);
        let listed = format!("{position} > m.hidden_through AND {position} > m.joined_after");
        let first = format!("${FIRST_SCALAR}");
        let second = format!("${}", FIRST_SCALAR + 1);
        let marks = format!("((m.marks | {first}) & ~{second})");
        let setting = |column, value, scalars, recorded| Rule {
            column,
            value,
            is_news: "",
            recorded,
            scalars,
            positioned: false,
            surplus: None,
        };
        let pinning = |value, is_news, surplus| Rule {
            column: "pinned_at",
            value,
            is_news,
            recorded: false,
            scalars: 0,
            positioned: true,
            surplus,
        };
        Self {
            read: Rule {
                column: "read_through",
                value: &position,
                is_news: &format!("{position} > {seen}"),
                recorded: true,
                scalars: 0,
                positioned: true,
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
                is_news: &format!("m.muted <> {first}"),
                ..setting("muted", &first, 1, false)
            }
            .statement(dialect, None),
            mark: Rule {
                is_news: &format!("m.marks <> {marks}"),
                ..setting("marks", &marks, 2, true)
            }
            .statement(dialect, None),
            custom_data: Rule {
                is_news: &format!("m.custom_data IS DISTINCT FROM {first}"),
                ..setting("custom_data", &first, 1, false)
            }
            .statement(dialect, None),
        }
    }
}

impl Rule<'_> {
    /// `listed` is the condition on which a row counts as listed, for a change that needs it to be.
    fn statement(&self, dialect: Dialect, listed: Option<&str>) -> ChangeStatement {
        let Self {
            column,
            value,
            is_news,
            ..
        } = self;
        let key = ("conversation_key", ColumnType::Key);
        let input = [key, ("position", ColumnType::Integer)];
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
            scalars: self.scalars,
            input: &input[..=usize::from(self.positioned)],
            assignments: format!(
                "{column} = CASE WHEN {is_news} THEN {value} ELSE m.{column} END, \
                 changed_by = CASE WHEN {is_news} THEN {{revision}} ELSE m.changed_by END"
            ),
            results: &results[..=usize::from(self.recorded)],
            surplus: self.surplus,
        };
        ChangeStatement::new(dialect, &rule)
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
            Muting::Mute => (StoredKind::Mute, 1_i16),
            Muting::Unmute => (StoredKind::Unmute, 0),
        };
        let change = Change {
            scalars: vec![muted.into()],
            ..keyed(origin, time, kind, conversations)
        };
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
        let change = Change {
            scalars: vec![
                marks.add.to_stored().into(),
                marks.remove.to_stored().into(),
            ],
            ..keyed(origin, time, StoredKind::Mark, conversations)
        };
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
        let change = Change {
            detail: Some(STANDARD.encode(bytes)),
            scalars: vec![(!bytes.is_empty()).then(|| bytes.to_vec()).into()],
            ..keyed(origin, time, StoredKind::SetCustomData, conversations)
        };
        let statement = &self.statements.settings.custom_data;
        let recorded = self.change("set_custom_data", statement, change).await?;
        Ok(changed(recorded)?)
    }
}

/// A change that is always synchronised and takes nothing.
pub(super) fn plain<'a>(
    origin: &'a Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: &[ConversationId],
    input: Vec<Column>,
) -> Change<'a> {
    Change {
        origin,
        kind,
        time,
        synchronisation: Synchronisation::OtherClients,
        restorable_until: None,
        erasable_from: None,
        undoes: None,
        detail: None,
        conversations: conversations.iter().map(ToString::to_string).collect(),
        scalars: Vec::new(),
        input,
        pin_limit: u32::MAX,
    }
}

fn positioned(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<Positioned>,
) -> Change<'_> {
    let keys = conversations.iter().map(|one| one.key).collect();
    let positions = conversations
        .iter()
        .map(|one| one.position.to_stored())
        .collect();
    let ids: Vec<_> = conversations
        .into_iter()
        .map(|one| one.conversation_id)
        .collect();
    let input = vec![Column::Keys(keys), Column::Integers(positions)];
    plain(origin, time, kind, &ids, input)
}

fn keyed(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<(ConversationId, ConversationKey)>,
) -> Change<'_> {
    let (ids, keys): (Vec<_>, _) = conversations.into_iter().unzip();
    plain(origin, time, kind, &ids, vec![Column::Keys(keys)])
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
