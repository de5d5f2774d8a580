//! The parameters of the statements that change the members of a group: the values that all users have in common,
//! and the rows of the users.

use crate::{
    domain::{CallerName, ConversationId, ConversationKey, Revision, Seq, Timestamp, UserId},
    store::{
        database::input::{InputColumn, InputRow},
        entity::kind::StoredKind,
        heads::Head,
        log,
        users::Raised,
    },
};

/// The values with which a membership begins.
pub(super) struct Joining {
    pub(super) key: ConversationKey,
    pub(super) joined_after: Seq,
    /// The head of which the member's row gets a copy, unless the group is large.
    pub(super) copy: Option<Head>,
}

impl InputRow for Joining {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |joining| joining.key),
        InputColumn::integer("joined_after", |joining| joining.joined_after.to_stored()),
        InputColumn::optional_integer("last_seq", |joining| {
            let copy = joining.copy.as_ref();
            copy.map(|head| head.last_seq.to_stored())
        }),
        InputColumn::optional_integer("last_time", |joining| {
            let copy = joining.copy.as_ref();
            copy.map(|head| head.last_time.as_micros())
        }),
    ];
}

/// The values with which a membership ends: at the head, of which the row keeps a copy.
pub(super) struct Leaving {
    pub(super) key: ConversationKey,
    pub(super) head: Head,
}

impl InputRow for Leaving {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |leaving| leaving.key),
        InputColumn::integer("last_seq", |leaving| leaving.head.last_seq.to_stored()),
        InputColumn::integer("last_time", |leaving| leaving.head.last_time.as_micros()),
    ];
}

/// A user whose membership changes, with the revision of that.
impl InputRow for Raised {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |raised| raised.user_id.to_string()),
        InputColumn::integer("revision", |raised| raised.revision.to_stored()),
    ];
}

/// The part of a record that all users of a request have in common.
pub(super) struct OfRequest {
    pub(super) kind: StoredKind,
    pub(super) time: Timestamp,
    pub(super) kept_until: Timestamp,
    pub(super) group: ConversationId,
    pub(super) caller: Option<CallerName>,
}

impl InputRow for OfRequest {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::integer("kind", |request| i64::from(request.kind as i16)),
        InputColumn::integer("changed_at", |request| request.time.as_micros()),
        InputColumn::integer("kept_until", |request| request.kept_until.as_micros()),
        InputColumn::text("conversations", |request| {
            log::conversation_ids(std::slice::from_ref(&request.group))
        }),
        InputColumn::optional_text("caller", |request| {
            request.caller.as_ref().map(ToString::to_string)
        }),
    ];
}

/// The part of a record that is a user's own.
pub(super) struct OfUser {
    pub(super) user: UserId,
    pub(super) revision: Revision,
    pub(super) results: String,
}

impl InputRow for OfUser {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |one| one.user.to_string()),
        InputColumn::integer("revision", |one| one.revision.to_stored()),
        InputColumn::text("results", |one| one.results.clone()),
    ];
}
