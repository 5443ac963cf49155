//! The table of the transition function, and what no sequence of events may do.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{
    Collected, Cursor, GivenDemotion, GivenRequalification, ModelsFound, Observed, Presence, ReleaseClaim,
    ServedModel,
};
use empiric_schema::evidence::{Alpha, Verdict};
use empiric_schema::id::{ModelId, RunId};
use empiric_schema::rollout::{Judged, RolloutAct, Rung, Traffic, Window};
use empiric_schema::spec::{Approver, Feedback, MonitorSpec, RequalifyBy, RequalifySpec, StageName};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use proptest::prelude::*;

use super::books::Homecoming;
use super::effects::Home;
use super::errands::{Done, Errand};
use super::*;

mod errands;
mod offers;

fn rung(stage: StageName, traffic: u8) -> Rung {
    Rung { stage, traffic }
}

pub(super) fn rules() -> Rules {
    Rules {
        ladder: vec![
            (rung(StageName::Internal, 100), 30),
            (rung(StageName::Reviewed, 100), 30),
            (rung(StageName::Direct, 5), 20),
            (rung(StageName::Direct, 100), 20),
        ],
        monitor: MonitorSpec { feedback: Feedback::Join, ..MonitorSpec::default() },
        max_harm_rate: Some(0.02),
        labels: Vec::new(),
        shutdowns: Default::default(),
        has_endpoints: false,
        alpha: Alpha::FIVE_PERCENT,
        asks: false,
        approver: Approver::Anyone,
    }
}

