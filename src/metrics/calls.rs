//! Calls, by method and status, under the names of OpenTelemetry's conventions for RPC.
//!
//! A caller can ask for any method at all, and each name would be a series of its own for ever. A method
//! that the server does not have therefore counts as [`OTHER_METHOD`].

use std::{collections::HashSet, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{DURATIONS, Histograms, Stopwatch};

/// The name of everything that is no method of the server.
pub const OTHER_METHOD: &str = "_OTHER";
/// The kind of RPC.
pub const SYSTEM: &str = "grpc";

/// The codes of calls that fail through no fault of their callers.
const FAILURES: [&str; 7] = [
    "ABORTED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "UNKNOWN",
];

/// The metrics of calls.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    methods: Arc<HashSet<Arc<str>>>,
    other: Arc<str>,
    durations: Histograms<EndedLabels>,
    failed: Family<FailedLabels, Counter>,
    in_flight: Family<MethodLabels, Gauge>,
}

/// A call that has begun. It ends when this is dropped, or with a status by [`CallInFlight::end`].
#[derive(Debug)]
pub struct CallInFlight {
    method: Arc<str>,
    started: Stopwatch,
    durations: Histograms<EndedLabels>,
    failed: Family<FailedLabels, Counter>,
    in_flight: Gauge,
}

#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the labels"
)]
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndedLabels {
    rpc_method: Arc<str>,
    rpc_system_name: &'static str,
    rpc_response_status_code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailedLabels {
    rpc_method: Arc<str>,
    rpc_response_status_code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MethodLabels {
    rpc_method: Arc<str>,
}

impl CallMetrics {
    pub(super) fn new(methods: impl IntoIterator<Item = String>) -> Self {
        let methods: HashSet<Arc<str>> = methods.into_iter().map(Arc::from).collect();
        // A counter that begins with its first failure shows no increase. These begin at zero.
        let failed = Family::<FailedLabels, Counter>::default();
        for method in &methods {
            for code in FAILURES {
                drop(failed.get_or_create(&FailedLabels {
                    rpc_method: Arc::clone(method),
                    rpc_response_status_code: code,
                }));
            }
        }
        Self {
            methods: Arc::new(methods),
            other: Arc::from(OTHER_METHOD),
            durations: Histograms::new_with_constructor(|| Histogram::new(DURATIONS)),
            failed,
            in_flight: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "rpc_server_call_duration",
            "How long calls took, a stream until its end",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "conversation_calls_failed",
            format!(
                "Calls that failed through no fault of their callers ({}); each series of a method begins \
                 at 0 with the server",
                FAILURES.map(|code| format!("`{code}`")).join(", ")
            ),
            self.failed.clone(),
        );
        registry.register(
            "conversation_calls_in_flight",
            "Calls that have begun and not ended, open streams included",
            self.in_flight.clone(),
        );
    }

    /// A call of the method with this path, which begins with a slash, begins now.
    #[must_use]
    pub fn begin(&self, path: &str) -> CallInFlight {
        let name = path.strip_prefix('/').unwrap_or(path);
        let method = self.methods.get(name).unwrap_or(&self.other).clone();
        let labels = MethodLabels {
            rpc_method: Arc::clone(&method),
        };
        let in_flight = self.in_flight.get_or_create_owned(&labels);
        in_flight.inc();
        CallInFlight {
            method,
            started: Stopwatch::start(),
            durations: self.durations.clone(),
            failed: self.failed.clone(),
            in_flight,
        }
    }
}

impl CallInFlight {
    /// The full name of the method, or [`OTHER_METHOD`].
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The same, to keep.
    pub fn shared_method(&self) -> Arc<str> {
        Arc::clone(&self.method)
    }

    /// Ends the call with the canonical name of its status; returns how long it took.
    pub fn end(self, status: &'static str) -> Duration {
        let duration = self.started.elapsed();
        let labels = EndedLabels {
            rpc_method: Arc::clone(&self.method),
            rpc_system_name: SYSTEM,
            rpc_response_status_code: status,
        };
        self.durations
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
        if FAILURES.contains(&status) {
            let labels = FailedLabels {
                rpc_method: Arc::clone(&self.method),
                rpc_response_status_code: status,
            };
            self.failed.get_or_create(&labels).inc();
        }
        duration
    }
}

impl Drop for CallInFlight {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_method_is_counted_together_and_known_methods_by_name() {
        let metrics = CallMetrics::new(["a.B/C".to_owned()]);
        for (path, method) in [
            ("/a.B/C", "a.B/C"),
            ("/a.B/c", OTHER_METHOD),
            ("/a.B/C/", OTHER_METHOD),
            ("/", OTHER_METHOD),
            ("", OTHER_METHOD),
        ] {
            assert_eq!(metrics.begin(path).method(), method, "{path:?}");
        }
    }

    #[test]
    fn a_call_is_in_flight_until_it_has_ended_or_is_dropped() {
        let metrics = CallMetrics::new(["a.B/C".to_owned()]);
        let (one, other) = (metrics.begin("/a.B/C"), metrics.begin("/a.B/C"));
        let gauge = one.in_flight.clone();
        assert_eq!(gauge.get(), 2);
        one.end("OK");
        assert_eq!(gauge.get(), 1);
        drop(other);
        assert_eq!(gauge.get(), 0);
    }
}
