//! What `approve` and `reject` share: which question, who answers, and telling the run.

use std::process::ExitCode;

use empiric_schema::contract::GivenAnswer;
use empiric_schema::id::RunId;
use empiric_schema::question::Question;
use empiric_schema::view::{RunState, RunView};
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::{Client, WorkflowExecuteUpdateOptions, WorkflowHandle};

use super::status::find_run;
use crate::cli::{AnswerArgs, Global, OutputFormat, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::run_view;
use crate::output;
use crate::place::Place;
use crate::report::people::headline;
use crate::temporal::words;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// Answers a question of a run.
pub(super) async fn execute(
    verdict: Verdict,
    args: &AnswerArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let by = who(args.by.as_deref())?;
    let recorded = find_run(&RunRef { run: args.run.clone() }, place).await?;
    must_go_on(&recorded)?;
    let run = recorded.run;
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = answer(&session.client, &run, verdict, args, by).await;
    let works_here = session.is_working();
    session.close().await;
    tell(&run, &outcome?, works_here, global);
    Ok(ExitCode::SUCCESS)
}

async fn answer(
    client: &Client,
    run: &RunId,
    verdict: Verdict,
    args: &AnswerArgs,
    by: String,
) -> Result<Question, CliError> {
    let view =
        run_view(client, run).await?.ok_or_else(|| CliError::Question(format!("{run} has not begun")))?;
    let given = GivenAnswer {
        question: which(&view, args.question)?,
        approved: verdict == Verdict::Approve,
        by,
        note: args.note.clone().unwrap_or_default(),
    };
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    let updated =
        handle.execute_update(Lifecycle::answer, given, WorkflowExecuteUpdateOptions::default()).await;
    updated.map_err(|error| CliError::Refused { action: "take the answer", reason: words::of_update(&error) })
}

/// An ended run listens to nobody. The read model knows, and no server has to be started for that.
pub(super) fn must_go_on(view: &RunView) -> Result<(), CliError> {
    if view.state != RunState::Finished {
        return Ok(());
    }
    Err(CliError::Question(format!("{} has ended; it asks nothing and keeps no remarks any more", view.run)))
}

/// The question that is meant: the one that is named, else the only one that is open.
fn which(view: &RunView, named: Option<u32>) -> Result<u32, CliError> {
    must_go_on(view)?;
    let run = &view.run;
    let open: Vec<&Question> = view.open_questions().collect();
    match (named, open.as_slice()) {
        (Some(number), _) => Ok(number),
        (None, [only]) => Ok(only.number),
        (None, []) => Err(CliError::Question(format!("{run} asks nothing now"))),
        (None, several) => {
            let listed: Vec<String> = several.iter().map(|one| format!("\n  {}", headline(one))).collect();
            let count = several.len();
            Err(CliError::Question(format!(
                "{run} asks {count} questions; name one with --question NUMBER:{}",
                listed.concat()
            )))
        }
    }
}

/// The name that the answer stands under: the one that is given, else the system's name of the user.
pub(crate) fn who(named: Option<&str>) -> Result<String, CliError> {
    let user = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    let name = named.map(str::to_owned).or_else(user).filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| {
        CliError::Argument("the system knows no name for you: say who you are with --by NAME".to_owned())
    })
}

fn tell(run: &RunId, question: &Question, works_here: bool, global: &Global) {
    if global.output == OutputFormat::Json {
        return output::json(&serde_json::json!({"run": run, "question": question}));
    }
    let (word, by) =
        question.answer.as_ref().map_or(("open", ""), |answer| (answer.word(), answer.by.as_str()));
    let number = question.number;
    output::talk(&format!("question {number} of {run} is {word} by {by}"));
    if works_here {
        output::talk("`empiric run` works on it where nothing else does");
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::question::QuestionAbout;

    use super::*;
    use crate::report::fixture;

    fn asking(numbers: &[u32]) -> RunView {
        let question = |&number: &u32| Question {
            number,
            about: QuestionAbout::Release,
            text: "May it be released?".to_owned(),
            context: Vec::new(),
            asked: 0.0,
            deadline: 1.0,
            escalated: None,
            requester: None,
            answer: None,
        };
        RunView { questions: numbers.iter().map(question).collect(), ..fixture::running() }
    }

    #[test]
    fn the_only_open_question_needs_no_number() {
        assert_eq!(which(&asking(&[3]), None).unwrap(), 3);
        assert_eq!(which(&asking(&[3]), Some(2)).unwrap(), 2, "the run says what is wrong with it");
    }

    #[test]
    fn without_a_question_and_with_several_the_person_is_told() {
        let none = which(&asking(&[]), None).unwrap_err().to_string();
        assert_eq!(none, "staff-handbook-7f3a asks nothing now");
        let several = which(&asking(&[1, 2]), None).unwrap_err().to_string();
        assert!(
            several.contains("--question NUMBER") && several.contains("\n  question 2 (release): "),
            "{several}"
        );
        let ended = RunView { state: RunState::Finished, ..asking(&[1]) };
        assert!(which(&ended, Some(1)).unwrap_err().to_string().contains("has ended"));
    }

    #[test]
    fn who_answers_is_who_is_named_or_the_user_of_the_system() {
        assert_eq!(who(Some("ada")).unwrap(), "ada");
        assert!(who(Some(" ")).is_err());
    }
}
