//! Synthetic projects with known truth, each drawn from a seed.
//!
//! An item belongs to a class, which is what it needs, and to a cluster (its document). A version passes an item
//! when `sqrt(a) D + sqrt(1 - a) E < quantile(p)`: `D` is the item's difficulty, the same for all versions, `E` is
//! what this version makes of this item, and `p` is the version's true rate in the item's class. `D` and `E` are
//! standard normal, so a version's true accuracy is the mean of `p` over the classes, exactly. Within a cluster
//! both share a part of their variance.

use std::f64::consts::TAU;

use empiric_schema::diagnosis::Category;
use empiric_schema::spec::Technique;
use empiric_schema::version::SystemVersion;
use empiric_workflows::evidence::random::SplitMix64;
use statrs::distribution::{ContinuousCDF as _, Normal};

/// Share of the variance that an item's difficulty has.
const DIFFICULTY: f64 = 0.7;
/// The part of an effect that the worst and the best candidate of a technique have.
const PARTS: (f64, f64) = (-0.2, 1.0);

/// What the techniques of a project are worth, as probabilities; what is left is harmful.
#[derive(Debug, Clone, Copy)]
pub struct Mixture {
    /// No effect at all.
    pub null: f64,
    /// 5 to 15 points on the items that it is for.
    pub small: f64,
    /// 30 to 80 points on them.
    pub large: f64,
}

impl Mixture {
    /// Many nulls, some small, some large, some harmful.
    pub const STATED: Self = Self { null: 0.4, small: 0.25, large: 0.25 };
    /// Nothing ever helps: the worst case for false promotions.
    pub const NULL: Self = Self { null: 1.0, small: 0.0, large: 0.0 };
}

/// Sizes and dependence of the data.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Items of dev, fewest and most.
    pub dev: (u32, u32),
    /// Items of test.
    pub test: u32,
    /// Items about one document.
    pub cluster: u32,
    /// Share of the variance that items of a cluster have in common.
    pub shared: f64,
}

/// A project and its truth.
#[derive(Debug, Clone)]
pub struct Project {
    /// Everything random follows from it.
    pub seed: u64,
    /// Items of dev.
    pub dev: u32,
    /// Dependence of the items.
    pub shape: Shape,
    /// Whether answers are in documents.
    pub has_documents: bool,
    /// Whether the catalogue names a larger model.
    pub has_larger_model: bool,
    /// The accuracy that is promised.
    pub promise: f64,
    classes: Vec<Class>,
    effects: Vec<Effect>,
}

#[derive(Debug, Clone)]
struct Class {
    /// `None` for items that the system can do.
    category: Option<Category>,
    /// Its share of the items.
    share: f64,
    /// The starting system's rate.
    base: f64,
}

#[derive(Debug, Clone)]
struct Effect {
    technique: Technique,
    /// Points on each treated class at full strength; negative on all classes.
    size: f64,
    treats: Vec<bool>,
}

/// The techniques, in the order of the spec.
pub const TECHNIQUES: [Technique; 5] =
    [Technique::Prompt, Technique::Tools, Technique::Rag, Technique::FineTune, Technique::Model];

/// What a technique is for by its nature.
fn is_remedy(technique: Technique, category: Category) -> bool {
    use Category::{Capability, Format, GenerationMiss, Knowledge, Unreliable};
    match technique {
        Technique::Prompt => matches!(category, Format | Unreliable),
        Technique::Tools => category == Category::Tool,
        Technique::Rag => category == Knowledge,
        Technique::FineTune => matches!(category, Format | Unreliable | GenerationMiss),
        Technique::Model => matches!(category, Capability | GenerationMiss),
        Technique::Baseline | Technique::Distil | Technique::Preference | Technique::Pretrain => false,
    }
}

