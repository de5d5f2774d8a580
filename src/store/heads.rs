//! The head of each conversation: its newest position and its time.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, FromQueryResult,
    Insert, QueryFilter as _, QueryTrait, Set, UpdateMany,
    sea_query::{Expr, OnConflict, Query, ReturningClause},
};

use crate::{
    domain::{Batch, CanonicalId, ConversationId, ConversationKey, Seq, Timestamp, UserId},
    store::{
        database::{
            Database,
            coalesce::{Coalescer, Request},
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            row::Row,
        },
        entity::{
            columns,
            conversations::{self, Column as C},
            value::{Flag, Json},
        },
    },
};

/// The head of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Head {
    /// The conversation, as all its members share it.
    pub(crate) canonical_id: CanonicalId,
    /// The newest position; zero if nothing was sent yet.
    pub(crate) last_seq: Seq,
    /// When the newest message was stored.
    pub(crate) last_time: Timestamp,
    /// Whether it is a group whose members have no copy of this: see [`crate::store::messages::append`].
    pub(in crate::store) is_large: Flag,
}

/// A head and its key.
#[derive(FromQueryResult)]
struct Keyed {
    conversation_key: ConversationKey,
    #[sea_orm(nested)]
    head: Head,
}

/// A conversation and a position in it: its newest, or how far it is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Positioned {
    /// The conversation, as its user sees it.
    pub(crate) conversation_id: ConversationId,
    /// Its key.
    pub(crate) key: ConversationKey,
    /// The position.
    pub(crate) position: Seq,
}

/// A conversation whose newest position is asked for.
struct Asked {
    key: ConversationKey,
    canonical_id: CanonicalId,
}

impl InputRow for Asked {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |asked| asked.key),
        InputColumn::text("canonical_id", |asked| {
            asked.canonical_id.as_str().to_owned()
        }),
    ];
}

/// The conversations whose newest positions one call asks for.
struct Positions(Vec<Asked>);

impl Positions {
    /// Of the conversations that `user` means by these IDs.
    fn of<'a>(user: &UserId, ids: impl IntoIterator<Item = &'a ConversationId>) -> Self {
        let asked = ids.into_iter().map(|id| {
            let canonical_id = id.canonical(user);
            let key = ConversationKey::from(&canonical_id);
            Asked { key, canonical_id }
        });
        Self(asked.collect())
    }
}

impl Request for Positions {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn excludes(&self) -> Option<&str> {
        None
    }
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    heads: String,
    positions: String,
}

/// Stands for the position of a conversation that shares its key with the one that is asked for.
const OF_ANOTHER: i64 = -1;

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let routed = |number| dialect.routed_to_keys("c.conversation_key", number);
        let (keys, _) = dialect.rows("i", 1, &[("conversation_key", ColumnType::Key)]);
        let shape = Shape::of::<Asked>();
        let (asked, _) = dialect.rows("i", 1, shape.columns());
        let position = format!(
            "CASE WHEN c.canonical_id <> i.canonical_id THEN {OF_ANOTHER} \
             ELSE COALESCE(c.last_seq, 0) END"
        );
        Self {
            heads: format!(
                "SELECT {} FROM {keys} CROSS JOIN conversations AS c \
                 WHERE c.conversation_key = i.conversation_key{}",
                columns("c.", COLUMNS),
                routed(1)
            ),
            // One row, for what a row costs on its way is more than what a position costs to find.
            positions: format!(
                "SELECT {} AS positions FROM {asked} LEFT JOIN conversations AS c \
                 ON c.conversation_key = i.conversation_key{}",
                dialect.json_array(&position),
                routed(shape.array("conversation_key", 1))
            ),
        }
    }
}

/// The heads of conversations.
#[derive(Clone)]
pub(crate) struct Heads {
    database: Database,
    statements: Arc<Statements>,
    /// The requests for positions that wait to be answered together.
    waiting: Arc<Coalescer<Positions, Vec<Seq>, StoreError>>,
}

