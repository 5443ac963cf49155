//! Models that will be gone, or are: a served version that needs one is qualified anew with another, in time. Pure.

use std::collections::{BTreeMap, BTreeSet};

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{EarlierLook, ModelsFound, Presence, ServedModel};
use empiric_schema::id::ModelId;
use empiric_schema::rollout::RequalificationQuestion;
use empiric_schema::spec::{CalendarDate, ModelOrigin, ProjectSpec};
use serde::{Deserialize, Serialize};

use super::rules::Rules;

/// Seconds between two looks at the models.
const EVERY: f64 = 3600.0;
/// Seconds after which a model that was not there is looked for again: a server may lose it for a moment.
const AGAIN: f64 = 60.0;
const DAY: f64 = 86_400.0;

/// A reason to leave a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retirement {
    pub(super) model: ModelId,
    pub(super) why: String,
}

/// A run that looks for a version without some models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Requalification {
    pub(super) without: Vec<ModelId>,
    pub(super) why: String,
    pub(super) earlier_looks: Vec<EarlierLook>,
}

/// Looks at the models of what is served.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ModelWatch {
    /// Unix seconds of the next look.
    next: f64,
    /// Models that were not there at the last look.
    missed: BTreeSet<ModelId>,
    /// Models about which people were told or a run was opened.
    known: BTreeSet<ModelId>,
    /// What a person is asked.
    pub(super) question: Option<RequalificationQuestion>,
    /// Looks at the test that a run has to know of.
    pub(super) earlier_looks: Vec<EarlierLook>,
}

impl ModelWatch {
    /// Whether somebody should look now.
    pub(super) fn is_due(&self, rules: &Rules, now: f64) -> bool {
        rules.has_endpoints && now >= self.next
    }

    /// A look begins.
    pub(super) fn begin(&mut self, now: f64) {
        self.next = now + EVERY;
    }

    /// What a look found that was not known before.
    pub(super) fn looked(&mut self, rules: &Rules, found: &ModelsFound, now: f64) -> Vec<Retirement> {
        let gone = |served: &&ServedModel| matches!(served.presence, Presence::Gone { .. });
        let missing: BTreeSet<ModelId> =
            found.models.iter().filter(gone).map(|served| served.model.clone()).collect();
        if missing.iter().any(|model| !self.missed.contains(model)) {
            self.next = now + AGAIN;
        }
        let retiring = found.models.iter().filter_map(|served| self.retirement(rules, served, now));
        let by_model: BTreeMap<ModelId, Retirement> =
            retiring.map(|retirement| (retirement.model.clone(), retirement)).collect();
        self.missed = missing;
        self.earlier_looks.clone_from(&found.earlier_looks);
        // A model that is back, or that nothing served needs any more, is told of again when it goes again.
        self.known.retain(|model| by_model.contains_key(model));
        by_model.into_values().filter(|retirement| self.known.insert(retirement.model.clone())).collect()
    }

    fn retirement(&self, rules: &Rules, served: &ServedModel, now: f64) -> Option<Retirement> {
        let model = served.model.clone();
        if let (Presence::Gone { why }, true) = (&served.presence, self.missed.contains(&model)) {
            let why = format!("the model `{model}` of {} is gone: {why}", served.version.short());
            return Some(Retirement { model, why });
        }
        let date = rules.shutdowns.get(&model)?;
        let left = date.unix() - now;
        (left <= rules.monitor.requalify.lead_seconds).then(|| {
            let when = match (left / DAY).ceil() {
                days if days > 0.0 => format!("in {days:.0} days"),
                _ => "which is past".to_owned(),
            };
            let why =
                format!("the model `{model}` of {} is shut down on {date}, {when}", served.version.short());
            Retirement { model, why }
        })
    }

    /// A run without these models, and without those that are known to go.
    pub(super) fn requalification(&self, models: &[ModelId], why: &str) -> Requalification {
        let without: BTreeSet<ModelId> = models.iter().chain(&self.known).cloned().collect();
        Requalification {
            without: without.into_iter().collect(),
            why: why.to_owned(),
            earlier_looks: self.earlier_looks.clone(),
        }
    }
}

/// The dates at which models of a project are shut down.
pub(super) fn shutdowns(spec: &ProjectSpec) -> BTreeMap<ModelId, CalendarDate> {
    spec.models.iter().filter_map(|model| Some((model.id.clone(), model.shutdown_date?))).collect()
}

/// Whether any model is behind a server, which may take it away.
pub(super) fn has_endpoints(spec: &ProjectSpec) -> bool {
    spec.models.iter().any(|model| matches!(model.origin, ModelOrigin::Endpoint(_)))
}

