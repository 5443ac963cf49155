//! A paired test that may be looked at after every item.
//!
//! An e-process bets against "the candidate is not better". Its value starts at 1; if the
//! candidate is not better it does not grow on average, and by Ville's inequality it reaches
//! `1 / alpha` with probability `alpha` at most, however often and whenever one looks (Ville 1939;
//! Ramdas, Gruenwald, Vovk and Shafer 2023, "Game-theoretic statistics and safe anytime-valid
//! inference"). The bet is a uniform mixture over the win probability theta in (1/2, 1) of a
//! discordant pair, against 1/2 (the mixture method, Robbins 1970).
//!
//! Items must come in an order that does not depend on their outcomes: a seeded random one.

use empiric_schema::evidence::{Alpha, PairedCounts, PairedOutcome, Verdict};
use serde::{Deserialize, Serialize};

/// Mantissas are kept below this; a power of two, so that scaling rounds nothing.
const RESCALE: f64 = 1.157_920_892_373_162e77; // 2^256

/// The natural logarithm of the e-value of so many wins and losses, for "the candidate is better".
///
/// With `n = wins + losses` the mixture integral is
/// `2^(n+1) * integral over (1/2, 1) of theta^wins (1-theta)^losses
///  = sum over k = 0..=wins of C(n+1, k) / ((n+1) C(n, wins))`.
/// The sum is taken from its last term downwards by the ratio of neighbours, with a running
/// scale, so thousands of pairs neither overflow nor lose digits.
pub fn log_e_value(wins: u64, losses: u64) -> f64 {
    let pairs = wins + losses;
    let mut term = 1.0 / (losses + 1) as f64;
    let mut sum = term;
    let mut log_scale = 0.0;
    for k in (1..=wins).rev() {
        let ratio = k as f64 / (pairs + 2 - k) as f64;
        term *= ratio;
        sum += term;
        // Ratios only fall from here: what is left cannot move the sum any more.
        if ratio < 0.5 && term < sum * 1e-17 {
            break;
        }
        if sum > RESCALE {
            sum /= RESCALE;
            term /= RESCALE;
            log_scale += RESCALE.ln();
        }
    }
    sum.ln() + log_scale
}

/// Two e-processes over one stream of paired outcomes, one for "better" and one for "worse".
///
/// The first to reach `1 / alpha` settles the verdict, which then stays: later items are counted
/// but cannot take it back. Each of the two claims is wrong with probability `alpha` at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EProcess {
    alpha: Alpha,
    counts: PairedCounts,
    settled: Option<Settled>,
}

/// When and how an [`EProcess`] came to its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// `Pass` (better) or `Fail` (worse).
    pub verdict: Verdict,
    /// Items seen by then, ties included.
    pub items: u64,
}

impl EProcess {
    /// A process that has seen nothing.
    pub fn new(alpha: Alpha) -> Self {
        Self { alpha, counts: PairedCounts::default(), settled: None }
    }

    /// A process that has seen this sequence.
    pub fn over(alpha: Alpha, outcomes: impl IntoIterator<Item = PairedOutcome>) -> Self {
        let mut process = Self::new(alpha);
        for outcome in outcomes {
            process.observe(outcome);
        }
        process
    }

    /// Takes one more item into account and returns the verdict so far.
    pub fn observe(&mut self, outcome: PairedOutcome) -> Verdict {
        self.counts.add(outcome);
        if self.settled.is_none() && outcome != PairedOutcome::Tie {
            self.settled = self.crossing();
        }
        self.verdict()
    }

    fn crossing(&self) -> Option<Settled> {
        let bar = -self.alpha.get().ln();
        let verdict = if self.log_e_better() >= bar {
            Verdict::Pass
        } else if self.log_e_worse() >= bar {
            Verdict::Fail
        } else {
            return None;
        };
        let items = self.counts.total();
        Some(Settled { verdict, items })
    }

    /// `Pass` once the candidate was shown to be better, `Fail` once worse, else `Inconclusive`.
    pub fn verdict(&self) -> Verdict {
        self.settled.map_or(Verdict::Inconclusive, |s| s.verdict)
    }

    /// When the verdict fell, if it did.
    pub fn settled(&self) -> Option<Settled> {
        self.settled
    }

    /// Everything counted so far.
    pub fn counts(&self) -> PairedCounts {
        self.counts
    }

    /// Logarithm of the evidence that the candidate is better; the bar is `-ln(alpha)`.
    pub fn log_e_better(&self) -> f64 {
        log_e_value(self.counts.wins, self.counts.losses)
    }

    /// Logarithm of the evidence that the candidate is worse; the bar is `-ln(alpha)`.
    pub fn log_e_worse(&self) -> f64 {
        log_e_value(self.counts.losses, self.counts.wins)
    }
}

#[cfg(test)]
mod tests {
    use super::super::distribution::probability;
    use super::super::random::SplitMix64;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_values_are_those_of_the_integral() {
        for (wins, losses, expected) in
            [(0, 0, 1.0), (1, 0, 1.5), (0, 1, 0.5), (2, 0, 7.0 / 3.0), (1, 1, 2.0 / 3.0)]
        {
            let value = log_e_value(wins, losses).exp();
            assert!((value - expected).abs() < 1e-12, "{wins}:{losses} {value}");
        }
    }

