//! The rows that the statements of this room are given.

use std::{collections::HashMap, sync::Arc};

use super::{Append, Appended};
use crate::{
    domain::{CanonicalId, ConversationKey, PayloadType},
    store::{
        database::input::{InputColumn, InputRow},
        entity::value::stored_kind,
    },
};

/// The place of a message among all of a batch.
pub(super) type Number = i64;

/// A message of a batch, for one conversation.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    pub(super) number: Number,
    /// The place of its request in the batch.
    pub(super) request: usize,
    pub(super) key: ConversationKey,
    pub(super) canonical_id: CanonicalId,
    pub(super) append: Arc<Append>,
}

/// The name of a message by which a retry is recognised.
pub(super) struct Name(Incoming);

/// The messages of a batch for one conversation, to raise its head by.
pub(super) struct Raise {
    key: ConversationKey,
    pub(super) canonical_id: CanonicalId,
    pub(super) messages: i64,
}

/// The place of a message of which no earlier try was found.
pub(super) struct Position(pub(super) Appended);

impl InputRow for Incoming {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::integer("number", |message| message.number),
        InputColumn::key("conversation_key", |message| message.key),
        InputColumn::text("canonical_id", |message| {
            message.canonical_id.as_str().to_owned()
        }),
        InputColumn::integer("kind", |message| {
            stored_kind(message.append.to.kind()).into()
        }),
        InputColumn::text("sender_user_id", Self::stored_sender),
        InputColumn::optional_text("client_message_id", Self::client_message_id),
        InputColumn::optional_text("payload_type", |message| {
            let payload_type = message.append.body.payload_type();
            payload_type.map(PayloadType::as_str).map(str::to_owned)
        }),
        InputColumn::bytes("content", |message| message.append.body.content().to_vec()),
    ];
}

impl InputRow for Name {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::integer("number", |name| name.0.number),
        InputColumn::key("conversation_key", |name| name.0.key),
        InputColumn::text("sender_user_id", |name| name.0.stored_sender()),
        InputColumn::optional_text("client_message_id", |name| name.0.client_message_id()),
    ];
}

impl InputRow for Raise {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |raise| raise.key),
        InputColumn::text("canonical_id", |raise| {
            raise.canonical_id.as_str().to_owned()
        }),
        InputColumn::integer("messages", |raise| raise.messages),
    ];
}

impl InputRow for Position {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::integer("seq", |position| position.0.seq.to_stored()),
        InputColumn::integer("send_time", |position| position.0.send_time.as_micros()),
    ];
}

/// The messages of those requests of a batch that are `wanted`.
pub(super) fn incoming(
    batch: &[Arc<Append>],
    wanted: impl Fn(usize, &Append) -> bool,
) -> Vec<Incoming> {
    let requests = batch.iter().enumerate();
    let requests = requests.filter(|(request, append)| wanted(*request, append));
    let messages = requests.flat_map(|(request, append)| {
        let ids = append.to.canonical_ids().into_iter();
        ids.map(move |canonical_id| (request, canonical_id, Arc::clone(append)))
    });
    (0..)
        .zip(messages)
        .map(|(number, (request, canonical_id, append))| Incoming {
            number,
            request,
            key: ConversationKey::from(&canonical_id),
            canonical_id,
            append,
        })
        .collect()
}

impl Incoming {
    pub(super) fn stored_sender(&self) -> String {
        self.append.to.stored_sender().to_owned()
    }

    fn client_message_id(&self) -> Option<String> {
        let id = self.append.client_message_id.as_ref();
        id.map(|id| id.as_str().to_owned())
    }
}

/// How far the heads of these messages' conversations are raised.
pub(super) fn raises<'a>(
    messages: impl Iterator<Item = &'a Incoming>,
) -> HashMap<ConversationKey, Raise> {
    let mut raises = HashMap::new();
    for message in messages {
        let raise = raises.entry(message.key).or_insert_with(|| Raise {
            key: message.key,
            canonical_id: message.canonical_id.clone(),
            messages: 0,
        });
        raise.messages += 1;
    }
    raises
}

/// The names of those of these messages that have one.
pub(super) fn named<'a>(messages: impl IntoIterator<Item = &'a Incoming>) -> Vec<Name> {
    let messages = messages.into_iter();
    let named = messages.filter(|message| message.append.client_message_id.is_some());
    named.cloned().map(Name).collect()
}
