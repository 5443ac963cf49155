//! Answers that wait for a person.

use std::time::Duration;

use empiric_endpoint::test_server::TestServer;
use empiric_schema::served::Audience;
use empiric_schema::spec::{OnTimeout, StageName};
use serde_json::{Value, json};

use crate::fixture::*;

/// A gateway in the stage `reviewed`, with keys of a user and of a reviewer.
struct Reviewed {
    running: Running,
    user: String,
    reviewer: String,
    _server: TestServer,
}

async fn reviewed(change: impl FnOnce(&mut Setup)) -> Reviewed {
    let (mut setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Reviewed).await;
    let (user, reviewer) =
        (setup.key("app", Audience::Users).await, setup.key("ada", Audience::Reviewers).await);
    change(&mut setup);
    Reviewed { running: setup.start().await, user, reviewer, _server: server }
}

impl Reviewed {
    /// Asks as a user and gives the draft's id.
    async fn ask(&self, question: &str) -> String {
        let (status, body) = self.running.ask_as(Some(&self.user), question).await;
        assert_eq!((status, body["object"].as_str()), (202, Some("draft")), "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn queue(&self) -> Vec<Value> {
        let (status, body) = self.running.get("/v1/review/drafts", Some(&self.reviewer)).await;
        assert_eq!(status, 200);
        body["data"].as_array().unwrap().clone()
    }

    async fn decide(&self, draft: &Value, decision: Value) -> (u16, Value) {
        let mut body = decision;
        if body.get("digest").is_none() {
            body["digest"] = draft["digest"].clone();
        }
        let path = format!("/v1/review/drafts/{}", draft["id"].as_str().unwrap());
        self.running.post(&path, Some(&self.reviewer), &body).await
    }

    async fn poll(&self, id: &str) -> Value {
        let (status, body) = self.running.get(&format!("/v1/drafts/{id}?wait=10"), Some(&self.user)).await;
        assert_eq!(status, 200);
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_answer_reaches_who_asked() {
    let reviewed = reviewed(|_| ()).await;
    let id = reviewed.ask("x").await;
    let now = reviewed.running.get(&format!("/v1/drafts/{id}"), Some(&reviewed.user)).await.1;
    assert_eq!((now["status"].as_str(), &now["completion"]), (Some("pending"), &Value::Null));
    let draft = reviewed.queue().await.remove(0);
    assert_eq!(draft["answer"], "one says: Q: x");
    let approve = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        reviewed.decide(&draft, json!({"decision": "approve"})).await
    };
    let (given, (status, decided)) = futures::join!(reviewed.poll(&id), approve);
    assert_eq!((status, decided["by"].as_str()), (200, Some("ada")));
    assert_eq!(given["completion"]["choices"][0]["message"]["content"], "one says: Q: x");
    assert!(reviewed.queue().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_answer_replaces_the_draft_and_a_rejected_one_is_not_given() {
    let reviewed = reviewed(|_| ()).await;
    let (first, second) = (reviewed.ask("1").await, reviewed.ask("2").await);
    let queue = reviewed.queue().await;
    reviewed
        .decide(&queue[0], json!({"decision": "edit", "answer": "on the 25th", "note": "was vague"}))
        .await;
    reviewed.decide(&queue[1], json!({"decision": "reject"})).await;
    let edited = reviewed.poll(&first).await;
    assert_eq!(edited["status"], "edited");
    assert_eq!(edited["completion"]["choices"][0]["message"]["content"], "on the 25th");
    let rejected = reviewed.poll(&second).await;
    assert_eq!((rejected["status"].as_str(), &rejected["completion"]), (Some("rejected"), &Value::Null));
    assert!(!rejected.to_string().contains("says"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_taken_once_and_about_what_was_seen() {
    let reviewed = reviewed(|_| ()).await;
    reviewed.ask("x").await;
    let draft = reviewed.queue().await.remove(0);
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(reviewed.decide(&draft, json!({"decision": "approve", "digest": other})).await.0, 409);
    assert_eq!(reviewed.decide(&draft, json!({"decision": "edit", "answer": " "})).await.0, 400);
    assert_eq!(reviewed.decide(&draft, json!({"decision": "perhaps"})).await.0, 400);
    let both = [json!({"decision": "approve"}), json!({"decision": "reject"})]
        .map(|one| reviewed.decide(&draft, one));
    let mut statuses: Vec<u16> =
        futures::future::join_all(both).await.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_waits_for_the_person() {
    let reviewed = reviewed(|_| ()).await;
    let body = json!({"messages": [{"role": "user", "content": "x"}], "stream": true});
    let request = reviewed.running.http.post(format!("{}/v1/chat/completions", reviewed.running.address));
    let stream =
        async { request.json(&body).bearer_auth(&reviewed.user).send().await.unwrap().text().await.unwrap() };
    let edit = async {
        let look = || async { reviewed.queue().await.pop() };
        let draft = until("the draft", look).await;
        reviewed.decide(&draft, json!({"decision": "edit", "answer": "by a person"})).await
    };
    let (text, decided) = futures::join!(stream, edit);
    assert_eq!((decided.0, streamed(&text).as_str()), (200, "by a person"));
    assert!(!text.contains("one says"), "the draft itself is not streamed: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_is_answered_at_once_and_who_asks_does_not_approve() {
    let reviewed = reviewed(|_| ()).await;
    assert_eq!(reviewed.running.ask_as(Some(&reviewed.reviewer), "x").await.0, 200);
    // Somebody gives a user's key the name of a reviewer: it is the same person.
    let id = reviewed.ask("x").await;
    let mut row = reviewed.running.drafts().await.remove(0);
    row.api_key = "ada".to_owned();
    replace(&reviewed.running, row).await;
    let draft = reviewed.queue().await.remove(0);
    assert_eq!(draft["id"].as_str(), Some(id.as_str()));
    assert_eq!(reviewed.decide(&draft, json!({"decision": "approve"})).await.0, 403);
}

async fn replace(running: &Running, row: empiric_schema::db::entity::draft::Model) {
    use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
    row.into_active_model().reset_all().update(&running.database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_sees_a_draft_and_users_do_not_review() {
    let reviewed = reviewed(|_| ()).await;
    let id = reviewed.ask("x").await;
    let store = &reviewed.running.store;
    let other = empiric_gateway::keys::make(store, PROJECT, "other", Audience::Internal, Default::default());
    let other = other.await.unwrap();
    let seen = || async {
        let (status, _) = reviewed.running.get(&format!("/v1/drafts/{id}"), Some(&other)).await;
        // The new key is known after the next look at the keys.
        (status != 401).then_some(status)
    };
    assert_eq!(until("the key", seen).await, 404);
    assert_eq!(reviewed.running.get("/v1/review/drafts", Some(&other)).await.0, 403);
    assert_eq!(reviewed.running.get("/v1/review/drafts", Some(&reviewed.user)).await.0, 403);
    let path = format!("/v1/review/drafts/{id}");
    let decision = json!({"decision": "approve", "digest": "x"});
    assert_eq!(reviewed.running.post(&path, Some(&reviewed.user), &decision).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_escalates_or_ends_the_wait() {
    for (on_timeout, expected) in [(OnTimeout::Escalate, "pending"), (OnTimeout::Reject, "expired")] {
        let reviewed = reviewed(|setup| {
            setup.settings.review_deadline = Duration::from_millis(100);
            setup.settings.on_timeout = on_timeout;
        });
        let reviewed = reviewed.await;
        reviewed.ask("x").await;
        let overdue = || async {
            let draft = reviewed.running.drafts().await.remove(0);
            (draft.escalated.is_some() || draft.state != "pending").then_some(draft)
        };
        let draft = until("the deadline", overdue).await;
        assert_eq!((draft.state.as_str(), draft.given), (expected, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_outlive_the_gateway() {
    let mut reviewed = reviewed(|_| ()).await;
    let id = reviewed.ask("x").await;
    reviewed.running.stop().await;
    let (database, folder) = (reviewed.running.database.clone(), tempfile::TempDir::new().unwrap());
    let settings = empiric_gateway::Settings::new(PROJECT);
    let again = Setup { folder, database, files: Files::default(), courier: None, steering: None, settings }
        .start()
        .await;
    let (status, body) = again.get(&format!("/v1/drafts/{id}"), Some(&reviewed.user)).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("pending")));
}
