//! The fields of requests, read from the descriptors of the protocol.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto::Label,
};

use crate::grpc::reflection::DESCRIPTORS;

/// Read once: a fuzzer asks some ten thousand times in a second.
static PROTOCOL: LazyLock<Protocol> = LazyLock::new(Protocol::read);

/// Every message by its full name, and every method's request.
struct Protocol {
    messages: HashMap<String, DescriptorProto>,
    requests: Vec<(String, String)>,
}

/// The fields of a method's request, and of the messages in it.
pub(in crate::grpc) struct Fields(&'static str);

impl Protocol {
    fn read() -> Self {
        let files = FileDescriptorSet::decode(DESCRIPTORS)
            .expect("the server has its description from the same bytes")
            .file;
        let mut protocol = Self {
            messages: HashMap::new(),
            requests: Vec::new(),
        };
        for file in files {
            let package = file.package().to_owned();
            for method in file.service.into_iter().flat_map(|service| service.method) {
                let request = method.input_type().to_owned();
                protocol.requests.push((method.name().to_owned(), request));
            }
            for message in file.message_type {
                let name = format!(".{package}.{}", message.name());
                protocol.messages.insert(name, message);
            }
        }
        protocol
    }
}

impl Fields {
    /// Of the request of this method.
    pub(in crate::grpc) fn of_method(method: &str) -> Self {
        let mut requests = PROTOCOL.requests.iter();
        let found = requests.find(|(name, _)| name == method);
        let (_, request) = found.unwrap_or_else(|| panic!("there is no method {method}"));
        Self(request)
    }

    /// Whether this is the path of a field of a request of so many bytes. Of a list it names an item,
    /// or the list itself at its end.
    pub(super) fn has(&self, path: &str, length: usize) -> bool {
        let mut message = self.0;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, index) = match part.strip_suffix(']').map(|part| part.split_once('[')) {
                Some(Some((name, index))) => (name, Some(index)),
                Some(None) => return false,
                None => (part, None),
            };
            let Some(field) = field(message, name) else {
                return false;
            };
            let is_last = parts.peek().is_none();
            let index_fits = match index {
                // Every item takes a byte at least.
                Some(index) => {
                    field.label() == Label::Repeated
                        && index.parse().is_ok_and(|index: usize| index < length)
                }
                None => is_last || field.label() != Label::Repeated,
            };
            if !index_fits {
                return false;
            }
            message = field.type_name();
        }
        true
    }
}

fn field(message: &str, name: &str) -> Option<&'static FieldDescriptorProto> {
    let message = PROTOCOL.messages.get(message)?;
    message.field.iter().find(|field| field.name() == name)
}

#[cfg(test)]
impl Fields {
    /// Of the messages in this field; `None` if it has other values.
    pub(super) fn of_field(field: &'static FieldDescriptorProto) -> Option<Self> {
        let message = field.type_name();
        PROTOCOL
            .messages
            .contains_key(message)
            .then_some(Self(message))
    }

    /// All of them, in the order in which they are declared.
    pub(in crate::grpc) fn all(&self) -> &'static [FieldDescriptorProto] {
        &PROTOCOL.messages[self.0].field
    }
}

/// The names of all methods, in the order of the protocol.
#[cfg(test)]
pub(in crate::grpc) fn methods() -> Vec<&'static str> {
    let requests = PROTOCOL.requests.iter();
    requests.map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_field_or_not() {
        let fields = Fields::of_method("DeleteConversations");
        for path in [
            "user_id",
            "conversation_ids",
            "conversation_ids[9]",
            "conversation_ids[0].c2c_user_id",
            "seen_through[1].conversation_id.group_id",
        ] {
            assert!(fields.has(path, 10), "{path}");
        }
        for path in [
            "",
            "user",
            "user_id[0]",
            "user_id.x",
            "conversation_ids[10]",
            "conversation_ids[-1]",
            "conversation_ids[]",
            "conversation_ids]",
            "conversation_ids.group_id",
            "conversation_ids[0].user_id",
            "conversation_ids[0]x",
        ] {
            assert!(!fields.has(path, 10), "{path}");
        }
    }
}
