//! Every method of every service, as the server itself lists them, so that none can be forgotten.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::{Request, metadata::MetadataValue, transport::Channel};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};

/// The names of all methods, by their service.
pub(crate) async fn of_server(channel: &Channel, token: &str) -> BTreeMap<String, Vec<String>> {
    let list = MessageRequest::ListServices(String::new());
    let MessageResponse::ListServicesResponse(services) = ask(channel, token, list).await else {
        panic!("a list of services");
    };
    let mut methods = BTreeMap::new();
    for service in services.service {
        let file = MessageRequest::FileContainingSymbol(service.name.clone());
        let MessageResponse::FileDescriptorResponse(files) = ask(channel, token, file).await else {
            panic!("the description of {}", service.name);
        };
        let found = files
            .file_descriptor_proto
            .iter()
            .map(|file| FileDescriptorProto::decode(file.as_slice()).expect("a description"))
            .find_map(|file| methods_of(&file, &service.name));
        methods.insert(service.name, found.expect("its file describes it"));
    }
    // Of the two services that tell, each leaves the other out.
    let alpha = FileDescriptorSet::decode(v1alpha::FILE_DESCRIPTOR_SET).expect("a description");
    let service = v1alpha::server_reflection_server::SERVICE_NAME;
    let found = alpha.file.iter().find_map(|file| methods_of(file, service));
    methods.insert(service.to_owned(), found.expect("it describes itself"));
    methods
}

/// The names of the fields of a message of this package.
pub(crate) async fn fields_of(channel: &Channel, package: &str, message: &str) -> Vec<String> {
    let symbol = MessageRequest::FileContainingSymbol(format!("{package}.{message}"));
    let MessageResponse::FileDescriptorResponse(files) = ask(channel, "anybody", symbol).await
    else {
        panic!("the description of {message}");
    };
    let files = files.file_descriptor_proto.iter();
    let fields = files
        .map(|file| FileDescriptorProto::decode(file.as_slice()).expect("a description"))
        .filter(|file| file.package() == package)
        .find_map(|file| {
            let mut messages = file.message_type.into_iter();
            messages.find(|described| described.name() == message)
        })
        .expect("its file describes it")
        .field;
    let names = fields.iter().map(|field| field.name().to_owned());
    names.collect()
}

fn methods_of(file: &FileDescriptorProto, service: &str) -> Option<Vec<String>> {
    let (package, name) = service.rsplit_once('.')?;
    let service = (file.package() == package)
        .then(|| file.service.iter().find(|service| service.name() == name))??;
    Some(
        service
            .method
            .iter()
            .map(|method| method.name().to_owned())
            .collect(),
    )
}

async fn ask(channel: &Channel, token: &str, question: MessageRequest) -> MessageResponse {
    let mut request = Request::new(tokio_stream::once(ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    }));
    let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("plain text");
    request.metadata_mut().insert("authorization", value);
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(request).await;
    let mut answers = answers.expect("a caller may ask").into_inner();
    let answer = answers.message().await.expect("it is answered");
    answer
        .and_then(|answer| answer.message_response)
        .expect("an answer")
}
