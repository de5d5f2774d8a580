//! Every operation of the store is in the reference of the metrics.

use std::collections::BTreeSet;

use conversation_service::{machine, metrics::Metrics};
use prometheus_client::encoding::text;

use super::{Observed, use_everything};
use crate::support::databases::{TestDatabase, on_one_server};

on_one_server!(every_operation_is_in_the_reference);

const PAGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/reference/metrics.md"
));

async fn every_operation_is_in_the_reference(database: TestDatabase) {
    let server = Observed::open(&database).await;
    use_everything(&server.client).await;
    server.run_jobs().await;

    let connections = server.store.database().connections();
    let metrics = Metrics::new([]);
    let registry = metrics.registry(
        server.store.database().metrics(),
        move || connections,
        machine::clock(),
    );
    let mut scraped = String::new();
    text::encode(&mut scraped, &registry).expect("metrics can be written");
    let operations = scraped
        .lines()
        .filter_map(|line| line.strip_prefix("conversation_operation_retries_total{"))
        .filter_map(|line| line.split('"').nth(1));
    let operations: BTreeSet<_> = operations.collect();
    assert!(operations.len() > 40, "{operations:?}");

    let (_, table) = PAGE.split_once("## Operations").expect("its section");
    let documented: BTreeSet<_> = table
        .lines()
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .collect();
    let missing: Vec<_> = operations.difference(&documented).collect();
    assert!(
        missing.is_empty(),
        "src/metrics/reference/operations.rs does not have {missing:?}"
    );
}
