//! The page of the metrics: what a server registers, with its help, and the labels that it gives them.

mod operations;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use self::operations::OPERATIONS;
use super::{Metrics, exposition::Format};
use crate::{
    config::DatabaseConfig,
    machine,
    peers::Waiting,
    reference::{Page, code, codes},
    store,
};

const ABOUT: &str = "\
All metrics of a server, with the help that they have at `/metrics` themselves. [Monitoring](../monitoring.md) says
how they are read, and [`deploy/`](../../deploy/README.md) has a dashboard, alerts and a runbook that use them.";

const ABOUT_LABELS: &str = "\
Every label has a bounded set of values. None is an ID, a name of a caller or a text of a user.";

const ABOUT_OPERATIONS: &str = "\
The values of `db_operation_name`. An operation is one statement or one transaction of the store, with its waiting and
its repetitions.";

/// The labels of which a server has not had all values when it starts, and what their values are.
const OPEN: [(&str, &str); 7] = [
    (
        "db_operation_name",
        "the operation, as [below](#operations)",
    ),
    ("db_system_name", "the database: `sqlite` or `postgresql`"),
    (
        "error_type",
        "the failure of the operation: `unavailable`, `contention`, `duplicate`, `inconsistent`, `schema`, \
         `setup` or `statement`; empty on success",
    ),
    (
        "rpc_method",
        "the full name of the method, such as `conversation.v1.MessageService/SendMessage`; `_OTHER` for \
         methods that the server does not have",
    ),
    (
        "rpc_response_status_code",
        "the status of the call, such as `OK` or `INVALID_ARGUMENT`",
    ),
    ("rpc_system_name", "always `grpc`"),
    ("version", "the version that runs"),
];

/// A metric as it is read.
#[derive(Default)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// The text of a server's metrics after one call and one operation.
async fn text() -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("conversations.db");
    let database = DatabaseConfig {
        url: format!("sqlite://{}", file.display()).parse().unwrap(),
        ..DatabaseConfig::default()
    };
    let store = store::connect(&database).await.unwrap();
    let metrics = Metrics::new([]);
    metrics.calls.begin("/").end("UNAVAILABLE");
    store
        .database()
        .metrics()
        .operation("append", Duration::ZERO, None);
    let _waiting = Waiting::new(&metrics.peers);
    let connections = store.database().connections();
    let registry = metrics.registry(
        store.database().metrics(),
        move || connections,
        machine::clock(),
    );
    Format::Prometheus.encode(&registry).unwrap()
}

/// The metrics of a text, by their names.
fn metrics(text: &str) -> BTreeMap<&str, Metric> {
    let mut metrics: BTreeMap<&str, Metric> = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            metrics.entry(name).or_default().help = help.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            metrics.entry(name).or_default().kind = kind.to_owned();
        } else if let Some((series, labels)) = line.split_once('{') {
            let (labels, _) = labels.split_once("\"}").unwrap();
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| {
                    series
                        .strip_suffix(suffix)
                        .filter(|n| metrics.contains_key(n))
                })
                .unwrap_or(series);
            let metric = metrics.get_mut(name).expect("its type comes first");
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                let values = metric.labels.entry(label.to_owned()).or_default();
                values.insert(value.to_owned());
            }
        }
    }
    for metric in metrics.values_mut() {
        // The bound of a histogram's bucket is none of the service's labels.
        metric.labels.remove("le");
    }
    metrics
}

/// The values of a label: those that are there from the start, unless there can be others.
fn values(label: &str, found: &BTreeSet<String>) -> String {
    let open = OPEN.iter().find(|(open, _)| *open == label);
    open.map_or_else(
        || codes(found.iter().map(String::as_str)),
        |(_, words)| (*words).to_owned(),
    )
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_metrics_are_as_documented() {
    let text = text().await;
    let metrics = metrics(&text);
    let mut page = Page::new("metrics.md", "Metrics", ABOUT);

    let rows = metrics.iter().map(|(name, metric)| {
        let labels = metric.labels.keys().map(String::as_str);
        let help = metric.help.trim_end_matches('.').to_owned();
        [code(name), metric.kind.clone(), codes(labels), help]
    });
    page.section("Metrics", "", ["metric", "type", "labels", "meaning"], rows);

    let mut labels: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (name, metric) in &metrics {
        for (label, found) in &metric.labels {
            let key = (label.as_str(), values(label, found));
            labels.entry(key).or_default().push(name);
        }
    }
    for (open, _) in OPEN {
        assert!(labels.keys().any(|(label, _)| *label == open), "{open}");
    }
    let rows = labels
        .into_iter()
        .map(|((label, values), metrics)| [code(label), codes(metrics), values]);
    let columns = ["label", "of", "values"];
    page.section("Labels", ABOUT_LABELS, columns, rows);

    let rows = OPERATIONS
        .iter()
        .map(|(name, does)| [code(name), (*does).to_owned()]);
    page.section("Operations", ABOUT_OPERATIONS, ["operation", "does"], rows);
    page.compare();
}
