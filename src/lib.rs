//! ConversationService.
