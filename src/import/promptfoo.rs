//! promptfoo configurations: tests with variables and assertions become items, as far as they map.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use empiric_schema::spec::read_yaml;
use regex::Regex;
use serde_json::{Map, Value};

use super::columns::{ColumnNames, Role};
use super::error::ImportError;
use super::found::{Check, Found, Kind};
use super::items;
use super::table::{Row, Table};

/// `{{ name }}`. The expression is a constant that the tests use, so it is never lost.
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}").ok());

/// Variables that are the input where the prompt does not say which is.
const USUAL: [&str; 8] = ["input", "question", "query", "prompt", "text", "message", "body", "content"];

/// Reads a configuration.
pub(super) fn read(path: &Path, file: &str, text: &str, names: &ColumnNames) -> Result<Found, ImportError> {
    let config = read_yaml(file, text).map_err(ImportError::Yaml)?;
    let tests = tests(file, &config)?;
    let mut reading = Reading { unused: BTreeMap::new(), checks: Vec::new() };
    let prompt = reading.prompt(path, &config);
    let input = input_variable(file, prompt.as_deref(), tests, names)?;
    let default = config.get("defaultTest").unwrap_or(&Value::Null);
    let expected = names.expected.as_deref();
    let rows = (1..).zip(tests).map(|(number, test)| {
        let cells = reading.cells(test, default, &input, expected);
        Row { line: number, cells }
    });
    let rows: Vec<Row> = rows.collect();
    let columns = ["id", "input", "expected", "forbidden"].map(str::to_owned).to_vec();
    let table = Table { file: file.to_owned(), columns, rows };
    let mut found = items::read(&table, Kind::Promptfoo, &ColumnNames::default())?;
    found.taken =
        vec![format!("input from the variable `{input}`"), "expected from the assertions".to_owned()];
    found.user = reading.user(prompt.as_deref(), &input);
    found.unused =
        reading.unused.into_iter().map(|(what, count)| format!("{what} ({count} times)")).collect();
    found.check = reading.checks.into_iter().max();
    Ok(found)
}

fn tests<'a>(file: &str, config: &'a Value) -> Result<&'a [Value], ImportError> {
    let wrong = |what: &str, expected: &str| ImportError::Whole {
        file: file.to_owned(),
        what: what.to_owned(),
        expected: expected.to_owned(),
    };
    match config.get("tests") {
        Some(Value::Array(tests)) if !tests.is_empty() => Ok(tests),
        Some(Value::String(other)) => Err(wrong(
            &format!("its tests are in {other}"),
            "a list under `tests:`; import that file itself: `--from FILE`, and `--input` and `--expected`",
        )),
        _ => Err(wrong("there are no tests in it", "a list under `tests:`, each with `vars` and `assert`")),
    }
}

/// The one variable of the prompt, or the one that a flag names, or one with a usual name.
fn input_variable(
    file: &str,
    prompt: Option<&str>,
    tests: &[Value],
    names: &ColumnNames,
) -> Result<String, ImportError> {
    let vars = tests.iter().filter_map(|test| test.get("vars")?.as_object());
    let table = Table::of_rows(file, vars.map(|vars| Row { line: 0, cells: vars.clone() }).collect());
    let columns = || table.columns.join(", ");
    if let Some(name) = &names.input {
        let (file, role, name) = (file.to_owned(), Role::Input, name.clone());
        return match table.columns.contains(&name) {
            true => Ok(name),
            false => Err(ImportError::UnknownColumn { file, role, name, columns: columns() }),
        };
    }
    let used = prompt.map(variables).unwrap_or_default();
    if let [only] = used.as_slice() {
        return Ok(only.clone());
    }
    let candidates = if used.is_empty() { &table.columns } else { &used };
    let usual = USUAL.iter().find_map(|usual| candidates.iter().find(|name| name.as_str() == *usual));
    match (usual, table.columns.as_slice()) {
        (Some(name), _) | (None, [name]) => Ok(name.clone()),
        _ => Err(ImportError::NoColumn { file: file.to_owned(), role: Role::Input, columns: columns() }),
    }
}

fn variables(template: &str) -> Vec<String> {
    let mut names = Vec::new();
    for found in VARIABLE.iter().flat_map(|regex| regex.captures_iter(template)) {
        if !names.contains(&found[1].to_owned()) {
            names.push(found[1].to_owned());
        }
    }
    names
}

