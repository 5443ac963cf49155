//! Whole `reflect` jobs whose model is behind a server on loopback.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_jobs::runner::run;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::spec::EndpointSpec;
use empiric_schema::version::{EndpointBinding, Prompt};
use tempfile::TempDir;

struct Job {
    folder: TempDir,
    file: JobFile,
}

impl Job {
    /// Six items; the first two are right, the other answers are wrong.
    fn new(url: String, most_tokens: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let mut inputs = BTreeMap::new();
        let mut put = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, &text).unwrap();
            let digest = Digest::of(text.as_bytes());
            inputs.insert(digest.clone(), path);
            ArtifactRef { digest, size: text.len() as u64, media_type: "application/jsonl".to_owned() }
        };
        let item = |n: u32| format!("{{\"id\":\"i{n}\",\"input\":\"question {n}\",\"expected\":\"{n}\"}}\n");
        let result = |n: u32| {
            format!(
                "{{\"id\":\"i{n}\",\"position\":{n},\"answer\":\"wrong {n}\",\"passed\":{},\"harmful\":false,\
                 \"prompt_tokens\":1,\"completion_tokens\":1}}\n",
                n < 2
            )
        };
        let items = put("items.jsonl", (0..6).map(item).collect());
        let results = put("results.jsonl", (0..6).map(result).collect());
        let prompt =
            Prompt { system: "Be brief.".into(), user: "{{input}}".into(), answer_cue: String::new() };
        let endpoint =
            EndpointSpec { url, model: "big-1".to_owned(), api_key: None, price: None, limits: None };
        let params = ReflectParams {
            reflector: EndpointBinding { id: ModelId::new("big"), endpoint }.into(),
            parents: vec![Parent { prompt, results }],
            items,
            proposals: 2,
            failures: 2,
            max_tokens: 100,
            most_tokens,
        };
        let kind = JobKind::Reflect(Box::new(params));
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let outputs = vec![PROPOSALS_FILE.to_owned()];
        let file = JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 1 };
        Self { folder, file }
    }

    fn run(&self) -> Exit {
        std::fs::write(self.path(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
        run(self.folder.path());
        serde_json::from_slice(&std::fs::read(self.path(EXIT_FILE)).unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn each_reflection_reads_other_failures_and_brings_instructions() {
    let server = TestServer::start(|request, _| {
        let about = if request.question().contains("question 2") { "Count." } else { "Add." };
        Answer::chat(&format!("They are numbers.\n```\n{about}\n```"), 90, 10)
    });
    let exit = Job::new(server.url(), 10_000).run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let systems: Vec<&str> =
        exit.findings.proposals.iter().map(|proposal| proposal.system.as_str()).collect();
    assert_eq!(systems.len(), 2, "{systems:?}");
    assert!(systems.contains(&"Count.") && systems.contains(&"Add."), "{systems:?}");
    let asked: Vec<String> = server.seen().iter().map(|request| request.question()).collect();
    assert!(asked.iter().all(|text| text.contains("Be brief.")));
    assert!(
        asked.iter().all(|text| !text.contains("question 0") && !text.contains("question 1")),
        "{asked:?}"
    );
    assert_eq!((exit.usage.prompt_tokens, exit.usage.completion_tokens), (180, 20));
}

#[test]
fn a_server_that_says_nothing_new_leaves_no_proposals_and_a_spent_budget_ends_it() {
    let server = TestServer::start(|_, _| Answer::chat("```\nBe brief.\n```", 90, 10));
    let exit = Job::new(server.url(), 10_000).run();
    assert_eq!((exit.class, exit.findings.proposals.len()), (ExitClass::Success, 0), "{}", exit.message);
    let exit = Job::new(server.url(), 0).run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    assert!(exit.message.contains("0 reflections"), "{}", exit.message);
}
