//! Prompting: a fixed pool of templates with nearest-neighbour demonstrations.
//!
//! A small model gains from how a question is put and from examples, not from long instructions, so the
//! pool varies five things: who the model is told to be, how long the answer may be, how the question is
//! set off, what the answer begins with, and how many examples come first. With 4 x 3 x 2 x 4 settings
//! the pool is too large to race whole; [`covering_order`] makes every prefix of it a balanced sample.

use empiric_schema::version::{Decoding, Demonstrations, LabelScoring, Prompt, SystemVersion};

use super::{Built, Candidate, Plan, Setting, fresh, reflect};
use crate::evidence::random::seeded_order;

/// What the system message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instruction {
    AsWritten,
    ShortAnswers,
    RoleOnly,
    Nothing,
}

/// How the question is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    AsWritten,
    Label,
    Heading,
}

/// What the answer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cue {
    Nothing,
    Answer,
}

const INSTRUCTIONS: [Instruction; 4] =
    [Instruction::AsWritten, Instruction::ShortAnswers, Instruction::RoleOnly, Instruction::Nothing];
const DELIMITERS: [Delimiter; 3] = [Delimiter::AsWritten, Delimiter::Label, Delimiter::Heading];
const CUES: [Cue; 2] = [Cue::Nothing, Cue::Answer];
const SHOTS: [u32; 4] = [0, 1, 2, 4];

/// One place in the pool: an index into each list above.
type Settings = [usize; 4];

/// Reflection first, where the spec names a model for it; then the race of what it led to and of the pool.
pub(super) fn plan(setting: &Setting<'_>, built: &Built) -> Plan {
    if let Some(builds) = reflect::next(setting, built) {
        return Plan::Build(builds);
    }
    let mut candidates = fresh(reflect::candidates(setting, built), setting);
    candidates.extend(propose(&Setting { most: setting.most - candidates.len(), ..*setting }));
    candidates.sort_by_key(|candidate| cost(&candidate.version));
    Plan::Race(candidates)
}

/// Proposes up to `setting.most` prompts that were not tried before, fewest demonstrations first.
pub(super) fn propose(setting: &Setting<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for settings in covering_order(setting.spec.improve.seed) {
        if candidates.len() == setting.most {
            break;
        }
        for decoding in decodings(setting) {
            let Some(candidate) = build(settings, &decoding, setting) else { continue };
            if candidates.len() < setting.most && is_new(&candidate, setting, &candidates) {
                candidates.push(candidate);
            }
        }
    }
    candidates.sort_by_key(|candidate| cost(&candidate.version));
    candidates
}

fn is_new(candidate: &Candidate, setting: &Setting<'_>, others: &[Candidate]) -> bool {
    let digest = candidate.version.digest();
    digest != setting.incumbent.digest()
        && !setting.tried.contains(&digest)
        && others.iter().all(|other| other.version.digest() != digest)
}

/// A version's cost per answer, in order: demonstrations, then the length of its texts.
fn cost(version: &SystemVersion) -> (u32, usize) {
    let prompt = &version.prompt;
    (version.demonstrations.k(), prompt.system.len() + prompt.user.len() + prompt.answer_cue.len())
}

fn build(settings: Settings, decoding: &Decoding, setting: &Setting<'_>) -> Option<Candidate> {
    let [instruction, delimiter, cue, shots] = settings;
    let (instruction, delimiter, cue) = (INSTRUCTIONS[instruction], DELIMITERS[delimiter], CUES[cue]);
    // A chat interface does not let an answer be begun.
    if cue != Cue::Nothing && setting.incumbent.model.endpoint().is_some() {
        return None;
    }
    let base = &setting.frozen.system;
    let demonstrations = demonstrations(SHOTS[shots], setting)?;
    let version = SystemVersion {
        prompt: Prompt {
            system: system_text(instruction, &base.prompt.system),
            user: user_text(delimiter, &base.prompt.user),
            answer_cue: cue_text(cue).to_owned(),
        },
        demonstrations,
        decoding: decoding.clone(),
        ..setting.incumbent.clone()
    };
    let change = describe(instruction, delimiter, cue, SHOTS[shots]) + scored(decoding);
    Some(Candidate { version, change })
}

/// Where there are labels, a small model is asked which it finds likeliest, rather than to write one.
fn decodings(setting: &Setting<'_>) -> Vec<Decoding> {
    let decoding = &setting.incumbent.decoding;
    let labels = setting.spec.scope.task.labels();
    if labels.is_empty() || setting.incumbent.model.endpoint().is_some() {
        return vec![decoding.clone()];
    }
    let scored = |calibrate| Some(LabelScoring { labels: labels.to_vec(), calibrate });
    [true, false].map(|calibrate| Decoding { labels: scored(calibrate), ..decoding.clone() }).to_vec()
}

fn scored(decoding: &Decoding) -> &'static str {
    match &decoding.labels {
        None => "",
        Some(scoring) if scoring.calibrate => ", likeliest label after calibration",
        Some(_) => ", likeliest label",
    }
}

/// `None` when examples are wanted and there is no train split to take them from.
fn demonstrations(k: u32, setting: &Setting<'_>) -> Option<Demonstrations> {
    if k == 0 {
        return Some(Demonstrations::None);
    }
    let train = setting.frozen.train.as_ref()?;
    (train.count >= k).then(|| Demonstrations::Nearest { k, pool: train.items.clone() })
}

fn system_text(instruction: Instruction, written: &str) -> String {
    match instruction {
        Instruction::AsWritten => written.to_owned(),
        Instruction::ShortAnswers => {
            format!("{}\nAnswer with a few words, not with a sentence.", written.trim_end()).trim().to_owned()
        }
        Instruction::RoleOnly => "You answer questions briefly and exactly.".to_owned(),
        Instruction::Nothing => String::new(),
    }
}