impl Project {
    /// The project of this seed.
    pub fn draw(seed: u64, mixture: Mixture, shape: Shape) -> Self {
        let mut random = SplitMix64::new(seed);
        let has_documents = random.unit() < 0.5;
        let has_larger_model = random.unit() < 0.5;
        let classes = classes(&mut random, has_documents);
        let effects = TECHNIQUES.map(|technique| effect(technique, &classes, mixture, &mut random)).to_vec();
        let dev = shape.dev.0 + random.below((shape.dev.1 - shape.dev.0 + 1) as usize) as u32;
        let ambition = 0.05 + 0.35 * random.unit();
        let mut project =
            Self { seed, dev, shape, has_documents, has_larger_model, promise: 0.0, classes, effects };
        project.promise = (project.rate(|_| 0.0) + ambition).min(0.9);
        project
    }

    /// The techniques that can be used on the starting system.
    pub fn usable(&self) -> Vec<Technique> {
        let unusable = |technique: &Technique| match technique {
            Technique::Tools | Technique::FineTune => self.has_documents,
            Technique::Rag => !self.has_documents,
            Technique::Model => !self.has_larger_model,
            _ => false,
        };
        TECHNIQUES.into_iter().filter(|technique| !unusable(technique)).collect()
    }

    /// What a technique at full strength adds to the starting system's accuracy.
    pub fn gain(&self, technique: Technique) -> f64 {
        self.rate(|one| if one == technique { 1.0 } else { 0.0 }) - self.rate(|_| 0.0)
    }

    /// A version's true accuracy.
    pub fn accuracy(&self, version: &SystemVersion, start: &SystemVersion) -> f64 {
        self.rate(|technique| self.part(technique, version, start))
    }

    fn rate(&self, part: impl Fn(Technique) -> f64) -> f64 {
        self.classes
            .iter()
            .enumerate()
            .map(|(index, class)| class.share * self.class_rate(index, &part))
            .sum()
    }

    fn class_rate(&self, class: usize, part: &impl Fn(Technique) -> f64) -> f64 {
        let of =
            |effect: &Effect| if effect.treats[class] { effect.size * part(effect.technique) } else { 0.0 };
        let gain: f64 = self.effects.iter().map(of).sum();
        (self.classes[class].base + gain).clamp(0.01, 0.99)
    }

    /// How much of a technique's effect a version has: nothing without it, else a part that is the candidate's own.
    fn part(&self, technique: Technique, version: &SystemVersion, start: &SystemVersion) -> f64 {
        let Some(name) = trait_of(technique, version, start) else { return 0.0 };
        let part = SplitMix64::new(key(&[self.seed, hash(&name), technique as u64])).unit();
        PARTS.0 + (PARTS.1 - PARTS.0) * part
    }

    /// The pass probabilities of a version by class, as quantiles of the standard normal.
    pub fn bars(&self, version: &SystemVersion, start: &SystemVersion) -> Vec<f64> {
        let part = |technique| self.part(technique, version, start);
        (0..self.classes.len()).map(|class| quantile(self.class_rate(class, &part))).collect()
    }

    /// Whether a version with these bars, whose answers follow from `version`, passes an item.
    pub fn passes(&self, bars: &[f64], version: u64, item: u64) -> bool {
        let own = self.normal(item, version);
        let difficulty = self.normal(item, 0);
        let latent = DIFFICULTY.sqrt() * difficulty + (1.0 - DIFFICULTY).sqrt() * own;
        latent < bars[self.class_of(item)]
    }

    /// A standard normal that belongs to an item and a version, and shares variance within the item's cluster.
    fn normal(&self, item: u64, version: u64) -> f64 {
        let own = normal(key(&[self.seed, item, version, 1]));
        if self.shape.shared == 0.0 {
            return own;
        }
        let cluster = item / u64::from(self.shape.cluster);
        let shared = normal(key(&[self.seed, cluster, version, 2]));
        self.shape.shared.sqrt() * shared + (1.0 - self.shape.shared).sqrt() * own
    }

    fn class_of(&self, item: u64) -> usize {
        let mut left = SplitMix64::new(key(&[self.seed, item, 3])).unit();
        for (index, class) in self.classes.iter().enumerate() {
            left -= class.share;
            if left < 0.0 {
                return index;
            }
        }
        self.classes.len() - 1
    }

