//! Supervised fine-tuning: a LoRA learns the answers of train in the very form in which the system is used.
//!
//! Rates are swept by halving: all learn from an eighth of the data, the one with the lowest dev loss learns from
//! all of it. Looks at held-out chats on the way are the learning curve.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::diagnosis::Category;
use empiric_schema::job::{
    ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, DEV_CHATS_FILE, ExamplesParams, JobKind, Lora, Method,
    Optimisation, TRAIN_CHATS_FILE, TrainSftParams,
};
use empiric_schema::spec::Technique;
use empiric_schema::version::{AdapterBinding, SystemVersion, Tool, ToolRouting, ToolUse};

use super::{Build, Built, Candidate, Plan, Setting, fresh};

/// Fewest items to learn from.
pub(super) const FEWEST_ITEMS: u32 = 50;
/// Shares of the data in percent: for the sweep, and all.
const SHARES: [u32; 2] = [12, 100];
/// Peak learning rates that are tried on the first share.
const RATES: [f64; 2] = [5e-4, 1e-3];
/// Share of the chats that are only looked at.
const HELD_OUT: f64 = 0.08;
/// Points of the learning curve.
const LOOKS: u32 = 4;
/// Examples that are seen in all, at least: with fewer chats, each is seen more often.
const EXAMPLES_SEEN: u32 = 400;
/// Most passes over the chats.
const MOST_EPOCHS: u32 = 3;
/// Share of the blocks that stay as they are: nothing flows back through them. On the staff handbook the upper half
/// reads as well as all blocks (43 of 76 look-ups after one pass over 300 either way).
const FROZEN: f64 = 0.5;
/// Chats made of each item with a gold passage.
const VARIANTS: u32 = 1;
/// Passages that every second item has beyond what the version shows, so that retrieval can show more later.
const DISTRACTORS: u32 = 1;
/// Longest chat in tokens.
const MAX_TOKENS: u32 = 1024;

/// Why fine-tuning cannot be used here.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    if setting.incumbent.model.weights().is_none() {
        return Some("the model is behind an endpoint: its weights are not ours to train".to_owned());
    }
    let items = setting.frozen.train.as_ref().map_or(0, |train| train.count);
    if items < FEWEST_ITEMS {
        return Some(format!("{items} items to learn from (`data.train`), {FEWEST_ITEMS} are the fewest"));
    }
    let unread = setting.frozen.corpus.is_some() && setting.incumbent.retrieval.is_none();
    unread.then(|| {
        "answers are in documents that the system does not see yet: retrieval comes first".to_owned()
    })
}

/// Chats of both sizes, trainings on the first share, one on all at the best rate, then the race.
pub(super) fn plan(setting: &Setting<'_>, built: &Built) -> Plan {
    learn(setting, &target(setting), &[], built)
}

/// How a version learns: from the data's answers, or from another version's in these results.
pub(super) fn learn(
    setting: &Setting<'_>,
    version: &SystemVersion,
    answers: &[ArtifactRef],
    built: &Built,
) -> Plan {
    let chats: Vec<Build> = SHARES
        .into_iter()
        .filter(|share| !built.contains_key(&chats_name(*share)))
        .filter_map(|share| chats(share, version, answers, setting))
        .collect();
    if !chats.is_empty() {
        return Plan::Build(chats);
    }
    let sweep = trainings(RATES.map(|rate| (SHARES[0], rate)), version, setting, built);
    if !sweep.is_empty() {
        return Plan::Build(sweep);
    }
    let rate = best_rate(built);
    let whole = trainings([(SHARES[1], rate)], version, setting, built);
    if !whole.is_empty() {
        return Plan::Build(whole);
    }
    let learned = candidate(SHARES[1], rate, version, built);
    Plan::Race(fresh(learned.into_iter().collect(), setting))
}

/// The version whose use is learned: the incumbent, with a calculator where failures ask for one.
fn target(setting: &Setting<'_>) -> SystemVersion {
    let mut version = SystemVersion { adapter: None, ..setting.incumbent.clone() };
    let is_asked_for = setting.diagnosis.iter().any(|row| row.category == Category::Tool);
    let is_allowed = setting.spec.improve.techniques.contains(&Technique::Tools);
    if version.tools.is_none() && is_asked_for && is_allowed {
        version.tools = Some(ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Learned });
    }
    version
}

