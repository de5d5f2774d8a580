//! How users join and leave groups, and how it is asked again.

use std::{collections::BTreeMap, time::Duration};

use conversation_service::domain::Timestamp;

use super::{Done, World};
use crate::{model::compare::same, properties::fault::is_refused, support::client::Client};

/// The named requests of each group, as long as they are remembered.
#[derive(Default)]
pub(super) struct Memberships(BTreeMap<(&'static str, u8), Asked>);

/// A request to join or leave: its users, its time and its answer.
struct Asked {
    joining: bool,
    users: Vec<&'static str>,
    time: Timestamp,
    answer: usize,
}

impl Memberships {
    /// A round of the background jobs forgets what is older than the retention.
    pub(super) fn forget(&mut self, now: Timestamp, retention: Duration) {
        let horizon = now.saturating_sub(retention);
        self.0.retain(|_, asked| asked.time >= horizon);
    }
}

impl World {
    pub(super) async fn join(
        &mut self,
        client: &Client,
        group: &'static str,
        users: &[&'static str],
        name: Option<u8>,
    ) -> Done {
        self.change_members(client, true, group, users, name).await
    }

    pub(super) async fn leave(
        &mut self,
        client: &Client,
        group: &'static str,
        users: &[&'static str],
        name: Option<u8>,
    ) -> Done {
        self.change_members(client, false, group, users, name).await
    }

    async fn change_members(
        &mut self,
        client: &Client,
        joining: bool,
        group: &'static str,
        users: &[&'static str],
        name: Option<u8>,
    ) -> Done {
        let request_id = name.map(|name| uuid::Uuid::from_u128(name.into()).to_string());
        let request_id = request_id.unwrap_or_default();
        let answer = if joining {
            client.join_as(group, users, &request_id).await
        } else {
            client.leave_as(group, users, &request_id).await
        };
        let mut sorted = users.to_vec();
        sorted.sort_unstable();
        let name = name.map(|name| (group, name));
        let earlier = name.and_then(|name| self.memberships.0.get(&name));
        let expected = match earlier {
            Some(asked) if (asked.joining, &asked.users) == (joining, &sorted) => asked.answer,
            Some(_) => return is_refused(answer, "REQUEST_ID_REUSED", "request_id"),
            None if joining => self.model.join(group, users.iter().copied()),
            None => self.model.leave(group, users.iter().copied()),
        };
        let answer = answer.map_err(|status| format!("{status:?}"))?;
        same("changed members", &usize::try_from(answer), &Ok(expected))?;
        if let (Some(name), None) = (name, earlier) {
            let asked = Asked {
                joining,
                users: sorted,
                time: self.clock.now(),
                answer: expected,
            };
            self.memberships.0.insert(name, asked);
        }
        Ok(())
    }
}
