//! What a person should try next, in plain sentences, when a run ends.

use empiric_schema::contract::Frozen;
use empiric_schema::decision::StopReason;
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::SystemVersion;

use crate::gate::Grades;

/// Below this accuracy, without a document in sight, the model lacks the knowledge and not the words.
const KNOWS_NOTHING: f64 = 0.15;

/// Advice that follows from the counts; never empty unless the promise was kept.
pub fn next_steps(
    reason: &StopReason,
    spec: &ProjectSpec,
    frozen: Option<&Frozen>,
    incumbent: Option<(&SystemVersion, &Grades)>,
) -> Vec<String> {
    match reason {
        StopReason::Success => Vec::new(),
        StopReason::NeedsPerson { problem } => {
            vec![format!("mend this, then `empiric run` again: {problem}")]
        }
        StopReason::Cancelled => {
            vec!["`empiric run` starts a new run; finished jobs are answered from records".to_owned()]
        }
        StopReason::Budget { resource } => {
            vec![format!(
                "raise the limit for {} in `budget`, then `empiric run`: finished jobs are not repeated",
                resource.words()
            )]
        }
        StopReason::Plateau => after_a_plateau(spec, frozen, incumbent),
    }
}

fn after_a_plateau(
    spec: &ProjectSpec,
    frozen: Option<&Frozen>,
    incumbent: Option<(&SystemVersion, &Grades)>,
) -> Vec<String> {
    let mut advice = Vec::new();
    let documents = frozen.map_or(0, |frozen| frozen.documents);
    let accuracy = incumbent.map_or(0.0, |(_, dev)| share(dev));
    let (reads, learned) = incumbent
        .map_or((false, false), |(version, _)| (version.retrieval.is_some(), version.adapter.is_some()));
    if !reads && accuracy < KNOWS_NOTHING && documents > 0 {
        advice.push(format!(
            "retrieval: the model answers {:.0} % of dev without seeing a document, and the project has {documents}; \
             what it lacks is knowledge, which no prompt can give",
            accuracy * 100.0
        ));
    }
    if !spec.improve.techniques.contains(&Technique::FineTune) && (reads || accuracy >= KNOWS_NOTHING) {
        advice.push(
            "`fine_tune` in `improve.techniques`: the model has what it needs and says it badly".to_owned(),
        );
    }
    if learned {
        advice.push(
            "train items like those that still fail (`empiric report` names them): the model learns from them"
                .to_owned(),
        );
    }
    advice.push("a larger model: `models` takes any GGUF of the Llama family".to_owned());
    advice.push(
        "more dev items: `empiric plan` prints the smallest gain that the present ones can show".to_owned(),
    );
    advice
}

fn share(grades: &Grades) -> f64 {
    f64::from(crate::race::count(&grades.passed)) / f64::from(grades.n().max(1))
}
