//! Greedy generation for many prompts: sequences join and leave the batch as they start and finish.

use super::chat::{ChatTemplate, Message};
use super::error::ModelError;
use super::files::LoadedModel;
use super::kv_cache::KvCache;
use super::llama::{Segment, with_values};
use super::tokenizer::ChatTokenizer;

/// Prompt tokens that one pass may read. Larger passes gain nothing and cost memory.
const PASS_TOKENS: usize = 512;
/// A shared beginning shorter than this is not worth an own pass.
const MIN_SHARED: usize = 8;

/// How answers are generated.
#[derive(Debug, Clone)]
pub struct GenerationOptions<'a> {
    /// Most new tokens of each answer.
    pub max_tokens: usize,
    /// Texts that end an answer; they are cut off.
    pub stop: &'a [String],
    /// Most sequences at a time.
    pub batch: usize,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn.
    End,
    /// A stop text came.
    Stop,
    /// The limit on new tokens was reached.
    Length,
}

impl Finish {
    /// The name that chat interfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::End | Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// One finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// New tokens without the one that ends the turn.
    pub tokens: Vec<u32>,
    /// Their text, cut at stop texts.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
}

/// What was used so far in a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens of the prompts that were begun, shared beginnings counted for each.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub completion_tokens: u64,
}

/// Whether work goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop now; unfinished answers are dropped.
    Stop,
}

/// Watches generation.
pub trait Observer {
    /// Called before each pass with what will have been used after it.
    fn before_pass(&mut self, totals: Totals) -> Flow;
    /// Called with all new tokens of the answer at `index` when it has one more and is not complete.
    fn extended(&mut self, _index: usize, _tokens: &[u32]) -> Flow {
        Flow::Continue
    }
    /// Called when the answer to the prompt at `index` is complete.
    fn finished(&mut self, index: usize, answer: Generated) -> Flow;
}

/// A sequence in the batch.
struct Active<'a> {
    index: usize,
    /// Tokens that the next pass reads.
    pending: std::borrow::Cow<'a, [u32]>,
    generated: Vec<u32>,
    cache: KvCache,
}

