//! From a request to a question in a lane's queue: who answers, and whether the caller may ask now.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use empiric_schema::served::{Arm, Audience};
use serde_json::Value;

use super::error::ApiError;
use super::wire::ChatBody;
use crate::clock;
use crate::gateway::Gateway;
use crate::keys::Caller;
use crate::limits::Amount;
use crate::route::{Route, Target, route};
use crate::serving::{Lane, Served};

/// A question that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The request's id.
    pub(super) id: String,
    /// Unix seconds when it came.
    pub(super) at: f64,
    pub(super) begun: Instant,
    pub(super) caller: Caller,
    /// Name of the caller, and whom it asks for.
    pub(super) client: String,
    /// What the caller calls the system.
    pub(super) model: String,
    pub(super) input: String,
    /// The body, for the log.
    pub(super) body: Value,
    pub(super) target: Target,
    /// The request that this one answers too.
    pub(super) beside: Option<String>,
    pub(super) is_draft: bool,
    /// Where to tell what became of the draft.
    pub(super) callback: Option<String>,
    pub(super) lane: Arc<Lane>,
    pub(super) reserved: Amount,
    /// Keeps the versions of the exposure that the request came under.
    pub(super) served: Arc<Served>,
}

/// Finds out who answers, and reserves what it may use.
pub(super) fn admit(
    gateway: &Gateway,
    caller: Caller,
    body: &ChatBody,
    mut whole: Value,
) -> Result<Asked, ApiError> {
    let input = body.input()?;
    let callback = callback(gateway, &caller, body)?;
    if callback.is_some() {
        // It may hold a secret, which does not belong into the log.
        whole["empiric"]["callback"] = "(left out)".into();
    }
    let model = model(gateway, body)?;
    let served = gateway.served().ok_or_else(|| ApiError::unavailable("nothing is served yet"))?;
    let client = match body.end_user() {
        Some(user) => format!("{}/{user}", caller.name),
        None => caller.name.clone(),
    };
    let audience = audience(&caller, &served);
    let (target, is_draft) = match route(&served.exposure, audience, &client) {
        Route::Answer(target) => (target, false),
        Route::Draft(target) => (target, true),
        Route::Closed => return Err(closed()),
    };
    let lane = served
        .lane(&target.version)
        .ok_or_else(|| ApiError::unavailable("the version is not loaded"))?
        .clone();
    let mut asked = Asked {
        id: format!("chatcmpl-{}", uuid::Uuid::new_v4().simple()),
        at: clock::now(),
        begun: Instant::now(),
        caller,
        client,
        model,
        input,
        body: whole,
        target,
        beside: None,
        is_draft,
        callback,
        lane,
        reserved: Amount::default(),
        served,
    };
    asked.reserve(gateway)?;
    Ok(asked)
}

impl Asked {
    fn reserve(&mut self, gateway: &Gateway) -> Result<(), ApiError> {
        let tokens = self.lane.reservation(&self.input);
        let written = u64::from(self.lane.version.decoding.max_tokens);
        let usd = self.lane.dollars(tokens - written, written);
        let limits = [self.caller.budget, gateway.shared.settings.budget];
        self.reserved = Amount { tokens, usd };
        Ok(gateway.shared.ledger.reserve(&self.caller.name, limits, self.reserved, self.at)?)
    }

    /// The same question for the version that answers beside, if there is one and it may be asked.
    pub(super) fn shadow(&self, gateway: &Gateway) -> Option<Self> {
        let version = self.served.exposure.shadow.clone()?;
        let lane = self.served.lane(&version)?.clone();
        let mut shadow = Self {
            id: format!("shadow-{}", uuid::Uuid::new_v4().simple()),
            begun: Instant::now(),
            target: Target { version, arm: Arm::Shadow, stage: self.target.stage },
            beside: Some(self.id.clone()),
            is_draft: false,
            lane,
            ..self.clone()
        };
        // Callers do not pay for what they do not see.
        shadow.caller.name = "shadow".to_owned();
        shadow.caller.budget = crate::settings::Budget::default();
        shadow.reserve(gateway).ok().map(|()| shadow)
    }

    /// Gives the reservation back and books what was used.
    pub(super) fn settle(&self, gateway: &Gateway, used: Amount) {
        gateway.shared.ledger.settle(&self.caller.name, self.reserved, used, clock::now());
    }
}

/// Where nobody needs a key, the caller is the team while only the team may ask, and a user from then on.
fn audience(caller: &Caller, served: &Served) -> Audience {
    match (caller.is_local, served.exposure.stage) {
        (false, _) => caller.audience,
        (true, empiric_schema::spec::StageName::Internal) => Audience::Internal,
        (true, _) => Audience::Users,
    }
}

/// Where the caller may be told. Notices are signed with the caller's key.
fn callback(gateway: &Gateway, caller: &Caller, body: &ChatBody) -> Result<Option<String>, ApiError> {
    let Some(address) = body.callback() else { return Ok(None) };
    let refused = |reason: String| ApiError::bad_request(format!("`empiric.callback`: {reason}"));
    if caller.is_local {
        return Err(refused(
            "notices are signed with the caller's key, and this request has none".to_owned(),
        ));
    }
    let courier = gateway.shared.courier.as_ref();
    let courier = courier.ok_or_else(|| refused("the project names no hosts for callbacks".to_owned()))?;
    courier.check(address).map_err(refused)?;
    Ok(Some(address.to_owned()))
}

fn closed() -> ApiError {
    let message = "the system is not open to users yet; a key of the team is needed";
    ApiError::new(StatusCode::FORBIDDEN, "stage_closed", message)
}

fn model(gateway: &Gateway, body: &ChatBody) -> Result<String, ApiError> {
    let project = &gateway.shared.settings.project;
    match &body.model {
        None => Ok(project.clone()),
        Some(model) if model == project => Ok(project.clone()),
        Some(_) => {
            let message = format!("the only model here is `{project}`");
            Err(ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message))
        }
    }
}
