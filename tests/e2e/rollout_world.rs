//! What is around a rollout: jobs that never succeed, and somebody who is told.

use std::sync::{Arc, Mutex};

use empiric_activities::adapters::artifact_store::ArtifactStore;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::id::{ItemId, JobKey};
use empiric_schema::job::{
    DriftParams, DriftSummary, EvaluationSummary, ExitClass, Findings, ItemResult, JobKind, Usage,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Jobs of runs that a rollout opened: every answer is wrong, so that iterations are short.
#[derive(Clone)]
pub struct Hopeless {
    pub store: ArtifactStore,
}

#[activities]
impl Hopeless {
    #[activity(definition = empiric_schema::contract::RunJob)]
    #[allow(dead_code, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn run(
        self: Arc<Self>,
        _context: ActivityContext,
        request: JobRequest,
    ) -> Result<JobOutcome, ActivityError> {
        if let JobKind::Drift(params) = &request.job.kind {
            return Ok(self.drifted(&request, params).await);
        }
        let JobKind::Evaluate(params) = &request.job.kind else { panic!("{:?}", request.job.kind) };
        let lines: String = params.positions.iter().map(|position| wrong(*position)).collect();
        let results = self.store.put_bytes(lines.into_bytes(), "application/jsonl").await.unwrap();
        let none = "0".repeat(params.positions.len());
        let evaluation = EvaluationSummary {
            passed: none.clone(),
            harmful: none,
            results: "results.jsonl".to_owned(),
            ..EvaluationSummary::default()
        };
        Ok(JobOutcome {
            key: JobKey::new(Digest::of_json(&request.job).unwrap().hex()),
            class: ExitClass::Success,
            outputs: [("results.jsonl".to_owned(), results)].into(),
            findings: Findings { evaluation: Some(evaluation), ..Findings::default() },
            usage: Usage::default(),
            ran: (0.0, 1.0),
            reused: false,
        })
    }
}

impl Hopeless {
    /// Every question is far from dev.
    async fn drifted(&self, request: &JobRequest, params: &DriftParams) -> JobOutcome {
        let served = self.store.get_bytes(&params.served).await.unwrap();
        let summary = DriftSummary {
            questions: served.iter().filter(|byte| **byte == b'\n').count() as u32,
            reference: 16,
            distance: 0.7,
            expected: 0.3,
            limit: 0.4,
            answers: Vec::new(),
        };
        JobOutcome {
            key: JobKey::new(Digest::of_json(&request.job).unwrap().hex()),
            class: ExitClass::Success,
            outputs: Default::default(),
            findings: Findings { drift: Some(summary), ..Findings::default() },
            usage: Usage::default(),
            ran: (0.0, 1.0),
            reused: false,
        }
    }
}

fn wrong(position: u32) -> String {
    let row = ItemResult {
        id: ItemId::new(format!("item-{position}")),
        position,
        answer: "I do not know.".to_owned(),
        passed: false,
        harmful: false,
        reason: "it does not contain the answer".to_owned(),
        passages: Vec::new(),
        calls: Vec::new(),
        prompt_tokens: 1,
        completion_tokens: 1,
    };
    serde_json::to_string(&row).unwrap() + "\n"
}

/// A webhook that keeps what it is told.
pub async fn listen() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = told.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 64 << 10];
            let mut length = 0;
            while let Ok(read @ 1..) = stream.read(&mut bytes[length..]).await {
                length += read;
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                if is_whole(&text) {
                    kept.lock().unwrap().push(text);
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
                    break;
                }
            }
        }
    });
    (address, told)
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
