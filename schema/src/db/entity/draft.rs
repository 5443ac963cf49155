//! Answers that wait for a person, or waited.

use sea_orm::entity::prelude::*;

/// A draft.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "drafts")]
pub struct Model {
    /// The draft's id, which the caller is told. It cannot be guessed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Name of the project.
    pub project: String,
    /// The request that it answers.
    pub request_id: String,
    /// Who asked.
    pub client_id: String,
    /// Name of the key that asked: only it may fetch the answer.
    pub api_key: String,
    /// Digest of the version.
    pub version: String,
    /// Wire name of the arm.
    pub arm: String,
    /// Wire name of the stage.
    pub stage: String,
    /// What was asked.
    pub input: String,
    /// What the version said.
    pub answer: String,
    /// Digest of project, version, question and answer: what a decision is bound to.
    pub digest: String,
    /// The passages that were shown: a list of [`ShownPassage`](crate::job::ShownPassage).
    pub passages: Json,
    /// Wire name of the state.
    pub state: String,
    /// Unix seconds when it came.
    pub created: f64,
    /// Unix seconds at which somebody should have decided.
    pub deadline: f64,
    /// Unix seconds when it was escalated, because nobody had.
    pub escalated: Option<f64>,
    /// Unix seconds of the decision.
    pub decided: Option<f64>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// What the caller was given: the draft or what a person made of it.
    pub given: Option<String>,
    /// What the person said about it.
    pub note: Option<String>,
    /// Proof of the decision: an authentication code over the draft's digest, the decision, who and when.
    pub signature: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
