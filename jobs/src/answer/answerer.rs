//! From a question to a chat, through the model, to an answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_schema::artifact::Digest;
use empiric_schema::id::ItemId;
use empiric_schema::version::{AnsweringModel, SystemVersion};

use super::demonstrations::Selector;
use super::engine::Engine;
use super::error::AnswerError;
use crate::model::{
    Finish, Flow, Generated, GenerationOptions, LoadedModel, Message, Observer, Role, Totals,
    generate,
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
    /// Loads the version's model and demonstrations from the paths of its artifacts; an endpoint's client is
    /// prepared, and nothing is asked yet.
    ///
    /// # Errors
    /// An artifact without a path, files that are damaged or of another kind, an endpoint that must not be
    /// asked, or a version that asks for what this runtime cannot do.
    #[tracing::instrument(skip_all, fields(model = %version.model.id()))]
    pub fn load(version: SystemVersion, inputs: &BTreeMap<Digest, PathBuf>) -> Result<Self, AnswerError> {
        check(&version)?;
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        let engine = Engine::open(&version.model, inputs)?;
        Ok(Self { version, engine, demonstrations })
    }

    /// The same loaded weights under another version of the same model, so that nothing is read twice.
    ///
    /// # Errors
    /// The version has other weights, or its demonstrations cannot be read.
    pub fn with_version(
        self,
        version: SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        check(&version)?;
        if !is_same_model(&version.model, &self.version.model) {
            return Err(AnswerError::Unsupported(
                "the version has other weights than those loaded, or another endpoint".to_owned(),
            ));
        }
        let demonstrations = Selector::load(&version.demonstrations, inputs)?;
        Ok(Self { version, engine: self.engine, demonstrations })
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
        let chats: Vec<Vec<Message>> = questions.iter().map(|question| self.messages(question)).collect();
        let (flow, totals) = match &self.engine {
            Engine::Local(model) => self.answer_locally(model, &chats, batch, observer)?,
            Engine::Endpoint(model) => model.answer_each(&chats, &self.version.decoding, batch, observer)?,
        };
        span.record(names::GEN_AI_USAGE_INPUT_TOKENS, totals.prompt_tokens);
        span.record(names::GEN_AI_USAGE_OUTPUT_TOKENS, totals.completion_tokens);
        Ok(flow)
    }

    fn answer_locally(
        &self,
        model: &LoadedModel,
        chats: &[Vec<Message>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<(Flow, Totals), AnswerError> {
        let cue = &self.version.prompt.answer_cue;
        let prompts = chats.iter().map(|chat| model.prompt(chat, cue)).collect::<Result<Vec<_>, _>>()?;
        let decoding = &self.version.decoding;
        let options =
            GenerationOptions { max_tokens: decoding.max_tokens as usize, stop: &decoding.stop, batch };
        let mut forward = Forward { prompts: &prompts, totals: Totals::default(), observer };
        let flow = generate(model, &prompts, &options, &mut forward)?;
        Ok((flow, forward.totals))
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

/// Another catalogue name for the same weights is the same model.
fn is_same_model(one: &AnsweringModel, other: &AnsweringModel) -> bool {
    match (one.weights(), other.weights()) {
        (Some(one), Some(other)) => one.weights == other.weights,
        _ => one == other,
    }
}

fn check(version: &SystemVersion) -> Result<(), AnswerError> {
    let is_endpoint = version.model.endpoint().is_some();
    let problem = if is_endpoint && !version.prompt.answer_cue.is_empty() {
        "the prompt has an answer cue, and a chat interface does not let an answer be begun"
    } else if is_endpoint && version.adapter.is_some() {
        "the model is behind an endpoint, which takes no adapter"
    } else if version.adapter.is_some() {
        "adapters are not supported yet"
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
        let answer = Answer {
            text: answer.text.trim().to_owned(),
            prompt_tokens: self.prompts[index].len() as u32,
            completion_tokens: answer.tokens.len() as u32,
            finish: answer.finish,
        };
        self.observer.answered(index, answer)
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
