//! From a question to a chat, through the model, to an answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_schema::artifact::Digest;
use empiric_schema::id::ItemId;
use empiric_schema::version::SystemVersion;

use super::demonstrations::Selector;
use super::engine::Engine;
use super::error::AnswerError;
use super::trimmed::Trimmed;
use crate::model::{
    Finish, Flow, Generated, GenerationOptions, LoadOptions, LoadedModel, Message, ModelError, Observer,
    Precision, Role, Totals, generate, stream,
};
use crate::model_cache::ModelCache;
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
    /// Called with what was used for certain, where that is known only afterwards.
    fn used(&mut self, _totals: Totals) {}
    /// Called with the answer to the question at `index`.
    fn answered(&mut self, index: usize, answer: Answer) -> Flow;
}

/// A system version, loaded and ready to answer.
#[derive(Debug, Clone)]
pub struct Answerer {
    version: SystemVersion,
    engine: Engine,
    demonstrations: Selector,
}

impl Answerer {
    /// Loads the version's model, adapter and demonstrations from the paths of its artifacts, with the weights
    /// as they are in their file. An endpoint's client is prepared, and nothing is asked yet.
    ///
    /// # Errors
    /// An artifact without a path, files that are damaged or of another kind, an adapter of another model, an
    /// endpoint that must not be asked, or a version that asks for what this runtime cannot do.
    pub fn load(version: SystemVersion, inputs: &BTreeMap<Digest, PathBuf>) -> Result<Self, AnswerError> {
        Self::load_cached(version, inputs, &ModelCache::default())
    }

