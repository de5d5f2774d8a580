//! The change that one request has made, as watching clients are notified of it.

use super::{conversation, conversation_id, deletion};
use crate::{
    domain::{
        Change, ConversationId, ConversationSettings, Muting, Pinning, Reappearance, Revision,
        Settings, Taking, Watermarks,
    },
    proto::{
        self, AddedToFolder, ConversationMarks, ConversationReading, ConversationWatermarks,
        ConversationsDeleted, ConversationsMarked, ConversationsMuted, ConversationsPinned,
        ConversationsRead, ConversationsRestored, ConversationsShown, CustomDataSet, FolderCreated,
        FolderDeleted, FolderRenamed, HistoryCleared, MembershipChanged, RemovedFromFolder,
        ShownConversation, change::Kind,
    },
};

/// The change that made this revision.
pub(super) fn render(revision: Revision, change: Change) -> proto::Change {
    let kind = match change {
        Change::Taken {
            taking,
            reappearance,
            settings,
            synchronisation: _,
            conversations,
        } => render_taken(revision, taking, (reappearance, settings), conversations),
        Change::Restored {
            deletion,
            conversations,
            settings,
        } => Kind::ConversationsRestored(ConversationsRestored {
            conversations: all_watermarks(conversations),
            deletion_id: deletion.to_string(),
            settings: settings.into_iter().map(render_settings).collect(),
        }),
        Change::Shown(conversations) => Kind::ConversationsShown(ConversationsShown {
            conversations: conversations
                .into_iter()
                .map(|(conversation, read_through)| ShownConversation {
                    conversation: Some(watermarks(conversation)),
                    read_through: read_through.get(),
                })
                .collect(),
        }),
        Change::Read(conversations) => Kind::ConversationsRead(ConversationsRead {
            conversations: conversations
                .iter()
                .map(|(id, read_through)| ConversationReading {
                    conversation_id: Some(conversation_id::render(id)),
                    read_through: read_through.get(),
                })
                .collect(),
        }),
        Change::Pinned(pinning, conversations) => Kind::ConversationsPinned(ConversationsPinned {
            conversation_ids: ids(&conversations),
            pinned: pinning == Pinning::Pin,
        }),
        Change::Muted(muting, conversations) => Kind::ConversationsMuted(ConversationsMuted {
            conversation_ids: ids(&conversations),
            muted: muting == Muting::Mute,
        }),
        Change::Marked(conversations) => Kind::ConversationsMarked(ConversationsMarked {
            conversations: conversations
                .iter()
                .map(|(id, marks)| ConversationMarks {
                    conversation_id: Some(conversation_id::render(id)),
                    marks: marks.bits(),
                })
                .collect(),
        }),
        Change::CustomDataSet(data, conversations) => Kind::CustomDataSet(CustomDataSet {
            conversation_ids: ids(&conversations),
            custom_data: data.into_bytes(),
        }),
        Change::FolderCreated(name, conversations) => Kind::FolderCreated(FolderCreated {
            name: name.to_string(),
            conversation_ids: ids(&conversations),
        }),
        Change::FolderDeleted(name) => Kind::FolderDeleted(FolderDeleted {
            name: name.to_string(),
        }),
        Change::FolderRenamed { from, to } => Kind::FolderRenamed(FolderRenamed {
            name: from.to_string(),
            new_name: to.to_string(),
        }),
        Change::AddedToFolder(name, conversations) => Kind::AddedToFolder(AddedToFolder {
            name: name.to_string(),
            conversation_ids: ids(&conversations),
        }),
        Change::RemovedFromFolder(name, conversations) => {
            Kind::RemovedFromFolder(RemovedFromFolder {
                name: name.to_string(),
                conversation_ids: ids(&conversations),
            })
        }
        Change::MembershipChanged {
            membership,
            conversation,
            last,
        } => Kind::MembershipChanged(MembershipChanged {
            conversation: Some(watermarks(conversation)),
            membership: conversation::membership(membership).into(),
            last_seq: last.get(),
        }),
    };
    proto::Change { kind: Some(kind) }
}

fn render_taken(
    revision: Revision,
    taking: Taking,
    (reappearance, settings): (Reappearance, Settings),
    conversations: Vec<Watermarks>,
) -> Kind {
    let conversations = all_watermarks(conversations);
    let deletion_id = revision.to_string();
    match taking {
        Taking::History => Kind::HistoryCleared(HistoryCleared {
            conversations,
            deletion_id,
        }),
        Taking::Entry | Taking::EntryAndHistory => {
            Kind::ConversationsDeleted(ConversationsDeleted {
                conversations,
                clear_history: taking == Taking::EntryAndHistory,
                deletion_id,
                reappearance: deletion::render_reappearance(reappearance).into(),
                forgot_settings: settings == Settings::Forget,
            })
        }
    }
}

fn ids(conversations: &[ConversationId]) -> Vec<proto::ConversationId> {
    conversations.iter().map(conversation_id::render).collect()
}

fn all_watermarks(conversations: Vec<Watermarks>) -> Vec<ConversationWatermarks> {
    conversations.into_iter().map(watermarks).collect()
}

fn watermarks(watermarks: Watermarks) -> ConversationWatermarks {
    let Watermarks {
        conversation_id,
        hidden_through,
        cleared_through,
        is_pinned,
        reappearance,
        settings,
    } = watermarks;
    ConversationWatermarks {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        hidden_through: hidden_through.get(),
        cleared_through: cleared_through.get(),
        pinned: is_pinned,
        reappearance: deletion::render_reappearance(reappearance).into(),
        settings_forgotten: settings == Settings::Forget,
    }
}

fn render_settings(settings: ConversationSettings) -> proto::ConversationSettings {
    let ConversationSettings {
        conversation_id,
        muted,
        marks,
        custom_data,
        folders,
    } = settings;
    proto::ConversationSettings {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        muted,
        marks: marks.bits(),
        custom_data: custom_data.into_bytes(),
        folders: folders.iter().map(ToString::to_string).collect(),
    }
}
