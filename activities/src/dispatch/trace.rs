//! The trace that a job goes on with: `TRACEPARENT` and `TRACESTATE`.

use std::collections::HashMap;

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, global};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Variables that carry the current span to a child, as the process's propagator writes them; none
/// where nothing is traced. The span may come from `tracing` or from the SDK's own context.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut context = tracing::Span::current().context();
    if !context.span().span_context().is_valid() {
        context = Context::current();
    }
    let mut fields: HashMap<String, String> = HashMap::new();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut fields));
    let known = ["traceparent", "tracestate"];
    let found = known.iter().filter_map(|name| Some((name.to_uppercase(), fields.remove(*name)?)));
    found.filter(|(_, value)| !value.is_empty()).collect()
}
