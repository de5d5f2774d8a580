//! No field is forgotten: each field of a request that can be retried is part of its digest, or is listed here.

use std::collections::BTreeSet;

use prost_types::FieldDescriptorProto;

use super::digests;
use crate::grpc::fuzzing::{
    fields::{Fields, methods},
    seeds::valid,
    variants::{content, is_text, value, variants},
};

/// The fields that are in no digest. The log finds a request by its user or group and by its ID; any client may
/// retry; and a request that only looks changes nothing.
const IN_NO_DIGEST: [&str; 5] = ["user_id", "group_id", "request_id", "client_id", "dry_run"];

/// The fields that mean nothing beside the others of the request in the seeds, with their methods.
const IMPLIED: [(&str, &str); 4] = [
    // Without conversations, all are meant.
    ("MarkConversationsRead", "all"),
    // Only unread conversations can be read.
    ("MarkConversationsRead", "filter.unread_only"),
    // The selector has conditions.
    ("DeleteMatchingConversations", "selector.all"),
    // Its filter asks for unread conversations.
    ("DeleteMatchingConversations", "selector.include_unread"),
];

/// The methods whose requests can be retried.
fn retried() -> impl Iterator<Item = &'static str> {
    methods().into_iter().filter(|method| {
        let mut fields = Fields::of_method(method).all().iter();
        fields.any(|field| field.name() == "request_id")
    })
}

/// Other values of a field: none, one less of a list, and another text.
fn others(field: &FieldDescriptorProto, values: &[&[u8]]) -> Vec<Vec<u8>> {
    match values {
        [] => vec![],
        [text] if is_text(field) => {
            let mut longer = content(text).to_vec();
            longer.extend(longer.last().copied());
            vec![vec![], value(field, &longer)]
        }
        [_] => vec![vec![]],
        [fewer @ .., _] => vec![vec![], fewer.concat()],
    }
}

#[test]
fn every_request_that_can_be_retried_is_recorded() {
    let recorded: BTreeSet<_> = include_str!("../recorded.txt")
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    for method in retried() {
        assert!(recorded.contains(method), "{method} is not in recorded.txt");
    }
}

#[test]
fn every_field_of_a_request_that_can_be_retried_is_in_its_digest() {
    for method in retried() {
        let mut seen = BTreeSet::new();
        for (_, _, request) in valid().into_iter().filter(|(name, ..)| *name == method) {
            let digest = digests(method, &request).expect("a seed is valid");
            for (path, variant) in variants(&Fields::of_method(method), &request, &others) {
                let field = path.split('.').next().expect("a path has a beginning");
                if IN_NO_DIGEST.contains(&field) || IMPLIED.contains(&(method, &path)) {
                    seen.insert(field.to_owned());
                } else if let Some(other) = digests(method, &variant) {
                    assert_ne!(
                        other.0, digest.0,
                        "{method} leaves {path} out of its digest"
                    );
                    seen.insert(field.to_owned());
                }
            }
        }
        for field in Fields::of_method(method).all() {
            let name = field.name();
            assert!(seen.contains(name), "no seed of {method} has {name}");
        }
    }
}