impl Heads {
    pub(in crate::store) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            statements: Arc::new(Statements::new(database.dialect)),
            waiting: Arc::new(Coalescer::new(database.dialect.looked_up_together())),
        }
    }

    /// The heads of those of these conversations that exist.
    pub(crate) async fn of_keys(
        &self,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        self.database
            .retrying("heads", || async {
                self.through(&self.database.pool(), keys.clone()).await
            })
            .await
    }

    /// The heads of conversations that a user has: each has one.
    pub(in crate::store) async fn of_known(
        &self,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        self.database
            .retrying("heads", || async {
                self.of_known_through(&self.database.pool(), keys.clone())
                    .await
            })
            .await
    }

    /// The same, on a connection that is at hand.
    ///
    /// # Errors
    ///
    /// [`StoreError::Contention`] on a cluster where a conversation of which the user's row was seen cannot be seen
    /// yet: see [`half_committed`].
    pub(in crate::store) async fn of_known_through(
        &self,
        connection: &impl ConnectionTrait,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        let heads = self.through(connection, keys.clone()).await?;
        if self.database.is_distributed() && !keys.iter().all(|key| heads.contains_key(key)) {
            return Err(half_committed());
        }
        Ok(heads)
    }

    async fn through(
        &self,
        connection: &impl ConnectionTrait,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let values = self.database.dialect.row_values(&[Column::Keys(keys)]);
        let statement = self.database.statement(&self.statements.heads, values);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter()
            .map(|row| keyed_head(&Row::of(conversations::Entity, row)))
            .collect()
    }

    /// These conversations of a user with their newest positions, in their order; zero where there is none.
    /// Calls that ask at the same time are answered together.
    pub(crate) async fn positions(
        &self,
        user: &UserId,
        ids: Batch<ConversationId>,
    ) -> Result<Vec<Positioned>, StoreError> {
        let positions = Arc::new(Positions::of(user, ids.iter()));
        let heads = self.clone();
        let run = move |batch: Vec<Arc<Positions>>| {
            let heads = heads.clone();
            async move { heads.positions_of(&batch).await }
        };
        let found = self.waiting.carry_out(Arc::clone(&positions), run).await?;
        let found = positions.0.iter().zip(found);
        let positioned = ids.into_iter().zip(found);
        let positioned = positioned.map(|(conversation_id, (asked, position))| Positioned {
            conversation_id,
            key: asked.key,
            position,
        });
        Ok(positioned.collect())
    }

    async fn positions_of(&self, batch: &[Arc<Positions>]) -> Result<Vec<Vec<Seq>>, StoreError> {
        let asked = batch.iter().flat_map(|one| &one.0);
        let rows = Input::of(&asked);
        let found: Vec<i64> = self
            .database
            .retrying("positions", || async {
                let values = self.database.dialect.row_values(rows.columns());
                let statement = self.database.statement(&self.statements.positions, values);
                let row = self.database.pool().query_one_raw(statement).await?;
                let row = row.ok_or_else(|| DbErr::RecordNotFound("positions".to_owned()))?;
                let Json(found) = Row::of(conversations::Entity, &row).get("positions")?;
                Ok::<_, StoreError>(found)
            })
            .await?;
        let inconsistent = |key: &ConversationKey| {
            StoreError::inconsistent(conversations::Entity, "canonical_id", key.to_string())
        };
        let mut found = found.into_iter().zip(asked).map(|(position, asked)| {
            Seq::from_stored(position).ok_or_else(|| inconsistent(&asked.key))
        });
        let of_each = batch.iter().map(|one| {
            let positions: Vec<_> = found.by_ref().take(one.0.len()).collect::<Result<_, _>>()?;
            Ok(positions)
        });
        of_each.collect()
    }
}

/// The error for what a cluster has committed on one machine and not yet on another: a moment later it has.
///
/// A cluster commits each machine's part of a transaction by itself. So a user's row may be seen with a message whose
/// conversation is still without it; no reader of one server sees that.
pub(in crate::store) fn half_committed() -> StoreError {
    let on_its_way = "the cluster has not committed it on all machines yet";
    StoreError::Contention(DbErr::Custom(on_its_way.to_owned()))
}

/// The columns that [`keyed_head`] reads.
pub(in crate::store) const COLUMNS: [C; 5] = [
    C::ConversationKey,
    C::CanonicalId,
    C::LastSeq,
    C::LastTime,
    C::IsLarge,
];

/// Locks the head of a conversation, and changes nothing.
pub(in crate::store) fn lock(key: ConversationKey) -> UpdateMany<conversations::Entity> {
    conversations::Entity::update_many()
        .col_expr(C::LastSeq, Expr::col(C::LastSeq))
        .filter(C::ConversationKey.eq(key))
}

/// Locks the head of a group whose members may change, and notes that they may; returns [`COLUMNS`].
pub(in crate::store) fn lock_group(key: ConversationKey) -> UpdateMany<conversations::Entity> {
    let mut lock = conversations::Entity::update_many()
        .col_expr(C::MembershipChanges, one_more())
        .filter(C::ConversationKey.eq(key));
    QueryTrait::query(&mut lock).returning(head());
    lock
}

/// The same of a group that may have no head yet: it gets one, without a message.
pub(in crate::store) fn lock_or_create_group(
    key: ConversationKey,
    id: &CanonicalId,
    now: Timestamp,
) -> Insert<conversations::ActiveModel> {
    let new = conversations::ActiveModel {
        conversation_key: Set(key),
        canonical_id: Set(id.clone()),
        last_seq: Set(Seq::ZERO),
        last_time: Set(now),
        membership_changes: Set(1),
        ..conversations::ActiveModel::default()
    };
    let mut insert = conversations::Entity::insert(new).on_conflict(
        OnConflict::column(C::ConversationKey)
            .value(C::MembershipChanges, one_more())
            .to_owned(),
    );
    QueryTrait::query(&mut insert).returning(head());
    insert
}

fn one_more() -> Expr {
    Expr::col((conversations::Entity, C::MembershipChanges)).add(1_i64)
}

fn head() -> ReturningClause {
    Query::returning().columns(COLUMNS)
}

/// Reads [`COLUMNS`].
pub(in crate::store) fn keyed_head(row: &Row<'_>) -> Result<(ConversationKey, Head), StoreError> {
    let Keyed {
        conversation_key,
        head,
    } = row.read()?;
    require_key(conversation_key, &head.canonical_id)?;
    Ok((conversation_key, head))
}

/// Fails unless this is the key of the conversation.
pub(in crate::store) fn require_key(
    key: ConversationKey,
    id: &CanonicalId,
) -> Result<(), StoreError> {
    if ConversationKey::from(id) == key {
        return Ok(());
    }
    let row = format!("conversation_key {key}");
    Err(StoreError::inconsistent(
        conversations::Entity,
        "canonical_id",
        row,
    ))
}