fn version(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A version at a place, of whose answers there so many failed and passed.
fn standing(place: usize, failed: u64, passed: u64) -> RolloutState {
    let mut state =
        RolloutState { subject: Some(Subject::at(version("new"), place, 0.0)), ..RolloutState::default() };
    state.absorb(&window(failed, passed), Cursor::default());
    state
}

fn books(state: RolloutState) -> Books {
    let mut books = Books::begin(0);
    books.state = state;
    books
}

fn window(failed: u64, passed: u64) -> Window {
    let requests = failed + passed;
    Window {
        from: 0.0,
        to: 600.0,
        judged: Judged { passed, failed },
        traffic: Traffic { requests, ..Traffic::default() },
        ..Window::default()
    }
}

fn with_good(state: RolloutState, good: &str) -> RolloutState {
    RolloutState { last_good: Some(version(good)), ..state }
}

fn fallen(state: RolloutState) -> RolloutState {
    let subject = state.subject.map(|subject| Subject { has_fallen: true, ..subject });
    RolloutState { subject, ..state }
}

/// As many answers did harm, and as many did none.
fn harming(mut state: RolloutState, failed: u64, passed: u64) -> RolloutState {
    let harm = Judged { passed, failed };
    state.absorb(&Window { harm, ..Window::default() }, Cursor::default());
    state
}

#[test]
fn transition_table() {
    let rows: Vec<(&str, RolloutState)> = vec![
        ("nothing is there", RolloutState::default()),
        ("nothing is judged", standing(0, 0, 0)),
        ("too little is judged", standing(0, 0, 29)),
        ("enough, and it keeps its promise", standing(0, 1, 29)),
        ("enough, and nothing is shown", standing(0, 8, 24)),
        ("it breaks its promise at the bottom", standing(0, 12, 8)),
        ("it breaks its promise before enough is judged", standing(1, 5, 0)),
        ("reviewed", standing(1, 0, 30)),
        ("a first step of traffic", standing(2, 0, 20)),
        ("it breaks its promise in traffic", standing(2, 12, 8)),
        ("a successor breaks its promise", with_good(standing(2, 12, 8), "old")),
        ("a successor at the top breaks its promise", with_good(standing(3, 12, 8), "old")),
        ("the top, first time", standing(3, 0, 20)),
        ("the top, settled", with_good(standing(3, 0, 20), "new")),
        ("the good one breaks its promise", with_good(standing(3, 12, 8), "new")),
        ("it has fallen once", fallen(standing(1, 0, 30))),
        ("it does harm, and is right", harming(standing(3, 0, 30), 6, 24)),
        ("it does harm once", harming(standing(1, 1, 29), 1, 29)),
        ("it does harm at the bottom", harming(standing(0, 0, 10), 4, 6)),
    ];
    let table: String = rows.iter().map(|(name, state)| row(name, state)).collect();
    insta::assert_snapshot!(table);
}

fn row(name: &str, state: &RolloutState) -> String {
    let Ruling { act, why } = rollout_step(&rules(), state);
    format!("{name:45} -> {act:?}\n    because {why}\n")
}

#[test]
fn a_person_is_asked_where_the_spec_says_so_and_only_once() {
    let rules = Rules { asks: true, ..rules() };
    let mut books = books(standing(0, 0, 30));
    books.observe(&rules, &seen(0, 1), 1.0);
    let question = books.state.question.clone().unwrap();
    assert_eq!((question.from, question.to), (rules.rung(0), rules.rung(1)));
    books.observe(&rules, &seen(0, 1), 2.0);
    let asked = books.view(&rules, "p", 2.0).decisions;
    assert_eq!(asked.iter().map(|decision| decision.act).collect::<Vec<_>>(), [RolloutAct::Asked]);
}

fn seen(failed: u64, passed: u64) -> Observed {
    Observed { window: window(failed, passed), cursor: Cursor::default() }
}

fn claim(name: &str, to: Option<Rung>, approved: bool) -> ReleaseClaim {
    let by = "ada".to_owned();
    ReleaseClaim {
        project: "p".to_owned(),
        version: version(name),
        to,
        approved,
        by,
        note: String::new(),
        nonce: String::new(),
    }
}

#[test]
fn a_no_asks_for_as_much_again() {
    let rules = Rules { asks: true, ..rules() };
    let mut books = books(standing(0, 0, 30));
    books.observe(&rules, &seen(0, 1), 1.0);
    books.reject(&rules, &claim("new", Some(rules.rung(1)), false), 2.0).unwrap();
    books.observe(&rules, &seen(0, 29), 3.0);
    assert_eq!(books.state.question, None);
    books.observe(&rules, &seen(0, 1), 4.0);
    let question = books.state.question.clone().unwrap();
    let other = claim("other", Some(question.to), true);
    assert!(matches!(books.approve(&rules, &other, 5.0), Err(OrderError::NotAsked { .. })));
    books.approve(&rules, &claim("new", Some(question.to), true), 5.0).unwrap();
    assert_eq!(books.state.subject.as_ref().map(|subject| subject.place), Some(1));
}

#[test]
fn a_successor_answers_in_place_of_the_good_version_and_goes_when_it_fails() {
    let rules = rules();
    let mut books = books(with_good(standing(3, 0, 20), "new"));
    books.promote(&rules, &claim("worse", None, true), 1.0).unwrap();
    let on_trial = exposure(&rules, &books.state, "p", "", 1.0).unwrap();
    assert_eq!(
        (on_trial.stage, on_trial.traffic, &on_trial.serving),
        (StageName::Direct, 100, &version("new"))
    );
    assert_eq!(on_trial.canary.map(|canary| (canary.version, canary.percent)), Some((version("worse"), 5)));
    books.observe(&rules, &seen(5, 0), 2.0);
    let after = exposure(&rules, &books.state, "p", "", 2.0).unwrap();
    assert_eq!((after.serving, after.canary, after.traffic), (version("new"), None, 100));
    assert!(books.homecomings.iter().any(|home| home.version == version("worse")), "{:?}", books.homecomings);
}

#[test]
fn a_successor_below_the_last_stage_is_seen_by_nobody() {
    let rules = rules();
    let mut books = books(with_good(standing(3, 0, 20), "new"));
    books.promote(&rules, &claim("next", Some(rules.rung(0)), true), 1.0).unwrap();
    let beside = exposure(&rules, &books.state, "p", "", 1.0).unwrap();
    assert_eq!((beside.serving, beside.shadow), (version("new"), Some(version("next"))));
}

#[test]
fn a_person_who_finds_good_what_checks_failed_is_believed() {
    let rules = rules();
    let mut books = books(standing(1, 0, 0));
    books.observe(
        &rules,
        &Observed { window: Window { graded: 4, ..window(3, 1) }, cursor: Cursor::default() },
        1.0,
    );
    let found_good = Window { overturned: 3, ..window(0, 0) };
    books.observe(&rules, &Observed { window: found_good, cursor: Cursor::default() }, 2.0);
    let subject = books.state.subject.clone().unwrap();
    assert_eq!((subject.judged, subject.stream.failed()), (Judged { passed: 4, failed: 0 }, 0));
    assert_eq!(subject.place, 1);
}

#[test]
fn what_people_cannot_do_is_said_in_words() {
    let rules = rules();
    let mut books = books(standing(0, 0, 0));
    let told = |error: OrderError| error.to_string();
    let demotion = GivenDemotion { by: "ada".to_owned(), ..GivenDemotion::default() };
    assert!(told(books.demote(&rules, &demotion, 1.0).unwrap_err()).contains("nothing to step back to"));
    let nobody = GivenDemotion { by: " ".to_owned(), ..demotion };
    assert_eq!(books.demote(&rules, &nobody, 1.0), Err(OrderError::Nameless));
    let far = claim("new", Some(rung(StageName::Direct, 50)), true);
    let far = told(books.promote(&rules, &far, 1.0).unwrap_err());
    assert_eq!(
        far,
        "`project.yaml` has no step `direct at 50 %`; its steps are `internal`, `reviewed`, `direct at 5 %`, `direct`"
    );
    assert!(matches!(
        books.promote(&rules, &claim("new", None, false), 1.0),
        Err(OrderError::Contrary { .. })
    ));
}

#[test]
fn who_asked_for_a_release_does_not_approve_it_where_the_spec_says_so() {
    let rules = Rules { approver: Approver::Other, asks: true, ..rules() };
    let by = |who: &str, claim: ReleaseClaim| ReleaseClaim { by: who.to_owned(), ..claim };
    let mut books = Books::begin(0);
    let at_once = by("bob", claim("new", Some(rules.rung(1)), true));
    let refused = books.promote(&rules, &at_once, 1.0).unwrap_err().to_string();
    assert!(refused.contains("begins at internal, and somebody else than bob"), "{refused}");
    books.promote(&rules, &by("ada", claim("new", None, true)), 1.0).unwrap();
    let own = books.promote(&rules, &by(" Ada", claim("new", None, true)), 2.0).unwrap_err().to_string();
    assert!(own.contains("asked for the release of") && own.contains("`approver: other`"), "{own}");
    books.observe(&rules, &seen(0, 30), 3.0);
    let yes = |who: &str| by(who, claim("new", Some(rules.rung(1)), true));
    let own = books.approve(&rules, &yes("ada"), 4.0).unwrap_err();
    assert!(matches!(own, OrderError::OwnRequest { .. }), "{own}");
    books.approve(&rules, &yes("bob"), 4.0).unwrap();
    let back = GivenDemotion { by: "ada".to_owned(), ..GivenDemotion::default() };
    books.demote(&rules, &back, 5.0).unwrap();
    let again = books.promote(&rules, &by("ada", claim("new", None, true)), 6.0);
    assert!(matches!(again, Err(OrderError::OwnRequest { .. })), "stepping back forgets nothing: {again:?}");
    assert_eq!(rules.entry(Some(&version("good"))), 0, "one person's word shows no user a successor");
}

#[test]
fn alerts_come_once_while_they_last_and_decide_nothing() {
    let monitor = MonitorSpec { max_latency_seconds: Some(2.0), ..rules().monitor };
    let rules = Rules { monitor, ..rules() };
    let mut books = books(standing(1, 0, 0));
    let slow = |latency_p95| {
        let traffic = Traffic { requests: 20, latency_p95, ..Traffic::default() };
        Observed { window: Window { traffic, ..window(0, 0) }, cursor: Cursor::default() }
    };
    for latency in [3.0, 3.0, 1.0, 3.0] {
        books.observe(&rules, &slow(latency), 1.0);
    }
    books.observe(&rules, &seen(0, 0), 2.0);
    let told: Vec<String> = books.view(&rules, "p", 2.0).decisions.into_iter().map(|one| one.why).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("19 of 20 answers took up to 3.000 s"), "{told:?}");
    assert_eq!(told[2], "no request came in a whole window");
    assert_eq!(books.state.subject.map(|subject| subject.place), Some(1));
}

