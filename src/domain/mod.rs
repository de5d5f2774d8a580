//! The rules of the product, as plain values and pure functions.
//!
//! Nothing here knows the protocol, the database or the runtime: the module depends on `std`, and on a hash function for keys.
//! A value of one of these types is valid by construction, so the layers above and below never check
//! it again.

mod batch;
mod change;
mod clock;
mod conversation_id;
mod deletion;
mod folder;
mod id;
#[cfg(feature = "server")]
mod key;
mod list;
mod marks;
mod membership;
mod message;
mod page;
mod quantity;
mod request;
mod selector;
mod setting;
mod showing;
mod view;

pub use batch::{Batch, BatchError};
pub use change::{Change, ConversationSettings, MAX_EVENT_BYTES, RecordedChange, Watermarks};
pub use clock::{Asked, Clock, JUMP, MOST_SKEW, ManualClock, Micros, Readings, Timestamp, Told};
pub use conversation_id::{
    CanonicalId, ConversationId, ConversationIdError, ConversationKind, Parties,
};
pub use deletion::{
    ConversationDeletion, Deletion, DeletionOutcome, DeletionState, ListedDeletion,
    MatchingDeletion, Reappearance, Restoration, RestorationOutcome, RestoredConversation,
    Settings, Synchronisation, Taking,
};
pub use folder::{
    Folder, FolderAction, FolderChanged, MAX_FILED_CONVERSATIONS, MAX_FOLDER_CONVERSATIONS,
    MAX_FOLDERS,
};
pub use id::{
    CallerName, ClientId, ClientMessageId, FolderName, GroupId, Id, IdError, PayloadType, UserId,
};
#[cfg(feature = "server")]
pub use key::ConversationKey;
pub use list::{ListBeginning, ListCursor, ListEntry, ListFilter, ListPosition, UnreadTotals};
pub use marks::{Mark, MarkChange, Marks, MarksError};
pub use membership::{GroupRequest, Membership, MembershipRequest, MembershipsChanged};
pub use message::{BodyError, Message, MessageBody};
pub use page::{PageSize, PageSizeError, fitting};
pub use quantity::{Revision, Seq};
pub use request::{Origin, RequestDigest, RequestId, RequestKey};
pub use selector::{
    MAX_COUNTED, MAX_MATCHING, Plan, PlanScope, Planned, Selector, Spared, place_by_age,
};
pub use setting::{
    ChangeOutcome, Changed, CustomData, CustomDataError, MAX_READ, MarksChanged, Muting, Pinning,
    ReadingChanged,
};
pub use showing::{HiddenCursor, HiddenFilter, HiddenPosition, ShowOutcome, Shown};
pub use view::View;

#[cfg(test)]
mod tests;
