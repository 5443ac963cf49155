use super::*;

fn chunk(text: &str) -> Chunk {
    Chunk { document: "d.md".into(), title: "T".into(), text: text.into() }
}

fn item() -> Item {
    serde_json::from_str(r#"{"id":"i","input":"q","expected":"x"}"#).unwrap()
}

fn recorded(prompt_tokens: u32) -> ItemResult {
    let json = format!(
        r#"{{"id":"i","position":3,"answer":"a","passed":false,"harmful":false,"prompt_tokens":{prompt_tokens},"completion_tokens":1}}"#
    );
    serde_json::from_str(&json).unwrap()
}

fn gold(shown: Shown) -> Option<Gold> {
    Some(Gold { chunk: chunk("Text."), shown })
}

fn outcome(passed: bool) -> Outcome {
    Outcome { passed, answer: "b".into(), prompt_tokens: 100 }
}

#[test]
fn a_probe_that_repairs_an_item_names_its_category() {
    let check = |probe, shown, prompt_tokens, category| {
        let (item, recorded) = (item(), recorded(prompt_tokens));
        let mut case = Case { gold: gold(shown), ..Case::new(&item, &recorded) };
        case.take(probe, &[outcome(false), outcome(true)], "big");
        let diagnosis = case.diagnosis().unwrap();
        assert_eq!((diagnosis.category, diagnosis.repaired_by), (category, Some(probe)), "{shown:?}");
        assert_eq!((diagnosis.trials.len(), diagnosis.position), (2, 3));
        assert!(!diagnosis.why.is_empty());
    };
    check(Probe::ShorterContext, Shown::Among, 600, Category::ContextClutter);
    check(Probe::ShorterContext, Shown::Among, 1101, Category::LongContext);
    check(Probe::GoldPassage, Shown::NeverLookedUp, 0, Category::Knowledge);
    check(Probe::GoldPassage, Shown::Missed, 0, Category::RetrievalMiss);
    check(Probe::ToolResult, Shown::Among, 0, Category::Tool);
    check(Probe::Samples, Shown::Missed, 0, Category::Unreliable);
    check(Probe::OtherModel, Shown::Missed, 0, Category::Capability);
}

#[test]
fn what_nothing_repairs_depends_on_whether_the_passage_was_tried() {
    let check = |gold, category| {
        let (item, recorded) = (item(), recorded(0));
        let mut case = Case { gold, ..Case::new(&item, &recorded) };
        case.take(Probe::Samples, &[outcome(false)], "m");
        assert!(case.is_open());
        case.give_up();
        let diagnosis = case.diagnosis().unwrap();
        assert_eq!((diagnosis.category, diagnosis.repaired_by), (category, None));
    };
    check(gold(Shown::Alone), Category::GenerationMiss);
    check(gold(Shown::Missed), Category::GenerationMiss);
    check(None, Category::Plateau);
}

#[test]
fn each_probe_shows_what_the_item_was_not_shown_before() {
    let (item, recorded) = (item(), recorded(0));
    let shows = |probe, gold: Option<Gold>, work: Option<&str>| {
        let work = work.map(|text| Work { text: text.into(), from_passage: Vec::new() });
        let case = Case { gold, work, ..Case::new(&item, &recorded) };
        case.passages(probe).map(|chunks| chunks.into_iter().map(|chunk| chunk.text).collect::<Vec<_>>())
    };
    let alone = Some(vec!["Text.".to_owned()]);
    assert_eq!(shows(Probe::ShorterContext, gold(Shown::Among), None), alone);
    assert_eq!(shows(Probe::ShorterContext, gold(Shown::Missed), None), None);
    assert_eq!(shows(Probe::ShorterContext, gold(Shown::Alone), None), None);
    assert_eq!(shows(Probe::GoldPassage, gold(Shown::Missed), None), alone);
    assert_eq!(shows(Probe::GoldPassage, gold(Shown::NeverLookedUp), None), alone);
    assert_eq!(shows(Probe::GoldPassage, gold(Shown::Among), None), None);
    assert_eq!(shows(Probe::GoldPassage, None, None), None);
    let worked = Some(vec!["Text.\n\nCalculation: 2 * 3 = 6".to_owned()]);
    assert_eq!(shows(Probe::ToolResult, gold(Shown::Alone), Some("2 * 3 = 6")), worked);
    assert_eq!(
        shows(Probe::ToolResult, None, Some("1 + 1 = 2")),
        Some(vec!["Calculation: 1 + 1 = 2".into()])
    );
    assert_eq!(shows(Probe::ToolResult, gold(Shown::Alone), None), None);
}
