//! Tools without training: the model is told how to call one.

use empiric_schema::version::{CALL_BEGIN, CALL_END, SystemVersion, Tool, ToolRouting, ToolUse};

use super::{Candidate, Setting, fresh};

/// Why tools cannot be used here.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    if setting.incumbent.tools.is_some() {
        return Some("the system has the tools already".to_owned());
    }
    let unread = setting.frozen.corpus.is_some() && setting.incumbent.retrieval.is_none();
    unread.then(|| {
        "what is reckoned with is in documents that the system does not see yet: retrieval comes first"
            .to_owned()
    })
}

/// The calculator and dates, told in one sentence or in two, with either routing.
pub(super) fn propose(setting: &Setting<'_>) -> Vec<Candidate> {
    let routings = [ToolRouting::Rules, ToolRouting::Learned];
    let pairs = routings.into_iter().flat_map(|routing| [false, true].map(|shown| (routing, shown)));
    fresh(pairs.map(|(routing, is_shown)| candidate(setting, routing, is_shown)).collect(), setting)
}

fn candidate(setting: &Setting<'_>, routing: ToolRouting, is_shown: bool) -> Candidate {
    let mut prompt = setting.incumbent.prompt.clone();
    prompt.system =
        format!("{}\n{}", prompt.system.trim_end(), instruction(is_shown)).trim_start().to_owned();
    let tools = ToolUse { tools: vec![Tool::Calculator, Tool::Dates], routing };
    let routing = match routing {
        ToolRouting::Rules => "for questions with numbers",
        ToolRouting::Learned => "where the model calls it",
    };
    let example = if is_shown { ", with an example" } else { "" };
    Candidate {
        version: SystemVersion { prompt, tools: Some(tools), ..setting.incumbent.clone() },
        change: format!("a calculator {routing}{example}"),
    }
}

fn instruction(is_shown: bool) -> String {
    let told = format!("Never reckon yourself: write the reckoning between {CALL_BEGIN} and {CALL_END}.");
    let example = format!(" Three tickets at 12.50 each cost {CALL_BEGIN}3 * 12.50{CALL_END}.");
    if is_shown { told + &example } else { told }
}
