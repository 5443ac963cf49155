//! Good project files, the schema, and properties of the parser.

use std::path::Path;

use empiric_schema::budget::Limits;
use empiric_schema::data::{LONGEST_LINE, read_items, write_items};
use empiric_schema::grade::{Assertion, OnlineAssertion};
use empiric_schema::spec::{
    Accelerators, Approval, Approve, Approver, Bound, ClusterBy, DriftSpec, Feedback, LARGEST_SPEC, Metric,
    ModelOrigin, OnTimeout, PeopleSpec, ProjectSpec, PromptSource, RateLimits, RequalifyBy, RequalifySpec,
    SecretRef, Task, Technique, json_schema,
};
use proptest::prelude::*;
use serde_json::Value;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/specs");
    std::fs::read_to_string(folder.join(name).with_extension("yaml")).unwrap()
}

fn parse(name: &str) -> ProjectSpec {
    ProjectSpec::parse("project.yaml", &fixture(name)).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn example_of_the_design_is_read_in_full() {
    let spec = parse("good");
    assert_eq!(spec.name, "staff-handbook");
    assert_eq!(spec.scope.task, Task::Answer);
    let success: Vec<_> = spec.scope.success.iter().map(|c| (c.metric, c.bound, c.value)).collect();
    assert_eq!(success, [(Metric::Accuracy, Bound::AtLeast, 0.7), (Metric::HarmRate, Bound::AtMost, 0.02)]);
    assert_eq!(spec.data.documents[0].to_string(), "file://handbook/*.md");
    assert_eq!(spec.models[0].parameters, Some(135_000_000));
    let ModelOrigin::Endpoint(endpoint) = &spec.models[1].origin else {
        panic!("{:?}", spec.models[1]);
    };
    assert_eq!(endpoint.api_key, Some(SecretRef::Env("BIG_KEY".to_owned())));
    assert_eq!(endpoint.price.map(|price| price.output), Some(0.6));
    assert!(matches!(&spec.system.prompt, PromptSource::File(_)));
    assert_eq!((spec.system.max_tokens, spec.system.user.as_str()), (32, "{{input}}"));
    let expected = Assertion::Icontains { value: "{{expected}}".to_owned() };
    assert_eq!(spec.evaluate.assertions, [expected]);
    use Technique::{FineTune, Prompt, Rag, Tools};
    assert_eq!(spec.improve.techniques, [Prompt, Tools, Rag, FineTune]);
    assert_eq!((spec.improve.max_iterations, spec.improve.candidates), (6, 8));
    assert_eq!((spec.gate.alpha, spec.gate.test_looks, spec.gate.race_share), (0.05, 5, 0.5));
    assert_eq!(spec.gate.cluster_by, ClusterBy::Documents);
    let limits = Limits {
        wall_clock_seconds: Some(1800.0),
        device_seconds: Some(7200.0),
        tokens: None,
        usd: Some(5.0),
        warn_at: 0.8,
    };
    assert_eq!((spec.budget.limits, spec.budget.reviewer_minutes), (limits, Some(60.0)));
    assert_eq!((spec.resources.accelerators, spec.resources.cpus), (None, Some(2)));
    let stages = spec.deploy.unwrap().stages;
    assert_eq!(
        (stages.len(), stages[1].approve, &stages[2].traffic),
        (3, Approve::EveryAnswer, &vec![5, 50, 100])
    );
    let monitor = spec.monitor.unwrap();
    assert_eq!((monitor.window_seconds, monitor.feedback), (600.0, Feedback::Join));
}

#[test]
fn every_key_of_the_language_has_its_meaning() {
    let spec = parse("every-key");
    assert_eq!(spec.scope.task.labels(), ["spam", "ham", "2024", "true"]);
    let SecretRef::File(path) = endpoint_key(&spec) else { panic!("{spec:?}") };
    assert_eq!(path, "secrets/key");
    let ModelOrigin::Endpoint(big) = &spec.models[1].origin else { panic!("{spec:?}") };
    let limits = RateLimits { requests_per_minute: Some(60), tokens_per_minute: Some(40_000) };
    assert_eq!(big.limits, Some(limits));
    assert_eq!(
        spec.system.prompt,
        PromptSource::Inline("You sort mails.\nAnswer with one word.\n".to_owned())
    );
    let number = Assertion::Number { value: "3.50".to_owned(), tolerance: 0.01 };
    assert!(spec.evaluate.assertions.contains(&number));
    assert_eq!(spec.budget.limits.tokens, Some(2_000_000));
    assert_eq!(
        spec.people,
        PeopleSpec {
            approve: vec![Approval::Spend, Approval::Release, Approval::Promotion],
            deadline_seconds: 7200.0
        }
    );
    let devices = Accelerators { kind: "H100".to_owned(), count: 2 };
    assert_eq!(spec.resources.accelerators, Some(devices));
    let deploy = spec.deploy.as_ref().unwrap();
    assert_eq!((deploy.approver, deploy.callbacks[1].as_str()), (Approver::Other, "127.0.0.1:9000"));
    let stages = &deploy.stages;
    assert_eq!((stages[0].min_samples, stages[1].on_timeout), (30, OnTimeout::Reject));
    let monitor = spec.monitor.as_ref().unwrap();
    assert_eq!((monitor.max_latency_seconds, monitor.open_after), (Some(1.5), Some(20)));
    assert_eq!(monitor.alert.as_deref(), Some("https://hooks.example.com/empiric"));
    let graders = monitor.graders.as_ref().unwrap();
    let names: Vec<&str> = graders.assertions.iter().map(OnlineAssertion::name).collect();
    assert_eq!(graders.sample, 0.2);
    assert_eq!(monitor.drift, Some(DriftSpec { every_seconds: 7200.0, min_questions: 30 }));
    let requalify = RequalifySpec { lead_seconds: 14.0 * 86_400.0, by: RequalifyBy::Run };
    assert_eq!(monitor.requalify, requalify);
    assert_eq!(spec.models[1].shutdown_date.map(|date| date.to_string()).as_deref(), Some("2027-03-31"));
    assert_eq!(names, ["regex", "choice", "max-length", "cites-document", "not-harmful"]);
    let json = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<ProjectSpec>(&json).unwrap(), spec);
}

