//! Names of spans, attributes, metrics and events, of all crates.
//!
//! Those in `gen_ai` follow OpenTelemetry's semantic conventions for generative AI.

/// Span: a command of the program. Its shown name is `empiric` and the command's name.
pub const SPAN_COMMAND: &str = "empiric";
/// Span: an attempt at a job, seen from the dispatcher.
pub const SPAN_JOB: &str = "job";
/// Attribute: the job's kind, such as `evaluate`.
pub const JOB_KIND: &str = "job.kind";
/// Attribute: the job's name for people.
pub const JOB_LABEL: &str = "job.label";
/// Attribute: the run's id.
pub const RUN: &str = "run";
/// Attribute: which attempt of Temporal's this is, from 1.
pub const ATTEMPT: &str = "attempt";
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
/// Event: a version was measured on a split.
pub const GEN_AI_EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
/// Attribute: what was measured, such as `accuracy`.
pub const GEN_AI_EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// Attribute: the figure.
pub const GEN_AI_EVALUATION_SCORE_VALUE: &str = "gen_ai.evaluation.score.value";
/// Attribute: the figure in words.
pub const GEN_AI_EVALUATION_SCORE_LABEL: &str = "gen_ai.evaluation.score.label";
/// Event: a finalist met the incumbent, or a version met the promise.
pub const EMPIRIC_GATE_DECISION: &str = "empiric.gate.decision";
/// Attribute: `promote` or `gate`.
pub const EMPIRIC_GATE: &str = "empiric.gate";
/// Attribute: `pass`, `fail` or `inconclusive`.
pub const EMPIRIC_VERDICT: &str = "empiric.verdict";
/// Attribute: digest of the version that is judged.
pub const EMPIRIC_CANDIDATE: &str = "empiric.candidate";
/// Attribute: digest of the version that it is compared with.
pub const EMPIRIC_BASELINE: &str = "empiric.baseline";
/// Attribute: items that were counted.
pub const EMPIRIC_N: &str = "empiric.n";
/// Attribute: candidate's rate minus the baseline's.
pub const EMPIRIC_DELTA: &str = "empiric.delta";
/// Attribute: lower bound of the difference.
pub const EMPIRIC_DELTA_LOW: &str = "empiric.delta.low";
/// Attribute: upper bound of the difference.
pub const EMPIRIC_DELTA_HIGH: &str = "empiric.delta.high";
/// Attribute: one-sided p-value of "the candidate is better".
pub const EMPIRIC_P: &str = "empiric.p";
/// Attribute: the rule in a sentence.
pub const EMPIRIC_RULE: &str = "empiric.rule";
/// Attribute: a split of the data.
pub const EMPIRIC_SPLIT: &str = "empiric.split";
/// Attribute: a resource of the budget.
pub const EMPIRIC_RESOURCE: &str = "empiric.resource";
/// Event and metric (counter): a question to a person was asked, escalated or answered.
pub const EMPIRIC_QUESTION: &str = "empiric.question";
/// Attribute: what a question is about, such as `spend`.
pub const EMPIRIC_QUESTION_ABOUT: &str = "empiric.question.about";
/// Attribute: number of a question in its run.
pub const EMPIRIC_QUESTION_NUMBER: &str = "empiric.question.number";
/// Attribute: `asked`, `escalated`, `approved` or `rejected`.
pub const EMPIRIC_QUESTION_STATE: &str = "empiric.question.state";
/// Metric (gauge, share): the last measured accuracy of a run, by split.
pub const EMPIRIC_QUALITY: &str = "empiric.quality";
/// Metric (counter): verdicts of gates.
pub const EMPIRIC_GATE_VERDICTS: &str = "empiric.gate.verdicts";
/// Metric (gauge): spent so far in a run, by resource in its own unit.
pub const EMPIRIC_SPEND: &str = "empiric.spend";
