//! Tests of the invariants that the evidence types keep.

use super::*;

#[test]
fn alpha_refuses_what_is_no_error_probability() {
    for bad in [0.0, 1.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
        assert!(Alpha::new(bad).is_err(), "{bad}");
    }
    assert_eq!(Alpha::new(0.05).unwrap(), Alpha::FIVE_PERCENT);
    assert!(serde_json::from_str::<Alpha>("1.0").is_err());
    assert_eq!(serde_json::from_str::<Alpha>("0.05").unwrap().get(), 0.05);
}

#[test]
fn proportion_refuses_more_successes_than_trials() {
    assert!(Proportion::new(3, 2).is_err());
    assert!(serde_json::from_str::<Proportion>(r#"{"successes":3,"trials":2}"#).is_err());
    let counts = Proportion::of([true, false, true, true]);
    assert_eq!((counts.successes(), counts.failures()), (3, 1));
    assert_eq!(counts.rate(), Some(0.75));
    assert_eq!(Proportion::new(0, 0).unwrap().rate(), None);
}

#[test]
fn paired_counts_swap_sides() {
    let outcomes = [(false, true), (true, false), (false, true), (true, true)];
    let counts = PairedCounts::of(outcomes.map(|(old, new)| PairedOutcome::of(old, new)));
    assert_eq!((counts.wins, counts.losses, counts.ties), (2, 1, 1));
    assert_eq!(counts.gain(), Some(0.25));
    assert_eq!(counts.swapped().gain(), Some(-0.25));
    assert_eq!(PairedCounts::default().gain(), None);
}

#[test]
fn threshold_reads_like_the_specification() {
    let text = serde_json::to_string(&Threshold::AtLeast(0.7)).unwrap();
    assert_eq!(text, r#"{"at_least":0.7}"#);
}
