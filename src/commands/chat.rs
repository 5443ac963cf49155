//! `empiric chat`: questions to what is served, answered piece by piece.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{ChatArgs, Global, OutputFormat};
use crate::error::CliError;
use crate::gateway_client::GatewayClient;
use crate::output;
use crate::place::Place;

pub(super) async fn execute(args: &ChatArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let client = GatewayClient::new(&args.gateway, place)?;
    if let Some(question) = &args.question {
        answer(&client, question, global).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_person = std::io::stdin().is_terminal();
    if is_person {
        output::talk("ask; an empty line ends");
    }
    while let Some(question) = next_question(is_person) {
        match answer(&client, &question, global).await {
            // A person may ask again; a script has to know.
            Err(error) if is_person => drop(output::fail(&error)),
            outcome => outcome?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn next_question(is_person: bool) -> Option<String> {
    if is_person {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "> ").and_then(|()| err.flush());
    }
    let mut line = String::new();
    while std::io::stdin().lock().read_line(&mut line).ok()? > 0 {
        match line.trim() {
            "" if is_person => return None,
            "" => line.clear(),
            question => return Some(question.to_owned()),
        }
    }
    None
}

async fn answer(client: &GatewayClient, question: &str, global: &Global) -> Result<(), CliError> {
    if global.output == OutputFormat::Json {
        let reply = client.ask(question, "chat").await?;
        output::json(&reply.body);
        return if reply.status < 300 { Ok(()) } else { Err(client.refused(reply.problem())) };
    }
    let mut response = client.stream(question).await?;
    let is_stream = response.status().is_success();
    let mut pending = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| client.refused(error.to_string()))? {
        pending.extend_from_slice(&bytes);
        while let (true, Some(end)) = (is_stream, pending.iter().position(|byte| *byte == b'\n')) {
            let line: Vec<u8> = pending.drain(..=end).collect();
            show(client, String::from_utf8_lossy(&line).trim_end())?;
        }
    }
    match is_stream {
        true => {
            output::data("");
            Ok(())
        }
        false => Err(client.refused(problem(response.status().as_u16(), &pending))),
    }
}

/// Shows one line of the stream.
fn show(client: &GatewayClient, line: &str) -> Result<(), CliError> {
    if let Some(draft) = line.strip_prefix(": draft ").or_else(|| line.strip_prefix(":draft ")) {
        output::talk(&format!("a person looks at the answer first (draft {draft})"));
    }
    let Some(event) = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok())
    else {
        return Ok(());
    };
    if let Some(message) = event["error"]["message"].as_str() {
        return Err(client.refused(message.to_owned()));
    }
    let delta = &event["choices"][0]["delta"];
    if let Some(refusal) = delta["refusal"].as_str() {
        output::talk(refusal);
    }
    output::piece(delta["content"].as_str().unwrap_or_default());
    Ok(())
}

fn problem(status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    format!("{status} ({})", body["error"]["message"].as_str().unwrap_or("no reason is given"))
}
