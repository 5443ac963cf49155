//! From a question to a chat, through the model, to an answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::id::ItemId;
use empiric_schema::version::{ModelBinding, SystemVersion};

use super::demonstrations::Selector;
use super::error::AnswerError;
use super::trimmed::Trimmed;
use crate::model::{
    Adapter, Finish, Flow, Generated, GenerationOptions, LoadOptions, LoadedModel, Message, ModelError,
    ModelFiles, Observer, Precision, Role, Totals, generate, load_with, stream,
};
use crate::telemetry_names as names;

/// What the user template's place for the input looks like.
const INPUT_PLACE: &str = "{{input}}";

/// One thing to answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The item's id, where the question is an item: it is then never shown as its own example.
    pub id: Option<&'a ItemId>,
    /// What the user asks.
    pub input: &'a str,
}

impl<'a> From<&'a str> for Question<'a> {
    fn from(input: &'a str) -> Self {
        Self { id: None, input }
    }
}

/// What the system said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer, cut at stop texts and trimmed.
    pub text: String,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
    /// Length of the answer in tokens.
    pub completion_tokens: u32,
    /// Why it ended.
    pub finish: Finish,
}

impl Answer {
    fn new(prompt_tokens: usize, generated: Generated) -> Self {
        Self {
            text: generated.text.trim().to_owned(),
            prompt_tokens: prompt_tokens as u32,
            completion_tokens: generated.tokens.len() as u32,
            finish: generated.finish,
        }
    }
}

/// Watches answers as they come.
pub trait AnswerObserver {
    /// Called before each pass of the model with what will have been used after it.
    fn before_pass(&mut self, totals: Totals) -> Flow;
    /// Called with the answer to the question at `index`.
    fn answered(&mut self, index: usize, answer: Answer) -> Flow;
}

/// A system version, loaded and ready to answer.
#[derive(Debug, Clone)]
pub struct Answerer {
    version: SystemVersion,
    model: LoadedModel,
    demonstrations: Selector,
}

impl Answerer {
    /// Loads the version's model, adapter and demonstrations from the paths of its artifacts, with the weights
    /// as they are in their file.
    ///
    /// # Errors
    /// An artifact without a path, files that are damaged or of another kind, an adapter of another model, or
    /// a version that asks for what this runtime cannot do.
    pub fn load(version: SystemVersion, inputs: &BTreeMap<Digest, PathBuf>) -> Result<Self, AnswerError> {
        Self::load_with(version, inputs, LoadOptions { weights: Precision::AsStored })
    }

    /// As [`Self::load`], with weights kept as the options say.
    ///
    /// # Errors
    /// As [`Self::load`].
    #[tracing::instrument(skip_all, fields(model = %version.model.id))]
    pub fn load_with(
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
        options: LoadOptions,
    ) -> Result<Self, AnswerError> {
        check(&version)?;
        let files = model_files(&version.model, inputs)?;
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        let failed = |source| AnswerError::Load { path: files.weights.clone(), source };
        let model = load_with(&files, options).map_err(failed)?;
        let adapter = adapter(&model, &version, inputs)?;
        Ok(Self { version, model: model.with_adapter(adapter), demonstrations })
    }

    /// The same loaded weights under another version of the same model, so that nothing is read twice.
    ///
    /// # Errors
    /// The version has other weights, or its adapter or demonstrations cannot be read.
    pub fn with_version(
        self,
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        check(&version)?;
        let own = &self.version.model;
        if version.model.weights != own.weights || version.model.files != own.files {
            return Err(AnswerError::Unsupported(
                "the version has other weights than those loaded".to_owned(),
            ));
        }
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        let adapter = match version.adapter == self.version.adapter {
            true => self.model.adapter.clone(),
            false => adapter(&self.model, &version, inputs)?,
        };
        Ok(Self { version, model: self.model.with_adapter(adapter), demonstrations })
    }

    /// The version that answers.
    pub fn version(&self) -> &SystemVersion {
        &self.version
    }

