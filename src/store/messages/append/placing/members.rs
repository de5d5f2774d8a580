//! The members of groups whom messages concern.
//!
//! A message to a group asks who is a member: all of a small group, who get copies of the head, and of a large one
//! the sender. Somebody may have joined or left while the statement waited for the head. The head counts that
//! (`membership_changes`), and where it was no longer as the statement saw it, the members are looked up once more.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait as _, FromQueryResult};

use super::{Placed, Places};
use crate::{
    domain::{ConversationKey, UserId},
    store::{
        database::{
            error::StoreError,
            input::{Input, InputColumn, InputRow},
            observed::DatabaseTransaction,
            row::{Row, read_all},
        },
        entity::{group_members, value::Json},
        messages::{
            Messages,
            append::{AppendError, Audience, rows::Incoming, statements::LookUps},
        },
    },
};

/// Members of groups: all of a small one, and of a large one those who send.
pub(in super::super) type MembersOf = HashMap<ConversationKey, Vec<UserId>>;

/// A message to a group whose members are looked up.
pub(in super::super) struct ToGroup {
    key: ConversationKey,
    sender: String,
    is_large: bool,
}

/// A member of a group.
#[derive(FromQueryResult)]
struct Member {
    conversation_key: ConversationKey,
    user_id: UserId,
}

impl InputRow for ToGroup {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |message| message.key),
        InputColumn::text("sender_user_id", |message| message.sender.clone()),
        InputColumn::integer("is_large", |message| message.is_large.into()),
    ];
}

impl ToGroup {
    pub(in super::super) fn of(message: &Incoming, is_large: bool) -> Self {
        Self {
            key: message.key,
            sender: message.stored_sender(),
            is_large,
        }
    }
}

impl Places {
    /// Refuses the messages whose senders are not members of their groups.
    pub(super) fn refuse_strangers(&mut self, incoming: &[Incoming]) {
        for (message, placed) in incoming.iter().zip(&self.placed) {
            if let Audience::Group { sender, .. } = &message.append.to
                && matches!(placed, Some(Placed::Now(_)))
                && !self.has(message.key, sender)
            {
                let refused = AppendError::NotAGroupMember;
                self.refused.insert(message.request, refused);
            }
        }
    }

    fn has(&self, key: ConversationKey, user: &UserId) -> bool {
        let members = self.members.get(&key);
        members.is_some_and(|members| members.contains(user))
    }

    /// Notes the members that a row of this conversation names.
    pub(super) fn note_members(
        &mut self,
        key: ConversationKey,
        row: &Row<'_>,
    ) -> Result<(), StoreError> {
        let named: Option<Json<Vec<String>>> = row.get("members")?;
        for name in named.into_iter().flat_map(|Json(names)| names) {
            let member = UserId::new(&name).map_err(|_| row.inconsistent("members"))?;
            self.members.entry(key).or_default().push(member);
        }
        Ok(())
    }
}

impl Messages {
    /// Notes the members of the groups of these messages as they are now.
    pub(in super::super) async fn look_up_members(
        &self,
        transaction: &DatabaseTransaction,
        look_ups: &LookUps,
        to_groups: &[ToGroup],
        found: &mut Places,
    ) -> Result<(), StoreError> {
        if to_groups.is_empty() {
            return Ok(());
        }
        let rows = Input::of(&to_groups.iter());
        let values = self.database.dialect.row_values(rows.columns());
        let members = self.database.statement(&look_ups.members, values);
        let rows = transaction.query_all_raw(members).await?;
        for member in read_all::<Member, Vec<_>>(group_members::Entity, &rows)? {
            let members = found.members.entry(member.conversation_key).or_default();
            members.push(member.user_id);
        }
        Ok(())
    }
}
