//! Holm's step-down correction, for several finalists against one incumbent.

/// Adjusted p-values in the order given (Holm 1979): claim every one below alpha, and any false
/// claim at all has probability alpha at most, under any dependence.
///
/// A p-value that is not a number counts as 1: missing evidence shows nothing.
pub fn adjusted_p_values(p_values: &[f64]) -> Vec<f64> {
    let known = |p: f64| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| known(p_values[a]).total_cmp(&known(p_values[b])));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let hypotheses_left = (p_values.len() - rank) as f64;
        largest = largest.max((hypotheses_left * known(p_values[index])).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_example_is_reproduced() {
        let adjusted = adjusted_p_values(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (a, e) in adjusted.iter().zip(expected) {
            assert!((a - e).abs() < 1e-12, "{adjusted:?}");
        }
    }

    #[test]
    fn missing_evidence_shows_nothing() {
        assert_eq!(adjusted_p_values(&[f64::NAN, 0.01]), [1.0, 0.02]);
        assert!(adjusted_p_values(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjustment_lies_between_none_and_bonferroni(ps in prop::collection::vec(0.0..1.0, 1..20)) {
            let adjusted = adjusted_p_values(&ps);
            for (&p, &a) in ps.iter().zip(&adjusted) {
                prop_assert!(a >= p && a <= (p * ps.len() as f64).min(1.0) + 1e-12);
            }
        }

        #[test]
        fn adjustment_keeps_the_order(ps in prop::collection::vec(0.0..1.0, 2..20)) {
            let adjusted = adjusted_p_values(&ps);
            for i in 0..ps.len() {
                for j in 0..ps.len() {
                    prop_assert!(ps[i] > ps[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
