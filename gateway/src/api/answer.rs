//! From a question to a logged answer. What happens here goes on when the caller leaves.

use empiric_jobs::model::Finish;
use empiric_schema::db::entity::{draft, request_log};
use empiric_schema::job::ShownPassage;
use empiric_schema::served::{DraftState, Outcome};
use empiric_schema::spec::StageName;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::ask::Asked;
use super::error::ApiError;
use crate::callback;
use crate::clock;
use crate::gateway::Gateway;
use crate::limits::Amount;
use crate::review::draft_digest;
use crate::serving::{Fault, Said, work};

/// An answer that is logged, and a draft where it has to wait.
#[derive(Debug, Clone)]
pub(super) struct Concluded {
    pub(super) text: String,
    pub(super) finish: Finish,
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u32,
    pub(super) documents: Vec<String>,
    /// Id of the draft.
    pub(super) draft: Option<String>,
}

/// An answer on its way.
pub(super) struct Pending {
    /// The answer.
    pub(super) outcome: oneshot::Receiver<Result<Concluded, ApiError>>,
    /// The work stops soon after this is dropped, unless it is for a draft.
    pub(super) waits: std::sync::Arc<()>,
}

/// Puts the question into the queue, and what follows into the background.
pub(super) fn begin(
    gateway: &Gateway,
    asked: Asked,
    pieces: Option<mpsc::UnboundedSender<String>>,
) -> Result<Pending, ApiError> {
    let (work, answer, waits) = work(asked.input.clone(), pieces);
    if let Err(full) = asked.lane.ask(work) {
        asked.settle(gateway, Amount::default());
        return Err(full.into());
    }
    let (conclude, outcome) = oneshot::channel();
    let (gateway, kept) = (gateway.clone(), asked.is_draft.then(|| waits.clone()));
    tokio::spawn(async move {
        let said = answer.await.unwrap_or_else(|_| Err(Fault::Failed("the version was let go".to_owned())));
        drop(kept);
        let concluded = conclude_one(&gateway, &asked, said).await;
        if concluded.is_ok() && asked.beside.is_none() {
            shadow(&gateway, &asked);
        }
        // Nobody may wait for it any more.
        let _ = conclude.send(concluded);
    });
    Ok(Pending { outcome, waits })
}

/// Asks the version that answers beside, if its queue has room; nobody waits for the answer.
fn shadow(gateway: &Gateway, asked: &Asked) {
    let Some(shadow) = asked.shadow(gateway) else { return };
    match begin(gateway, shadow, None) {
        Ok(pending) => {
            tokio::spawn(async move {
                let _waits = pending.waits;
                let _ = pending.outcome.await;
            });
        }
        Err(_) => tracing::debug!("a question was not asked of the shadow version: its queue is full"),
    }
}

async fn conclude_one(
    gateway: &Gateway,
    asked: &Asked,
    said: Result<Said, Fault>,
) -> Result<Concluded, ApiError> {
    match said {
        Ok(said) => answered(gateway, asked, said).await,
        Err(fault) => {
            let (outcome, used) = match &fault {
                Fault::Abandoned => (Outcome::Abandoned, Amount::default()),
                // What it took is not known, and leaving early must not be a way around a limit.
                Fault::Stopped => (Outcome::Abandoned, asked.reserved),
                Fault::Failed(problem) => {
                    tracing::warn!(request = asked.id, problem, "a question could not be answered");
                    (Outcome::Failed, Amount::default())
                }
            };
            asked.settle(gateway, used);
            let row = request_log::Model { problem: fault.to_string(), ..row(gateway, asked, outcome, None) };
            gateway.shared.writer.log(row).await;
            Err(ApiError::failed())
        }
    }
}

