//! Names of spans and attributes that this crate emits.
//!
//! They follow OpenTelemetry's semantic conventions for generative AI.

/// Span: one call of the model for a batch of prompts. Its shown name is `chat` and the model's name.
pub const SPAN_CHAT: &str = "chat";
/// Attribute: what is done, such as `chat`.
pub const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
/// Attribute: who answers.
pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
/// Attribute: the model asked.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// Attribute: most new tokens.
pub const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Attribute: tokens read.
pub const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Attribute: tokens written.
pub const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Attribute: prompts in the call.
pub const EMPIRIC_PROMPTS: &str = "empiric.prompts";
/// Attribute: digest of the answering version.
pub const EMPIRIC_VERSION: &str = "empiric.version";
/// The provider's name for weights that run in this process.
pub const PROVIDER: &str = "empiric";
/// The provider's name for OpenAI-compatible servers, whoever runs them.
pub const PROVIDER_ENDPOINT: &str = "openai";
/// Metric (histogram, `{token}`): tokens of a job, by type.
pub const GEN_AI_TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// Metric (histogram, `s`): time of a job's model calls.
pub const GEN_AI_OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Attribute: `input` or `output`.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";
/// Metric (counter): jobs that ended, by class.
pub const EMPIRIC_JOBS: &str = "empiric.jobs";
/// Attribute: how a job ended.
pub const EMPIRIC_EXIT_CLASS: &str = "empiric.exit.class";
