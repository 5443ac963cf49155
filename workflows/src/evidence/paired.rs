//! McNemar's test: two versions on the same items, right or wrong.
//!
//! Only the discordant items speak. If the versions are equally good, each discordant item is a
//! win or a loss with probability one half, whatever its difficulty (McNemar 1947), so wins are
//! binomial. The mid-p variant counts the observed outcome by half (Lancaster 1961; recommended
//! for paired proportions by Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91).
//!
//! The planning rule "0, 2, 5 or 10 losses need 6, 10, 15 or 23 wins for p < .05 two-sided" is
//! that of the exact test; mid-p needs one win less each time (5, 9, 14, 22).

use empiric_schema::evidence::{Alpha, PValueMethod, PairedCounts};

use super::distribution::{probability, upper_tail};

/// What the test tries to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The candidate is better: one-sided.
    Better,
    /// The candidate is worse: one-sided.
    Worse,
    /// The two differ: two-sided, twice the smaller one-sided value.
    Different,
}

/// The p-value of McNemar's test, in `[0, 1]`. Without discordant items it is 1, or one half for
/// a one-sided mid-p: nothing was shown.
pub fn p_value(counts: PairedCounts, alternative: Alternative, method: PValueMethod) -> f64 {
    match alternative {
        Alternative::Better => p_better(counts, method),
        Alternative::Worse => p_better(counts.swapped(), method),
        Alternative::Different => {
            let better = p_better(counts, method);
            let worse = p_better(counts.swapped(), method);
            (2.0 * better.min(worse)).min(1.0)
        }
    }
}

/// Probability of as many wins or more among the discordant items if neither is better.
fn p_better(counts: PairedCounts, method: PValueMethod) -> f64 {
    let discordant = counts.discordant();
    let tail = upper_tail(counts.wins, discordant, 0.5);
    match method {
        PValueMethod::Exact => tail,
        PValueMethod::MidP => tail - probability(counts.wins, discordant, 0.5) / 2.0,
    }
    .clamp(0.0, 1.0)
}

/// The fewest wins that show a difference against so many losses: the smallest number above
/// `losses` with a p-value under `alpha`.
pub fn smallest_wins(losses: u64, alpha: Alpha, method: PValueMethod) -> u64 {
    let significant = |wins| {
        let counts = PairedCounts { wins, losses, ties: 0 };
        p_value(counts, Alternative::Different, method) < alpha.get()
    };
    let mut wins = losses + 1;
    while !significant(wins) {
        wins += 1;
    }
    wins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(wins: u64, losses: u64) -> PairedCounts {
        PairedCounts { wins, losses, ties: 100 }
    }

    #[test]
    fn exact_test_needs_the_planned_wins() {
        let needed =
            [0, 2, 5, 10].map(|losses| smallest_wins(losses, Alpha::FIVE_PERCENT, PValueMethod::Exact));
        assert_eq!(needed, [6, 10, 15, 23]);
    }

    #[test]
    fn mid_p_needs_one_win_less() {
        let needed =
            [0, 2, 5, 10].map(|losses| smallest_wins(losses, Alpha::FIVE_PERCENT, PValueMethod::MidP));
        assert_eq!(needed, [5, 9, 14, 22]);
    }

    #[test]
    fn p_values_are_those_of_the_binomial() {
        // 1 of 10: (1 + 10) / 1024, doubled; mid-p takes half of the 10 away again.
        let exact = p_value(pairs(9, 1), Alternative::Different, PValueMethod::Exact);
        let mid = p_value(pairs(9, 1), Alternative::Different, PValueMethod::MidP);
        assert!((exact - 22.0 / 1024.0).abs() < 1e-13);
        assert!((mid - 12.0 / 1024.0).abs() < 1e-13);
        let better = p_value(pairs(6, 0), Alternative::Better, PValueMethod::Exact);
        assert!((better - 1.0 / 64.0).abs() < 1e-14);
    }

    #[test]
    fn no_discordant_item_shows_nothing() {
        for alternative in [Alternative::Better, Alternative::Worse, Alternative::Different] {
            assert_eq!(p_value(pairs(0, 0), alternative, PValueMethod::Exact), 1.0);
            assert!(p_value(pairs(0, 0), alternative, PValueMethod::MidP) >= 0.5);
        }
    }

    #[test]
    fn exact_test_is_wrong_at_most_as_often_as_stated() {
        for discordant in 1..120 {
            let wrong: f64 = (0..=discordant)
                .filter(|&wins| {
                    let counts = pairs(wins, discordant - wins);
                    p_value(counts, Alternative::Different, PValueMethod::Exact) < 0.05
                })
                .map(|wins| probability(wins, discordant, 0.5))
                .sum();
            assert!(wrong <= 0.05, "{discordant}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn two_sided_value_ignores_the_side(wins in 0_u64..500, losses in 0_u64..500) {
            for method in [PValueMethod::Exact, PValueMethod::MidP] {
                let a = p_value(pairs(wins, losses), Alternative::Different, method);
                let b = p_value(pairs(losses, wins), Alternative::Different, method);
                prop_assert_eq!(a, b);
                prop_assert!((0.0..=1.0).contains(&a));
            }
        }

        #[test]
        fn one_sided_mid_p_values_sum_to_one(wins in 0_u64..500, losses in 0_u64..500) {
            let better = p_value(pairs(wins, losses), Alternative::Better, PValueMethod::MidP);
            let worse = p_value(pairs(wins, losses), Alternative::Worse, PValueMethod::MidP);
            prop_assert!((better + worse - 1.0).abs() < 1e-9);
        }

        #[test]
        fn a_further_win_never_weakens_the_case(wins in 0_u64..500, losses in 0_u64..500) {
            for method in [PValueMethod::Exact, PValueMethod::MidP] {
                let before = p_value(pairs(wins, losses), Alternative::Better, method);
                let after = p_value(pairs(wins + 1, losses), Alternative::Better, method);
                prop_assert!(after <= before + 1e-12);
            }
        }

        #[test]
        fn mid_p_is_never_above_exact(wins in 0_u64..500, losses in 0_u64..500) {
            let exact = p_value(pairs(wins, losses), Alternative::Better, PValueMethod::Exact);
            let mid = p_value(pairs(wins, losses), Alternative::Better, PValueMethod::MidP);
            prop_assert!(mid <= exact);
        }
    }
}
