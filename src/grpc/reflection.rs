//! Server reflection, v1 and v1alpha, with the error detail types, so that `grpcurl` and its kin need
//! no files and print error details in clear.

use prost::Message as _;
use prost_types::FileDescriptorSet;
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

/// The two reflection services.
pub(super) fn services() -> (
    ServerReflectionServer<impl ServerReflection>,
    ServerReflectionServerAlpha<impl ServerReflectionAlpha>,
) {
    const PROOF: &str =
        "the descriptors are compiled in and decode, as every start of a test shows";
    (
        builder().build_v1().expect(PROOF),
        builder().build_v1alpha().expect(PROOF),
    )
}

/// The full names of all methods of the server, those of health and reflection included.
///
/// # Panics
///
/// Never: the descriptors are compiled in and decode.
#[must_use]
pub fn methods() -> Vec<String> {
    let sets = [
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut methods = Vec::new();
    for set in sets {
        let set = FileDescriptorSet::decode(set)
            .expect("the descriptors are compiled in and decode, as every start of a test shows");
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    methods.push(format!("{package}.{service}/{}", method.name()));
                }
            }
        }
    }
    methods
}

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}
