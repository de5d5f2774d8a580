//! All folders of a user, with what is in them.

use super::Folders;
use crate::{
    domain::{Folder, FolderName, Revision, UserId},
    store::{
        database::{error::StoreError, row::Row},
        entity::folders,
        lists::members::{self, Member, member},
        users::revisions_of,
    },
};

impl Folders {
    /// A user's folders, oldest first, with what is in them and listed; and the revision that they reflect. Two
    /// statements.
    pub(crate) async fn all(&self, user: &UserId) -> Result<(Revision, Vec<Folder>), StoreError> {
        let (revision, filed) = self.filed(user).await?;
        let members = filed.iter().flat_map(|(_, members)| members);
        let keys = members.map(|member| member.key).collect();
        let heads = self.heads.of_known(keys).await?;
        let folders = filed.into_iter().map(|(name, members)| {
            Ok(Folder {
                name,
                conversations: members::listed_ids(user, &members, &heads)?,
            })
        });
        Ok((revision, folders.collect::<Result<_, StoreError>>()?))
    }

    /// The rows of what is in each folder, listed or not.
    async fn filed(
        &self,
        user: &UserId,
    ) -> Result<(Revision, Vec<(FolderName, Vec<Member>)>), StoreError> {
        let statement = self
            .database
            .statement(&self.statements.all, [user.as_str().into()]);
        self.database
            .read("folders", statement, |rows| {
                let mut all: Vec<(FolderName, Vec<Member>)> = Vec::new();
                for row in rows {
                    let name: Option<FolderName> = Row::of(folders::Entity, row).get("name")?;
                    let Some(name) = name else { continue };
                    if all.last().is_none_or(|(last, _)| *last != name) {
                        all.push((name, Vec::new()));
                    }
                    if let (Some(member), Some((_, members))) = (member(row)?, all.last_mut()) {
                        members.push(member);
                    }
                }
                Ok((revisions_of(rows)?.present, all))
            })
            .await
    }
}