fn chats_name(share: u32) -> String {
    format!("chats-{share}")
}

fn chats(
    share: u32,
    version: &SystemVersion,
    answers: &[ArtifactRef],
    setting: &Setting<'_>,
) -> Option<Build> {
    let params = ExamplesParams {
        version: version.clone(),
        items: setting.frozen.train.as_ref()?.items.clone(),
        share: f64::from(share) / 100.0,
        held_out: HELD_OUT,
        variants: VARIANTS,
        distractors: DISTRACTORS,
        answers: answers.to_vec(),
    };
    Some(Build {
        name: chats_name(share),
        label: format!("chats to learn from, {share} % of train"),
        kind: JobKind::Examples(Box::new(params)),
    })
}

fn training_name(share: u32, rate: f64) -> String {
    format!("lora-{share}-{rate}")
}

fn trainings<const N: usize>(
    wanted: [(u32, f64); N],
    version: &SystemVersion,
    setting: &Setting<'_>,
    built: &Built,
) -> Vec<Build> {
    let open = wanted.into_iter().filter(|(share, rate)| !built.contains_key(&training_name(*share, *rate)));
    open.filter_map(|(share, rate)| training(share, rate, version, setting, built)).collect()
}

fn training(
    share: u32,
    rate: f64,
    version: &SystemVersion,
    setting: &Setting<'_>,
    built: &Built,
) -> Option<Build> {
    let chats = &built.get(&chats_name(share))?.outputs;
    let params = TrainSftParams {
        model: version.model.weights()?.clone(),
        train: chats.get(TRAIN_CHATS_FILE)?.clone(),
        dev: chats.get(DEV_CHATS_FILE).filter(|file| file.size > 0).cloned(),
        method: Method::Lora(Lora { r: 16, alpha: 32.0, frozen: FROZEN }),
        optimisation: optimisation(rate, epochs(setting)),
    };
    Some(Build {
        name: training_name(share, rate),
        label: format!("LoRA on {share} % of train at rate {rate}"),
        kind: JobKind::TrainSft(Box::new(params)),
    })
}

/// So many passes that enough examples are seen.
fn epochs(setting: &Setting<'_>) -> u32 {
    let items = setting.frozen.train.as_ref().map_or(1, |train| train.count.max(1));
    EXAMPLES_SEEN.div_ceil(items).clamp(1, MOST_EPOCHS)
}

/// Usual start values for some hundred examples.
fn optimisation(learning_rate: f64, epochs: u32) -> Optimisation {
    Optimisation {
        learning_rate,
        epochs,
        max_steps: 0,
        batch: 4,
        micro_batch: 4,
        warmup: 0.05,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: MAX_TOKENS,
        patience: 0,
        look_every: 0,
        looks: LOOKS,
        checkpoint_every: 10,
    }
}

/// The rate with the lowest loss on the first share; the first where none was measured.
fn best_rate(built: &Built) -> f64 {
    let better = |best: f64, rate: f64| match loss(SHARES[0], rate, built) < loss(SHARES[0], best, built) {
        true => rate,
        false => best,
    };
    RATES.into_iter().fold(RATES[0], better)
}

/// The dev loss of a training, its own loss where nothing was held out; infinite before it is done.
fn loss(share: u32, rate: f64, built: &Built) -> f64 {
    let training = built.get(&training_name(share, rate)).and_then(|made| made.findings.training.as_ref());
    training.map_or(f64::INFINITY, |training| training.dev_loss.unwrap_or(training.loss))
}

fn candidate(share: u32, rate: f64, version: &SystemVersion, built: &Built) -> Option<Candidate> {
    let outputs = &built.get(&training_name(share, rate))?.outputs;
    let adapter = AdapterBinding {
        config: outputs.get(ADAPTER_CONFIG_FILE)?.clone(),
        weights: outputs.get(ADAPTER_WEIGHTS_FILE)?.clone(),
    };
    let tools = if version.tools.is_some() { ", with a calculator" } else { "" };
    Some(Candidate {
        version: SystemVersion { adapter: Some(adapter), ..version.clone() },
        change: format!("LoRA on {share} % of train at rate {rate}{tools}"),
    })
}