fn endpoint_key(spec: &ProjectSpec) -> SecretRef {
    match &spec.models[1].origin {
        ModelOrigin::Endpoint(endpoint) => endpoint.api_key.clone().unwrap(),
        ModelOrigin::Source(source) => panic!("{source}"),
    }
}

#[test]
fn what_a_small_spec_leaves_out_has_defaults() {
    let spec = parse("minimal");
    assert_eq!(spec.improve.techniques, [Technique::Prompt]);
    assert_eq!((spec.gate.alpha, spec.gate.cluster_by), (0.05, ClusterBy::None));
    assert_eq!(spec.budget.limits, Limits { warn_at: 0.8, ..Limits::default() });
    assert_eq!(spec.people, PeopleSpec::default());
    assert_eq!(spec.people.deadline_seconds, 86_400.0);
    assert!(!serde_json::to_string(&spec).unwrap().contains("people"), "digests of older projects stay");
    assert!(spec.deploy.is_none() && spec.monitor.is_none() && spec.embedder.is_none());
    assert_eq!(parse("byte-order-mark-is-read"), spec);
}

#[test]
fn digest_is_of_the_meaning_and_not_of_the_text() {
    let text = fixture("minimal");
    let commented = format!("# a comment\n{}\n", text.replace("0.70", "0.7"));
    let digest = |text: &str| ProjectSpec::parse("p", text).unwrap().digest();
    assert_eq!(digest(&text), digest(&commented));
    assert_ne!(digest(&text), digest(&text.replace("0.70", "0.71")));
}

#[test]
fn spec_survives_the_form_that_histories_carry() {
    for name in ["good", "every-key", "minimal"] {
        let spec = parse(name);
        let json = serde_json::to_string(&spec).unwrap();
        assert!(json.len() < 128 * 1024);
        assert_eq!(serde_json::from_str::<ProjectSpec>(&json).unwrap(), spec);
    }
}

