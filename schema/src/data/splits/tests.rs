//! Tests of the leak check: against the obvious quadratic search, and on texts that trip it up.

use super::*;
use proptest::prelude::*;

fn items<'a>(texts: &'a [(&'a str, &'a str)]) -> Vec<TextItem<'a>> {
    texts.iter().map(|&(id, text)| TextItem { id, text }).collect()
}

/// Owned items with their position as id.
fn numbered(texts: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let with_id = |(i, text)| (format!("{i:04}"), text);
    texts.into_iter().enumerate().map(with_id).collect()
}

fn borrowed(items: &[(String, String)]) -> Vec<TextItem<'_>> {
    items.iter().map(|(id, text)| TextItem { id, text }).collect()
}

fn found(left: &[(&str, &str)], right: &[(&str, &str)]) -> Vec<(String, String, OverlapKind)> {
    let overlaps = find_overlaps(&items(left), &items(right), &NearCopyRule::default());
    overlaps.into_iter().map(|o| (o.left, o.right, o.kind)).collect()
}

#[test]
fn normalising_drops_case_punctuation_and_space() {
    for (text, expected) in [
        ("  Is there PARKING, for employees?\n", "is there parking for employees"),
        ("Don\u{2019}t / don't", "dont dont"),
        ("\u{c9}t\u{e9}-2024", "\u{e9}t\u{e9} 2024"),
        ("?!", "?!"),
        ("", ""),
    ] {
        assert_eq!(normalise(text), expected);
    }
}

#[test]
fn duplicates_are_found_whatever_their_spelling() {
    let overlaps = found(
        &[("dev-1", "Is there parking for employees?"), ("dev-2", "When is payday?")],
        &[("test-9", "is there parking, for employees")],
    );
    assert_eq!(overlaps, [("dev-1".into(), "test-9".into(), OverlapKind::Duplicate)]);
}

#[test]
fn near_copies_are_found_and_different_questions_are_not() {
    let overlaps = found(
        &[("a", "How many days of annual leave do I get after five years of service?")],
        &[
            ("b", "How many days of annual leave do I get after five years of service here?"),
            ("c", "How many days of parental leave does a new father get at the hotel?"),
        ],
    );
    assert_eq!(overlaps, [("a".into(), "b".into(), OverlapKind::NearCopy)]);
}

#[test]
fn words_in_another_order_are_caught_by_the_word_measure() {
    let rule = NearCopyRule { measure: SimilarityMeasure::Words, ..NearCopyRule::default() };
    let left = items(&[("a", "parking for staff: is there any")]);
    let right = items(&[("b", "is there any parking for staff")]);
    let overlaps = find_overlaps(&left, &right, &rule);
    assert_eq!(overlaps.len(), 1);
    assert_eq!((overlaps[0].similarity, overlaps[0].kind), (1.0, OverlapKind::NearCopy));
}

#[test]
fn texts_of_symbols_or_few_letters_are_equal_only_to_themselves() {
    let overlaps = found(&[("a", "?"), ("b", "yes"), ("c", "")], &[("d", "!"), ("e", "Yes."), ("f", "no")]);
    assert_eq!(overlaps, [("b".into(), "e".into(), OverlapKind::Duplicate)]);
    assert_eq!(found(&[("a", "")], &[("b", " ")]).len(), 1);
    assert!(found(&[], &[("b", "x")]).is_empty());
}

#[test]
fn most_alike_pairs_come_first() {
    let long = "the lost property office next to reception is open from eight to six";
    let left = [("l", long)];
    let almost = format!("{long} daily");
    let right = [("z", long), ("y", almost.as_str()), ("a", long)];
    let order: Vec<String> = found(&left, &right).into_iter().map(|o| o.1).collect();
    assert_eq!(order, ["a", "z", "y"]);
}

#[test]
fn a_thousand_by_a_thousand_items_are_quick() {
    let text = |i: usize| {
        let (a, b) = (i * 7919 % 1009, i * 104_729 % 997);
        format!("How do I reach extension {a} from room {b} when the switchboard number {i} is busy?")
    };
    let (left, right) = (numbered((0..1000).map(text)), numbered((500..1500).map(text)));
    let rule = NearCopyRule { threshold: 0.95, ..NearCopyRule::default() };
    let overlaps = find_overlaps(&borrowed(&left), &borrowed(&right), &rule);
    let duplicates = overlaps.iter().filter(|o| o.kind == OverlapKind::Duplicate);
    assert_eq!(duplicates.count(), 500);
}

fn sentence() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["pool", "pay", "leave", "a", "is", "the", "dog", "\u{fc}ber"]);
    prop::collection::vec(word, 0..9).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn index_finds_exactly_what_the_quadratic_search_finds(
        left in prop::collection::vec(sentence(), 0..12),
        right in prop::collection::vec(sentence(), 0..12),
        threshold in prop::sample::select(vec![0.3, 0.5, 0.75, 0.8, 1.0]),
        measure in prop::sample::select(vec![SimilarityMeasure::Characters, SimilarityMeasure::Words]),
    ) {
        let rule = NearCopyRule { threshold, measure };
        let (left, right) = (numbered(left), numbered(right));
        let overlaps = find_overlaps(&borrowed(&left), &borrowed(&right), &rule);
        let mut fast: Vec<(String, String)> = overlaps.into_iter().map(|o| (o.left, o.right)).collect();
        fast.sort();
        let mut slow = Vec::new();
        for (lid, lt) in &left {
            for (rid, rt) in &right {
                if similarity(lt, rt, measure) >= threshold {
                    slow.push((lid.clone(), rid.clone()));
                }
            }
        }
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn similarity_is_symmetric_and_bounded(a in ".{0,40}", b in ".{0,40}") {
        for measure in [SimilarityMeasure::Characters, SimilarityMeasure::Words] {
            let forward = similarity(&a, &b, measure);
            prop_assert!((0.0..=1.0).contains(&forward));
            prop_assert_eq!(forward, similarity(&b, &a, measure));
            prop_assert_eq!(similarity(&a, &a, measure), 1.0);
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(text in ".{0,60}") {
        let once = normalise(&text);
        prop_assert_eq!(normalise(&once), once.clone());
    }
}
