//! What people are told, as JSON that chat services take: `text` for readers, the decision for programs.

use empiric_schema::contract::NotifyRequest;
use empiric_schema::rollout::{RolloutAct, RolloutDecision};
use serde_json::{Value, json};

use super::RolloutActivityError;
use crate::adapters::webhook;

/// Sends it.
pub(super) async fn tell(request: &NotifyRequest) -> Result<(), RolloutActivityError> {
    Ok(webhook::post(&request.webhook, &message(request)).await?)
}

fn message(request: &NotifyRequest) -> Value {
    let text = format!("{}: {}", request.project, sentence(&request.decision));
    json!({"text": text, "project": request.project, "decision": request.decision})
}

fn sentence(decision: &RolloutDecision) -> String {
    let version = decision.version.short();
    let happened = match decision.act {
        RolloutAct::Entered => "was brought",
        RolloutAct::Offered => "waits for its turn",
        RolloutAct::Promoted => "is seen by more people",
        RolloutAct::Settled => "keeps its promise at full exposure",
        RolloutAct::Demoted => "was taken back",
        RolloutAct::Asked => "waits for a person",
        RolloutAct::Declined => "stays where it is",
        RolloutAct::Stuck => "fails where there is nothing to step back to",
        RolloutAct::Opened => "led to a new run",
        RolloutAct::Alerted => "needs a look",
        RolloutAct::Retiring => "loses its model, and a person says whether a run looks for another",
    };
    format!("version {version} {happened}: {}", decision.why)
}
