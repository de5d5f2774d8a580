//! The kinds of methods. The kind of its method decides what a call may hold.

use std::{collections::HashMap, sync::Arc};

use tonic_health::pb::health_server::SERVICE_NAME as HEALTH;
use tonic_reflection::pb::{
    v1::server_reflection_server::SERVICE_NAME as REFLECTION,
    v1alpha::server_reflection_server::SERVICE_NAME as REFLECTION_ALPHA,
};

use super::{
    come_back::{self, ComeBack},
    reflection,
};

/// The kinds of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asks how the server is.
    Health,
    /// Follows how the server is, for as long as the client likes.
    HealthWatch,
    /// Asks what the server offers: a stream in both directions, though a short one.
    Reflection,
    /// Reads, and may have a large answer.
    Read,
    /// Changes something.
    Change,
    /// Follows something, for as long as the client likes.
    Watch,
    /// Follows what a stream of messages names, for as long as the client likes.
    Stream,
    /// There is no such method.
    None,
}

/// The methods of the server, by their paths. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Methods(Arc<HashMap<String, Kind>>);

impl Methods {
    pub(super) fn new() -> Self {
        let kinds = reflection::described().map(|method| {
            let path = format!("/{}/{}", method.service, method.name);
            (path, kind(&method))
        });
        Self(Arc::new(kinds.collect()))
    }

    /// The kind of the method at `path`.
    pub(super) fn kind(&self, path: &str) -> Kind {
        self.0.get(path).copied().unwrap_or(Kind::None)
    }
}

impl Kind {
    /// Whether a call of it ends by itself, and soon.
    pub(super) const fn is_short(self) -> bool {
        !matches!(self, Self::HealthWatch | Self::Watch | Self::Stream)
    }

    /// When a caller that finds no room for such a call is asked to come back.
    pub(super) const fn come_back(self) -> ComeBack {
        match self {
            Self::HealthWatch | Self::Watch | Self::Stream => come_back::WATCHES,
            _ => come_back::CALLS,
        }
    }
}

fn kind(method: &reflection::Method) -> Kind {
    match (
        method.service.as_str(),
        method.takes_stream,
        method.gives_stream,
    ) {
        (HEALTH, _, false) => Kind::Health,
        (HEALTH, _, true) => Kind::HealthWatch,
        (REFLECTION | REFLECTION_ALPHA, ..) => Kind::Reflection,
        (_, true, _) => Kind::Stream,
        (_, false, true) => Kind::Watch,
        (_, false, false) if is_reading(&method.name) => Kind::Read,
        (_, false, false) => Kind::Change,
    }
}

/// By its name: the protocol calls what only reads so.
fn is_reading(name: &str) -> bool {
    name.starts_with("Get") || name.starts_with("List")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_known_by_its_kind() {
        let methods = Methods::new();
        for (path, kind) in [
            ("/grpc.health.v1.Health/Check", Kind::Health),
            ("/grpc.health.v1.Health/Watch", Kind::HealthWatch),
            (
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                Kind::Reflection,
            ),
            (
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                Kind::Reflection,
            ),
            (
                "/conversation.v1.ConversationService/ListConversations",
                Kind::Read,
            ),
            ("/conversation.v1.MessageService/ListMessages", Kind::Read),
            (
                "/conversation.v1.ConversationService/DeleteConversations",
                Kind::Change,
            ),
            ("/conversation.v1.MessageService/SendMessage", Kind::Change),
            (
                "/conversation.v1.ConversationService/WatchConversations",
                Kind::Watch,
            ),
            (
                "/conversation.v1.ConversationService/WatchUsers",
                Kind::Stream,
            ),
            (
                "/conversation.v1.ConversationService/NoSuchMethod",
                Kind::None,
            ),
            ("/", Kind::None),
        ] {
            assert_eq!(methods.kind(path), kind, "{path}");
        }
    }
}
