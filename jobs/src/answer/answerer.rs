//! From a question to a chat, through the model, to an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use empiric_schema::artifact::Digest;
use empiric_schema::version::SystemVersion;

use super::chat::INPUT_PLACE;
use super::demonstrations::Selector;
use super::engine::Engine;
use super::error::AnswerError;
use super::looked_up::WithPassages;
use super::question::{Answer, AnswerObserver, Question};
use super::tooled::Tooled;
use crate::model::{
    Flow, Generated, GenerationOptions, LoadOptions, LoadedModel, Message, ModelError, Observer, Precision,
    Sampling, Totals, generate,
};
use crate::model_cache::ModelCache;
use crate::retrieve::Retriever;
use crate::telemetry_names as names;
use crate::tools::Toolbox;

/// A system version, loaded and ready to answer.
#[derive(Debug, Clone)]
pub struct Answerer {
    version: SystemVersion,
    engine: Engine,
    demonstrations: Selector,
    sampling: Sampling,
    toolbox: Option<Arc<Toolbox>>,
    retriever: Option<Retriever>,
}

impl Answerer {
    /// Loads the version's model, adapter, demonstrations and index from the paths of its artifacts, with the weights
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
        let toolbox = toolbox(&version, inputs)?;
        let retriever = open_retriever(&version, inputs, models)?;
        let engine = Engine::open(&version, inputs, options, models)?;
        Ok(Self { version, engine, demonstrations, sampling: Sampling::Greedy, retriever, toolbox })
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
        let toolbox = toolbox(&version, inputs)?;
        let retriever = match is_same_index(&self.version, &version) {
            true => self.retriever,
            false => open_retriever(&version, inputs, &ModelCache::default())?,
        };
        let engine = self.engine.with_version(&self.version, &version, inputs)?;
        Ok(Self { version, engine, demonstrations, sampling: self.sampling, retriever, toolbox })
    }

    /// The same version, with tokens picked in another way than its own, which is greedy.
    pub fn with_sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// The version that answers.
    pub fn version(&self) -> &SystemVersion {
        &self.version
    }

    pub(super) fn demonstrations(&self) -> &Selector {
        &self.demonstrations
    }

    /// What looks passages up, where the version retrieves.
    pub(super) fn retriever(&self) -> Option<&Retriever> {
        self.retriever.as_ref()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
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
    /// A prompt that is too long for the model, numbers that are none, or passages that cannot be looked up.
    pub fn answer_each(
        &self,
        questions: &[Question<'_>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<Flow, AnswerError> {
        match &self.toolbox {
            Some(toolbox) => self.ask_each(questions, batch, &mut Tooled { toolbox, questions, observer }),
            None => self.ask_each(questions, batch, observer),
        }
    }

    fn ask_each(
        &self,
        questions: &[Question<'_>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<Flow, AnswerError> {
        let looked_up = self.look_up(questions)?;
        if self.retriever.is_some() {
            observer.found(&looked_up.found);
        }
        let mut asked = Vec::new();
        for index in 0..questions.len() {
            let Some(answer) = looked_up.abstention(index) else {
                asked.push(index);
                continue;
            };
            if observer.answered(index, answer) == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        let chats: Vec<Vec<Message>> = asked.iter().map(|index| looked_up.chat(*index)).collect();
        let mut observer = WithPassages { looked_up: &looked_up, places: &asked, observer };
        match chats.is_empty() {
            true => Ok(Flow::Continue),
            false => self.answer_chats(&chats, batch, &mut observer),
        }
    }

    fn answer_chats(
        &self,
        chats: &[Vec<Message>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<Flow, AnswerError> {
        let span = self.span(chats.len());
        let _entered = span.enter();
        let (flow, totals) = match (&self.version.decoding.labels, &self.engine) {
            (Some(labels), _) => self.label_chats(labels, chats, batch, observer)?,
            (None, Engine::Local(model)) => self.answer_locally(model, chats, batch, observer)?,
            (None, Engine::Endpoint(model)) => {
                let decoding = &self.version.decoding;
                model.answer_each(chats, decoding, self.sampling, batch, observer)?
            }
        };
        span.record(names::GEN_AI_USAGE_INPUT_TOKENS, totals.prompt_tokens);
        span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, totals.completion_tokens);
        Ok(flow)
    }

    /// Whether an answer's text is only known when it is whole.
    pub(super) fn answers_whole(&self) -> bool {
        self.toolbox.is_some() || self.version.decoding.labels.is_some()
    }

    fn answer_locally(
        &self,
        model: &LoadedModel,
        chats: &[Vec<Message>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<(Flow, Totals), AnswerError> {
        let prompts: Result<Vec<Vec<u32>>, ModelError> =
            chats.iter().map(|chat| self.prompt(model, chat)).collect();
        let prompts = prompts?;
        let options = GenerationOptions { batch, ..self.options() };
        let mut forward = Forward { prompts: &prompts, totals: Totals::default(), observer };
        let flow = generate(model, &prompts, &options, &mut forward)?;
        Ok((flow, forward.totals))
    }

    pub(super) fn options(&self) -> GenerationOptions<'_> {
        let decoding = &self.version.decoding;
        let max_tokens = decoding.max_tokens as usize;
        GenerationOptions {
            max_tokens,
            stop: &decoding.stop,
            batch: 1,
            sampling: self.sampling,
            ..Default::default()
        }
    }

    /// The loaded model.
    ///
    /// # Errors
    /// The model is behind an endpoint.
    pub(crate) fn local(&self) -> Result<&LoadedModel, AnswerError> {
        match &self.engine {
            Engine::Local(model) => Ok(model),
            Engine::Endpoint(_) => Err(AnswerError::Unsupported(
                "the model is behind an endpoint, and a chat interface does not say how likely given texts are"
                    .to_owned(),
            )),
        }
    }

    /// The tokens of a chat, up to the answer.
    pub(super) fn prompt(&self, model: &LoadedModel, chat: &[Message]) -> Result<Vec<u32>, ModelError> {
        model.prompt(chat, &self.version.prompt.answer_cue)
    }

    pub(super) fn span(&self, prompts: usize) -> tracing::Span {
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

fn toolbox(
    version: &SystemVersion,
    inputs: &BTreeMap<Digest, PathBuf>,
) -> Result<Option<Arc<Toolbox>>, AnswerError> {
    let load = |tools| Toolbox::load(tools, inputs).map(Arc::new);
    Ok(version.tools.as_ref().map(load).transpose()?)
}

fn open_retriever(
    version: &SystemVersion,
    inputs: &BTreeMap<Digest, PathBuf>,
    models: &ModelCache,
) -> Result<Option<Retriever>, AnswerError> {
    let Some(retrieval) = &version.retrieval else {
        return Ok(None);
    };
    Ok(Some(Retriever::open(&retrieval.index, retrieval.ranking, inputs, models)?))
}

fn is_same_index(one: &SystemVersion, other: &SystemVersion) -> bool {
    let index = |version: &SystemVersion| {
        version.retrieval.as_ref().map(|retrieval| (retrieval.index.clone(), retrieval.ranking))
    };
    index(one) == index(other)
}

fn check(version: &SystemVersion) -> Result<(), AnswerError> {
    let is_endpoint = version.model.endpoint().is_some();
    let labels = version.decoding.labels.as_ref();
    let problem = if is_endpoint && !version.prompt.answer_cue.is_empty() {
        "the prompt has an answer cue, and a chat interface does not let an answer be begun"
    } else if is_endpoint && version.adapter.is_some() {
        "the model is behind an endpoint, which takes no adapter"
    } else if is_endpoint && labels.is_some() {
        "the model is behind an endpoint, and a chat interface does not say how likely labels are"
    } else if labels.is_some_and(|scoring| !are_labels(&scoring.labels)) {
        "the labels to choose from must be different texts, two at least"
    } else if version.decoding.max_tokens == 0 {
        "`max_tokens` is 0: an answer needs at least one token"
    } else if !version.prompt.user.contains(INPUT_PLACE) {
        "the user template has no `{{input}}`: all questions would be the same"
    } else if version.retrieval.as_ref().is_some_and(|retrieval| retrieval.k == 0) {
        "`k` is 0: a version that looks passages up shows at least one"
    } else {
        return Ok(());
    };
    Err(AnswerError::Unsupported(problem.to_owned()))
}

fn are_labels(labels: &[String]) -> bool {
    let different: BTreeSet<&String> = labels.iter().collect();
    different.len() == labels.len() && labels.len() > 1
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

/// Keeps all answers.
pub(super) struct Collect {
    pub(super) answers: Vec<Option<Answer>>,
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
