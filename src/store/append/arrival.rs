//! How a message reaches the rows of its users.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, Value};

use super::{AppendError, Appended, Audience, Placed};
use crate::{
    domain::{ConversationId, ConversationKind, Seq, UserId},
    store::{
        Store, StoreError, dialect::Column, key::ConversationKey, members::stored_kind,
        observed::DatabaseTransaction, row::Row,
    },
};

/// A message that has reached a user.
pub(super) struct Arrival<'a> {
    user: &'a UserId,
    key: ConversationKey,
    kind: ConversationKind,
    /// How far the user has read by it.
    read_through: Seq,
    appended: Appended,
}

impl Store {
    /// Makes the conversations known to these users, and copies their new heads.
    pub(super) async fn arrive(
        &self,
        transaction: &DatabaseTransaction,
        arrivals: Vec<Arrival<'_>>,
    ) -> Result<(), StoreError> {
        let integers =
            |of: fn(&Arrival<'_>) -> i64| Column::Integers(arrivals.iter().map(of).collect());
        let values = self.dialect.row_values(&[
            Column::Texts(
                arrivals
                    .iter()
                    .map(|arrival| arrival.user.to_string())
                    .collect(),
            ),
            Column::Keys(arrivals.iter().map(|arrival| arrival.key).collect()),
            integers(|arrival| stored_kind(arrival.kind).into()),
            integers(|arrival| arrival.read_through.to_stored()),
            integers(|arrival| arrival.appended.seq.to_stored()),
            integers(|arrival| arrival.appended.send_time.as_micros()),
        ]);
        let statement = self.statement(&self.statements.append.arrive, values);
        transaction.execute_raw(statement).await?;
        Ok(())
    }

    /// The same in a group, whose sender has to be a member. The head is locked, so nobody can join or
    /// leave at the same time.
    pub(super) async fn arrive_in_group(
        &self,
        transaction: &DatabaseTransaction,
        sender: &UserId,
        key: ConversationKey,
        placed: Placed,
    ) -> Result<(), AppendError> {
        let Appended { seq, send_time } = placed.appended;
        let mut values: Vec<Value> = vec![
            sender.as_str().into(),
            key.to_bytes().into(),
            seq.to_stored().into(),
        ];
        let statements = &self.statements.append;
        let sql = if placed.in_large_group {
            &statements.read_own
        } else {
            values.push(send_time.as_micros().into());
            &statements.arrive_in_small_group
        };
        let rows = transaction
            .query_all_raw(self.statement(sql, values))
            .await
            .map_err(StoreError::from)?;
        for row in &rows {
            let user: String = Row::new("members", row).get("user_id")?;
            if user == sender.as_str() {
                return Ok(());
            }
        }
        Err(AppendError::NotAGroupMember)
    }
}

/// The users whom a message that is not for a group reaches. Its sender has read it.
pub(super) fn arrivals<'a>(
    to: &Audience<'a>,
    appended: &HashMap<ConversationKey, Appended>,
) -> Vec<Arrival<'a>> {
    let arrival = |user: &'a UserId, key, kind, own| {
        appended.get(&key).map(|&appended| Arrival {
            user,
            key,
            kind,
            read_through: if own { appended.seq } else { Seq::ZERO },
            appended,
        })
    };
    match *to {
        Audience::C2c { sender, recipient } => {
            let key = ConversationKey::of(&ConversationId::C2c(recipient.clone()), sender);
            let own = arrival(sender, key, ConversationKind::C2c, true);
            let others = (sender != recipient)
                .then(|| arrival(recipient, key, ConversationKind::C2c, false));
            own.into_iter().chain(others.flatten()).collect()
        }
        Audience::System { owners } => owners
            .iter()
            .filter_map(|owner| {
                let key = ConversationKey::of(&ConversationId::System, owner);
                arrival(owner, key, ConversationKind::System, false)
            })
            .collect(),
        Audience::Group { .. } => Vec::new(),
    }
}
