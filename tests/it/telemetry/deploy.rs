//! The dashboard and the alerts in `deploy/` are made of metrics that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::documented;

const DASHBOARD: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/grafana-dashboard.json"
));
const ALERTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml"));
const RUNBOOK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/RUNBOOK.md"));

/// How the names of all metrics begin.
const PREFIXES: [&str; 4] = ["conversation_", "db_client_", "process_", "rpc_server_"];

/// Prometheus' own metric of whether something could be scraped.
const UP: &str = "up{";

/// The names of metrics in a query.
fn names(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let labels: BTreeSet<_> = documented::metrics()
        .into_values()
        .flat_map(|metric| metric.labels)
        .collect();
    words
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .filter(|word| !labels.contains(*word))
        .map(str::to_owned)
        .collect()
}

/// The labels that a query selects or groups by.
fn labels(query: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for selector in query
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
    {
        for condition in selector.split(", ") {
            let name = condition.split(['=', '!']).next().unwrap_or_default();
            labels.insert(name.to_owned());
        }
    }
    for grouping in query
        .split(" by (")
        .skip(1)
        .filter_map(|part| part.split(')').next())
    {
        labels.extend(grouping.split(", ").map(str::to_owned));
    }
    labels
}

/// Checks the queries, and returns the names that they use.
fn checked(queries: &[String]) -> BTreeSet<String> {
    let known = documented::queryable();
    let own = documented::metrics().into_values();
    let mut known_labels: BTreeSet<_> = own.flat_map(|metric| metric.labels).collect();
    // Prometheus's own.
    known_labels.extend(["job", "instance", "le"].map(str::to_owned));
    let mut used = BTreeSet::new();
    for query in queries {
        let opened = query.matches(['(', '{', '[']).count();
        assert_eq!(opened, query.matches([')', '}', ']']).count(), "{query}");
        let names = names(query);
        let is_ours = !names.is_empty() || query.contains(UP);
        assert!(is_ours, "it asks for nothing of ours: {query}");
        assert!(names.is_subset(&known), "{query}: {names:?}");
        let labels = labels(query);
        assert!(labels.is_subset(&known_labels), "{query}: {labels:?}");
        used.extend(names);
    }
    used
}

/// All values of this key, at any depth.
fn values(of: &Value, key: &str, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    found.push(value.as_str().expect("a text").to_owned());
                }
                values(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_reads_exactly_the_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let mut queries = Vec::new();
    values(&dashboard, "expr", &mut queries);
    let used = checked(&queries);
    let mut variables = Vec::new();
    values(&dashboard["templating"], "definition", &mut variables);
    checked(&variables);
    for (name, metric) in documented::metrics() {
        let shown = match metric.kind.as_str() {
            "histogram" => used.contains(&format!("{name}_bucket")),
            _ => used.contains(&name),
        };
        assert!(shown, "no panel shows {name}");
    }
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an ID of its own");
}

#[test]
fn the_alerts_use_metrics_that_there_are_and_the_runbook_has_each_of_them() {
    assert!(!ALERTS.contains('\t'), "YAML has no tabs");
    let value = |line: &str, key: &str| {
        let line = line.trim_start().trim_start_matches("- ");
        line.strip_prefix(key).map(|value| value.trim().to_owned())
    };
    let alerts: Vec<_> = ALERTS
        .lines()
        .filter_map(|line| value(line, "alert:"))
        .collect();
    let queries: Vec<_> = ALERTS
        .lines()
        .filter_map(|line| value(line, "expr:"))
        .collect();
    let books: Vec<_> = ALERTS
        .lines()
        .filter_map(|line| value(line, "runbook:"))
        .collect();
    let summaries = ALERTS.lines().filter_map(|line| value(line, "summary:"));
    assert!(alerts.len() >= 5, "{alerts:?}");
    assert_eq!(alerts.len(), queries.len());
    assert_eq!(alerts.len(), summaries.count());
    checked(&queries);
    for query in &queries {
        assert_eq!(
            query.matches('{').count(),
            query.matches(r#"{job="conversation-service""#).count(),
            "others have such metrics, too: {query}"
        );
    }
    let headings: Vec<_> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(headings, alerts);
    for (alert, book) in alerts.iter().zip(&books) {
        assert_eq!(book, &format!("\"RUNBOOK.md#{}\"", alert.to_lowercase()));
    }
    // The metrics and headings that the runbook sends its reader to exist, too.
    let known = documented::metrics();
    for code in RUNBOOK.split('`').skip(1).step_by(2) {
        if PREFIXES.iter().any(|prefix| code.starts_with(prefix)) {
            assert!(known.contains_key(code), "{code}");
        }
    }
    for link in RUNBOOK
        .split("](#")
        .skip(1)
        .filter_map(|part| part.split(')').next())
    {
        assert!(
            alerts.iter().any(|alert| alert.to_lowercase() == link),
            "{link}"
        );
    }
}
