//! The cost of a deletion within the process, without network and database: the bytes of a request become
//! domain types, and the results become bytes again; for 1 and for 100 conversations.
//!
//! The measurement covers what the library offers: the messages, the types of the domain that hold what is
//! valid only, and the key that the store derives for each conversation. How violations are collected, how
//! a retry is recognised and how rows are read is private to the library, and is measured end to end by the
//! load driver, as CPU time of the service per call.
//!
//! ```sh
//! cargo bench --bench in_process
//! ```

use std::hint::black_box;

use conversation_service::{
    domain::{Batch, ConversationId as Id, UserId},
    proto::{
        ConversationId, DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome,
        DeletionResult, conversation_id::Id::C2cUserId,
    },
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message as _;
use ring::digest::{SHA256, digest};

fn conversation(number: usize) -> ConversationId {
    ConversationId {
        id: Some(C2cUserId(format!("user-{number:06}"))),
    }
}

fn request(conversations: usize) -> DeleteConversationsRequest {
    DeleteConversationsRequest {
        user_id: "user-100000".to_owned(),
        conversation_ids: (0..conversations).map(conversation).collect(),
        request_id: "019b0000-0000-7000-8000-000000000000".to_owned(),
        ..DeleteConversationsRequest::default()
    }
}

fn response(conversations: usize) -> DeleteConversationsResponse {
    let result = |number| DeletionResult {
        conversation_id: Some(conversation(number)),
        outcome: DeletionOutcome::Deleted.into(),
        hidden_through: 1_000,
        cleared_through: 1_000,
    };
    DeleteConversationsResponse {
        results: (0..conversations).map(result).collect(),
        deletion_id: "1000".to_owned(),
        restorable_until: Some(prost_types::Timestamp {
            seconds: 1_800_000_000,
            nanos: 1_000,
        }),
        revision: 1_000,
    }
}

/// The user and the conversations of a request, if they are valid.
fn parsed(request: &DeleteConversationsRequest) -> Option<(UserId, Batch<Id>)> {
    let ids = request.conversation_ids.iter().map(|id| match &id.id {
        Some(C2cUserId(user)) => Some(Id::C2c(UserId::new(user).ok()?)),
        _ => None,
    });
    let ids = Batch::new(ids.collect::<Option<_>>()?).ok()?;
    Some((UserId::new(&request.user_id).ok()?, ids))
}

/// The keys by which the conversations are stored.
fn keys(user: &UserId, ids: &Batch<Id>) -> Vec<[u8; 16]> {
    let key = |id: &Id| {
        let digest = digest(&SHA256, id.canonical(user).as_str().as_bytes());
        let (key, _) = digest.as_ref().split_first_chunk().expect("32 bytes");
        *key
    };
    ids.iter().map(key).collect()
}

/// The text forms, as the log of changes keeps them.
fn texts(ids: &Batch<Id>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn in_process(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deletion");
    for conversations in [1, 100] {
        let request = request(conversations);
        let bytes = request.encode_to_vec();
        let response = response(conversations);
        let (user, ids) = parsed(&request).expect("a valid request");
        group.throughput(Throughput::Elements(conversations as u64));
        let mut measure = |name: &str, step: &mut dyn FnMut()| {
            group.bench_function(BenchmarkId::new(name, conversations), |bencher| {
                bencher.iter(&mut *step);
            });
        };
        measure("decode the request", &mut || {
            let decoded = DeleteConversationsRequest::decode(black_box(&bytes[..]));
            drop(black_box(decoded));
        });
        measure("parse it", &mut || {
            drop(black_box(parsed(black_box(&request))));
        });
        measure("derive the keys", &mut || {
            drop(black_box(keys(black_box(&user), black_box(&ids))));
        });
        measure("write the text forms", &mut || {
            drop(black_box(texts(black_box(&ids))));
        });
        measure("encode the response", &mut || {
            drop(black_box(black_box(&response).encode_to_vec()));
        });
    }
    group.finish();
}

criterion_group!(benches, in_process);
criterion_main!(benches);
