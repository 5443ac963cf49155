//! What may be tried, what counts as shown, what may be spent.

use super::Checker;
use crate::budget::Limits;
use crate::id::ModelId;
use crate::spec::diagnostic::ErrorCode;
use crate::spec::loop_rules::{BudgetSpec, GateSpec, GuardsSpec, ImproveSpec, ReflectSpec, ResourceSpec};
use crate::spec::model::ModelSpec;
use crate::spec::project::DataSpec;
use crate::spec::quantity;
use crate::spec::raw::{RawBudget, RawGate, RawGuards, RawImprove, RawReflect, RawResources, Text};
use crate::spec::technique::Technique;
use crate::spec::tree::Node;

/// Proposals of a round of reflection where the spec does not say.
const REFLECTIONS: u32 = 4;
/// Tokens of an iteration's reflection where the spec does not say.
const REFLECTION_TOKENS: u64 = 100_000;

/// A gate without figures is the default gate; ranges were checked by the reader.
pub(super) fn gate(raw: RawGate) -> GateSpec {
    let default = GateSpec::default();
    GateSpec {
        alpha: raw.alpha.unwrap_or(default.alpha),
        test_looks: raw.test_looks.unwrap_or(default.test_looks),
        cluster_by: raw.cluster_by.unwrap_or(default.cluster_by),
        race_share: raw.race_share.unwrap_or(default.race_share),
        guards: raw.guards.map_or_else(GuardsSpec::default, guards),
    }
}

fn guards(raw: RawGuards) -> GuardsSpec {
    let RawGuards { harm_rate, abstention_rate, accuracy, latency, cost } = raw;
    GuardsSpec { harm_rate, abstention_rate, accuracy, latency, cost }
}

