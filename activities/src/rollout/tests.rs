//! Windows, exposures and homecomings over a real database, with rows as the gateway writes them.

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::{Cursor, Frozen, FrozenSplit, Presence};
use empiric_schema::data::{Expected, Item, write_items};
use empiric_schema::db::entity::{draft, feedback, request_log};
use empiric_schema::evidence::Verdict;
use empiric_schema::exposure::Exposure;
use empiric_schema::grade::OnlineAssertion;
use empiric_schema::id::{ItemId, ModelId};
use empiric_schema::rollout::{Judged, RolloutAct, RolloutDecision, RolloutView};
use empiric_schema::spec::{EndpointSpec, GradersSpec, StageName};
use empiric_schema::version::{
    Decoding, Demonstrations, EndpointBinding, ModelBinding, Prompt, SystemVersion,
};
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _, NotSet, Set};
use serde_json::json;
use tempfile::TempDir;

use super::observe::unix_now;
use super::*;

mod watching;

struct Bench {
    _folder: TempDir,
    activities: RolloutActivities,
    graders: Option<GradersSpec>,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("empiric.db")).await.unwrap();
        let store = ArtifactStore::local(&folder.path().join("artifacts")).unwrap();
        let (state, network) = (folder.path().to_owned(), NetworkMode::Offline);
        let activities = RolloutActivities { database, store, state, network };
        Self { _folder: folder, activities, graders: None }
    }

    async fn log(&self, id: &str, stage: StageName, outcome: &str, arm: &str) {
        self.write_log(id, stage, outcome, arm, "Nothing.").await;
    }

    /// An answer that a caller was given.
    async fn answer(&self, id: &str, stage: StageName, answer: &str) {
        self.write_log(id, stage, "answered", "serving", answer).await;
    }

    /// A question that a version could not answer.
    async fn fail(&self, id: &str, version: &SystemVersion, problem: &str) {
        let mut row = logged(id, StageName::Direct, "failed", "serving", "");
        row.version = Set(version.digest().to_string());
        row.problem = Set(problem.to_owned());
        row.response = Set(None);
        self.insert(row).await;
    }

    async fn insert(&self, row: request_log::ActiveModel) {
        let transaction = self.activities.database.begin_write().await.unwrap();
        row.insert(&transaction.statements).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn write_log(&self, id: &str, stage: StageName, outcome: &str, arm: &str, answer: &str) {
        self.insert(logged(id, stage, outcome, arm, answer)).await;
    }

    async fn think(&self, request: &str, stage: StageName, thumb: Option<&str>, correction: Option<&str>) {
        self.write_feedback(request, stage, (thumb, correction), None).await;
    }

    /// Somebody says that an answer does harm.
    async fn harm(&self, request: &str, stage: StageName) {
        self.write_feedback(request, stage, (None, None), Some(true)).await;
    }

    async fn write_feedback(
        &self,
        request: &str,
        stage: StageName,
        (thumb, correction): (Option<&str>, Option<&str>),
        harmful: Option<bool>,
    ) {
        let transaction = self.activities.database.begin_write().await.unwrap();
        let row = feedback::ActiveModel {
            sequence: NotSet,
            project: Set("p".to_owned()),
            request_id: Set(request.to_owned()),
            version: Set(version().digest().to_string()),
            stage: Set(stage.name().to_owned()),
            by: Set("ada".to_owned()),
            at: Set(unix_now()),
            thumb: Set(thumb.map(str::to_owned)),
            correction: Set(correction.map(str::to_owned)),
            note: Set(None),
            harmful: Set(harmful),
        };
        row.insert(&transaction.statements).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn draft(&self, id: &str, state: &str, given: Option<&str>) {
        let transaction = self.activities.database.begin_write().await.unwrap();
        let row = draft::Model {
            id: format!("draft-{id}"),
            project: "p".to_owned(),
            request_id: id.to_owned(),
            client_id: "web".to_owned(),
            api_key: "web".to_owned(),
            version: version().digest().to_string(),
            arm: "serving".to_owned(),
            stage: "reviewed".to_owned(),
            input: format!("What about {id} would a guest want to know?"),
            answer: "Nothing.".to_owned(),
            digest: "sha256:0".to_owned(),
            passages: json!([]),
            state: state.to_owned(),
            created: 0.0,
            deadline: 0.0,
            escalated: None,
            decided: (state != "pending").then(|| unix_now() - 2.0),
            decided_by: Some("ada".to_owned()),
            given: given.map(str::to_owned),
            note: None,
            signature: None,
        };
        row.into_active_model().insert(&transaction.statements).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn window(&self, stage: StageName, cursor: Option<Cursor>) -> Observed {
        let request = ObserveRequest {
            project: "p".to_owned(),
            version: version().digest(),
            stage,
            since: unix_now() - 60.0,
            cursor,
            window_seconds: 0.0,
            enough: 0,
            max_failure_rate: 1.0,
            max_harm_rate: None,
            graders: self.graders.clone(),
            labels: Vec::new(),
        };
        self.activities.watch(&request).await.unwrap()
    }
}

/// A row as the gateway writes it.
fn logged(id: &str, stage: StageName, outcome: &str, arm: &str, answer: &str) -> request_log::ActiveModel {
    request_log::ActiveModel {
        sequence: NotSet,
        id: Set(id.to_owned()),
        timestamp: Set(unix_now()),
        workload_id: Set("p".to_owned()),
        client_id: Set("web".to_owned()),
        api_key: Set("web".to_owned()),
        audience: Set("users".to_owned()),
        request: Set(Some(json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": format!("What of {id} is there to say?")},
        ]}))),
        response: Set(Some(answer.to_owned())),
        version: Set(version().digest().to_string()),
        stage: Set(stage.name().to_owned()),
        arm: Set(arm.to_owned()),
        beside: Set(None),
        retrieval: Set(json!([])),
        prompt_tokens: Set(10),
        completion_tokens: Set(2),
        usd: Set(0.0),
        latency_ms: Set(20.0),
        outcome: Set(outcome.to_owned()),
        problem: Set(String::new()),
        redacted: Set(false),
    }
}

