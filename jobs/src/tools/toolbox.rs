//! A version's tools, ready to be called.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_endpoint::{BlockingGetter, GetLimits};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::job::ToolCall;
use empiric_schema::version::{Tool, ToolRouting, ToolUse};

use super::calculator;
use super::calls::{Piece, pieces};
use super::dates;
use super::error::{CallError, ToolError};
use super::lookup::{self, Table};
use super::routing::asks_for_reckoning;

/// An answer after its calls were done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// The text with results in the place of calls. A call without a result leaves the text between its marks.
    pub text: String,
    /// The calls in their order.
    pub calls: Vec<ToolCall>,
}

/// The tools of a version.
#[derive(Debug)]
pub struct Toolbox {
    routing: ToolRouting,
    has_calculator: bool,
    has_dates: bool,
    tables: BTreeMap<String, Table>,
    getter: Option<BlockingGetter>,
}

impl Toolbox {
    /// Reads the tables and checks the addresses. Nothing is asked yet.
    ///
    /// # Errors
    /// A table that is missing or unreadable, or an address that must not be asked.
    pub fn load(spec: &ToolUse, inputs: &BTreeMap<Digest, PathBuf>) -> Result<Self, ToolError> {
        let mut allowed = Vec::new();
        let mut toolbox = Self {
            routing: spec.routing,
            has_calculator: spec.tools.contains(&Tool::Calculator),
            has_dates: spec.tools.contains(&Tool::Dates),
            tables: BTreeMap::new(),
            getter: None,
        };
        for tool in &spec.tools {
            match tool {
                Tool::Calculator | Tool::Dates => {}
                Tool::Lookup { name, table } => toolbox.add_table(name, table, inputs)?,
                Tool::HttpGet { allow } => allowed.extend(allow.iter().cloned()),
            }
        }
        if !allowed.is_empty() {
            toolbox.getter = Some(BlockingGetter::new(&allowed, GetLimits::default())?);
        }
        Ok(toolbox)
    }

    fn add_table(
        &mut self,
        name: &str,
        table: &ArtifactRef,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<(), ToolError> {
        let missing = || ToolError::MissingInput { name: name.to_owned(), digest: table.digest.clone() };
        let table = Table::read(inputs.get(&table.digest).ok_or_else(missing)?)?;
        match self.tables.insert(lookup::fold(name), table) {
            None => Ok(()),
            Some(_) => Err(ToolError::SecondTable(name.to_owned())),
        }
    }

    /// Does the calls of an answer to a question.
    pub fn work(&self, question: &str, answer: &str) -> Worked {
        if self.routing == ToolRouting::Rules && !asks_for_reckoning(question) {
            return Worked { text: answer.to_owned(), calls: Vec::new() };
        }
        let mut worked = Worked::default();
        for piece in pieces(answer) {
            match piece {
                Piece::Text(text) => worked.text.push_str(text),
                Piece::Call(call) => {
                    let result = self.call(call).map_err(|error| error.to_string());
                    worked.text.push_str(result.as_deref().unwrap_or(call));
                    worked.calls.push(ToolCall { call: call.to_owned(), result });
                }
            }
        }
        worked
    }

    fn call(&self, call: &str) -> Result<String, CallError> {
        let (first, rest) = call.trim().split_once(char::is_whitespace).unwrap_or((call.trim(), ""));
        match first.to_ascii_lowercase().as_str() {
            "lookup" => self.look_up(rest),
            "get" => self.get(rest.trim()),
            _ if dates::is_date_call(call) => match self.has_dates {
                true => dates::calculate(call),
                false => Err(CallError::NoTool("tool for dates")),
            },
            _ if self.has_calculator => Ok(calculator::calculate(call)?),
            _ => Err(CallError::NoTool("calculator")),
        }
    }

    fn look_up(&self, call: &str) -> Result<String, CallError> {
        if self.tables.is_empty() {
            return Err(CallError::NoTool("tables"));
        }
        let (name, row, column) = lookup::parts(call).ok_or_else(|| CallError::Lookup(call.to_owned()))?;
        let table = self.tables.get(&lookup::fold(name));
        table.ok_or_else(|| CallError::Table(name.to_owned()))?.cell(row, column)
    }

    fn get(&self, url: &str) -> Result<String, CallError> {
        let getter = self.getter.as_ref().ok_or(CallError::NoTool("addresses that may be asked"))?;
        let text = getter.get(url).map_err(|error| CallError::Get(sentence(&error)))?;
        Ok(text.trim().to_owned())
    }
}

/// An error with its causes.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use empiric_endpoint::test_server::{Answer, TestServer};

    use super::*;

