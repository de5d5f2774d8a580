//! `erased_messages`: the names of messages that were erased and may still be delivered again. Of the
//! conversations' family; its shard key is `conversation_key`.

use sea_orm::entity::prelude::*;

use super::value::Sender;
use crate::domain::{ClientMessageId, ConversationKey, Seq, Timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "erased_messages")]
pub(in crate::store) struct Model {
    /// The conversation.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The sender.
    #[sea_orm(primary_key)]
    pub(in crate::store) sender_user_id: Sender,
    /// The name.
    #[sea_orm(primary_key)]
    pub(in crate::store) client_message_id: ClientMessageId,
    /// The position that the message had.
    pub(in crate::store) seq: Seq,
    /// When it was stored.
    pub(in crate::store) send_time: Timestamp,
    /// Two bytes that tell it from another message of the same name.
    pub(in crate::store) fingerprint: i64,
    /// Until when a retry is recognised.
    pub(in crate::store) recognised_until: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