/// Something that happens to a rollout.
#[derive(Debug, Clone)]
enum Event {
    Seen(u64, u64),
    Promote(u8, Option<usize>),
    Approve,
    Reject,
    Demote,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_u64..12, 0_u64..40).prop_map(|(failed, passed)| Event::Seen(failed, passed)),
        1 => (0_u8..3, proptest::option::of(0_usize..4)).prop_map(|(who, to)| Event::Promote(who, to)),
        1 => Just(Event::Approve),
        1 => Just(Event::Reject),
        1 => Just(Event::Demote),
    ]
}

fn happen(books: &mut Books, rules: &Rules, event: &Event, now: f64) {
    let asked = books.state.question.clone();
    let answer = |approved| {
        let to = asked.as_ref().map(|asked| asked.to);
        let version = asked.as_ref().map_or_else(|| version("none"), |asked| asked.version.clone());
        ReleaseClaim { version, ..claim("", to, approved) }
    };
    // What is refused changes nothing, and that is looked at below.
    let _ = match event {
        Event::Seen(failed, passed) => {
            books.observe(rules, &seen(*failed, *passed), now);
            Ok(())
        }
        Event::Promote(who, to) => {
            books.promote(rules, &claim(&who.to_string(), to.map(|to| rules.rung(to)), true), now)
        }
        Event::Approve => books.approve(rules, &answer(true), now),
        Event::Reject => books.reject(rules, &answer(false), now),
        Event::Demote => {
            books.demote(rules, &GivenDemotion { by: "bob".to_owned(), ..GivenDemotion::default() }, now)
        }
    };
}

