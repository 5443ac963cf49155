//! Supervised fine-tuning: a LoRA learns the answers of train in the very form in which the system is used.
//!
//! Rates are swept by halving: all learn from a quarter of the data, the one with the lowest dev loss goes on to
//! half and to all of it. The three sizes are the learning curve, and all of them race.

use empiric_schema::diagnosis::Category;
use empiric_schema::job::{
    ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, DEV_CHATS_FILE, ExamplesParams, JobKind, Lora, Method,
    Optimisation, TRAIN_CHATS_FILE, TrainSftParams,
};
use empiric_schema::spec::Technique;
use empiric_schema::version::{AdapterBinding, SystemVersion, Tool, ToolRouting, ToolUse};

use super::{Build, Built, Candidate, Plan, Setting, fresh};

/// Fewest items to learn from.
const FEWEST_ITEMS: u32 = 50;
/// Shares of the data in percent, the last one all.
const CURVE: [u32; 3] = [25, 50, 100];
/// Peak learning rates that are tried on the first share.
const RATES: [f64; 2] = [5e-4, 1e-3];
/// Share of the chats that only decide when to stop.
const HELD_OUT: f64 = 0.12;
/// Chats made of each item with a gold passage.
const VARIANTS: u32 = 1;
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

/// Chats of all sizes, trainings on the first share, on the others at the best rate, then the race.
pub(super) fn plan(setting: &Setting<'_>, built: &Built) -> Plan {
    let version = target(setting);
    let chats: Vec<Build> = CURVE
        .into_iter()
        .filter(|share| !built.contains_key(&chats_name(*share)))
        .filter_map(|share| chats(share, &version, setting))
        .collect();
    if !chats.is_empty() {
        return Plan::Build(chats);
    }
    let sweep = trainings(RATES.map(|rate| (CURVE[0], rate)), &version, setting, built);
    if !sweep.is_empty() {
        return Plan::Build(sweep);
    }
    let rate = best_rate(built);
    let rest = trainings([(CURVE[1], rate), (CURVE[2], rate)], &version, setting, built);
    if !rest.is_empty() {
        return Plan::Build(rest);
    }
    let all = CURVE.into_iter().filter_map(|share| candidate(share, rate, &version, built)).collect();
    Plan::Race(fresh(all, setting))
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

fn chats(share: u32, version: &SystemVersion, setting: &Setting<'_>) -> Option<Build> {
    let params = ExamplesParams {
        version: version.clone(),
        items: setting.frozen.train.as_ref()?.items.clone(),
        share: f64::from(share) / 100.0,
        held_out: HELD_OUT,
        variants: VARIANTS,
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
    _setting: &Setting<'_>,
    built: &Built,
) -> Option<Build> {
    let chats = &built.get(&chats_name(share))?.outputs;
    let params = TrainSftParams {
        model: version.model.weights()?.clone(),
        train: chats.get(TRAIN_CHATS_FILE)?.clone(),
        dev: chats.get(DEV_CHATS_FILE).filter(|file| file.size > 0).cloned(),
        method: Method::Lora(Lora { r: 16, alpha: 32.0, first_layer: 0 }),
        optimisation: optimisation(rate),
    };
    Some(Build {
        name: training_name(share, rate),
        label: format!("LoRA on {share} % of train at rate {rate}"),
        kind: JobKind::TrainSft(Box::new(params)),
    })
}

/// Start values of METHODS for some hundred examples.
fn optimisation(learning_rate: f64) -> Optimisation {
    Optimisation {
        learning_rate,
        epochs: 2,
        max_steps: 0,
        batch: 4,
        micro_batch: 4,
        warmup: 0.05,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: MAX_TOKENS,
        patience: 2,
        look_every: 0,
        checkpoint_every: 10,
    }
}

/// The rate with the lowest dev loss on the first share; the first where none was looked at.
fn best_rate(built: &Built) -> f64 {
    let loss = |rate: f64| {
        let training = built.get(&training_name(CURVE[0], rate))?.findings.training.as_ref()?;
        Some(training.dev_loss.unwrap_or(training.loss))
    };
    let known = RATES.into_iter().filter_map(|rate| Some((rate, loss(rate)?)));
    known.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(RATES[0], |(rate, _)| rate)
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