fn artifact(name: &str) -> ArtifactRef {
    ArtifactRef { digest: Digest::of(name.as_bytes()), size: 1, media_type: "x".to_owned() }
}

fn version() -> SystemVersion {
    let weights = artifact("weights");
    SystemVersion {
        model: ModelBinding { id: ModelId::new("m"), weights, files: Default::default() }.into(),
        adapter: None,
        prompt: Prompt { system: "s".to_owned(), user: "{{input}}".to_owned(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

#[tokio::test]
async fn a_window_counts_each_judged_answer_of_its_stage_once() {
    let bench = Bench::new().await;
    for (id, outcome, arm) in [
        ("a", "answered", "serving"),
        ("b", "failed", "canary"),
        ("c", "answered", "serving"),
        ("s", "failed", "shadow"),
    ] {
        bench.log(id, StageName::Direct, outcome, arm).await;
    }
    bench.log("other", StageName::Internal, "failed", "serving").await;
    bench.think("a", StageName::Direct, Some("up"), None).await;
    bench.think("a", StageName::Direct, Some("down"), None).await;
    bench.think("c", StageName::Direct, Some("up"), None).await;
    let first = bench.window(StageName::Direct, None).await;
    assert_eq!(first.window.judged, Judged { passed: 1, failed: 2 });
    assert_eq!(first.window.traffic.requests, 3);
    bench.think("c", StageName::Direct, None, Some("25 days")).await;
    let second = bench.window(StageName::Direct, Some(first.cursor)).await;
    assert_eq!(second.window.judged, Judged { passed: 0, failed: 1 }, "a failure is never lost");
    bench.think("c", StageName::Direct, Some("down"), None).await;
    let third = bench.window(StageName::Direct, Some(second.cursor)).await;
    assert_eq!(third.window.judged, Judged::default(), "nor counted twice");
    assert_eq!(second.window.traffic.requests, 0);
}

#[tokio::test]
async fn drafts_count_when_a_person_decided_and_not_before() {
    let bench = Bench::new().await;
    for (id, state) in
        [("a", "approved"), ("b", "edited"), ("c", "rejected"), ("d", "expired"), ("e", "pending")]
    {
        bench.draft(id, state, None).await;
    }
    let first = bench.window(StageName::Reviewed, None).await;
    assert_eq!(first.window.judged, Judged { passed: 1, failed: 2 });
    bench.think("a", StageName::Reviewed, Some("up"), None).await;
    bench.think("b", StageName::Reviewed, Some("down"), None).await;
    let second = bench.window(StageName::Reviewed, Some(first.cursor)).await;
    assert_eq!(second.window.judged, Judged::default(), "the same was said before");
    bench.think("a", StageName::Reviewed, Some("down"), None).await;
    let third = bench.window(StageName::Reviewed, Some(second.cursor)).await;
    assert_eq!(third.window.judged, Judged { passed: 0, failed: 1 }, "what a reviewer did not see");
}

/// A bench whose checks want an answer of at most ten characters that gives no secret away.
fn applied(revision: u64) -> ApplyRequest {
    let serving = version().digest();
    let decision = RolloutDecision {
        number: 1,
        at: 1.0,
        act: RolloutAct::Entered,
        version: serving.clone(),
        from: None,
        to: None,
        verdict: Verdict::Inconclusive,
        judged: Judged::default(),
        why: "ada brought it".to_owned(),
        by: Some("ada".to_owned()),
    };
    let view = RolloutView {
        project: "p".to_owned(),
        revision,
        max_failure_rate: 0.25,
        decisions: vec![decision],
        ..RolloutView::default()
    };
    let exposure = Exposure {
        project: "p".to_owned(),
        revision,
        stage: StageName::Internal,
        traffic: 100,
        serving,
        canary: None,
        shadow: None,
        last_good: None,
        why: String::new(),
        at: 1.0,
    };
    ApplyRequest { exposure: Some(exposure), view }
}

#[tokio::test]
async fn an_exposure_names_known_versions_alone_and_never_goes_back() {
    let bench = Bench::new().await;
    let unknown = bench.activities.write(&applied(3)).await.unwrap_err();
    assert!(matches!(unknown, RolloutActivityError::UnknownVersion(_)), "{unknown}");
    assert_eq!(bench.activities.database.exposure("p").await.unwrap(), None);
    bench.activities.release("p", &version(), "by hand", 1.0).await.unwrap();
    for revision in [3, 3] {
        bench.activities.write(&applied(revision)).await.unwrap();
    }
    let late = bench.activities.write(&applied(2)).await.unwrap_err();
    assert!(matches!(late, RolloutActivityError::Superseded { revision: 3, .. }), "{late}");
    let stands = bench.activities.database.exposure("p").await.unwrap().unwrap();
    assert_eq!((stands.revision, stands.serving), (3, version().digest()));
    assert_eq!(bench.activities.database.rollout_view("p").await.unwrap().unwrap().decisions.len(), 1);
}

#[tokio::test]
async fn failures_come_home_once_and_edits_become_preferences() {
    let bench = Bench::new().await;
    bench.activities.release("p", &version(), "by hand", 1.0).await.unwrap();
    bench.draft("bicycles", "edited", Some("In the yard.")).await;
    bench.draft("uniforms", "rejected", None).await;
    bench.log("payroll", StageName::Direct, "answered", "serving").await;
    bench.think("payroll", StageName::Direct, Some("down"), Some("On the 25th.")).await;
    let known = Item {
        id: ItemId::new("dev-1"),
        input: "When does the pool open?".to_owned(),
        expected: Expected::One("At 7".to_owned()),
        documents: Vec::new(),
        tags: Vec::new(),
        forbidden: Vec::new(),
    };
    let items = bench.activities.store.put_bytes(write_items(&[known]), "application/jsonl").await.unwrap();
    let split = FrozenSplit { items, count: 1 };
    let frozen = Frozen {
        train: None,
        dev: split.clone(),
        test: split,
        documents: 0,
        corpus: None,
        encoder: None,
        dev_clusters: Vec::new(),
        models: Default::default(),
        system: version(),
    };
    let digest = version().digest();
    let request = CollectRequest {
        project: "p".to_owned(),
        version: digest.clone(),
        start: digest,
        frozen,
        joined: Vec::new(),
    };
    let found = bench.activities.bring_home(&request).await.unwrap();
    assert_eq!((found.items, found.unanswered, found.pairs), (2, 1, 2));
    let pairs = bench.activities.store.get_bytes(&found.preferences.clone().unwrap()).await.unwrap();
    let pairs: Vec<serde_json::Value> =
        pairs.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!((&pairs[0]["chosen"], &pairs[0]["rejected"]), (&json!("In the yard."), &json!("Nothing.")));
    assert_eq!((&pairs[0]["origin"], &pairs[0]["digest"]), (&json!("draft-bicycles"), &json!("sha256:0")));
    assert_eq!((&pairs[1]["origin"], &pairs[1]["version"]), (&json!("payroll"), &json!(version().digest())));
    assert_eq!((&found.start, found.joined.iter().map(|joined| joined.count).sum::<u32>()), (&version(), 2));
    assert_eq!(
        bench.activities.bring_home(&request).await.unwrap(),
        found,
        "the same rows, the same artifacts"
    );
    let again = CollectRequest { joined: found.joined, ..request };
    let again = bench.activities.bring_home(&again).await.unwrap();
    assert_eq!((again.items, again.known), (0, 2));
}
