//! The metrics that docs/reference/metrics.md documents: the tests compare the server, the dashboard and the
//! alerts with its table.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/reference/metrics.md"
));
const TABLE: &str = "| metric | type | labels | meaning |";

/// A metric as it is documented.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Documented {
    pub(super) kind: String,
    pub(super) labels: BTreeSet<String>,
}

/// All metrics by their names.
pub(super) fn metrics() -> BTreeMap<String, Documented> {
    let (_, table) = PAGE.split_once(TABLE).expect("the page has the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let metrics: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let [_, name, kind, labels, ..] = cells.as_slice() else {
                panic!("not a row: {row}");
            };
            let labels = labels.split(", ").filter(|label| !label.is_empty());
            let documented = Documented {
                kind: (*kind).to_owned(),
                labels: labels.map(|label| plain(label).to_owned()).collect(),
            };
            (plain(name).to_owned(), documented)
        })
        .collect();
    assert!(metrics.len() > 10, "{metrics:?}");
    metrics
}

/// All names that a query can have: a histogram has several.
pub(super) fn queryable() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, Documented { kind, .. }) in metrics() {
        if kind == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        } else {
            names.insert(name);
        }
    }
    names
}

fn plain(code: &str) -> &str {
    let name = code
        .strip_prefix('`')
        .and_then(|code| code.strip_suffix('`'));
    name.unwrap_or_else(|| panic!("not a name: {code}"))
}