/// The template with the input's placeholder; other variables are taken out.
fn with_input(template: &str, input: &str) -> String {
    let replaced = |found: &regex::Captures<'_>| match &found[1] == input {
        true => "{{input}}",
        false => "",
    };
    match VARIABLE.as_ref() {
        Some(regex) => regex.replace_all(template, replaced).into_owned(),
        None => template.to_owned(),
    }
}

/// Counts what does not map while it reads.
struct Reading {
    unused: BTreeMap<String, usize>,
    checks: Vec<Check>,
}

impl Reading {
    fn unused(&mut self, what: String) {
        *self.unused.entry(what).or_default() += 1;
    }

    /// The first prompt that is a text.
    fn prompt(&mut self, config_path: &Path, config: &Value) -> Option<String> {
        let prompts = match config.get("prompts") {
            Some(Value::Array(prompts)) => prompts.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => return None,
        };
        let mut taken = None;
        for prompt in prompts {
            match prompt_text(config_path, prompt).filter(|_| taken.is_none()) {
                Some(text) => taken = Some(text),
                None if taken.is_some() => self.unused("another prompt".to_owned()),
                None => self.unused("a prompt that is no text".to_owned()),
            }
        }
        taken
    }

    /// The template of the user message, unless it is the input alone or more than variables.
    fn user(&mut self, prompt: Option<&str>, input: &str) -> Option<String> {
        let user = with_input(prompt?, input);
        let rest = user.replace("{{input}}", "");
        if ["{{", "{%"].iter().any(|mark| rest.contains(mark)) || !user.contains("{{input}}") {
            self.unused("a prompt with more than variables in it".to_owned());
            return None;
        }
        (!rest.trim().is_empty()).then_some(user)
    }

    fn cells(
        &mut self,
        test: &Value,
        default: &Value,
        input: &str,
        expected: Option<&str>,
    ) -> Map<String, Value> {
        let empty = Map::new();
        let vars = test.get("vars").and_then(Value::as_object).unwrap_or(&empty);
        let mut cells = Map::new();
        cells.extend(vars.get(input).map(|value| ("input".to_owned(), value.clone())));
        let listed = |test: &Value| test.get("assert").and_then(Value::as_array).cloned().unwrap_or_default();
        let (mut accepted, mut forbidden) = (Vec::new(), Vec::new());
        let mut used: Vec<String> = Vec::new();
        for assertion in listed(test).iter().chain(&listed(default)) {
            used.extend(variables(&assertion["value"].to_string()));
            self.assertion(assertion, vars, &mut accepted, &mut forbidden);
        }
        if let Some(value) = expected.and_then(|name| vars.get(name)) {
            accepted = vec![value.clone()];
        }
        if !accepted.is_empty() {
            cells.insert("expected".to_owned(), Value::Array(accepted));
        }
        cells.insert("forbidden".to_owned(), Value::Array(forbidden));
        let others = vars.keys().filter(|name| *name != input && Some(name.as_str()) != expected);
        for name in others.filter(|name| !used.contains(name)).cloned().collect::<Vec<_>>() {
            self.unused(format!("variable `{name}`"));
        }
        cells
    }

    /// What one assertion asks for, if Empiric grades so too.
    fn assertion(
        &mut self,
        assertion: &Value,
        vars: &Map<String, Value>,
        accepted: &mut Vec<Value>,
        forbidden: &mut Vec<Value>,
    ) {
        let kind = assertion.get("type").and_then(Value::as_str).unwrap_or("(no type)");
        let values = values(assertion.get("value"), vars);
        let many = values.len() > 1;
        let check = match kind {
            "equals" => Check::Equals,
            "contains" | "icontains" | "contains-any" | "icontains-any" => Check::Contains,
            // One of several would be asked for where all were meant.
            "contains-all" | "icontains-all" if !many => Check::Contains,
            "not-contains" | "not-icontains" | "not-contains-any" | "not-icontains-any" => {
                return forbidden.extend(values);
            }
            kind => return self.unused(format!("assertion `{kind}`")),
        };
        // A second assertion of one test narrows it, and a list of accepted answers would widen it.
        match accepted.is_empty() && !values.is_empty() {
            true => {
                accepted.extend(values);
                self.checks.push(check);
            }
            false => self.unused(format!("a further assertion `{kind}` of a test")),
        }
    }
}

