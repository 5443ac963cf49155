use super::super::example;
use super::*;

fn item(json: &str) -> Item {
    serde_json::from_str(&format!(r#"{{"id":"i","input":"How long?",{json}}}"#)).unwrap()
}

fn passages() -> Passages {
    let chunk = |text: &str| {
        serde_json::from_str(&format!(r#"{{"document":"d.md","title":"Leave","text":"{text}"}}"#)).unwrap()
    };
    Passages::new(vec![chunk("Leave is twenty-five days."), chunk("Ask in room B1.31; 3 people are there.")])
}

fn defect(json: &str, answer: &str) -> String {
    let (items, passages, assertions) = ([item(json)], passages(), example::assertions());
    let recheck = Recheck::new(&items, &passages, &assertions, &[]);
    recheck.defect(&items[0], answer).unwrap_or_default()
}

#[test]
fn what_is_certainly_wrong_is_said_in_words() {
    let check =
        |json: &str, answer: &str, why: &str| assert_eq!(defect(json, answer), why, "{json} {answer}");
    let nowhere = "`30 days` stands nowhere in d.md";
    check(r#""expected":"30 days","documents":["d.md"]"#, "no idea", nowhere);
    check(
        r#""expected":"can't say""#,
        "can’t  say",
        "the answer is the accepted `can't say`, and yet it failed",
    );
    let both = "the accepted answers `10 months` and `12 months` exclude each other";
    check(r#""expected":["ten","10 months","12 months"]"#, "", both);
    check(r#""expected":["6 am","6 pm"]"#, "", "the accepted answers `6 am` and `6 pm` exclude each other");
    check(
        r#""expected":["Yes, always","no"]"#,
        "",
        "the accepted answers `Yes, always` and `no` exclude each other",
    );
}

#[test]
fn what_may_be_right_is_left_alone() {
    let check = |json: &str, answer: &str| assert_eq!(defect(json, answer), "", "{json} {answer}");
    // It stands there in another form, or is made of what stands there.
    check(r#""expected":"25 days","documents":["d.md"]"#, "");
    check(r#""expected":["30 days","25"],"documents":["d.md"]"#, "");
    check(r#""expected":"days in room B1.31","documents":["d.md"]"#, "");
    check(r#""expected":"75","documents":["d.md"],"tags":["work: 3 * 25 = 75"]"#, "");
    check(r#""expected":"yes, it does","documents":["d.md"]"#, "");
    // It must not be told, nobody says where it stands, or the documents are unknown.
    check(r#""expected":"cannot share","documents":["d.md"],"tags":["withhold"]"#, "");
    check(r#""expected":"30 days""#, "");
    check(r#""expected":"30 days","documents":["d.md","e.md"]"#, "");
    // Both may be right: the same amount, another way to count, or another unit.
    check(r#""expected":["£4.40","4.40","4.4 pounds"]"#, "");
    check(r#""expected":["6:30","18:30"]"#, "");
    check(r#""expected":["3 days","72 hours"]"#, "");
    // A wrong answer, or only another form.
    check(r#""expected":"25 days""#, "26 days");
    check(r#""expected":"25 days""#, "twenty-five days");
}

#[test]
fn a_reckoning_with_the_question_is_no_defect() {
    let json = r#"{"id":"i","input":"What for 4 people?","expected":"100","documents":["d.md"]}"#;
    let (items, passages, assertions) =
        ([serde_json::from_str(json).unwrap()], passages(), example::assertions());
    assert_eq!(Recheck::new(&items, &passages, &assertions, &[]).defect(&items[0], ""), None);
}

#[test]
fn labels_and_set_phrases_stand_in_no_document() {
    let items = vec![item(r#""expected":"30 days","documents":["d.md"]"#); 3];
    let (passages, assertions) = (passages(), example::assertions());
    assert_eq!(Recheck::new(&items, &passages, &assertions, &[]).defect(&items[0], ""), None);
    let labels = ["30 days".to_owned()];
    assert_eq!(Recheck::new(&items[..1], &passages, &assertions, &labels).defect(&items[0], ""), None);
}

#[test]
fn items_that_must_be_declined_are_known() {
    let sure = r#""expected":"25 days","documents":["d.md"]"#;
    let unsaid = item(r#""expected":"I do not know""#);
    let secret = item(r#""expected":"I may not","documents":["d.md"],"forbidden":["4711"]"#);
    let mut items = vec![item(sure), item(sure), item(sure), item(sure), item(sure), unsaid.clone()];
    items.extend(vec![secret.clone(); 3]);
    let (passages, assertions) = (passages(), example::assertions());
    let recheck = Recheck::new(&items, &passages, &assertions, &[]);
    assert!(recheck.must_be_abstained_from(&unsaid) && recheck.must_be_withheld(&secret));
    assert!(!recheck.must_be_abstained_from(&item(r#""expected":"25 days""#)), "it stands there");
    assert!(!recheck.must_be_withheld(&item(r#""expected":"x","forbidden":["4711"]"#)));
    // Where hardly any item names its documents, naming none means nothing.
    let unnamed = vec![unsaid.clone(); 3];
    assert!(!Recheck::new(&unnamed, &passages, &assertions, &[]).must_be_abstained_from(&unsaid));
}

/// Shares of the example's items: checked ones that are found wrong, and such that are made wrong and found.
#[test]
fn checked_data_raises_hardly_any_alarm_and_wrong_data_raises_many() {
    let (passages, assertions) = (example::passages(), example::assertions());
    let (mut alarms, mut asked, mut found, mut wrong) = (Vec::new(), 0, 0, 0);
    for split in ["train", "dev", "test"] {
        let items = example::items(split);
        let recheck = Recheck::new(&items, &passages, &assertions, &[]);
        let defect = |item: &Item| recheck.defect(item, "I do not know.");
        alarms.extend(items.iter().filter_map(defect));
        asked += items.len();
        let lookups: Vec<&Item> =
            items.iter().filter(|item| item.tags.iter().any(|tag| tag == "lookup")).collect();
        for (item, other) in lookups.iter().zip(lookups.iter().skip(1)) {
            let swapped = Item { expected: other.expected.clone(), ..(*item).clone() };
            wrong += usize::from(item.documents != other.documents);
            found += usize::from(item.documents != other.documents && defect(&swapped).is_some());
        }
    }
    assert!(alarms.len() * 50 < asked, "{} of {asked}: {alarms:?}", alarms.len());
    assert!(found * 4 > wrong * 3, "{found} of {wrong}");
}
