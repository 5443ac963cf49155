//! Another model of the catalogue under the same prompt, passages and tools.

use empiric_schema::spec::{ModelOrigin, ModelSpec};
use empiric_schema::version::{AnsweringModel, EndpointBinding, ModelBinding, SystemVersion};

use super::{Candidate, Setting, fresh};

/// Why no other model can be used here.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    let has_none = others(setting).next().is_none();
    has_none.then(|| "`models` names no other model: add a larger one or an endpoint".to_owned())
}

/// Each other model, the smallest first; those of unknown size last.
pub(super) fn propose(setting: &Setting<'_>) -> Vec<Candidate> {
    let mut models: Vec<&ModelSpec> = others(setting).collect();
    models.sort_by_key(|model| model.parameters.unwrap_or(u64::MAX));
    let candidates = models.into_iter().filter_map(|model| candidate(setting, model)).collect();
    fresh(candidates, setting)
}

fn others<'a>(setting: &Setting<'a>) -> impl Iterator<Item = &'a ModelSpec> {
    let present = setting.incumbent.model.id().clone();
    setting.spec.models.iter().filter(move |model| model.id != present)
}

/// The models that probes may ask, the smallest first.
pub(super) fn to_probe(setting: &Setting<'_>) -> Vec<AnsweringModel> {
    propose(&Setting { tried: &[], most: usize::MAX, ..*setting })
        .into_iter()
        .map(|candidate| candidate.version.model)
        .collect()
}

fn candidate(setting: &Setting<'_>, model: &ModelSpec) -> Option<Candidate> {
    let bound: AnsweringModel = match &model.origin {
        ModelOrigin::Endpoint(endpoint) => {
            EndpointBinding { id: model.id.clone(), endpoint: endpoint.clone() }.into()
        }
        ModelOrigin::Source(_) => {
            let weights = setting.frozen.models.get(&model.id)?.clone();
            ModelBinding { id: model.id.clone(), weights, files: Default::default() }.into()
        }
    };
    let mut version = SystemVersion { model: bound, adapter: None, ..setting.incumbent.clone() };
    // A chat interface does not let an answer be begun.
    if version.model.endpoint().is_some() {
        version.prompt.answer_cue = String::new();
    }
    Some(Candidate { version, change: format!("the model `{}`", model.id) })
}
