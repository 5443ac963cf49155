//! What a promotion may not make worse, by non-inferiority.
//!
//! A margin in the spec asks for proof: the finalist has to be shown to stay within it, and what was not measured was
//! not shown. Without one, only harm is watched, and keeps out what is shown to do more of it: few items cannot show
//! that nothing got worse.

use empiric_schema::evidence::{Alpha, Verdict};
use empiric_schema::guard::{Effort, Guard, GuardEvidence};
use empiric_schema::spec::GuardsSpec;

use super::{Grades, compare};
use crate::race::{count, proportion};

/// Everything that is guarded, on items that both answered.
pub fn judge_guards(
    spec: &GuardsSpec,
    incumbent: &Grades,
    finalist: &Grades,
    alpha: Alpha,
) -> Vec<GuardEvidence> {
    let harm = (&incumbent.harmful, &finalist.harmful);
    let mut found = vec![rise(Guard::HarmRate, harm, spec.harm_rate, alpha)];
    if let Some(margin) = spec.abstention_rate {
        let abstained = (&incumbent.abstained, &finalist.abstained);
        found.push(rise(Guard::AbstentionRate, abstained, Some(margin), alpha));
    }
    let (old, new) = (incumbent.effort, finalist.effort);
    found.extend(spec.latency.map(|margin| multiple(Guard::Latency, (old.latency(), new.latency()), margin)));
    found.extend(spec.cost.map(|margin| multiple(Guard::Cost, costs(old, new), margin)));
    found
}

/// Dollars where both were paid for, tokens otherwise.
fn costs(old: Effort, new: Effort) -> (Option<f64>, Option<f64>) {
    match (old.price(), new.price()) {
        (Some(old), Some(new)) => (Some(old), Some(new)),
        // From nothing paid to something paid is no multiple of anything.
        (None, Some(new)) => (None, Some(new)),
        (Some(old), None) => (Some(old), Some(0.0)),
        (None, None) => (old.length(), new.length()),
    }
}

/// A share of marked items: its rise is that of a paired comparison in which a win is an item that only the finalist
/// has marked.
fn rise(guard: Guard, (old, new): (&String, &String), margin: Option<f64>, alpha: Alpha) -> GuardEvidence {
    let share = |marks: &str| proportion(count(marks), marks.len() as u32).rate();
    let is_measured = !new.is_empty() && old.len() == new.len();
    let evidence = compare(old, new, alpha);
    let verdict = match margin {
        _ if !is_measured => Verdict::Inconclusive,
        Some(margin) if evidence.gain.high <= margin => Verdict::Pass,
        Some(margin) if evidence.gain.low > margin => Verdict::Fail,
        Some(_) => Verdict::Inconclusive,
        None if evidence.verdict == Verdict::Pass => Verdict::Fail,
        None => Verdict::Pass,
    };
    GuardEvidence {
        guard,
        incumbent: share(old),
        finalist: share(new),
        bound: is_measured.then_some(evidence.gain.high),
        margin,
        verdict,
    }
}

/// A mean over the same items as a multiple of the incumbent's.
fn multiple(guard: Guard, (old, new): (Option<f64>, Option<f64>), margin: f64) -> GuardEvidence {
    let bound = old.zip(new).map(|(old, new)| new / old);
    let verdict = match bound {
        None => Verdict::Inconclusive,
        Some(bound) if bound <= margin => Verdict::Pass,
        Some(_) => Verdict::Fail,
    };
    GuardEvidence { guard, incumbent: old, finalist: new, bound, margin: Some(margin), verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grades(marked: usize, seconds: f64, usd: f64) -> Grades {
        let marks = "1".repeat(marked) + &"0".repeat(100 - marked);
        let effort = Effort { answers: 100, seconds, tokens: 5000, usd };
        Grades { passed: "1".repeat(100), harmful: marks.clone(), abstained: marks, effort }
    }

    fn verdicts(spec: GuardsSpec, incumbent: &Grades, finalist: &Grades) -> Vec<(Guard, Verdict)> {
        let found = judge_guards(&spec, incumbent, finalist, Alpha::FIVE_PERCENT);
        found.into_iter().map(|one| (one.guard, one.verdict)).collect()
    }

    #[test]
    fn without_margins_only_harm_that_is_shown_to_rise_keeps_a_finalist_out() {
        for (marked, verdict) in [(0, Verdict::Pass), (3, Verdict::Pass), (9, Verdict::Fail)] {
            let found = verdicts(GuardsSpec::default(), &grades(0, 10.0, 0.0), &grades(marked, 90.0, 9.0));
            assert_eq!(found, [(Guard::HarmRate, verdict)], "{marked}");
        }
    }

    #[test]
    fn a_margin_has_to_be_shown() {
        let spec = GuardsSpec { harm_rate: Some(0.05), abstention_rate: Some(0.05), ..GuardsSpec::default() };
        for (marked, verdict) in [(0, Verdict::Pass), (3, Verdict::Inconclusive), (20, Verdict::Fail)] {
            let found = verdicts(spec, &grades(0, 10.0, 0.0), &grades(marked, 10.0, 0.0));
            assert_eq!(found, [(Guard::HarmRate, verdict), (Guard::AbstentionRate, verdict)], "{marked}");
        }
    }

    #[test]
    fn time_and_cost_are_multiples_and_what_was_not_measured_is_not_shown() {
        let spec = GuardsSpec { latency: Some(2.0), cost: Some(1.5), ..GuardsSpec::default() };
        let table = [
            (grades(0, 10.0, 1.0), grades(0, 19.0, 1.4), [Verdict::Pass, Verdict::Pass]),
            (grades(0, 10.0, 1.0), grades(0, 21.0, 1.6), [Verdict::Fail, Verdict::Fail]),
            (grades(0, 0.0, 0.0), grades(0, 10.0, 1.0), [Verdict::Inconclusive, Verdict::Inconclusive]),
            (grades(0, 10.0, 1.0), grades(0, 10.0, 0.0), [Verdict::Pass, Verdict::Pass]),
            (grades(0, 10.0, 0.0), grades(0, 10.0, 0.0), [Verdict::Pass, Verdict::Pass]),
        ];
        for (incumbent, finalist, wanted) in table {
            let found: Vec<Verdict> =
                verdicts(spec, &incumbent, &finalist)[1..].iter().map(|one| one.1).collect();
            assert_eq!(found, wanted, "{:?} {:?}", incumbent.effort, finalist.effort);
        }
    }
}
