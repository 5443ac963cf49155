//! Models that go, and what comes home with failures.

use super::*;

/// Rules of a project with a model that is shut down in 2027.
fn with_endpoint(by: RequalifyBy) -> Rules {
    let requalify = RequalifySpec { by, ..RequalifySpec::default() };
    let monitor = MonitorSpec { requalify, ..rules().monitor };
    let shutdowns = [(ModelId::new("big"), "2027-03-31".parse().unwrap())].into();
    Rules { monitor, shutdowns, has_endpoints: true, ..rules() }
}

fn found_there() -> ModelsFound {
    let model =
        ServedModel { version: version("new"), model: ModelId::new("big"), presence: Presence::There };
    ModelsFound { models: vec![model], earlier_looks: Vec::new() }
}

/// 2027-03-10 in Unix seconds.
const MARCH: f64 = 20_887.0 * 86_400.0;

fn acts(books: &Books, rules: &Rules) -> Vec<RolloutAct> {
    books.view(rules, "p", 1.0).decisions.iter().map(|decision| decision.act).collect()
}

#[test]
fn a_person_says_whether_a_run_looks_for_another_model() {
    let rules = with_endpoint(RequalifyBy::Person);
    let mut books = books(standing(1, 0, 0));
    assert_eq!(books.next_errand(&rules, MARCH), Some(Errand::Models(vec![version("new")])));
    assert_eq!(books.next_errand(&rules, MARCH + 1.0), None, "once an hour");
    books.errand_done(&rules, &Done::Models(Ok(found_there())), MARCH);
    let view = books.view(&rules, "p", MARCH);
    assert_eq!(acts(&books, &rules), [RolloutAct::Retiring]);
    assert!(view.requalification.unwrap().why.ends_with("is shut down on 2027-03-31, in 21 days"));
    let given =
        |by: &str, approved| GivenRequalification { by: by.to_owned(), note: String::new(), approved };
    assert_eq!(books.requalify(&rules, &given(" ", true), MARCH), Err(OrderError::Nameless));
    books.requalify(&rules, &given("ada", true), MARCH).unwrap();
    let Some(Errand::Requalify(order)) = books.next_errand(&rules, MARCH) else { panic!("a run is opened") };
    assert_eq!(order.without, [ModelId::new("big")]);
    assert_eq!(books.requalify(&rules, &given("ada", true), MARCH), Err(OrderError::NoModelGoes));
    let opened = Done::Requalified(order, Ok(RunId::new("shop-q2")));
    books.errand_done(&rules, &opened, MARCH);
    assert_eq!(books.view(&rules, "p", MARCH).runs, [RunId::new("shop-q2")]);
    books.errand_done(&rules, &Done::Models(Ok(found_there())), MARCH + 9000.0);
    assert_eq!(acts(&books, &rules), [RolloutAct::Retiring, RolloutAct::Retiring, RolloutAct::Opened]);
}

#[test]
fn where_the_spec_says_so_a_run_looks_for_another_model_by_itself() {
    let rules = with_endpoint(RequalifyBy::Run);
    let mut books = books(standing(1, 0, 0));
    books.errand_done(&rules, &Done::Models(Ok(found_there())), MARCH);
    let Some(Errand::Requalify(order)) = books.next_errand(&rules, 0.0) else { panic!("a run is opened") };
    let failed = Done::Requalified(order, Err("no other model is left in `models`".to_owned()));
    books.errand_done(&rules, &failed, MARCH);
    let view = books.view(&rules, "p", MARCH);
    assert!(view.decisions[1].why.ends_with("no run could be opened: no other model is left in `models`"));
    assert_eq!(books.state.subject.as_ref().map(|subject| subject.place), Some(1), "nobody sees less of it");
}

#[test]
fn pairs_of_answers_are_kept_by_version_and_shown() {
    let rules = rules();
    let mut books = books(standing(1, 0, 0));
    let home = |name: &str| Homecoming { version: version(name), least: 1, why: "it failed".to_owned() };
    let pairs = |name: &str, count| {
        let pairs = ArtifactRef { digest: version(name), size: 1, media_type: "x".to_owned() };
        Collected { preferences: Some(pairs), pairs: count, ..collected() }
    };
    for (name, count) in [("new", 3), ("other", 2), ("new", 5)] {
        let home = Home { homecoming: home(name), outcome: Ok((pairs(name, count), None)) };
        books.errand_done(&rules, &Done::Home(Box::new(home)), 1.0);
    }
    let kept = books.view(&rules, "p", 1.0).preferences;
    let counts: Vec<(Digest, u32)> = kept.into_iter().map(|pairs| (pairs.version, pairs.count)).collect();
    assert_eq!(counts, [(version("other"), 2), (version("new"), 5)]);
}

fn collected() -> Collected {
    let weights = ArtifactRef { digest: version("w"), size: 1, media_type: "x".to_owned() };
    let model = ModelBinding { id: ModelId::new("m"), weights, files: Default::default() };
    Collected {
        joined: Vec::new(),
        items: 0,
        unanswered: 0,
        known: 0,
        like_test: 0,
        preferences: None,
        pairs: 0,
        start: SystemVersion {
            model: model.into(),
            adapter: None,
            prompt: Prompt { system: String::new(), user: "{{input}}".to_owned(), answer_cue: String::new() },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
            retrieval: None,
            tools: None,
        },
        earlier_looks: Vec::new(),
    }
}