/// Percent of the users' traffic that a version answers, weighted by how exposed the stage is.
fn seen_by(rules: &Rules, state: &RolloutState, version: &Digest) -> (u8, u32) {
    let Some(now) = exposure(rules, state, "p", "", 0.0) else { return (0, 0) };
    let canary = now.canary.as_ref().filter(|canary| canary.version == *version);
    match canary {
        Some(canary) => (now.stage as u8 + 1, u32::from(canary.percent)),
        None if now.serving == *version => (now.stage as u8 + 1, u32::from(now.traffic)),
        None => (0, 0),
    }
}

proptest! {
    /// Whatever happens: automation exposes more only with a shown promise and enough judged, and never without a
    /// person where the spec or a fall asks for one; a shown failure never stays as exposed as it was while there
    /// is anything to step back to; revisions only rise, with every change of who sees what.
    #[test]
    fn automation_may_only_step_back(asks in any::<bool>(), events in proptest::collection::vec(event(), 1..80)) {
        let rules = Rules { asks, ..rules() };
        let mut books = Books::default();
        for (at, event) in events.iter().enumerate() {
            let before = books.state.clone();
            happen(&mut books, &rules, event, at as f64);
            let after = &books.state;
            prop_assert!(after.revision >= before.revision);
            let served = |state| exposure(&rules, state, "p", "", 0.0).map(|it| (it.stage, it.traffic, it.serving, it.canary, it.shadow));
            prop_assert!(served(&before) == served(after) || after.revision > before.revision);
            if let Some(asked) = &after.question {
                let subject = after.subject.as_ref().unwrap();
                prop_assert!(asked.version == subject.version && asked.from == rules.rung(subject.place));
            }
            if let Some(subject) = &after.subject {
                prop_assert!(subject.place <= rules.top());
            }
            if let (Event::Seen(failed, passed), Some(subject)) = (event, &before.subject) {
                let mut counted = before.clone();
                counted.absorb(&window(*failed, *passed), Cursor::default());
                let counted = counted.subject.unwrap();
                let (less, more) = (seen_by(&rules, after, &subject.version), seen_by(&rules, &before, &subject.version));
                if less > more {
                    prop_assert_eq!(counted.verdict(&rules), Verdict::Pass);
                    prop_assert!(counted.is_sampled(&rules) && !asks && !subject.has_fallen);
                }
                if counted.verdict(&rules) == Verdict::Fail {
                    let has_way = rules.stage_before(subject.place).is_some() || before.last_good.as_ref().is_some_and(|good| *good != subject.version);
                    prop_assert!(less < more || !has_way || more == (0, 0), "{more:?} -> {less:?}");
                }
                if failed + passed == 0 && before.question.is_none() {
                    prop_assert_eq!(&after.last_good, &before.last_good);
                }
            }
        }
    }
}
