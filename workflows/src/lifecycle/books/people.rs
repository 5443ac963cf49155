//! The part of the books that is for people: what they are asked, and what their answers change.

use empiric_schema::budget::{Limits, Resource, Spend};
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::question::{PersonAnswer, Question, QuestionAbout};
use empiric_schema::spec::{Approval, Approver};

use super::Books;
use crate::diagnosis::{are_too_many, lines};
use crate::people::Draft;
use crate::race::count;

impl Books {
    /// Writes down that the run waits for an answer.
    pub(in crate::lifecycle) fn wait_for(&mut self, number: u32, about: QuestionAbout) {
        self.view.activity = format!("waits for a person: question {number}, {}", about.words());
    }

    /// Writes an answer down.
    pub(in crate::lifecycle) fn take_answer(&mut self, question: &Question) -> Option<PersonAnswer> {
        let answer = question.answer.clone()?;
        let (number, about, text) = (question.number, question.about, question.text.clone());
        self.view.activity = format!("question {number} was {} by {}", answer.word(), answer.by);
        let why = if answer.note.is_empty() { "no reason was given" } else { &answer.note };
        self.decide(Decision::Answered { number, about, text, answer: answer.clone() }, why.to_owned());
        Some(answer)
    }

    /// A question about suspect items, where those that nobody has vouched for are too many to go on.
    pub(in crate::lifecycle) fn doubt(&self) -> Option<Draft> {
        let new: Vec<u32> = self.suspects.iter().copied().filter(|one| !self.vouched.contains(one)).collect();
        if !are_too_many(new.len(), self.probed) {
            return None;
        }
        let share = new.len() as f64 / self.probed as f64 * 100.0;
        Some(Draft {
            about: QuestionAbout::EvaluationDefects,
            text: format!(
                "{} of {} probed failures ({share:.0} %) look like mistakes of the data or of the grader, not of \
                 the system. Are these items and the assertions right as they are?",
                new.len(),
                self.probed
            ),
            context: vec![
                format!("dev lines {}", lines(&new)),
                format!(
                    "`empiric questions {}` shows what each asks and expects, and why it is suspect",
                    self.view.run
                ),
                "approve: they are right; the run goes on and does not ask about them again".to_owned(),
                "reject: the run ends; mend the items or the assertions, then `empiric run` starts a new one"
                    .to_owned(),
            ],
            requester: None,
        })
    }

    /// Vouches for the suspect items, or ends the run because of them.
    pub(in crate::lifecycle) fn end_doubt(&mut self, answer: &PersonAnswer) {
        if answer.approved {
            self.vouched.extend(&self.suspects);
        } else {
            self.problem = Some(format!(
                "{} says that items of dev are wrong{} (dev lines {}): mend them or the assertions",
                answer.by,
                reason(answer),
                lines(&self.suspects)
            ));
        }
    }

    /// Whether the spec has people asked before this limit stops the run, and there is an amount to ask for.
    pub(super) fn asks_about(&self, resource: Resource) -> bool {
        let limit = amount(&self.spec.budget.limits, resource);
        self.spec.people.asks(Approval::Spend) && limit.is_some_and(|limit| limit > 0.0)
    }

    /// A question about more of what is used up, where the spec has people asked.
    pub(in crate::lifecycle) fn overdraft(&self, resource: Resource) -> Option<Draft> {
        if !self.asks_about(resource) {
            return None;
        }
        let more = amount(&self.spec.budget.limits, resource)?;
        let limit = amount(&self.view.limits, resource)?;
        let used = self.budget.used();
        let mut context = vec![
            format!(
                "spent so far: {:.0} device-seconds, {} tokens, ${:.2}",
                used.device_seconds, used.tokens, used.usd
            ),
            format!("the run was at: {} ({})", self.view.stage.words(), self.view.activity),
        ];
        context.extend(self.standing());
        context.push(format!(
            "approve: the limit becomes {}, and the run goes on",
            figure(limit + more, resource)
        ));
        context.push("reject: the run ends because its budget is used up".to_owned());
        Some(Draft {
            about: QuestionAbout::Spend { resource },
            text: format!(
                "The limit for {} is used up: {} of {}. May the run spend {} more?",
                resource.words(),
                figure(part(used, resource), resource),
                figure(limit, resource),
                figure(more, resource)
            ),
            context,
            requester: None,
        })
    }

