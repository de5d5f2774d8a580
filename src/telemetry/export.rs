//! Sending traces to an OpenTelemetry collector, if the standard variables say where.
//!
//! | variable | here |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_TRACES_ENDPOINT` | where to; without either nothing is sent |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/protobuf` (default) or `grpc` |
//! | `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` | `true` and `none` turn it off |
//! | all others (headers, timeout, sampler, batches, service name, resource attributes) | as OpenTelemetry's SDK reads them |
//!
//! The SDK reads the last ones from the environment of the process by itself. That is the one place
//! where the environment is not passed in: these variables are not this service's, and giving them a
//! second parser would make them mean something else here than everywhere else.
//!
//! Sending happens on a thread of the SDK's, which collects what has ended and sends it in batches. A
//! collector that is away or slow costs traces, never a call; one line says so when it begins, and
//! another when it is over.
//!
//! The headers often hold a credential. No line and no `Debug` form has them.

use std::{
    ffi::OsString,
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as OtlpExporter, WithTonicConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Handle;
use tonic::transport::ClientTlsConfig;
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::traces;

/// The name under which traces are sent unless `OTEL_SERVICE_NAME` gives another.
const SERVICE_NAME: &str = env!("CARGO_PKG_NAME");

/// Traces are to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    protocol: Protocol,
    service_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The protocol is not spoken here.
    #[error("{0}: expected `http/protobuf` or `grpc`")]
    Protocol(&'static str),
    /// The kind of exporter is not there.
    #[error("OTEL_TRACES_EXPORTER: expected `otlp` or `none`")]
    Exporter,
    /// TLS is spoken with gRPC only.
    #[error("{0}: https needs OTEL_EXPORTER_OTLP_PROTOCOL=grpc")]
    TlsOverHttp(&'static str),
    /// OpenTelemetry's own variables are malformed.
    #[error("traces cannot be sent")]
    Build(#[from] ExporterBuildError),
}

impl Export {
    /// The exporter that the variables of `environment` ask for; `None` if traces are not to be sent.
    ///
    /// # Errors
    ///
    /// When they ask for something that is not there.
    pub fn from_environment(
        environment: &[(OsString, OsString)],
    ) -> Result<Option<Self>, ExportError> {
        // As everywhere in OpenTelemetry, a variable that is set to nothing counts as unset.
        let value = |name: &'static str| {
            let found = environment.iter().find(|(variable, _)| variable == name);
            let value = found.map(|(_, value)| value.to_string_lossy());
            value
                .filter(|value| !value.is_empty())
                .map(|value| (name, value))
        };
        let of_traces_or_all = |of_traces, of_all| value(of_traces).or_else(|| value(of_all));

        if value("OTEL_SDK_DISABLED").is_some_and(|(_, value)| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match value("OTEL_TRACES_EXPORTER")
            .as_ref()
            .map(|(_, value)| &**value)
        {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(_) => return Err(ExportError::Exporter),
        }
        let Some((variable, endpoint)) = of_traces_or_all(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ) else {
            return Ok(None);
        };
        let protocol = of_traces_or_all(
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        );
        let protocol = match protocol.as_ref().map(|(name, value)| (*name, &**value)) {
            None | Some((_, "http/protobuf")) => Protocol::Http,
            Some((_, "grpc")) => Protocol::Grpc,
            Some((name, _)) => return Err(ExportError::Protocol(name)),
        };
        if protocol == Protocol::Http && endpoint.starts_with("https:") {
            return Err(ExportError::TlsOverHttp(variable));
        }
        let service_name = value("OTEL_SERVICE_NAME").map(|(_, name)| name.into_owned());
        Ok(Some(Self {
            protocol,
            service_name,
        }))
    }

    /// Begins to send. To be called on the runtime.
    pub(super) fn start(self) -> Result<SdkTracerProvider, ExportError> {
        let exporter = match self.protocol {
            Protocol::Http => OtlpExporter::builder().with_http().build(),
            Protocol::Grpc => {
                // Without effect on an endpoint that is not https.
                let tls = ClientTlsConfig::new().with_enabled_roots();
                OtlpExporter::builder()
                    .with_tonic()
                    .with_tls_config(tls)
                    .build()
            }
        };
        let exporter = OnRuntime {
            exporter: exporter?,
            runtime: Handle::current(),
            is_failing: AtomicBool::new(false),
        };
        Ok(SdkTracerProvider::builder()
            .with_resource(resource(self.service_name))
            .with_batch_exporter(exporter)
            .build())
    }
}

/// The service that sends the traces, as a resource. The operator's name and attributes win over the
/// service's own.
fn resource(service_name: Option<String>) -> Resource {
    let own = [
        KeyValue::new("service.name", SERVICE_NAME),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource::builder_empty()
        .with_attributes(own)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attributes(service_name.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// The layer that makes traces of this service's spans, if there is something to send them.
///
/// Without a provider there still is a layer, which wants no span. If there were none, or one without
/// a filter, a span that no line needs would be made all the same, and each statement would pay for it.
pub(super) fn layer<S>(provider: Option<&SdkTracerProvider>) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let are_sent = provider.is_some();
    let exported = filter_fn(move |metadata| {
        are_sent && metadata.is_span() && metadata.target().starts_with(traces::CRATE)
    });
    let traces = provider.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(SERVICE_NAME))
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
    });
    traces.with_filter(exported)
}

/// The SDK's thread drives exporters outside of any runtime, but their clients need timers and
/// sockets of one.
struct OnRuntime {
    exporter: OtlpExporter,
    runtime: Handle,
    /// Whether the last batch was lost.
    is_failing: AtomicBool,
}

impl OnRuntime {
    /// Says when batches begin to be lost, and when that ends.
    fn note(&self, outcome: &OTelSdkResult) {
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was_failing => {
                tracing::warn!(%error, "traces cannot be sent and are lost until they can");
            }
            Ok(()) if was_failing => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

/// Leaves the exporter out: its own form has the headers that it sends.
impl fmt::Debug for OnRuntime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OnRuntime")
            .field("is_failing", &self.is_failing)
            .finish_non_exhaustive()
    }
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut export = pin!(self.exporter.export(batch));
        let outcome = poll_fn(|context| {
            let _inside = self.runtime.enter();
            export.as_mut().poll(context)
        })
        .await;
        self.note(&outcome);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_otlp::WithHttpConfig as _;

    use super::*;

    fn export(variables: &[(&str, &str)]) -> Result<Option<Export>, ExportError> {
        let environment: Vec<_> = variables
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect();
        Export::from_environment(&environment)
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn nothing_is_sent_without_an_endpoint_or_when_it_is_turned_off() {
        for variables in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SERVICE_NAME", "x")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(export(variables).unwrap(), None, "{variables:?}");
        }
    }

    #[test]
    fn the_variable_for_traces_wins_over_that_for_everything() {
        let sent_by = |variables: &[_]| export(variables).unwrap().unwrap().protocol;
        assert_eq!(sent_by(&[ENDPOINT]), Protocol::Http);
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(sent_by(&[ENDPOINT, grpc]), Protocol::Grpc);
        let http = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        assert_eq!(sent_by(&[ENDPOINT, grpc, http]), Protocol::Http);
        let secure = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector");
        assert_eq!(sent_by(&[ENDPOINT, secure, grpc]), Protocol::Grpc);
    }

    #[test]
    fn what_is_not_there_is_refused_and_the_variable_is_named() {
        let refused = |variables: &[_]| export(variables).unwrap_err().to_string();
        let json = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
        assert!(refused(&[ENDPOINT, json]).starts_with("OTEL_EXPORTER_OTLP_PROTOCOL: "));
        let console = ("OTEL_TRACES_EXPORTER", "console");
        assert!(refused(&[ENDPOINT, console]).starts_with("OTEL_TRACES_EXPORTER: "));
        let secure = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector");
        assert!(refused(&[secure]).starts_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "));
    }

    #[tokio::test]
    async fn what_is_sent_as_a_credential_has_no_debug_form() {
        let secret = ("authorization".to_owned(), "Bearer hunter2".to_owned());
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_headers([secret].into())
            .build()
            .unwrap();
        assert!(
            format!("{exporter:?}").contains("hunter2"),
            "so ours must not"
        );
        let exporter = OnRuntime {
            exporter,
            runtime: Handle::current(),
            is_failing: AtomicBool::new(false),
        };
        assert!(!format!("{exporter:?}").contains("hunter2"));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .build();
        assert!(!format!("{provider:?}").contains("hunter2"));
    }
}