/// Answers the prompts. Results do not depend on the batch size: sequences share no arithmetic.
///
/// # Errors
/// A prompt that does not fit the model's context, logits that are not numbers, or a tensor failure.
pub fn generate(
    model: &LoadedModel,
    prompts: &[Vec<u32>],
    options: &GenerationOptions<'_>,
    observer: &mut dyn Observer,
) -> Result<Flow, ModelError> {
    fit(model.llama.config().context, prompts, options.max_tokens)?;
    let shared = Shared::read(model, prompts)?;
    let mut batch =
        Batch { model, prompts, options, shared, active: Vec::new(), next: 0, totals: Totals::default() };
    while batch.admit() {
        if observer.before_pass(batch.totals) == Flow::Stop || batch.pass(observer)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

fn fit(context: usize, prompts: &[Vec<u32>], new: usize) -> Result<(), ModelError> {
    for (index, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() || prompt.len() + new > context {
            return Err(ModelError::TooLong { index, tokens: prompt.len(), new, context });
        }
    }
    Ok(())
}

/// The keys and values of the beginning that all prompts have in common.
struct Shared {
    cache: KvCache,
}

impl Shared {
    fn read(model: &LoadedModel, prompts: &[Vec<u32>]) -> Result<Self, ModelError> {
        let length = common_beginning(prompts);
        let mut cache = KvCache::new(model.llama.config(), length);
        if length > 0 {
            let adapter = model.adapter.as_deref();
            model.llama.forward(&mut [Segment {
                tokens: &prompts[0][..length],
                cache: &mut cache,
                adapter,
            }])?;
        }
        Ok(Self { cache })
    }
}

/// Tokens that all prompts begin with, leaving at least one to each; 0 where sharing does not pay.
fn common_beginning(prompts: &[Vec<u32>]) -> usize {
    let [first, others @ ..] = prompts else {
        return 0;
    };
    if others.is_empty() {
        return 0;
    }
    let mut common = first.len() - 1;
    for other in others {
        let equal = first.iter().zip(other).take_while(|(a, b)| a == b).count();
        common = common.min(equal).min(other.len() - 1);
    }
    if common < MIN_SHARED { 0 } else { common }
}

struct Batch<'a> {
    model: &'a LoadedModel,
    prompts: &'a [Vec<u32>],
    options: &'a GenerationOptions<'a>,
    shared: Shared,
    active: Vec<Active<'a>>,
    next: usize,
    totals: Totals,
}

impl Batch<'_> {
    /// Lets waiting prompts join. Returns whether there is anything to do.
    fn admit(&mut self) -> bool {
        let mut reading: usize = self.active.iter().map(|sequence| sequence.pending.len()).sum();
        self.totals.completion_tokens += self.active.len() as u64;
        while self.next < self.prompts.len() && self.active.len() < self.options.batch.max(1) {
            let prompt = &self.prompts[self.next];
            let rest = &prompt[self.shared.cache.len()..];
            if reading > 0 && reading + rest.len() > PASS_TOKENS {
                break;
            }
            let room = prompt.len() + self.options.max_tokens;
            let cache = self.shared.cache.fork(self.model.llama.config(), room);
            self.active.push(Active { index: self.next, pending: rest.into(), generated: Vec::new(), cache });
            self.totals.prompt_tokens += prompt.len() as u64;
            self.totals.completion_tokens += 1;
            reading += rest.len();
            self.next += 1;
        }
        !self.active.is_empty()
    }

    /// One forward pass: each sequence gets one more token, and complete ones leave.
    fn pass(&mut self, observer: &mut dyn Observer) -> Result<Flow, ModelError> {
        let chosen = self.choose()?;
        let mut staying = Vec::with_capacity(self.active.len());
        let mut flow = Flow::Continue;
        for (mut sequence, token) in std::mem::take(&mut self.active).into_iter().zip(chosen) {
            match extend(&mut sequence.generated, token, &self.model.tokenizer, self.options)? {
                None => {
                    if observer.extended(sequence.index, &sequence.generated) == Flow::Stop {
                        flow = Flow::Stop;
                    }
                    sequence.pending = vec![token].into();
                    staying.push(sequence);
                }
                Some(answer) => {
                    if observer.finished(sequence.index, answer) == Flow::Stop {
                        flow = Flow::Stop;
                    }
                }
            }
        }
        self.active = staying;
        Ok(flow)
    }

    /// The most likely next token of each sequence.
    fn choose(&mut self) -> Result<Vec<u32>, ModelError> {
        let adapter = self.model.adapter.as_deref();
        let mut segments: Vec<Segment<'_>> = self
            .active
            .iter_mut()
            .map(|sequence| Segment { tokens: &sequence.pending, cache: &mut sequence.cache, adapter })
            .collect();
        let logits = self.model.llama.forward(&mut segments)?;
        let vocabulary = self.model.llama.config().vocabulary;
        let best = |values: &[f32]| values.chunks_exact(vocabulary).map(most_likely).collect();
        with_values(&logits, best)?
    }
}

/// Adds a token. Returns the answer if it is complete now.
fn extend(
    generated: &mut Vec<u32>,
    token: u32,
    tokenizer: &ChatTokenizer,
    options: &GenerationOptions<'_>,
) -> Result<Option<Generated>, ModelError> {
    let ended = tokenizer.is_end(token);
    if !ended {
        generated.push(token);
    }
    let full = generated.len() >= options.max_tokens;
    if !ended && !full && options.stop.is_empty() {
        return Ok(None);
    }
    let mut text = tokenizer.decode(generated)?;
    let stopped =
        options.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
    let finish = match stopped {
        Some(at) => {
            text.truncate(at);
            Finish::Stop
        }
        None if ended => Finish::End,
        None if full => Finish::Length,
        None => return Ok(None),
    };
    Ok(Some(Generated { tokens: std::mem::take(generated), text, finish }))
}

/// The index of the largest logit; the first of equals.
fn most_likely(logits: &[f32]) -> Result<u32, ModelError> {
    let mut best = (0, f32::NEG_INFINITY);
    let mut sum = 0.0;
    for (index, value) in logits.iter().enumerate() {
        sum += value;
        if *value > best.1 {
            best = (index as u32, *value);
        }
    }
    if sum.is_finite() { Ok(best.0) } else { Err(ModelError::Diverged) }
}

impl LoadedModel {
    /// The tokens of a chat up to where the assistant continues after `answer_cue`.
    pub fn prompt(&self, messages: &[Message], answer_cue: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(&(self.chat().render(messages)? + answer_cue))
    }

    fn chat(&self) -> &ChatTemplate {
        &self.chat
    }
}
