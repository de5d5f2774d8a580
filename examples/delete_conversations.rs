//! Deletes conversations from a user's list, as a service that calls this one would, and undoes it.
//!
//! ```sh
//! cargo run --example delete_conversations -- http://127.0.0.1:50051 alice C2Cbob GROUPlunch
//! ```
//!
//! Two variables are for a server that lets in only the callers it knows: `TOKEN` is the bearer token,
//! and `CA` the file with the authorities of the server's certificate, for an https address.

use std::{env, error::Error, fs};

use conversation_service::{
    client::{Certificate, Client, ClientTlsConfig, Retry, reason},
    proto::{ConversationId, DeleteConversationsRequest, RestoreConversationsRequest},
};
use uuid::Uuid;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example says what it does")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(address), Some(user_id)) = (arguments.next(), arguments.next()) else {
        return Err("usage: delete_conversations ADDRESS USER CONVERSATION...".into());
    };
    let conversation_ids: Vec<ConversationId> = arguments
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;

    let client = connect(&address)?;
    let request = DeleteConversationsRequest {
        user_id: user_id.clone(),
        conversation_ids,
        request_id: new_request_id(),
        ..DeleteConversationsRequest::default()
    };
    // However often the request arrives, it is carried out once: each attempt has the same `request_id`.
    let answer = Retry::default()
        .run(async || {
            let mut conversations = client.conversations();
            conversations.delete_conversations(request.clone()).await
        })
        .await;
    let deleted = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let reason = reason(&status).unwrap_or_default().as_str_name();
            return Err(format!("{:?} {reason}: {}", status.code(), status.message()).into());
        }
    };
    for result in &deleted.results {
        let id = result.conversation_id.clone().unwrap_or_default();
        println!("{id}: {}", result.outcome().as_str_name());
    }

    let undone = client
        .conversations()
        .restore_conversations(RestoreConversationsRequest {
            user_id,
            deletion_id: deleted.deletion_id,
            request_id: new_request_id(),
            ..RestoreConversationsRequest::default()
        })
        .await?
        .into_inner();
    for result in &undone.results {
        let id = result.conversation_id.clone().unwrap_or_default();
        println!("{id}: {}", result.outcome().as_str_name());
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the example's own settings are two variables"
)]
fn connect(address: &str) -> Result<Client, Box<dyn Error>> {
    let mut builder = Client::builder(address);
    if let Ok(token) = env::var("TOKEN") {
        builder = builder.token(&token)?;
    }
    if let Ok(path) = env::var("CA") {
        let authority = Certificate::from_pem(fs::read(path)?);
        builder = builder.tls(ClientTlsConfig::new().ca_certificate(authority));
    }
    Ok(builder.connect()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the example is where new requests are made"
)]
fn new_request_id() -> String {
    Uuid::now_v7().to_string()
}