fn user_text(delimiter: Delimiter, written: &str) -> String {
    match delimiter {
        Delimiter::AsWritten => written.to_owned(),
        Delimiter::Label => format!("Question: {written}"),
        Delimiter::Heading => format!("### Question\n{written}"),
    }
}

fn cue_text(cue: Cue) -> &'static str {
    match cue {
        Cue::Nothing => "",
        Cue::Answer => "Answer:",
    }
}

fn describe(instruction: Instruction, delimiter: Delimiter, cue: Cue, shots: u32) -> String {
    let instruction = match instruction {
        Instruction::AsWritten => "instruction as written",
        Instruction::ShortAnswers => "instruction plus \"a few words\"",
        Instruction::RoleOnly => "one-line role",
        Instruction::Nothing => "no instruction",
    };
    let delimiter = match delimiter {
        Delimiter::AsWritten => "",
        Delimiter::Label => ", \"Question:\"",
        Delimiter::Heading => ", question under a heading",
    };
    let cue = match cue {
        Cue::Nothing => "",
        Cue::Answer => ", answer cue",
    };
    let shots = match shots {
        0 => "no examples".to_owned(),
        1 => "1 nearest example".to_owned(),
        k => format!("{k} nearest examples"),
    };
    format!("{instruction}{delimiter}{cue}, {shots}")
}

/// All settings, so ordered that every prefix uses each level of each thing about equally often.
///
/// Greedy: next comes the place whose levels were used least so far; ties fall in a seeded order.
fn covering_order(seed: u64) -> Vec<Settings> {
    let mut left = shuffled_pool(seed);
    let mut used = [[0u32; 4]; 4];
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let next = left.remove(least_used(&left, &used));
        for (thing, &level) in next.iter().enumerate() {
            used[thing][level] += 1;
        }
        order.push(next);
    }
    order
}

fn least_used(left: &[Settings], used: &[[u32; 4]; 4]) -> usize {
    let weight = |settings: &Settings| -> u32 {
        settings.iter().enumerate().map(|(thing, &level)| used[thing][level]).sum()
    };
    (0..left.len()).min_by_key(|&index| (weight(&left[index]), index)).unwrap_or_default()
}

fn shuffled_pool(seed: u64) -> Vec<Settings> {
    let mut pool = Vec::new();
    for instruction in 0..INSTRUCTIONS.len() {
        for delimiter in 0..DELIMITERS.len() {
            for cue in 0..CUES.len() {
                for shots in 0..SHOTS.len() {
                    pool.push([instruction, delimiter, cue, shots]);
                }
            }
        }
    }
    seeded_order(seed, pool.len()).into_iter().map(|index| pool[index]).collect()
}

#[cfg(test)]
mod tests {
    use empiric_schema::artifact::{ArtifactRef, Digest};
    use empiric_schema::contract::{Frozen, FrozenSplit};
    use empiric_schema::spec::{ModelOrigin, ProjectSpec};
    use empiric_schema::version::EndpointBinding;

    use super::*;

    #[test]
    fn the_pool_is_complete_and_without_repeats() {
        let mut order = covering_order(7);
        order.sort_unstable();
        order.dedup();
        assert_eq!(order.len(), 4 * 3 * 2 * 4);
    }

    #[test]
    fn eight_candidates_show_each_number_of_examples_twice() {
        for seed in 0..50 {
            let order = covering_order(seed);
            for shots in 0..SHOTS.len() {
                let times = order[..8].iter().filter(|settings| settings[3] == shots).count();
                assert!((1..=3).contains(&times), "seed {seed}: {times} of {shots}");
            }
        }
    }

    const SPEC: &str = r#"
name: book
scope: {task: answer, success: [{metric: accuracy, at_least: 0.7}]}
data: {dev: "file://dev.jsonl", test: "file://test.jsonl"}
models: [{id: big, endpoint: "https://host/v1", model: m}]
system: {model: big, prompt: Be brief.}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
"#;

    #[test]
    fn an_endpoint_is_proposed_no_cue_to_begin_an_answer_with() {
        let spec = ProjectSpec::parse("project.yaml", SPEC).unwrap();
        let Some(ModelOrigin::Endpoint(endpoint)) = spec.models.first().map(|model| model.origin.clone())
        else {
            panic!("{spec:?}");
        };
        let split = || {
            let digest = Digest::of(b"items");
            let items = ArtifactRef { digest, size: 5, media_type: "application/jsonl".to_owned() };
            FrozenSplit { items, count: 9 }
        };
        let system = SystemVersion {
            model: EndpointBinding { id: spec.system.model.clone(), endpoint }.into(),
            adapter: None,
            prompt: Prompt { system: "s".into(), user: "{{input}}".into(), answer_cue: String::new() },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
            retrieval: None,
            tools: None,
        };
        let frozen = Frozen {
            train: Some(split()),
            dev: split(),
            test: split(),
            documents: 0,
            corpus: None,
            encoder: None,
            dev_clusters: Vec::new(),
            models: Default::default(),
            system: system.clone(),
        };
        let setting = Setting {
            spec: &spec,
            frozen: &frozen,
            incumbent: &system,
            diagnosis: &[],
            tried: &[],
            most: 96,
            pairs: 0,
        };
        let proposed = propose(&setting);
        assert_eq!(proposed.len(), 4 * 3 * 4 - 1, "all without a cue but the incumbent itself");
        assert!(proposed.iter().all(|candidate| candidate.version.prompt.answer_cue.is_empty()));
    }
}
