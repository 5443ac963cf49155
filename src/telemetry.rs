//! Telemetry: traces, metrics and logs over OTLP when an endpoint is set, and nothing when not.
//!
//! One trace leads from the command through workflow and activity into the job's process: the Temporal
//! plugin carries it in headers, and the dispatcher hands it to the job as TRACEPARENT.

use std::collections::HashMap;
use std::path::Path;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use temporalio_sdk::opentelemetry::WorkflowIdGenerator;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::error::CliError;

/// Variable with the OTLP endpoint; without it nothing is exported.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Variable with the filter of the log file, such as `info` or `empiric_activities=debug`.
const LOG: &str = "EMPIRIC_LOG";
/// What is exported and logged by default: our own crates, and warnings of others.
const FILTER: &str = "warn,empiric=info,empiric_activities=info,empiric_jobs=info,empiric_workflows=info,temporalio_sdk_core=error";

/// The exporters of this process. Dropped without [`Telemetry::shutdown`], the last spans are lost.
#[derive(Default, Clone)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

impl Telemetry {
    /// Sets up the subscriber: a log file where a folder for it is given, OTLP where an endpoint is set.
    pub fn start(log_folder: Option<&Path>) -> Result<Self, CliError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let telemetry = if is_exported() { Self::exporters()? } else { Self::default() };
        let filter = || EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new(FILTER));
        let spans = telemetry.traces.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("empiric")).with_filter(filter())
        });
        let events = telemetry
            .logs
            .as_ref()
            .map(|provider| OpenTelemetryTracingBridge::new(provider).with_filter(filter()));
        let file = log_folder.and_then(log_file).map(|file| {
            tracing_subscriber::fmt::layer()
                .with_writer(std::sync::Mutex::new(file))
                .with_ansi(false)
                .with_filter(filter())
        });
        let installed = tracing_subscriber::registry().with(spans).with(events).with(file).try_init();
        installed.map_err(|error| CliError::Telemetry(error.to_string()))?;
        Ok(telemetry)
    }

    fn exporters() -> Result<Self, CliError> {
        let failed = |error: opentelemetry_otlp::ExporterBuildError| CliError::Telemetry(error.to_string());
        let spans = SpanExporter::builder().with_tonic().build().map_err(failed)?;
        let metrics = MetricExporter::builder().with_tonic().build().map_err(failed)?;
        let logs = LogExporter::builder().with_tonic().build().map_err(failed)?;
        let traces = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_id_generator(WorkflowIdGenerator::default())
            .with_batch_exporter(spans)
            .build();
        let metrics =
            SdkMeterProvider::builder().with_resource(resource()).with_periodic_exporter(metrics).build();
        let logs = SdkLoggerProvider::builder().with_resource(resource()).with_batch_exporter(logs).build();
        global::set_tracer_provider(traces.clone());
        global::set_meter_provider(metrics.clone());
        Ok(Self { traces: Some(traces), metrics: Some(metrics), logs: Some(logs) })
    }

    /// Sends what there is, and goes on.
    pub fn flush(&self) {
        // A collector that is gone must not turn a finished job into a failure.
        let _ = self.traces.as_ref().map(|provider| provider.force_flush());
        let _ = self.metrics.as_ref().map(|provider| provider.force_flush());
        let _ = self.logs.as_ref().map(|provider| provider.force_flush());
    }

    /// Sends what is left.
    pub fn shutdown(self) {
        // A collector that is gone must not turn a finished command into a failure.
        let _ = self.traces.map(|provider| provider.shutdown());
        let _ = self.metrics.map(|provider| provider.shutdown());
        let _ = self.logs.map(|provider| provider.shutdown());
    }
}

/// Whether anything is exported.
pub fn is_exported() -> bool {
    std::env::var_os(ENDPOINT).is_some_and(|value| !value.is_empty())
}

/// The trace that this process was started in (TRACEPARENT), or an empty context.
pub fn parent() -> Context {
    context(|variable| std::env::var(variable).ok())
}

/// The trace that these variables carry, or an empty context.
pub fn context(variable: impl Fn(&str) -> Option<String>) -> Context {
    let names = [("TRACEPARENT", "traceparent"), ("TRACESTATE", "tracestate")];
    let found = names.iter().filter_map(|(name, key)| Some(((*key).to_owned(), variable(name)?)));
    let carrier: HashMap<String, String> = found.collect();
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}

fn resource() -> Resource {
    Resource::builder()
        .with_service_name("empiric")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

fn log_file(folder: &Path) -> Option<std::fs::File> {
    std::fs::create_dir_all(folder).ok()?;
    std::fs::File::options().create(true).append(true).open(folder.join("empiric.log")).ok()
}