    /// Raises a limit by the amount of the spec.
    pub(in crate::lifecycle) fn raise(&mut self, resource: Resource) {
        let more = self.spec.budget.limits;
        let limits = &mut self.view.limits;
        match resource {
            Resource::DeviceSeconds => {
                limits.device_seconds = sum(limits.device_seconds, more.device_seconds)
            }
            Resource::Usd => limits.usd = sum(limits.usd, more.usd),
            Resource::Tokens => {
                limits.tokens =
                    limits.tokens.zip(more.tokens).map(|(limit, more)| limit.saturating_add(more));
            }
            // The clock goes on while people think: it is no question.
            Resource::WallClock => {}
        }
        self.budget.set_limits(&self.view.limits);
        self.exhausted = None;
        self.repeat_what_was_cut_short();
    }

    /// An iteration that the budget ended runs again under its number: it had come to no verdict, and the jobs that
    /// it had finished are answered from records.
    fn repeat_what_was_cut_short(&mut self) {
        if !std::mem::take(&mut self.is_cut_short) {
            return;
        }
        if let Some(cut) = self.view.iterations.pop() {
            self.view.iteration -= 1;
            self.carried = cut.spend;
        }
    }

    /// A question about the release of a version that kept the promise, where the spec has people asked.
    pub(in crate::lifecycle) fn release(&self, reason: &StopReason) -> Option<Draft> {
        if *reason != StopReason::Success || !self.spec.people.asks(Approval::Release) {
            return None;
        }
        let incumbent = self.incumbent.as_ref()?;
        let mut context = vec![format!("version {}", incumbent.version.digest())];
        context.extend(self.view.promise.iter().map(|promise| format!("kept on the locked test: {promise}")));
        context.extend(self.standing());
        context.push(format!("`empiric report {}` has example answers, and every decision", self.view.run));
        let requester = self.requester();
        context.extend(requester.iter().map(|by| format!("{by} started the run, so somebody else says yes")));
        context.push("approve: the run ends with success".to_owned());
        context.push(
            "reject: the run ends; the version is not released, and what it was measured at stays".to_owned(),
        );
        Some(Draft {
            about: QuestionAbout::Release,
            text: format!("`{}` kept the promise on the locked test. May it be released?", incumbent.label),
            context,
            requester,
        })
    }

    /// Who started the run, where the spec has somebody else release its version.
    fn requester(&self) -> Option<String> {
        let approver = self.spec.deploy.as_ref().map(|deploy| deploy.approver);
        self.by.clone().filter(|_| approver == Some(Approver::Other))
    }

    /// The end of a run whose version a person did not release.
    pub(in crate::lifecycle) fn withheld(&self, answer: &PersonAnswer) -> StopReason {
        let problem =
            format!("the promise is kept, and {} did not release the version{}", answer.by, reason(answer));
        StopReason::NeedsPerson { problem }
    }

    /// How good the incumbent is.
    fn standing(&self) -> Option<String> {
        let incumbent = self.incumbent.as_ref()?;
        let (passed, all) = (count(&incumbent.dev.passed), incumbent.dev.n());
        Some(format!("the version to beat, `{}`, passes {passed} of {all} dev items", incumbent.label))
    }
}

fn reason(answer: &PersonAnswer) -> String {
    if answer.note.is_empty() { String::new() } else { format!(": {}", answer.note) }
}

fn amount(limits: &Limits, resource: Resource) -> Option<f64> {
    match resource {
        Resource::DeviceSeconds => limits.device_seconds,
        Resource::Tokens => limits.tokens.map(|tokens| tokens as f64),
        Resource::Usd => limits.usd,
        Resource::WallClock => None,
    }
}

fn part(spend: Spend, resource: Resource) -> f64 {
    match resource {
        Resource::DeviceSeconds => spend.device_seconds,
        Resource::Tokens => spend.tokens as f64,
        Resource::Usd => spend.usd,
        Resource::WallClock => 0.0,
    }
}

fn sum(limit: Option<f64>, more: Option<f64>) -> Option<f64> {
    limit.zip(more).map(|(limit, more)| limit + more)
}

