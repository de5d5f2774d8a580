//! Metrics as a scraper reads them.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::stage::PATIENCE;

/// All metrics at one moment.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    /// The kind of each metric, by its name.
    pub(super) kinds: BTreeMap<String, String>,
    pub(super) samples: Vec<Sample>,
}

/// One number.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// An answer over HTTP: its status, its headers in lower case, its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: String,
}

/// Sends one request as it is and reads until the server hangs up.
pub(super) async fn request(address: SocketAddr, head: &str) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time");
    let answer = answer.expect("the server answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no status in {line:?}")),
        headers: headers.to_lowercase(),
        body: body.to_owned(),
    }
}

impl Scrape {
    /// All metrics now.
    pub(super) async fn of(address: SocketAddr) -> Self {
        Self::parse(&Self::text(address).await)
    }

    /// The same, as the text that the server writes.
    pub(super) async fn text(address: SocketAddr) -> String {
        let answer = request(address, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// Scrapes until it is as it must become; not finding it so in time is a failure.
    pub(super) async fn until(address: SocketAddr, holds: impl Fn(&Self) -> bool) -> Self {
        let mut last = Self::default();
        let reached = timeout(PATIENCE, async {
            loop {
                last = Self::of(address).await;
                if holds(&last) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let reached = reached.await;
        assert!(reached.is_ok(), "it never became so: {last:#?}");
        last
    }

    fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# TYPE ") {
                let (name, kind) = comment.split_once(' ').expect("a name and a kind");
                let twice = scrape.kinds.insert(name.to_owned(), kind.to_owned());
                assert!(twice.is_none(), "{name} comes twice");
            } else if !line.starts_with('#') {
                scrape.samples.push(Sample::parse(line));
            }
        }
        scrape
    }

    /// The sum of the samples of this name that have these labels, and maybe others; `None` if there
    /// is no such sample.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.samples.iter().filter(|sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).map(String::as_str) == Some(*value)
            };
            sample.name == name && labels.iter().all(has)
        });
        found
            .map(|sample| sample.value)
            .reduce(|sum, value| sum + value)
    }

    /// Whether the samples of this name and these labels come to this value.
    pub(super) fn is(&self, name: &str, labels: &[(&str, &str)], value: f64) -> bool {
        self.value(name, labels)
            .is_some_and(|found| (found - value).abs() < 1e-9)
    }

    /// The same, as an assertion.
    pub(super) fn assert(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        assert!(
            self.is(name, labels, value),
            "{name} {labels:?} is {:?}, not {value}",
            self.value(name, labels)
        );
    }
}

impl Sample {
    /// The metric that this is a sample of: a histogram has several names.
    pub(super) fn metric<'a>(&'a self, kinds: &BTreeMap<String, String>) -> &'a str {
        ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| self.name.strip_suffix(suffix))
            .find(|name| kinds.get(*name).is_some_and(|kind| kind == "histogram"))
            .unwrap_or(&self.name)
    }

    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
            None => (series, ""),
        };
        // No value has a comma or a quotation mark in it, as those who choose them know.
        let labels = labels.split(',').filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (name, value) = label.split_once('=').expect("a label has a value");
            (name.to_owned(), value.trim_matches('"').to_owned())
        });
        Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().expect("a number"),
        }
    }
}
