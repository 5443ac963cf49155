//! One trace from the command into the job, and what is measured and decided, seen by a real OTLP receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use empiric_schema::telemetry_names as names;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::process::{Project, empiric, finish};

#[derive(Debug, Clone, Default)]
struct Receiver {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<BTreeSet<String>>>,
    events: Arc<Mutex<BTreeSet<String>>>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.lock().expect("no test panicked here").extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_metrics);
        let names = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name);
        self.metrics.lock().expect("no test panicked here").extend(names);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let resources = request.into_inner().resource_logs;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_logs);
        let names = scopes.flat_map(|scope| scope.log_records).map(|record| record.event_name);
        self.events.lock().expect("no test panicked here").extend(names);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Names from a span up to its root.
fn ancestry(spans: &BTreeMap<Vec<u8>, Span>, span: &Span) -> Vec<String> {
    let mut names = vec![span.name.clone()];
    let mut parent = &span.parent_span_id;
    while let Some(next) = spans.get(parent) {
        names.push(next.name.clone());
        parent = &next.parent_span_id;
    }
    names
}

/// The nearest span of this name above a span.
fn above(spans: &BTreeMap<Vec<u8>, Span>, span: &Span, name: &str) -> Option<Vec<u8>> {
    let mut parent = spans.get(&span.parent_span_id);
    while let Some(next) = parent {
        if next.name == name {
            return Some(next.span_id.clone());
        }
        parent = spans.get(&next.parent_span_id);
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_command_into_the_job() {
    let receiver = Receiver::default();
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = incoming.local_addr().expect("an address");
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(receiver.clone()))
        .add_service(MetricsServiceServer::new(receiver.clone()))
        .add_service(LogsServiceServer::new(receiver.clone()))
        .serve_with_incoming(incoming);
    let server = tokio::spawn(server);

    let run = tokio::task::spawn_blocking(move || {
        let project = Project::new();
        let mut command = empiric();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
        command.arg("-C").arg(project.path()).args(["run", "--output", "json"]);
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("empiric starts");
        finish(child)
    });
    run.await.expect("the run ends");
    server.abort();

    let spans: BTreeMap<Vec<u8>, Span> = {
        let received = receiver.spans.lock().expect("no test panicked here");
        received.iter().map(|span| (span.span_id.clone(), span.clone())).collect()
    };
    let all: Vec<&str> = spans.values().map(|span| span.name.as_str()).collect();
    let chats: Vec<&Span> = spans.values().filter(|span| span.name.starts_with("chat")).collect();
    assert!(chats.len() > 1, "several jobs in {all:?}");
    let mut activities = BTreeSet::new();
    for chat in &chats {
        let line = ancestry(&spans, chat);
        for part in ["empiric job", "job.run", "empiric.lifecycle", "empiric run"] {
            let has = line.iter().any(|name| name.contains(part));
            assert!(has, "no `{part}` above the model call: {line:?}");
        }
        assert_eq!(line.last().map(String::as_str), Some("empiric run"));
        activities.insert(above(&spans, chat, "job"));
    }
    assert_eq!(activities.len(), chats.len(), "each call of the model belongs to a job of its own");
    let chat = chats[0];
    let raced = spans
        .values()
        .any(|span| ancestry(&spans, span).iter().any(|name| name.contains("empiric.iteration")));
    assert!(raced, "no iteration in {all:?}");
    let traces: BTreeSet<_> = spans.values().map(|span| span.trace_id.clone()).collect();
    let of_chat = spans.values().filter(|span| span.trace_id == chat.trace_id).count();
    assert!(
        of_chat * 10 >= spans.len() * 9,
        "{} traces; {of_chat} of {} spans in the main one",
        traces.len(),
        spans.len()
    );

    has_all("metric", &receiver.metrics, &METRICS);
    has_all("event", &receiver.events, &EVENTS);
}

const METRICS: [&str; 6] = [
    names::EMPIRIC_GATE_VERDICTS,
    names::EMPIRIC_JOBS,
    names::EMPIRIC_QUALITY,
    names::EMPIRIC_SPEND,
    names::GEN_AI_OPERATION_DURATION,
    names::GEN_AI_TOKEN_USAGE,
];
const EVENTS: [&str; 2] = [names::EMPIRIC_GATE_DECISION, names::GEN_AI_EVALUATION_RESULT];

fn has_all(what: &str, seen: &Mutex<BTreeSet<String>>, wanted: &[&str]) {
    let seen = seen.lock().expect("no test panicked here");
    for name in wanted {
        assert!(seen.contains(*name), "no {what} `{name}` in {seen:?}");
    }
}