    /// As [`Self::load`], with weights that this process may have loaded already, on its device.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_cached(
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
        models: &ModelCache,
    ) -> Result<Self, AnswerError> {
        let options = LoadOptions { weights: Precision::AsStored, device: models.device() };
        Self::open(version, inputs, options, models)
    }

    /// As [`Self::load`], with weights kept as the options say.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
        options: LoadOptions,
    ) -> Result<Self, AnswerError> {
        Self::open(version, inputs, options, &ModelCache::default())
    }

    #[tracing::instrument(name = "load", skip_all, fields(model = %version.model.id()))]
    fn open(
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
        options: LoadOptions,
        models: &ModelCache,
    ) -> Result<Self, AnswerError> {
        check(&version)?;
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        let engine = Engine::open(&version, inputs, options, models)?;
        Ok(Self { version, engine, demonstrations })
    }

    /// The same loaded weights under another version of the same model, so that nothing is read twice.
    ///
    /// # Errors
    /// The version has other weights or another endpoint, or its adapter or demonstrations cannot be read.
    pub fn with_version(
        self,
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        check(&version)?;
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        let engine = self.engine.with_version(&self.version, &version, inputs)?;
        Ok(Self { version, engine, demonstrations })
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
        let (flow, totals) = match &self.engine {
            Engine::Local(model) => self.answer_locally(model, questions, batch, observer)?,
            Engine::Endpoint(model) => {
                let chats: Vec<_> = questions.iter().map(|question| self.messages(question)).collect();
                model.answer_each(&chats, &self.version.decoding, batch, observer)?
            }
        };
        span.record(names::GEN_AI_USAGE_INPUT_TOKENS, totals.prompt_tokens);
        span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, totals.completion_tokens);
        Ok(flow)
    }

    fn answer_locally(
        &self,
        model: &LoadedModel,
        questions: &[Question<'_>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<(Flow, Totals), AnswerError> {
        let prompts = self.prompts(model, questions)?;
        let options = GenerationOptions { batch, ..self.options() };
        let mut forward = Forward { prompts: &prompts, totals: Totals::default(), observer };
        let flow = generate(model, &prompts, &options, &mut forward)?;
        Ok((flow, forward.totals))
    }

    fn options(&self) -> GenerationOptions<'_> {
        let decoding = &self.version.decoding;
        let max_tokens = decoding.max_tokens as usize;
        GenerationOptions { max_tokens, stop: &decoding.stop, batch: 1, ..Default::default() }
    }

    /// The loaded model.
    ///
    /// # Errors
    /// The model is behind an endpoint.
    pub(super) fn local(&self) -> Result<&LoadedModel, AnswerError> {
        match &self.engine {
            Engine::Local(model) => Ok(model),
            Engine::Endpoint(_) => Err(AnswerError::Unsupported(
                "the model is behind an endpoint, and a chat interface does not say how likely given texts are"
                    .to_owned(),
            )),
        }
    }

    /// The tokens of a question's chat, up to the answer.
    pub(super) fn prompt(
        &self,
        model: &LoadedModel,
        question: &Question<'_>,
    ) -> Result<Vec<u32>, ModelError> {
        model.prompt(&self.messages(question), &self.version.prompt.answer_cue)
    }

    /// Answers one question and hands over the answer's text piece by piece; the pieces together are the
    /// answer's text. Returns nothing where the receiver stopped it. An endpoint's answer is one piece.
    ///
    /// # Errors
    /// A prompt that is too long for the model, numbers that are none, or an endpoint that does not answer.
    pub fn answer_stream(
        &self,
        question: &Question<'_>,
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let span = self.span(1);
        let _entered = span.enter();
        let answer = match &self.engine {
            Engine::Local(model) => self.stream_locally(model, question, on_text)?,
            Engine::Endpoint(model) => {
                let answer = model.answer(&self.messages(question), &self.version.decoding)?;
                (on_text(&answer.text) == Flow::Continue).then_some(answer)
            }
        };
        if let Some(answer) = &answer {
            span.record(names::GEN_AI_USAGE_INPUT_TOKENS, answer.prompt_tokens);
            span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, answer.completion_tokens);
        }
        Ok(answer)
    }

    fn stream_locally(
        &self,
        model: &LoadedModel,
        question: &Question<'_>,
        on_text: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Option<Answer>, AnswerError> {
        let prompt = self.prompt(model, question)?;
        let mut trimmed = Trimmed::default();
        let mut on_piece = |piece: &str| trimmed.hand_over(piece, on_text);
        let answer = stream(model, &prompt, &self.options(), &mut on_piece)?;
        Ok(answer.map(|answer| Answer::new(prompt.len(), answer)))
    }

    fn prompts(&self, model: &LoadedModel, questions: &[Question<'_>]) -> Result<Vec<Vec<u32>>, ModelError> {
        questions.iter().map(|question| self.prompt(model, question)).collect()
    }

    fn span(&self, prompts: usize) -> tracing::Span {
        let model = self.version.model.id().as_str();
        let (kind, provider) = match self.engine {
            Engine::Local(_) => ("internal", names::PROVIDER),
            Engine::Endpoint(_) => ("client", names::PROVIDER_ENDPOINT),
        };
        tracing::info_span!(
            "chat",
            otel.name = format!("{} {model}", names::SPAN_CHAT),
            otel.kind = kind,
            { names::GEN_AI_OPERATION_NAME } = names::SPAN_CHAT,
            { names::GEN_AI_PROVIDER_NAME } = provider,
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
    let is_endpoint = version.model.endpoint().is_some();
    let problem = if is_endpoint && !version.prompt.answer_cue.is_empty() {
        "the prompt has an answer cue, and a chat interface does not let an answer be begun"
    } else if is_endpoint && version.adapter.is_some() {
        "the model is behind an endpoint, which takes no adapter"
    } else if version.decoding.max_tokens == 0 {
        "`max_tokens` is 0: an answer needs at least one token"
    } else if !version.prompt.user.contains(INPUT_PLACE) {
        "the user template has no `{{input}}`: all questions would be the same"
    } else {
        return Ok(());
    };
    Err(AnswerError::Unsupported(problem.to_owned()))
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
