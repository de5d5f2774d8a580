//! The model's answer to a request, in the words of the service.

use conversation_service::proto::{
    AddToFolderResponse, ClearHistoryResponse, ConversationId, CreateFolderResponse,
    DeleteConversationsResponse, DeleteFolderResponse, DeletionResult,
    MarkConversationsReadResponse, MarkConversationsResponse, MuteConversationsResponse,
    PinConversationsResponse, Reappearance, RemoveFromFolderResponse, RenameFolderResponse,
    RestoreConversationsResponse, SeenThrough, SetCustomDataResponse, ShowConversationsResponse,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::request::{Answer, Request};
use crate::{
    model::{
        How, Model, NotFiled, NotPlanned, NotRestored, Taking, TooManyPins,
        compare::{Difference, same},
    },
    properties::fault::is_refused,
    support::errors::reason,
};

/// Why a request that is valid is not carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Restoration(NotRestored),
    Pins(TooManyPins),
    Folder(NotFiled),
    Plan(NotPlanned),
}

impl Request {
    /// Does it in the model, and says what the service has to answer.
    pub(crate) fn carry_out(&self, model: &mut Model) -> Result<Answer, Refusal> {
        Ok(match self {
            Self::Delete(r) => {
                let taking = if r.clear_history.unwrap_or(true) {
                    Taking::EntryAndHistory
                } else {
                    Taking::Entry
                };
                let seen = seen(&r.seen_through);
                let how = How {
                    never: r.reappearance() == Reappearance::Never,
                    forget: r.forget_settings,
                };
                let results = model.take(&r.user_id, &r.conversation_ids, taking, how, &seen);
                Answer::Delete(taken(model, &r.user_id, results))
            }
            Self::Clear(r) => {
                let (ids, seen) = (&r.conversation_ids, seen(&r.seen_through));
                let results = model.take(&r.user_id, ids, Taking::History, How::default(), &seen);
                let DeleteConversationsResponse {
                    results,
                    deletion_id,
                    restorable_until,
                    revision,
                } = taken(model, &r.user_id, results);
                Answer::Clear(ClearHistoryResponse {
                    results,
                    deletion_id,
                    restorable_until,
                    revision,
                })
            }
            Self::Restore(r) => {
                let results = model
                    .restore(&r.user_id, &r.deletion_id, &r.conversation_ids)
                    .map_err(Refusal::Restoration)?;
                let revision = model.revision(&r.user_id);
                Answer::Restore(RestoreConversationsResponse { results, revision })
            }
            Self::Read(r) => {
                let seen = seen(&r.seen_through);
                let results = if r.all {
                    let filter = r.filter.clone().unwrap_or_default();
                    model.read_all(&r.user_id, &filter, &seen)
                } else {
                    model.read(&r.user_id, &r.conversation_ids, &seen)
                };
                let revision = model.revision(&r.user_id);
                Answer::Read(MarkConversationsReadResponse {
                    results,
                    revision,
                    more: false,
                })
            }
            Self::Pin(r) => {
                let results = model
                    .pin(&r.user_id, &r.conversation_ids, r.pinned)
                    .map_err(Refusal::Pins)?;
                let revision = model.revision(&r.user_id);
                Answer::Pin(PinConversationsResponse { results, revision })
            }
            Self::Mute(r) => {
                let results = model.mute(&r.user_id, &r.conversation_ids, r.muted);
                let revision = model.revision(&r.user_id);
                Answer::Mute(MuteConversationsResponse { results, revision })
            }
            Self::Mark(r) => {
                let (ids, add, remove) = (&r.conversation_ids, r.add_marks, r.remove_marks);
                let results = model.mark(&r.user_id, ids, add, remove);
                let revision = model.revision(&r.user_id);
                Answer::Mark(MarkConversationsResponse { results, revision })
            }
            Self::SetCustomData(r) => {
                let ids = &r.conversation_ids;
                let results = model.set_custom_data(&r.user_id, ids, &r.custom_data);
                let revision = model.revision(&r.user_id);
                Answer::SetCustomData(SetCustomDataResponse { results, revision })
            }
            Self::Show(r) => {
                let results = model.show(&r.user_id, &r.conversation_ids);
                let revision = model.revision(&r.user_id);
                Answer::Show(ShowConversationsResponse { results, revision })
            }

            Self::DeleteMatching(r) => {
                let answer = model.delete_matching(r).map_err(Refusal::Plan)?;
                Answer::DeleteMatching(answer)
            }
            Self::CreateFolder(_)
            | Self::DeleteFolder(_)
            | Self::RenameFolder(_)
            | Self::AddToFolder(_)
            | Self::RemoveFromFolder(_) => self.file(model).map_err(Refusal::Folder)?,
        })
    }