fn figure(amount: f64, resource: Resource) -> String {
    match resource {
        Resource::Usd => format!("${amount:.2}"),
        Resource::Tokens => format!("{amount:.0} tokens"),
        Resource::DeviceSeconds | Resource::WallClock => format!("{amount:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::contract::{LifecycleInput, RunOptions};
    use empiric_schema::id::RunId;
    use empiric_schema::spec::ProjectSpec;

    use super::*;

    const PROJECT: &str = "
name: tiny
scope: {task: answer, success: [{metric: accuracy, at_least: 0.5}]}
data: {dev: file://dev.jsonl, test: file://test.jsonl}
models: [{id: m, source: file://m.gguf}]
system: {model: m}
evaluate: {assert: [{type: icontains, value: '{{expected}}'}]}
budget: {tokens: 1000, usd: 0}
";

    fn books(added: &str) -> Books {
        let spec = ProjectSpec::parse("project.yaml", &format!("{PROJECT}{added}"));
        let input = LifecycleInput {
            run: RunId::new("tiny-1"),
            project_dir: "tiny".into(),
            spec: spec.unwrap_or_else(|found| panic!("{found}")),
            options: RunOptions::default(),
            earlier_looks: Vec::new(),
            joined: Vec::new(),
            start: None,
            by: Some("ada".to_owned()),
            preferences: Vec::new(),
        };
        Books::new(&input, 0.0)
    }

    fn answer(approved: bool) -> PersonAnswer {
        PersonAnswer { approved, by: "ada".to_owned(), note: "seen".to_owned(), at: 1.0 }
    }

    #[test]
    fn items_that_were_vouched_for_are_not_asked_about_again_and_new_ones_are() {
        let mut books = books("");
        (books.suspects, books.probed) = (vec![3, 4], 20);
        assert_eq!(books.doubt(), None, "a tenth is not above a tenth");
        books.suspects = vec![3, 4, 5];
        assert!(books.doubt().is_some());
        books.end_doubt(&answer(true));
        assert_eq!(books.doubt(), None);
        books.suspects = vec![3, 4, 5, 6, 7, 8];
        let again = books.doubt().unwrap();
        assert!(again.text.starts_with("3 of 20") && again.context[0] == "dev lines 7, 8, 9", "{again:?}");
        books.end_doubt(&answer(false));
        assert!(
            books.problem.is_some_and(|problem| problem.contains("ada says") && problem.contains(": seen"))
        );
    }

    #[test]
    fn only_limits_that_the_spec_names_and_asks_about_are_asked_about() {
        assert_eq!(books("").overdraft(Resource::Tokens), None, "the spec asks nobody");
        let mut books = books("people: {approve: [spend]}\n");
        assert!(books.overdraft(Resource::Tokens).is_some());
        for none in [Resource::Usd, Resource::DeviceSeconds, Resource::WallClock] {
            assert_eq!(books.overdraft(none), None, "{none:?}");
        }
        books.budget.book(Spend { tokens: 1000, ..Spend::default() });
        assert!(books.reserve().is_err());
        books.raise(Resource::Tokens);
        books.raise(Resource::Tokens);
        assert_eq!((books.view.limits.tokens, books.view.limits.usd), (Some(3000), Some(0.0)));
        assert_eq!(books.reserve().map(|share| share.tokens), Ok(2000));
    }

    #[test]
    fn who_started_the_run_is_named_where_somebody_else_releases() {
        let stages = "stages: [{name: internal}, {name: direct}]";
        assert_eq!(books("").requester(), None);
        assert_eq!(books(&format!("deploy: {{{stages}}}\n")).requester(), None);
        let other = books(&format!("deploy: {{approver: other, {stages}}}\n"));
        assert_eq!(other.requester().as_deref(), Some("ada"));
    }

    #[test]
    fn release_is_asked_about_after_success_alone_and_where_the_spec_says_so() {
        assert_eq!(books("").release(&StopReason::Success), None);
        let books = books("people: {approve: [release]}\n");
        assert_eq!(books.release(&StopReason::Plateau), None);
        let StopReason::NeedsPerson { problem } = books.withheld(&answer(false)) else {
            panic!("a person is needed")
        };
        assert_eq!(problem, "the promise is kept, and ada did not release the version: seen");
    }
}