impl Checker<'_> {
    pub(super) fn improve(&mut self, raw: RawImprove) -> ImproveSpec {
        let default = ImproveSpec::default();
        let techniques = match raw.techniques {
            Some(listed) => {
                let name = |technique: &Option<Technique>| Some((*technique)?.name().to_owned());
                let names: Vec<Option<String>> = listed.iter().map(name).collect();
                self.unique("/improve/techniques/#", "technique", &names);
                listed.into_iter().flatten().collect()
            }
            None => default.techniques,
        };
        ImproveSpec {
            techniques,
            max_iterations: raw.max_iterations.unwrap_or(default.max_iterations),
            candidates: raw.candidates.unwrap_or(default.candidates),
            seed: raw.seed.unwrap_or(default.seed),
            reflect: raw.reflect.and_then(|raw| self.reflect(raw)),
        }
    }

    fn reflect(&mut self, raw: RawReflect) -> Option<ReflectSpec> {
        let tokens =
            raw.tokens.map_or(Some(REFLECTION_TOKENS), |text| self.tokens("/improve/reflect/tokens", &text));
        let Some(model) = raw.model else {
            let message = "`reflect` names no model".to_owned();
            let problem = self.problem(ErrorCode::MissingKey, "/improve/reflect", message);
            self.report(problem.expected("`model:` with the `id` of a model in `models`"));
            return None;
        };
        Some(ReflectSpec {
            model: ModelId::new(model.0),
            proposals: raw.proposals.unwrap_or(REFLECTIONS),
            tokens: tokens?,
        })
    }

    /// Reflection reads train with a model that `models` names.
    fn reflector(&mut self, reflect: &ReflectSpec, no_train: bool, models: Option<&[ModelSpec]>) {
        if no_train {
            let message = "reflection has no answers to read".to_owned();
            let problem = self.problem(ErrorCode::Prerequisite, "/improve/reflect", message);
            self.report(problem.expected("`train:` in `data`, or no `reflect`"));
        }
        let is_known = models.is_none_or(|models| models.iter().any(|model| model.id == reflect.model));
        if !is_known {
            let message = format!("the model `{}` is not in `models`", reflect.model);
            let problem = self.problem(ErrorCode::UnknownName, "/improve/reflect/model", message);
            self.report(problem.expected("the `id` of a model in `models`"));
        }
    }

    /// What a technique cannot do without. A section that was not read is not held against it.
    pub(super) fn prerequisites(
        &mut self,
        improve: &ImproveSpec,
        data: Option<&DataSpec>,
        models: Option<&[ModelSpec]>,
        has_embedder: bool,
    ) {
        let no_documents = data.is_some_and(|data| data.documents.is_empty());
        let no_train = data.is_some_and(|data| data.train.is_none());
        let one_model = models.is_some_and(|models| models.len() < 2);
        if let Some(reflect) = &improve.reflect {
            self.reflector(reflect, no_train, models);
        }
        for technique in improve.techniques.iter().copied() {
            let (missing, expected) = match technique {
                Technique::Rag => (no_documents, "`documents:` in `data`"),
                Technique::Pretrain => (no_documents, "`documents:` in `data`"),
                Technique::Distil if no_train => (true, "`train:` in `data`"),
                Technique::Distil => (one_model, "a second entry in `models`"),
                Technique::FineTune => (no_train, "`train:` in `data`"),
                Technique::Baseline if no_train => (true, "`train:` in `data`"),
                Technique::Baseline => (!has_embedder, "an `embedder`"),
                Technique::Model => (one_model, "a second entry in `models`"),
                Technique::Prompt | Technique::Tools | Technique::Preference => (false, ""),
            };
            if missing {
                self.prerequisite(technique, expected);
            }
        }
    }

    fn prerequisite(&mut self, technique: Technique, expected: &str) {
        let listed = self.root.find("/improve/techniques").map(Node::texts);
        let at = listed.and_then(|names| names.iter().position(|name| *name == Some(technique.name())));
        let place = format!("/improve/techniques/{}", at.unwrap_or(0));
        let message = format!("the technique `{technique}` lacks what it needs");
        let problem = self.problem(ErrorCode::Prerequisite, &place, message);
        self.report(problem.expected(format!("{expected}, or no `{technique}`")));
    }

    pub(super) fn budget(&mut self, raw: RawBudget) -> BudgetSpec {
        let wall_clock_seconds = raw.wall_clock.and_then(|text| self.duration("/budget/wall_clock", &text));
        let tokens = raw.tokens.and_then(|text| self.tokens("/budget/tokens", &text));
        BudgetSpec {
            limits: Limits {
                wall_clock_seconds,
                device_seconds: raw.gpu_hours.map(|hours| hours * 3600.0),
                tokens,
                usd: raw.usd,
                warn_at: raw.warn_at.unwrap_or(0.8),
            },
            reviewer_minutes: raw.reviewer_minutes,
        }
    }

    /// Seconds, more than zero.
    pub(super) fn duration(&mut self, place: &str, text: &Text) -> Option<f64> {
        let seconds = quantity::seconds(&text.0);
        let right = seconds.filter(|seconds| *seconds > 0.0 && seconds.is_finite());
        if right.is_none() {
            let message = format!("`{}` is not a duration", text.0);
            let problem = self.problem(ErrorCode::Quantity, place, message);
            let problem = problem.expected("a duration such as `90s`, `30m`, `1h30m` or `2d`");
            let bare = text.0.chars().all(|c| c.is_ascii_digit()) && seconds.is_none();
            self.report(match bare && !text.0.is_empty() {
                true => problem.help(format!("`{0}s` are seconds, `{0}m` minutes", text.0)),
                false => problem,
            });
        }
        right
    }

    pub(super) fn tokens(&mut self, place: &str, text: &Text) -> Option<u64> {
        let tokens = quantity::count(&text.0);
        if tokens.is_none() {
            let message = format!("`{}` is not a number of tokens", text.0);
            let problem = self.problem(ErrorCode::Quantity, place, message);
            self.report(problem.expected("a whole number such as `500K`, `2M` or `2000000`"));
        }
        tokens
    }

    pub(super) fn resources(&mut self, raw: RawResources) -> ResourceSpec {
        let text = raw.accelerators.unwrap_or_else(|| "none".to_owned());
        let accelerators = quantity::accelerators(&text);
        if accelerators.is_none() {
            let message = format!("`{text}` does not name accelerators");
            let problem = self.problem(ErrorCode::Quantity, "/resources/accelerators", message);
            self.report(problem.expected("`none`, or a kind and a number such as `H100:1`"));
        }
        ResourceSpec { accelerators: accelerators.flatten(), cpus: raw.cpus }
    }
}