    fn toolbox(tools: Vec<Tool>) -> Toolbox {
        let spec = ToolUse { tools, routing: ToolRouting::Learned };
        Toolbox::load(&spec, &BTreeMap::new()).unwrap()
    }

    fn table(folder: &std::path::Path) -> (Tool, BTreeMap<Digest, PathBuf>) {
        let (path, text) = (folder.join("rates.csv"), b"band,rate\nH5,16.85\n");
        std::fs::write(&path, text).unwrap();
        let digest = Digest::of(text);
        let table = ArtifactRef { digest: digest.clone(), size: 1, media_type: "text/csv".into() };
        (Tool::Lookup { name: "Rates".into(), table }, BTreeMap::from([(digest, path)]))
    }

    #[test]
    fn results_take_the_place_of_calls() {
        let toolbox = toolbox(vec![Tool::Calculator, Tool::Dates]);
        let worked = toolbox.work("?", "That is £<<6 * 102.50>>, due <<2026-03-28 + 14 days>>.");
        assert_eq!(worked.text, "That is £615.00, due 2026-04-11.");
        let calls: Vec<(&str, Result<&str, &str>)> = worked
            .calls
            .iter()
            .map(|call| (call.call.as_str(), call.result.as_deref().map_err(String::as_str)))
            .collect();
        assert_eq!(calls, [("6 * 102.50", Ok("615.00")), ("2026-03-28 + 14 days", Ok("2026-04-11"))]);
    }

    #[test]
    fn a_call_without_a_result_leaves_its_text_and_its_reason() {
        let worked = toolbox(vec![Tool::Calculator]).work("?", "£<<1 / 0>> or <<2026-03-28 + 1 day>>");
        assert_eq!(worked.text, "£1 / 0 or 2026-03-28 + 1 day");
        let reasons: Vec<String> = worked.calls.into_iter().map(|call| call.result.unwrap_err()).collect();
        assert_eq!(reasons, ["division by zero", "the version has no tool for dates"]);
    }

    #[test]
    fn tools_that_a_version_lacks_are_named() {
        let reason = |call: &str| {
            let worked = toolbox(vec![Tool::Dates]).work("?", &format!("<<{call}>>"));
            worked.calls[0].result.clone().unwrap_err()
        };
        assert_eq!(reason("1 + 1"), "the version has no calculator");
        assert_eq!(reason("lookup a | b | c"), "the version has no tables");
        assert_eq!(reason("get https://h/x"), "the version has no addresses that may be asked");
    }

    #[test]
    fn rules_keep_tools_from_questions_without_a_reckoning() {
        let spec = ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Rules };
        let toolbox = Toolbox::load(&spec, &BTreeMap::new()).unwrap();
        assert_eq!(toolbox.work("Who has the key?", "<<1 + 1>>").text, "<<1 + 1>>");
        assert_eq!(toolbox.work("How much are 2 keys?", "<<1 + 1>>").text, "2");
    }

    #[test]
    fn tables_are_read_from_the_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let (tool, inputs) = table(folder.path());
        let load = |tools: &[&Tool], inputs| {
            let tools = tools.iter().map(|tool| (*tool).clone()).collect();
            Toolbox::load(&ToolUse { tools, routing: ToolRouting::Learned }, inputs)
        };
        let toolbox = load(&[&tool], &inputs).unwrap();
        assert_eq!(toolbox.work("?", "<<lookup rates | h5 | Rate>>").text, "16.85");
        assert_eq!(
            toolbox.work("?", "<<Lookup wages | h5 | Rate>>").calls[0].result,
            Err("there is no table `wages`".to_owned())
        );
        let twice = load(&[&tool, &tool], &inputs).unwrap_err().to_string();
        assert!(twice.contains("two tables are called `Rates`"), "{twice}");
        let missing = load(&[&tool], &BTreeMap::new()).unwrap_err().to_string();
        assert!(missing.contains("no path for the table `Rates`"), "{missing}");
    }

    #[test]
    fn texts_are_got_from_allowed_addresses_alone() {
        let body = b" 12 degrees \n".to_vec();
        let server = TestServer::start(move |_, _| Answer::Whole {
            status: 200,
            headers: Vec::new(),
            body: body.clone(),
        });
        let toolbox = toolbox(vec![Tool::HttpGet { allow: vec![server.url()] }]);
        let worked = toolbox.work("?", &format!("It is <<get {}/weather>>.", server.url()));
        assert_eq!(worked.text, "It is 12 degrees.");
        let refused = toolbox.work("?", "<<get http://127.0.0.1:1/v1>>").calls.remove(0).result.unwrap_err();
        assert!(refused.contains("not on the allow-list"), "{refused}");
        assert_eq!(server.seen().len(), 1);
    }
}