/// The project without some models: the run starts from its system with the first model that is left. `None` where
/// none is.
pub(super) fn project_without(spec: &ProjectSpec, without: &[ModelId]) -> Option<ProjectSpec> {
    let mut spec = spec.clone();
    spec.models.retain(|model| !without.contains(&model.id));
    let first = spec.models.first()?.id.clone();
    if without.contains(&spec.system.model) {
        spec.system.model = first;
    }
    Some(spec)
}

/// The versions whose models matter: what is served, and what would be served after a step back.
pub(super) fn served(subject: Option<&Digest>, last_good: Option<&Digest>) -> Vec<Digest> {
    let mut versions: Vec<Digest> = subject.into_iter().chain(last_good).cloned().collect();
    versions.dedup();
    versions
}

#[cfg(test)]
mod tests {
    use empiric_schema::spec::MonitorSpec;

    use super::*;
    use crate::rollout::tests::rules;

    fn date(text: &str) -> CalendarDate {
        text.parse().unwrap()
    }

    fn with_shutdown(text: &str) -> Rules {
        let shutdowns = BTreeMap::from([(ModelId::new("big"), date(text))]);
        Rules { shutdowns, has_endpoints: true, monitor: MonitorSpec::default(), ..rules() }
    }

    fn found(presence: Presence) -> ModelsFound {
        let model = ServedModel { version: Digest::of(b"1"), model: ModelId::new("big"), presence };
        ModelsFound { models: vec![model], earlier_looks: Vec::new() }
    }

    #[test]
    fn a_shutdown_is_told_of_once_and_in_time() {
        let (rules, mut watch) = (with_shutdown("2027-03-31"), ModelWatch::default());
        let at = |text: &str| date(text).unix();
        let there = found(Presence::There);
        assert_eq!(watch.looked(&rules, &there, at("2027-02-28")), []);
        let told = watch.looked(&rules, &there, at("2027-03-02"));
        assert_eq!(told.len(), 1);
        assert!(told[0].why.ends_with("is shut down on 2027-03-31, in 29 days"), "{told:?}");
        assert_eq!(watch.looked(&rules, &there, at("2027-03-03")), [], "once");
        let late = ModelWatch::default().looked(&rules, &there, at("2027-04-02"));
        assert!(late[0].why.ends_with("which is past"), "{late:?}");
    }

    #[test]
    fn a_model_is_gone_when_it_was_missed_twice() {
        let (rules, mut watch) = (with_shutdown("2030-01-01"), ModelWatch::default());
        let gone = || found(Presence::Gone { why: "the server lists 3 others".to_owned() });
        watch.begin(0.0);
        assert_eq!(watch.looked(&rules, &gone(), 0.0), []);
        assert!(watch.is_due(&rules, AGAIN), "and it is looked for again soon");
        watch.begin(AGAIN);
        let told = watch.looked(&rules, &gone(), AGAIN);
        assert!(told[0].why.ends_with("is gone: the server lists 3 others"), "{told:?}");
        assert!(!watch.is_due(&rules, AGAIN + 61.0));
        assert_eq!(watch.looked(&rules, &gone(), EVERY), [], "once");
        assert_eq!(watch.looked(&rules, &found(Presence::Unknown), EVERY), []);
        assert!(!ModelWatch::default().is_due(&Rules { has_endpoints: false, ..rules }, 1e12));
    }

    #[test]
    fn a_run_starts_from_the_first_model_that_stays() {
        let text = "name: p
scope: {task: answer, success: [{metric: accuracy, at_least: 0.7}]}
data: {dev: file://dev.jsonl, test: file://test.jsonl}
models:
  - {id: big, endpoint: 'http://127.0.0.1:1/v1', model: big, shutdown_date: 2027-03-31}
  - {id: other, endpoint: 'http://127.0.0.1:1/v1', model: other}
system: {model: big}
evaluate: {assert: [{type: icontains, value: '{{expected}}'}]}
";
        let spec = ProjectSpec::parse("project.yaml", text).unwrap_or_else(|found| panic!("{found}"));
        assert!(has_endpoints(&spec));
        assert_eq!(
            shutdowns(&spec).get(&ModelId::new("big")).map(ToString::to_string).as_deref(),
            Some("2027-03-31")
        );
        let without = project_without(&spec, &[ModelId::new("big")]).unwrap();
        assert_eq!((without.models.len(), without.system.model.as_str()), (1, "other"));
        assert_eq!(project_without(&without, &[ModelId::new("other")]), None);
        assert_ne!(without.digest(), spec.digest());
    }
}
