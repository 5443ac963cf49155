//! Distillation: the small model that the project began with learns the right answers of the larger one that serves
//! now, where that one is slower or dearer than production allows.
//!
//! Sequence-level distillation (Kim and Rush 2016, "Sequence-Level Knowledge Distillation"), on answers that passed.
//! The student is promoted for costing less, if it is shown to lose no more than a margin.

use empiric_schema::guard::Effort;
use empiric_schema::job::{EvaluateParams, JobKind, RESULTS_FILE};
use empiric_schema::spec::ProjectSpec;
use empiric_schema::version::SystemVersion;

use super::{Build, Built, Plan, Setting, fine_tune};

/// Answers that are generated together.
const BATCH: u32 = 8;
/// The name of the teacher's build.
const TEACHER: &str = "teacher";

/// Why distillation cannot be used here.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    let student = &setting.frozen.system.model;
    if setting.incumbent.model.id() == student.id() {
        return Some(
            "the system answers with the model that it began with: there is no larger one to learn from"
                .to_owned(),
        );
    }
    if student.weights().is_none() {
        return Some(
            "the model that the project began with is behind an endpoint: it cannot be trained".to_owned(),
        );
    }
    let items = setting.frozen.train.as_ref().map_or(0, |train| train.count);
    if items < fine_tune::FEWEST_ITEMS {
        return Some(format!(
            "{items} items to learn from (`data.train`), {} are the fewest",
            fine_tune::FEWEST_ITEMS
        ));
    }
    None
}

/// What production does not allow of these answers, in words; nothing where it allows them or names no limit.
pub fn excess(spec: &ProjectSpec, effort: Effort) -> Option<String> {
    let monitor = spec.monitor.as_ref()?;
    let over = |is: Option<f64>, most: Option<f64>| is.zip(most).filter(|(is, most)| is > most);
    if let Some((is, most)) = over(effort.latency(), monitor.max_latency_seconds) {
        return Some(format!("an answer takes {is:.2} s, and `monitor.max_latency` is {most:.2} s"));
    }
    let (is, most) = over(effort.price(), monitor.max_usd_per_answer)?;
    Some(format!("an answer costs {is:.5} dollars, and `monitor.max_usd_per_answer` is {most:.5}"))
}

/// The teacher answers train, then the student learns as in fine-tuning.
pub(super) fn plan(setting: &Setting<'_>, built: &Built) -> Plan {
    let Some(teacher) = built.get(TEACHER) else {
        return teach(setting).map_or_else(|| Plan::Race(Vec::new()), |build| Plan::Build(vec![build]));
    };
    let answers: Vec<_> = teacher.outputs.get(RESULTS_FILE).cloned().into_iter().collect();
    match fine_tune::learn(setting, &student(setting), &answers, built) {
        Plan::Race(mut candidates) => {
            let teacher = setting.incumbent.model.id();
            for candidate in &mut candidates {
                candidate.change = format!("{} on the answers of `{teacher}`", candidate.change);
            }
            Plan::Race(candidates)
        }
        builds => builds,
    }
}

fn student(setting: &Setting<'_>) -> SystemVersion {
    SystemVersion { model: setting.frozen.system.model.clone(), adapter: None, ..setting.incumbent.clone() }
}

fn teach(setting: &Setting<'_>) -> Option<Build> {
    let train = setting.frozen.train.as_ref()?;
    let params = EvaluateParams {
        version: setting.incumbent.clone(),
        items: train.items.clone(),
        positions: (0..train.count).collect(),
        assertions: setting.spec.evaluate.assertions.clone(),
        labels: setting.spec.scope.task.labels().to_vec(),
        batch: BATCH,
    };
    Some(Build {
        name: TEACHER.to_owned(),
        label: format!("`{}` answers train", setting.incumbent.model.id()),
        kind: JobKind::Evaluate(Box::new(params)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
name: p
scope: {task: answer, success: [{metric: accuracy, at_least: 0.5}]}
data: {dev: "file://d.jsonl", test: "file://e.jsonl"}
models: [{id: small, source: "file://small.gguf"}]
system: {model: small}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
"#;

    #[test]
    fn what_production_allows_is_no_excess() {
        let plain = ProjectSpec::parse("project.yaml", SPEC).unwrap();
        let limited = format!("{SPEC}monitor: {{max_latency: 2s, max_usd_per_answer: 0.01}}\n");
        let limited = ProjectSpec::parse("project.yaml", &limited).unwrap();
        let effort = |seconds, usd| Effort { answers: 10, seconds, tokens: 100, usd };
        assert_eq!(excess(&plain, effort(1e6, 1e6)), None);
        assert_eq!(excess(&limited, effort(20.0, 0.1)), None);
        assert_eq!(excess(&limited, effort(0.0, 0.0)), None, "what was not measured is no excess");
        assert!(excess(&limited, effort(21.0, 0.0)).unwrap().contains("2.10 s"));
        assert!(excess(&limited, effort(1.0, 0.2)).unwrap().contains("0.02000 dollars"));
    }
}
