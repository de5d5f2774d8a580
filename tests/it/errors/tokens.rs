//! Page tokens that were altered, cut or made up.

use tonic::Code;

use super::assert_ours;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::c2c,
    stage::Stage,
};

on_every_database!(no_altered_page_token_is_accepted);

async fn no_altered_page_token_is_accepted(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for user in ["anna", "bob"] {
        client.send(user, c2c("alice"), "hi").await;
    }
    let page = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    let token = page.next_page_token;
    let mut altered: Vec<String> = (0..token.len())
        .map(|place| {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).expect("letters")
        })
        .collect();
    altered.extend((1..token.len()).map(|length| token[..length].to_owned()));
    let doubled = token.repeat(2);
    for made_up in [
        doubled.as_str(),
        "x",
        "=",
        "\0",
        "日本",
        " ",
        &"A".repeat(100_000),
    ] {
        altered.push(made_up.to_owned());
    }
    altered.push(format!("{token}="));
    altered.push(format!(" {token}"));
    for token in altered {
        let page = client.list_page("alice", None, 1, token.clone()).await;
        let status = refused(page, Code::InvalidArgument, "INVALID_REQUEST");
        assert_ours(&status);
        assert_eq!(violated(&status), ["page_token"], "{token:?}");
    }
    let rest = client
        .list_page("alice", None, 1, token)
        .await
        .expect("its own token");
    assert_eq!(rest.conversations.len(), 1);
}