async fn answered(gateway: &Gateway, asked: &Asked, said: Said) -> Result<Concluded, ApiError> {
    let answer = &said.answer;
    let (prompt, completion) = (answer.prompt_tokens, answer.completion_tokens);
    let usd = asked.lane.dollars(prompt.into(), completion.into());
    asked.settle(gateway, Amount { tokens: u64::from(prompt) + u64::from(completion), usd });
    let outcome = if asked.is_draft { Outcome::Drafted } else { Outcome::Answered };
    let logged = request_log::Model {
        retrieval: serde_json::to_value(&answer.passages).unwrap_or_default(),
        prompt_tokens: i32::try_from(prompt).unwrap_or(i32::MAX),
        completion_tokens: i32::try_from(completion).unwrap_or(i32::MAX),
        usd,
        ..row(gateway, asked, outcome, Some(&answer.text))
    };
    gateway.shared.writer.log(logged).await;
    let draft = match asked.is_draft {
        true => Some(write_draft(gateway, asked, &said).await?),
        false => None,
    };
    let mut documents: Vec<String> = answer.passages.iter().map(|passage| passage.document.clone()).collect();
    documents.dedup();
    Ok(Concluded {
        text: said.answer.text,
        finish: said.answer.finish,
        prompt_tokens: prompt,
        completion_tokens: completion,
        documents,
        draft,
    })
}

fn row(gateway: &Gateway, asked: &Asked, outcome: Outcome, said: Option<&str>) -> request_log::Model {
    let shared = &gateway.shared;
    let mut request = asked.body.clone();
    let is_request_redacted = shared.redactor.json(&mut request);
    let response = said.map(|text| shared.redactor.text(text));
    let redacted = is_request_redacted || response.as_ref().is_some_and(|(_, is_redacted)| *is_redacted);
    request_log::Model {
        sequence: 0,
        id: asked.id.clone(),
        timestamp: asked.at,
        workload_id: shared.settings.project.clone(),
        client_id: asked.client.clone(),
        api_key: asked.caller.name.clone(),
        audience: asked.caller.audience.name().to_owned(),
        request: Some(request),
        response: response.map(|(text, _)| text),
        version: asked.target.version.to_string(),
        stage: stage_name(asked.target.stage).to_owned(),
        arm: asked.target.arm.name().to_owned(),
        beside: asked.beside.clone(),
        retrieval: json!([]),
        prompt_tokens: 0,
        completion_tokens: 0,
        usd: 0.0,
        latency_ms: asked.begun.elapsed().as_secs_f64() * 1e3,
        outcome: outcome.name().to_owned(),
        problem: String::new(),
        redacted,
    }
}

/// Writes the draft, and gives its id when it is durable.
async fn write_draft(gateway: &Gateway, asked: &Asked, said: &Said) -> Result<String, ApiError> {
    let shared = &gateway.shared;
    let (id, version) = (uuid::Uuid::new_v4().simple().to_string(), asked.target.version.to_string());
    let created = clock::now();
    let row = draft::Model {
        id: id.clone(),
        project: shared.settings.project.clone(),
        request_id: asked.id.clone(),
        client_id: asked.client.clone(),
        api_key: asked.caller.name.clone(),
        digest: draft_digest(&shared.settings.project, &version, &asked.input, &said.answer.text),
        version,
        arm: asked.target.arm.name().to_owned(),
        stage: stage_name(asked.target.stage).to_owned(),
        input: asked.input.clone(),
        answer: said.answer.text.clone(),
        passages: passages(&said.answer.passages, &said.passages),
        state: DraftState::Pending.name().to_owned(),
        created,
        deadline: created + shared.settings.review_deadline.as_secs_f64(),
        escalated: None,
        decided: None,
        decided_by: None,
        given: None,
        note: None,
        signature: None,
    };
    if let Some(address) = &asked.callback {
        shared.writer.callback(callback::row(&shared.settings.project, &id, address.clone())).await?;
    }
    shared.writer.draft(row).await?;
    Ok(id)
}

/// Passages with their texts, for who has to judge the answer.
fn passages(shown: &[ShownPassage], texts: &[String]) -> serde_json::Value {
    let with_text = |(passage, text): (&ShownPassage, &String)| json!({"chunk": passage.chunk, "document": passage.document, "score": passage.score, "text": text});
    shown.iter().zip(texts).map(with_text).collect()
}

/// The stage's name in rows.
pub(super) fn stage_name(stage: StageName) -> &'static str {
    match stage {
        StageName::Internal => "internal",
        StageName::Reviewed => "reviewed",
        StageName::Direct => "direct",
    }
}
