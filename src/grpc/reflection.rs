//! Server reflection, v1 and v1alpha, with the error detail types, so that `grpcurl` and its kin need
//! no files and print error details in clear.

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection, ServerReflectionServer},
    v1alpha::{
        ServerReflection as ServerReflectionAlpha,
        ServerReflectionServer as ServerReflectionServerAlpha,
    },
};

/// The descriptors of this service, with comments and everything they import.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The most bytes of a question about the server, be it of its health or of what it offers: a name.
pub(super) const MAX_QUESTION_BYTES: usize = 1024;

/// Why nothing of this fails.
const PROOF: &str = "the descriptors are compiled in and decode, as every start of a test shows";

/// The two reflection services.
pub(super) fn services() -> (
    ServerReflectionServer<impl ServerReflection>,
    ServerReflectionServerAlpha<impl ServerReflectionAlpha>,
) {
    (
        (builder().build_v1().expect(PROOF)).max_decoding_message_size(MAX_QUESTION_BYTES),
        (builder().build_v1alpha().expect(PROOF)).max_decoding_message_size(MAX_QUESTION_BYTES),
    )
}

/// A method of the server.
pub(super) struct Method {
    /// The full name of its service.
    pub(super) service: String,
    pub(super) name: String,
    /// Whether a call of it takes any number of messages.
    pub(super) takes_stream: bool,
    /// Whether a call of it is answered by any number of messages.
    pub(super) gives_stream: bool,
}

/// All methods of the server, those of health and reflection included.
pub(super) fn described() -> impl Iterator<Item = Method> {
    let sets = [
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let files = sets
        .into_iter()
        .flat_map(|set| FileDescriptorSet::decode(set).expect(PROOF).file);
    files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let service_name = format!("{package}.{}", service.name());
            let methods = service.method.into_iter();
            methods.map(move |method| Method {
                service: service_name.clone(),
                name: method.name().to_owned(),
                takes_stream: method.client_streaming(),
                gives_stream: method.server_streaming(),
            })
        })
    })
}

/// The full names of all methods of the server, those of health and reflection included.
///
/// # Panics
///
/// Never: the descriptors are compiled in and decode.
#[must_use]
pub fn methods() -> Vec<String> {
    described()
        .map(|method| format!("{}/{}", method.service, method.name))
        .collect()
}

fn builder() -> Builder<'static> {
    let mut details = FileDescriptorSet::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).expect(PROOF);
    // The protocol imports `google.rpc.Status` by the name of its file, and here it would have another one.
    let is_status = |file: &FileDescriptorProto| {
        let mut messages = file.message_type.iter();
        messages.any(|message| message.name() == "Status")
    };
    details.file.retain(|file| !is_status(file));
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_file_descriptor_set(details)
}
