//! How messages are sent, and sent again.

use conversation_service::proto::{Message, SendMessageRequest, SendSystemMessageRequest};
use proptest::sample::Index;

use super::{Done, POLICY, World};
use crate::{
    model::{NotAMember, compare::same},
    properties::{
        fault::{is_no_member, is_refused},
        operation::{Target, Words},
    },
    support::client::Client,
};

impl World {
    pub(super) async fn say(
        &mut self,
        client: &Client,
        from: &'static str,
        to: Target,
        words: Words,
        name: Option<u8>,
    ) -> Done {
        let request = SendMessageRequest {
            sender_user_id: from.to_owned(),
            conversation_id: Some(to.id()),
            body: Some(words.body()),
            client_message_id: name.map(|name| format!("m{name}")).unwrap_or_default(),
        };
        let name = name.map(|name| (from, format!("{to:?}"), name));
        let earlier = name.as_ref().and_then(|name| self.said.get(name));
        let is_forgotten = earlier.is_some_and(|(_, message)| self.is_forgotten(from, message));
        if earlier.is_some() && (is_forgotten || !self.may_send(from, to)) {
            // The contract does not say which comes first, the retry or the membership; nor what
            // becomes of a late retry when the message has been erased.
            return Ok(());
        }
        let response = client.messages.clone().send_message(request).await;
        let response = response.map(|response| response.into_inner().message.unwrap_or_default());
        if let Some((body, message)) = earlier {
            return if *body == words.body() {
                same(
                    "retried message",
                    &response.map_err(|status| status.code()),
                    &Ok(message.clone()),
                )
            } else {
                is_refused(response, "CLIENT_MESSAGE_ID_REUSED", "client_message_id")
            };
        }
        let sent = match response {
            Err(status) if !self.may_send(from, to) => return is_no_member(&status),
            response => response.map_err(|status| format!("{status:?}"))?,
        };
        let send_time = sent.send_time.ok_or("a message has no time")?;
        let expected = self.model.send(from, &to.id(), words.body(), send_time);
        same("message", &Ok::<_, NotAMember>(sent.clone()), &expected)?;
        self.said
            .extend(name.map(|name| (name, (words.body(), sent))));
        Ok(())
    }

    /// Whether a message was erased so long after it was sent that a retry may be taken for another
    /// message.
    fn is_forgotten(&self, user: &str, message: &Message) -> bool {
        let id = message.conversation_id.clone().unwrap_or_default();
        let sent = message.send_time.unwrap_or_default();
        let sent = sent.seconds * 1_000_000 + i64::from(sent.nanos / 1_000);
        let retention = i64::try_from(POLICY.retention.as_micros()).unwrap_or(i64::MAX);
        self.model.is_erased(user, &id, message.seq) && sent + retention < self.model.now
    }

    fn may_send(&self, user: &str, to: Target) -> bool {
        match to {
            Target::Group(group) => self.model.is_member(user, group),
            Target::C2c(_) => true,
            Target::System => false,
        }
    }

    pub(super) async fn announce(
        &mut self,
        client: &Client,
        to: &[&'static str],
        words: Words,
    ) -> Done {
        let request = SendSystemMessageRequest {
            user_ids: to.iter().map(ToString::to_string).collect(),
            body: Some(words.body()),
            client_message_id: format!("announcement {}", self.announced.len()),
        };
        let response = client
            .messages
            .clone()
            .send_system_message(request.clone())
            .await;
        let response = response
            .map_err(|status| format!("{status:?}"))?
            .into_inner();
        let times = response
            .messages
            .iter()
            .map(|message| message.send_time.unwrap_or_default());
        let expected: Vec<_> = to
            .iter()
            .zip(times)
            .map(|(user, time)| self.model.send_system(user, words.body(), time))
            .collect();
        same("system messages", &response.messages, &expected)?;
        self.announced.push((request, response));
        Ok(())
    }

    pub(super) async fn repeat_announcement(&self, client: &Client, which: Index) -> Done {
        if self.announced.is_empty() {
            return Ok(());
        }
        let (request, first) = which.get(&self.announced);
        let mut sent = request.user_ids.iter().zip(&first.messages);
        if sent.any(|(user, message)| self.is_forgotten(user, message)) {
            return Ok(());
        }
        let again = client
            .messages
            .clone()
            .send_system_message(request.clone())
            .await;
        let again = again
            .map(tonic::Response::into_inner)
            .map_err(|status| format!("{status:?}"));
        same("repeated system messages", &again, &Ok(first.clone()))
    }
}