    #[test]
    fn expectation_under_the_null_is_one() {
        for pairs in 0..=60 {
            let expectation: f64 =
                (0..=pairs).map(|w| probability(w, pairs, 0.5) * log_e_value(w, pairs - w).exp()).sum();
            assert!((expectation - 1.0).abs() < 1e-9, "{pairs}: {expectation}");
        }
    }

    #[test]
    fn a_worse_candidate_does_not_grow_on_average() {
        for theta in [0.1, 0.3, 0.45] {
            let expectation: f64 =
                (0..=40).map(|w| probability(w, 40, theta) * log_e_value(w, 40 - w).exp()).sum();
            assert!(expectation <= 1.0, "{theta}: {expectation}");
        }
    }

    #[test]
    fn thousands_of_pairs_stay_finite() {
        // All wins: E = (2^(n+1) - 1) / (n + 1).
        let all_wins = log_e_value(5000, 0);
        let expected = 5001.0 * 2_f64.ln() - 5001_f64.ln();
        assert!((all_wins - expected).abs() < 1e-8, "{all_wins} {expected}");
        // All losses: E = 1 / (n + 1).
        assert!((log_e_value(0, 5000) + 5001_f64.ln()).abs() < 1e-12);
        assert!(log_e_value(4000, 3000).is_finite());
    }

    /// Share of passes, and mean items to a verdict with unsettled runs counted in full.
    fn simulate(win: f64, loss: f64, runs: u64) -> (f64, f64) {
        let mut random = SplitMix64::new(20_240_601);
        let (mut passes, mut items) = (0_u64, 0_u64);
        for _ in 0..runs {
            let process = race(&mut random, win, loss);
            passes += u64::from(process.verdict() == Verdict::Pass);
            items += process.settled().map_or(400, |s| s.items);
        }
        (passes as f64 / runs as f64, items as f64 / runs as f64)
    }

    fn race(random: &mut SplitMix64, win: f64, loss: f64) -> EProcess {
        let mut process = EProcess::new(Alpha::FIVE_PERCENT);
        for _ in 0..400 {
            let draw = random.unit();
            let outcome = match draw {
                d if d < win => PairedOutcome::Win,
                d if d < win + loss => PairedOutcome::Loss,
                _ => PairedOutcome::Tie,
            };
            if process.observe(outcome) != Verdict::Inconclusive {
                break;
            }
        }
        process
    }

    #[test]
    fn peeking_at_every_item_keeps_the_error() {
        let (false_accepts, _) = simulate(0.08, 0.08, 4000);
        assert!((0.018..0.036).contains(&false_accepts), "{false_accepts}");
    }

    #[test]
    fn better_candidates_are_found_as_soon_as_in_the_reference() {
        for (win, loss, items) in [(0.25, 0.05, 52.0), (0.20, 0.08, 139.0), (0.15, 0.05, 136.0)] {
            let (power, mean) = simulate(win, loss, 2000);
            assert!(power > 0.96, "{win} {loss}: power {power}");
            assert!((mean - items).abs() < 7.0, "{win} {loss}: {mean} items");
        }
    }

    #[test]
    fn a_settled_verdict_is_not_taken_back() {
        let mut process = EProcess::over(Alpha::FIVE_PERCENT, [PairedOutcome::Win; 10]);
        let settled = process.settled().unwrap();
        assert_eq!(settled.verdict, Verdict::Pass);
        for _ in 0..50 {
            assert_eq!(process.observe(PairedOutcome::Loss), Verdict::Pass);
        }
        assert_eq!(process.settled(), Some(settled));
        assert_eq!(process.counts().total(), 60);
    }

    #[test]
    fn a_worse_candidate_fails() {
        let process = EProcess::over(Alpha::FIVE_PERCENT, [PairedOutcome::Loss; 12]);
        assert_eq!(process.verdict(), Verdict::Fail);
    }

    #[test]
    fn ties_alone_say_nothing() {
        let process = EProcess::over(Alpha::FIVE_PERCENT, [PairedOutcome::Tie; 1000]);
        assert_eq!(process.verdict(), Verdict::Inconclusive);
        assert_eq!(process.log_e_better(), 0.0);
    }

    #[test]
    fn state_survives_serialisation() {
        let process = EProcess::over(Alpha::FIVE_PERCENT, [PairedOutcome::Win; 9]);
        let text = serde_json::to_string(&process).unwrap();
        assert_eq!(serde_json::from_str::<EProcess>(&text).unwrap(), process);
    }

    proptest! {
        #[test]
        fn next_fair_pair_leaves_the_value_as_it_is(wins in 0_u64..1500, losses in 0_u64..1500) {
            let now = log_e_value(wins, losses);
            let won = (log_e_value(wins + 1, losses) - now).exp();
            let lost = (log_e_value(wins, losses + 1) - now).exp();
            prop_assert!((f64::midpoint(won, lost) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn wins_raise_and_losses_lower_the_value(wins in 0_u64..1500, losses in 0_u64..1500) {
            prop_assert!(log_e_value(wins + 1, losses) > log_e_value(wins, losses));
            prop_assert!(log_e_value(wins, losses + 1) < log_e_value(wins, losses));
        }
    }
}