    /// Why an item fails, as a noisy probe says: right four times in five.
    pub fn probe(&self, version: &SystemVersion, version_key: u64, item: u64) -> Category {
        let mut random = SplitMix64::new(key(&[self.seed, item, version_key, 4]));
        let class = if random.unit() < 0.8 { self.class_of(item) } else { random.below(self.classes.len()) };
        match self.classes[class].category.unwrap_or(Category::Unreliable) {
            Category::Knowledge if version.retrieval.is_some() => Category::RetrievalMiss,
            category => category,
        }
    }
}

fn classes(random: &mut SplitMix64, has_documents: bool) -> Vec<Class> {
    use Category::{Capability, Format, GenerationMiss, Knowledge, Plateau, Tool, Unreliable};
    let mut classes = vec![Class { category: None, share: 1.0 + 2.0 * random.unit(), base: 0.92 }];
    for category in [Format, Knowledge, GenerationMiss, Tool, Unreliable, Capability, Plateau] {
        if category == Knowledge && !has_documents {
            continue;
        }
        // Exponential shares: some categories lead, some are hardly there.
        let share = -(1.0 - random.unit()).ln();
        let base = if category == Plateau { 0.03 } else { 0.03 + 0.3 * random.unit() };
        classes.push(Class { category: Some(category), share, base });
    }
    let total: f64 = classes.iter().map(|class| class.share).sum();
    for class in &mut classes {
        class.share /= total;
    }
    classes
}

fn effect(technique: Technique, classes: &[Class], mixture: Mixture, random: &mut SplitMix64) -> Effect {
    let (kind, size) = (random.unit(), random.unit());
    let size = match kind {
        kind if kind < mixture.null => 0.0,
        kind if kind < mixture.null + mixture.small => 0.05 + 0.10 * size,
        kind if kind < mixture.null + mixture.small + mixture.large => 0.30 + 0.50 * size,
        _ => -0.05 - 0.25 * size,
    };
    let mut treats = |class: &Class| {
        // What helps by its nature fails now and then, and what does not helps now and then.
        let draw = random.unit();
        let by_nature = class.category.is_some_and(|category| is_remedy(technique, category));
        size < 0.0 || if by_nature { draw < 0.9 } else { class.category.is_some() && draw < 0.03 }
    };
    Effect { technique, size, treats: classes.iter().map(&mut treats).collect() }
}

/// What of a version a technique decides, as text; `None` where it is as in the starting version.
fn trait_of(technique: Technique, version: &SystemVersion, start: &SystemVersion) -> Option<String> {
    match technique {
        Technique::Prompt => {
            let (now, then) = (prompt_trait(version), prompt_trait(start));
            (now != then).then_some(now)
        }
        Technique::Tools => version.tools.as_ref().map(|tools| format!("{:?}", tools.routing)),
        Technique::Rag => version
            .retrieval
            .as_ref()
            .map(|found| format!("{} {:?} {:?}", found.k, found.ranking, found.index.chunks)),
        Technique::FineTune => version.adapter.as_ref().map(|adapter| adapter.weights.digest.to_string()),
        Technique::Model => (version.model.id() != start.model.id()).then(|| version.model.id().to_string()),
        Technique::Baseline | Technique::Distil | Technique::Preference | Technique::Pretrain => None,
    }
}

/// The prompt without what retrieval and tools add to it: how it begins, how questions are set off, the examples.
fn prompt_trait(version: &SystemVersion) -> String {
    let prompt = &version.prompt;
    let is_own = |line: &&str| !line.contains("reckon");
    let system: Vec<&str> = prompt.system.lines().filter(is_own).collect();
    let is_set_off = prompt.user.starts_with("Question:") || prompt.user.starts_with('#');
    let user = if is_set_off { prompt.user.as_str() } else { "" };
    let k = version.demonstrations.k();
    format!("{system:?}|{user}|{}|{k}|{:?}", prompt.answer_cue, version.decoding.labels)
}

/// A standard normal number of a key (Box and Muller 1958).
fn normal(key: u64) -> f64 {
    let mut random = SplitMix64::new(key);
    let (radius, angle) = (random.unit(), random.unit());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos()
}

/// The quantile of the standard normal.
fn quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// One key of several.
pub fn key(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9, |key, part| SplitMix64::new(key ^ part.rotate_left(17)).next_u64())
}

/// A text as a key (FNV-1a).
pub fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
