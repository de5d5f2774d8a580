//! `messages`: the shared log of each conversation. Of the conversations' family; its shard key is
//! `conversation_key`.
//!
//! A row is written once, and erased when it lies in nobody's view.

use sea_orm::entity::prelude::*;

use super::value::{Content, Sender};
use crate::domain::{ClientMessageId, ConversationKey, PayloadType, Seq, Timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub(in crate::store) struct Model {
    /// The conversation.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The position.
    #[sea_orm(primary_key)]
    pub(in crate::store) seq: Seq,
    /// The sender.
    pub(in crate::store) sender_user_id: Sender,
    /// The name by which a retry is recognised. No two messages of a sender have the same in a conversation.
    pub(in crate::store) client_message_id: Option<ClientMessageId>,
    /// When it was stored.
    pub(in crate::store) send_time: Timestamp,
    /// The type of the content; NULL for plain text.
    pub(in crate::store) payload_type: Option<PayloadType>,
    /// The content.
    pub(in crate::store) content: Content,
    /// Until when a retry is recognised; NULL without a name, and of a former version.
    pub(in crate::store) recognised_until: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
