//! `deploy/service-config.json`, read as strictly as the message `grpc.service_config.ServiceConfig`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use tonic::transport::Channel;

use super::read;
use crate::{
    access::methods,
    support::{
        clock::TestClock,
        databases::{Backend, TestDatabase},
        server::TestServer,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceConfig {
    load_balancing_config: Vec<BTreeMap<String, Map<String, Value>>>,
    method_config: Vec<MethodConfig>,
    retry_throttling: RetryThrottling,
    health_check_config: HealthCheckConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MethodConfig {
    name: Vec<Name>,
    #[serde(default)]
    wait_for_ready: bool,
    timeout: Option<String>,
    retry_policy: Option<RetryPolicy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    service: String,
    method: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetryPolicy {
    max_attempts: u32,
    initial_backoff: String,
    max_backoff: String,
    backoff_multiplier: f32,
    retryable_status_codes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetryThrottling {
    max_tokens: u32,
    token_ratio: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HealthCheckConfig {
    service_name: String,
}

fn service_config() -> ServiceConfig {
    serde_json::from_str(&read("deploy/service-config.json")).expect("a service config")
}

/// Seconds, as the JSON form of `google.protobuf.Duration` has them.
fn seconds(text: &str) -> f64 {
    let number = text.strip_suffix('s').and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{text} is no duration"))
}

/// Every method of the services that callers call.
async fn existing() -> BTreeSet<(String, String)> {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = TestServer::start(&database, &TestClock::new()).await;
    let endpoint = Channel::from_shared(format!("http://{}", server.address()));
    let channel = endpoint.expect("a valid URI").connect().await;
    let services = methods::of_server(&channel.expect("it is there"), "nobody").await;
    services
        .into_iter()
        .filter(|(service, _)| service.starts_with("conversation.v1."))
        .flat_map(|(service, methods)| {
            methods
                .into_iter()
                .map(move |method| (service.clone(), method))
        })
        .collect()
}

#[tokio::test]
async fn it_names_methods_that_exist_and_leaves_none_out() {
    let existing = existing().await;
    let mut named = BTreeSet::new();
    for config in service_config().method_config {
        for Name { service, method } in config.name {
            let new = match method {
                Some(method) => vec![(service, method)],
                // All methods of the service that are not named yet.
                None => existing
                    .iter()
                    .filter(|(of, _)| *of == service)
                    .filter(|method| !named.contains(*method))
                    .cloned()
                    .collect(),
            };
            assert!(!new.is_empty(), "a service that there is");
            for method in new {
                assert!(existing.contains(&method), "{method:?} does not exist");
                assert!(named.insert(method.clone()), "{method:?} is named twice");
            }
        }
    }
    assert_eq!(named, existing);
    let health = service_config().health_check_config.service_name;
    assert!(existing.iter().any(|(service, _)| *service == health));
}

#[test]
fn calls_end_and_watches_go_on() {
    let mut watches = 0;
    for config in service_config().method_config {
        let is_watch = |name: &Name| {
            let method = name.method.as_deref();
            method.is_some_and(|method| method.starts_with("Watch"))
        };
        if config.name.iter().any(is_watch) {
            assert!(config.name.iter().all(is_watch));
            assert!(config.timeout.is_none() && config.retry_policy.is_none());
            assert!(config.wait_for_ready);
            watches += 1;
        } else {
            assert!(seconds(&config.timeout.expect("a deadline")) >= 1.0);
            assert!(!config.wait_for_ready, "a call fails when nobody is there");
        }
    }
    assert_eq!(watches, 1);
}

/// A call that is refused for load says itself when to come again, which no retry policy reads.
#[test]
fn only_what_found_no_server_is_tried_again_and_not_for_ever() {
    let config = service_config();
    for policy in config.method_config.iter().filter_map(|config| {
        let policy = config.retry_policy.as_ref();
        policy.zip(config.timeout.as_ref())
    }) {
        let (policy, timeout) = policy;
        assert_eq!(policy.retryable_status_codes, ["UNAVAILABLE"]);
        // The bounds of gRPC.
        assert!((2..=5).contains(&policy.max_attempts));
        assert!(policy.backoff_multiplier >= 1.0);
        let (first, most) = (
            seconds(&policy.initial_backoff),
            seconds(&policy.max_backoff),
        );
        assert!(first > 0.0 && first <= most && most < seconds(timeout));
    }
    let throttling = config.retry_throttling;
    assert!((1..=1000).contains(&throttling.max_tokens));
    assert!(throttling.token_ratio > 0.0);
}

/// The first group is retried whatever a request says; the other one can be taken out as a whole.
#[test]
fn what_changes_something_is_apart_from_what_only_reads() {
    let configs = service_config().method_config;
    for config in &configs {
        let names_methods = config.name.iter().all(|name| name.method.is_some());
        if config.retry_policy.is_some() && names_methods {
            for name in &config.name {
                let method = name.method.as_deref().unwrap_or_default();
                assert!(
                    method.starts_with("List") || method.starts_with("Get"),
                    "{method} only reads"
                );
            }
        } else if config.retry_policy.is_some() {
            assert!(config.name.iter().all(|name| name.method.is_none()));
        }
    }
    let balancing = service_config().load_balancing_config;
    assert!(balancing[0].contains_key("round_robin"));
}