    /// The chat for a question: system, demonstrations as earlier turns, the question.
    pub fn messages(&self, question: &Question<'_>) -> Vec<Message> {
        let prompt = &self.version.prompt;
        let user = |input: &str| Message::new(Role::User, prompt.user.replace(INPUT_PLACE, input));
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(Message::new(Role::System, prompt.system.as_str()));
        }
        for item in self.demonstrations.choose(question) {
            messages.push(user(&item.input));
            let shown = format!("{}{}", prompt.answer_cue, item.expected.shown());
            messages.push(Message::new(Role::Assistant, shown));
        }
        messages.push(user(question.input));
        messages
    }

    /// Answers these inputs together.
    ///
    /// # Errors
    /// A prompt that is too long for the model, or numbers that are none.
    pub fn answer_batch(&self, inputs: &[&str]) -> Result<Vec<Answer>, AnswerError> {
        let questions: Vec<Question<'_>> = inputs.iter().map(|input| Question::from(*input)).collect();
        let mut collect = Collect { answers: vec![None; inputs.len()] };
        self.answer_each(&questions, inputs.len(), &mut collect)?;
        let none = || AnswerError::Unsupported("a question was left without an answer".to_owned());
        collect.answers.into_iter().map(|answer| answer.ok_or_else(none)).collect()
    }

    /// Answers the questions, at most `batch` at a time, and hands each answer over as soon as it is there.
    /// Returns whether all were answered or the observer stopped the work.
    ///
    /// # Errors
    /// A prompt that is too long for the model, or numbers that are none.
    pub fn answer_each(
        &self,
        questions: &[Question<'_>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<Flow, AnswerError> {
        let span = self.span(questions.len());
        let _entered = span.enter();
        let prompts = self.prompts(questions)?;
        let decoding = &self.version.decoding;
        let max_tokens = decoding.max_tokens as usize;
        let options = GenerationOptions { max_tokens, stop: &decoding.stop, batch, ..Default::default() };
        let mut forward = Forward { prompts: &prompts, totals: Totals::default(), observer };
        let flow = generate(&self.model, &prompts, &options, &mut forward)?;
        span.record(names::GEN_AI_USAGE_INPUT_TOKENS, forward.totals.prompt_tokens);
        span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, forward.totals.completion_tokens);
        Ok(flow)
    }

    /// The loaded model.
    pub(super) fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// The tokens of a question's chat, up to the answer.
    pub(super) fn prompt(&self, question: &Question<'_>) -> Result<Vec<u32>, ModelError> {
        self.model.prompt(&self.messages(question), &self.version.prompt.answer_cue)
    }

    /// Answers one question and hands over the answer's text piece by piece; the pieces together are the
    /// answer's text. Returns nothing where the receiver stopped it.
    ///
    /// # Errors
    /// A prompt that is too long for the model, or numbers that are none.
    pub fn answer_stream(
        &self,
        question: &Question<'_>,
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let span = self.span(1);
        let _entered = span.enter();
        let prompt = self.prompt(question)?;
        let decoding = &self.version.decoding;
        let options = GenerationOptions {
            max_tokens: decoding.max_tokens as usize,
            stop: &decoding.stop,
            batch: 1,
            ..Default::default()
        };
        let mut trimmed = Trimmed::default();
        let mut on_piece = |piece: &str| trimmed.hand_over(piece, on_text);
        let Some(answer) = stream(&self.model, &prompt, &options, &mut on_piece)? else {
            return Ok(None);
        };
        let answer = Answer::new(prompt.len(), answer);
        span.record(names::GEN_AI_USAGE_INPUT_TOKENS, answer.prompt_tokens);
        span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, answer.completion_tokens);
        Ok(Some(answer))
    }

    fn prompts(&self, questions: &[Question<'_>]) -> Result<Vec<Vec<u32>>, ModelError> {
        questions.iter().map(|question| self.prompt(question)).collect()
    }

    fn span(&self, prompts: usize) -> tracing::Span {
        let model = self.version.model.id.as_str();
        tracing::info_span!(
            "chat",
            otel.name = format!("{} {model}", names::SPAN_CHAT),
            otel.kind = "internal",
            { names::GEN_AI_OPERATION_NAME } = names::SPAN_CHAT,
            { names::GEN_AI_PROVIDER_NAME } = names::PROVIDER,
            { names::GEN_AI_REQUEST_MODEL } = model,
            { names::GEN_AI_REQUEST_MAX_TOKENS } = self.version.decoding.max_tokens,
            { names::GEN_AI_USAGE_INPUT_TOKENS } = tracing::field::Empty,
            { names::GEN_AI_USAGE_OUTPUT_TOKENS } = tracing::field::Empty,
            { names::EMPIRIC_PROMPTS } = prompts,
            { names::EMPIRIC_VERSION } = %self.version.digest(),
        )
    }
}

fn check(version: &SystemVersion) -> Result<(), AnswerError> {
    let problem = if version.decoding.max_tokens == 0 {
        "`max_tokens` is 0: an answer needs at least one token"
    } else if !version.prompt.user.contains(INPUT_PLACE) {
        "the user template has no `{{input}}`: all questions would be the same"
    } else {
        return Ok(());
    };
    Err(AnswerError::Unsupported(problem.to_owned()))
}

/// Where the files of a model lie.
fn model_files(model: &ModelBinding, inputs: &BTreeMap<Digest, PathBuf>) -> Result<ModelFiles, AnswerError> {
    let mut files = BTreeMap::new();
    for (name, artifact) in &model.files {
        files.insert(name.clone(), path(inputs, "a file of the model", artifact)?.clone());
    }
    Ok(ModelFiles { weights: path(inputs, "the weights", &model.weights)?.clone(), files })
}

/// The version's adapter, checked against the loaded weights.
fn adapter(
    model: &LoadedModel,
    version: &SystemVersion,
    inputs: &BTreeMap<Digest, PathBuf>,
) -> Result<Option<Arc<Adapter>>, AnswerError> {
    let Some(adapter) = &version.adapter else {
        return Ok(None);
    };
    let config = path(inputs, "the adapter's configuration", &adapter.config)?;
    let weights = path(inputs, "the adapter's weights", &adapter.weights)?;
    let loaded = model.load_adapter(config, weights, version.model.id.as_str());
    loaded.map(Some).map_err(|source| AnswerError::Adapter { path: weights.clone(), source })
}

fn path<'a>(
    inputs: &'a BTreeMap<Digest, PathBuf>,
    what: &'static str,
    artifact: &ArtifactRef,
) -> Result<&'a PathBuf, AnswerError> {
    let missing = || AnswerError::MissingInput { what, digest: artifact.digest.clone() };
    inputs.get(&artifact.digest).ok_or_else(missing)
}

/// Turns generated tokens into answers.
struct Forward<'a> {
    prompts: &'a [Vec<u32>],
    totals: Totals,
    observer: &'a mut dyn AnswerObserver,
}

impl Observer for Forward<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.totals = totals;
        self.observer.before_pass(totals)
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.observer.answered(index, Answer::new(self.prompts[index].len(), answer))
    }
}

struct Collect {
    answers: Vec<Option<Answer>>,
}

impl AnswerObserver for Collect {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        self.answers[index] = Some(answer);
        Flow::Continue
    }
}