/// Calls `visit` with every mapping of the schema that has properties.
fn visit_mappings(schema: &Value, visit: &mut dyn FnMut(&Value)) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") {
                visit(schema);
            }
            map.values().for_each(|part| visit_mappings(part, visit));
        }
        Value::Array(parts) => parts.iter().for_each(|part| visit_mappings(part, visit)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_is_documented_closed_and_accepted() {
    let text = fixture("every-key");
    let mut keys = 0;
    visit_mappings(&json_schema(), &mut |mapping| {
        assert_eq!(mapping["additionalProperties"], Value::Bool(false), "{mapping}");
        for (key, property) in mapping["properties"].as_object().unwrap() {
            assert!(property.get("description").is_some(), "{key} has no description");
            assert!(text.contains(&format!("{key}:")), "{key} is in no good spec");
            keys += 1;
        }
    });
    assert_eq!(keys, 106, "a new key belongs into every-key.yaml and into this count");
}

#[test]
fn schema_says_nothing_of_null_and_of_number_formats_of_rust() {
    let text = json_schema().to_string();
    for foreign in ["\"null\"", "\"uint32\"", "\"default\":null", "\"double\""] {
        assert!(!text.contains(foreign), "{foreign}");
    }
}

#[test]
fn largest_file_is_read_and_a_byte_more_is_not() {
    let text = fixture("minimal");
    let padded = |bytes: usize| format!("{text}# {}\n", "x".repeat(bytes - text.len() - 3));
    assert!(ProjectSpec::parse("p", &padded(LARGEST_SPEC)).is_ok());
    assert!(ProjectSpec::parse("p", &padded(LARGEST_SPEC + 1)).is_err());
}

#[test]
fn line_endings_of_windows_are_read() {
    let text = fixture("good").replace('\n', "\r\n");
    assert_eq!(ProjectSpec::parse("p", &text).unwrap(), parse("good"));
}

#[test]
fn items_are_read_in_both_forms_and_named_after_their_line() {
    let text = concat!(
        "\u{feff}{\"id\":\"a\",\"input\":\"x\",\"expected\":[\"y\",\"z\"],\"documents\":[\"d.md\"]}\r\n",
        "\n",
        r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},"#,
        r#"{"role":"assistant","content":"r"}],"tags":["t"]}"#,
    );
    let items = read_items("data/dev.jsonl", text.as_bytes()).unwrap();
    assert_eq!(items[0].expected.alternatives(), ["y", "z"]);
    assert_eq!((items[1].id.as_str(), items[1].input.as_str()), ("dev-3", "q"));
    assert_eq!((items[1].expected.shown(), items[1].tags.as_slice()), ("r", &["t".to_owned()][..]));
}

#[test]
fn line_of_more_than_ten_megabytes_is_refused_and_not_repeated() {
    let mut bytes = br#"{"id":"a","input":"x","expected":""#.to_vec();
    bytes.extend(std::iter::repeat_n(b'y', LONGEST_LINE));
    bytes.extend(b"\"}\n");
    let text = read_items("big.jsonl", &bytes).unwrap_err().to_string();
    assert!(text.starts_with("error[E0203]: the line is too long"), "{text}");
    assert!(text.len() < 1000);
}

/// Small changes that a hurried writer makes.
fn mutation() -> impl Strategy<Value = (usize, usize, String)> {
    let piece = prop_oneof![
        "[ \\t\\n:{}\\[\\],&*!|>'\"#%@`-]{0,4}",
        "\\PC{0,6}",
        Just("\u{feff}".to_owned()),
        Just("\u{0}".to_owned()),
        Just("null".to_owned()),
        Just("99999999999999999999".to_owned()),
    ];
    (any::<usize>(), 0_usize..20, piece)
}

fn mutate(text: &str, changes: &[(usize, usize, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (at, cut, piece)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at % (chars.len() + 1);
        let rest = (at + cut).min(chars.len());
        chars[..at].iter().chain(&piece.chars().collect::<Vec<_>>()).chain(&chars[rest..]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_spec_never_panics_and_every_place_is_in_the_file(
        changes in proptest::collection::vec(mutation(), 1..4),
    ) {
        let text = mutate(&fixture("every-key"), &changes);
        if let Err(found) = ProjectSpec::parse("p", &text) {
            prop_assert!(!found.problems.is_empty());
            prop_assert!(!found.to_string().is_empty());
            let lines: Vec<&str> = text.split('\n').collect();
            for problem in &found.problems {
                let line = lines.get(problem.position.line - 1);
                prop_assert!(line.is_some(), "{found}");
                let length = line.map_or(0, |line| line.chars().count());
                prop_assert!(problem.position.column <= length.max(1), "{found}");
            }
        }
    }

    #[test]
    fn mutated_data_never_panics(changes in proptest::collection::vec(mutation(), 1..4)) {
        let line = r#"{"id":"a","input":"x","expected":["y"],"tags":["é"],"messages":[{"role":"user","content":"q"}]}"#;
        let text = mutate(&format!("{line}\n{line}\n"), &changes);
        if let Err(found) = read_items("p", text.as_bytes()) {
            prop_assert!(!found.problems.is_empty() && !found.to_string().is_empty());
        }
    }

    #[test]
    fn items_survive_writing_and_reading(
        texts in proptest::collection::vec(("\\PC{0,20}[a-z]", "[a-z]\\PC{0,20}"), 1..6),
    ) {
        let lines: Vec<String> = texts
            .iter()
            .map(|(input, expected)| serde_json::json!({"input": input, "expected": expected}).to_string())
            .collect();
        let items = read_items("train.jsonl", lines.join("\n").as_bytes()).unwrap();
        let written = write_items(&items);
        prop_assert_eq!(read_items("other.jsonl", &written).unwrap(), items.clone());
        prop_assert_eq!(write_items(&items), written);
    }
}