    /// The same of a change of a folder.
    fn file(&self, model: &mut Model) -> Result<Answer, NotFiled> {
        Ok(match self {
            Self::CreateFolder(r) => {
                let (folder, results) =
                    model.create_folder(&r.user_id, &r.name, &r.conversation_ids)?;
                Answer::CreateFolder(CreateFolderResponse {
                    folder: Some(folder),
                    revision: model.revision(&r.user_id),
                    results,
                })
            }
            Self::DeleteFolder(r) => Answer::DeleteFolder(DeleteFolderResponse {
                folder: Some(model.delete_folder(&r.user_id, &r.name)?),
                revision: model.revision(&r.user_id),
            }),
            Self::RenameFolder(r) => Answer::RenameFolder(RenameFolderResponse {
                folder: Some(model.rename_folder(&r.user_id, &r.name, &r.new_name)?),
                revision: model.revision(&r.user_id),
            }),
            Self::AddToFolder(r) => {
                let (folder, results) =
                    model.add_to_folder(&r.user_id, &r.name, &r.conversation_ids)?;
                Answer::AddToFolder(AddToFolderResponse {
                    folder: Some(folder),
                    revision: model.revision(&r.user_id),
                    results,
                })
            }
            Self::RemoveFromFolder(r) => {
                let (folder, results) =
                    model.remove_from_folder(&r.user_id, &r.name, &r.conversation_ids)?;
                Answer::RemoveFromFolder(RemoveFromFolderResponse {
                    folder: Some(folder),
                    revision: model.revision(&r.user_id),
                    results,
                })
            }
            _ => unreachable!("it is no change of a folder"),
        })
    }
}

/// The answer to the deletion or clearing that the user has just made.
fn taken(model: &Model, user: &str, results: Vec<DeletionResult>) -> DeleteConversationsResponse {
    let revision = model.revision(user);
    DeleteConversationsResponse {
        results,
        deletion_id: revision.to_string(),
        restorable_until: model.restorable_until(user, revision),
        revision,
    }
}

fn seen(seen: &[SeenThrough]) -> Vec<(ConversationId, u64)> {
    seen.iter()
        .map(|seen| (seen.conversation_id.clone().unwrap_or_default(), seen.seq))
        .collect()
}

impl Refusal {
    /// Checks that the service has refused it, and for this reason.
    pub(crate) fn is_of(self, response: Result<Answer, Status>) -> Result<(), Difference> {
        let (code, why) = match self {
            Self::Restoration(NotRestored::Malformed) => {
                return is_refused(response, "INVALID_REQUEST", "deletion_id");
            }
            Self::Restoration(NotRestored::NotOfDeletion(place)) => {
                let path = format!("conversation_ids[{place}]");
                return is_refused(response, "INVALID_REQUEST", &path);
            }
            Self::Restoration(NotRestored::Unknown) => (Code::NotFound, "DELETION_NOT_FOUND"),
            Self::Restoration(NotRestored::Expired) => {
                (Code::FailedPrecondition, "RESTORE_WINDOW_EXPIRED")
            }
            Self::Pins(_) => (Code::FailedPrecondition, "PIN_LIMIT_REACHED"),
            Self::Plan(NotPlanned::Mismatch) => (Code::FailedPrecondition, "PLAN_MISMATCH"),
            Self::Plan(NotPlanned::Expired) => (Code::FailedPrecondition, "PLAN_EXPIRED"),
            Self::Folder(NotFiled::NoFolder) => (Code::NotFound, "FOLDER_NOT_FOUND"),
            Self::Folder(NotFiled::NameTaken) => (Code::AlreadyExists, "FOLDER_ALREADY_EXISTS"),
            Self::Folder(NotFiled::TooManyFolders) => {
                (Code::FailedPrecondition, "FOLDER_LIMIT_REACHED")
            }
            Self::Folder(NotFiled::TooManyConversations { .. }) => (
                Code::FailedPrecondition,
                "FOLDER_CONVERSATION_LIMIT_REACHED",
            ),
        };
        let limit = match self {
            Self::Pins(TooManyPins { limit })
            | Self::Folder(NotFiled::TooManyConversations { limit }) => Some(limit.to_string()),
            Self::Folder(NotFiled::TooManyFolders) => Some("20".to_owned()),
            Self::Restoration(_) | Self::Folder(_) | Self::Plan(_) => None,
        };
        let actual = response.map_err(|status| {
            let details = status.get_error_details();
            let info = details.error_info();
            let limit = info.and_then(|info| info.metadata.get("limit").cloned());
            (status.code(), reason(&status), limit)
        });
        same("refusal", &actual, &Err((code, why.to_owned(), limit)))
    }
}