/// The text of a prompt; only plain text files are opened.
fn prompt_text(config_path: &Path, prompt: &Value) -> Option<String> {
    let text = prompt.as_str().or_else(|| prompt.get("raw")?.as_str())?;
    let Some(file) = text.strip_prefix("file://") else {
        return (!text.trim_start().starts_with(['[', '{']) || text.trim_start().starts_with("{{"))
            .then(|| text.to_owned());
    };
    let plain = [".txt", ".md"].iter().any(|extension| file.ends_with(extension));
    let path = config_path.parent().unwrap_or(Path::new("")).join(file);
    plain.then(|| std::fs::read_to_string(path).ok()).flatten()
}

/// The texts of an assertion's value, with a variable that is all of it replaced.
fn values(value: Option<&Value>, vars: &Map<String, Value>) -> Vec<Value> {
    let listed = match value {
        Some(Value::Array(listed)) => listed.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    };
    let resolved = |value: Value| -> Vec<Value> {
        let name = value.as_str().and_then(|text| {
            let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
            Some(name.trim().to_owned())
        });
        match name {
            None => vec![value],
            Some(name) => match vars.get(&name) {
                Some(Value::Array(listed)) => listed.clone(),
                Some(value) => vec![value.clone()],
                None => Vec::new(),
            },
        }
    };
    listed.into_iter().flat_map(resolved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
description: FAQ
prompts:
  - "Answer shortly: {{ question }}"
  - "Answer in rhyme: {{question}}"
providers: [openai:gpt-4o-mini]
defaultTest:
  assert: [{type: latency, threshold: 3000}]
tests:
  - vars: {question: When is tea?, context: The tea page}
    assert:
      - {type: icontains, value: four}
      - {type: not-contains, value: coffee}
  - vars: {question: Where is tea?, place: the hall}
    assert: [{type: contains, value: "{{place}}"}, {type: llm-rubric, value: is kind}]
  - vars: {question: Who pours?}
    assert: [{type: contains-any, value: [Anna, Ben]}]
  - vars: {question: How?}
    assert: [{type: javascript, value: "output.length < 10"}]
"#;

    fn found(text: &str) -> Result<Found, ImportError> {
        read(Path::new("dir/promptfooconfig.yaml"), "promptfooconfig.yaml", text, &ColumnNames::default())
    }

    #[test]
    fn what_maps_is_taken_and_the_rest_is_listed() {
        let found = found(CONFIG).unwrap();
        assert_eq!((found.items.len(), found.rows()), (3, 4));
        let answers: Vec<_> = found.items.iter().map(|item| item.expected.alternatives().to_vec()).collect();
        assert_eq!(answers, [vec!["four"], vec!["the hall"], vec!["Anna", "Ben"]]);
        assert_eq!(found.items[0].forbidden, ["coffee"]);
        assert_eq!(found.user.as_deref(), Some("Answer shortly: {{input}}"));
        assert_eq!(found.check, Some(Check::Contains));
        assert_eq!(found.left_out_words(), ["1 left out: no expected answer (test 4)"]);
        assert_eq!(
            found.unused,
            [
                "another prompt (1 times)",
                "assertion `javascript` (1 times)",
                "assertion `latency` (4 times)",
                "assertion `llm-rubric` (1 times)",
                "variable `context` (1 times)",
            ]
        );
    }

    #[test]
    fn equal_answers_stay_equal_where_all_tests_ask_for_it() {
        let text = "prompts: ['{{q}}']\ntests:\n- {vars: {q: a}, assert: [{type: equals, value: 1}]}\n";
        let found = found(text).unwrap();
        assert_eq!((found.check, found.user), (Some(Check::Equals), None));
        assert_eq!(found.items[0].expected.shown(), "1");
    }

    #[test]
    fn an_input_that_is_not_clear_and_missing_tests_are_told() {
        let told = |text: &str| found(text).unwrap_err().to_string();
        let unclear = "prompts: ['{{a}} {{b}}']\ntests:\n- {vars: {a: 1, b: 2}}\n";
        assert!(told(unclear).contains("it has: a, b; name the right one with `--input COLUMN`"));
        assert!(told("prompts: [x]\n").contains("there are no tests in it"));
        assert!(told("tests: file://tests.csv\n").contains("import that file itself"));
        assert!(told("tests: [\n").contains("promptfooconfig.yaml:"));
    }
}
