//! Sequential halving as a value: who answers which items next, and who leaves.
//!
//! Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed Bandits" (ICML 2013), with the
//! same items for all candidates of a round, so that they differ by nothing but themselves.

use std::cmp::Reverse;

use empiric_schema::contract::RaceEntry;
use empiric_schema::evidence::{Alpha, HalvingRound, Interval, Proportion};
use empiric_schema::view::{CandidateView, Standing};

use crate::evidence::halving::{ranking, schedule};
use crate::evidence::interval::wilson;
use crate::technique::Candidate;

/// A race in progress.
#[derive(Debug, Clone)]
pub struct Race {
    /// Positions of dev items in the order in which they are answered.
    order: Vec<u32>,
    rounds: Vec<HalvingRound>,
    runners: Vec<Runner>,
    /// Rounds that are over.
    round: usize,
}

#[derive(Debug, Clone)]
struct Runner {
    candidate: Candidate,
    label: String,
    /// Grades in race order.
    passed: String,
    standing: Standing,
}

/// What a candidate has to answer in the present round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Index of the candidate.
    pub runner: usize,
    /// Dev positions, in race order.
    pub positions: Vec<u32>,
}

/// Who stayed and who left after a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halved {
    /// From 1.
    pub round: u32,
    /// Items that each has answered.
    pub items: u32,
    /// Labels, best first.
    pub kept: Vec<String>,
    /// Labels.
    pub dropped: Vec<String>,
}

impl Race {
    /// A race over `order`, in which every candidate first answers `first` items.
    pub fn new(candidates: Vec<Candidate>, order: Vec<u32>, first: usize) -> Self {
        let rounds = schedule(candidates.len() as u64, first as u64, order.len() as u64);
        let runners = candidates
            .into_iter()
            .enumerate()
            .map(|(index, candidate)| Runner {
                candidate,
                label: format!("c{}", index + 1),
                passed: String::new(),
                standing: Standing::Racing,
            })
            .collect();
        Self { order, rounds, runners, round: 0 }
    }

    /// Rounds in all.
    pub fn rounds(&self) -> u32 {
        self.rounds.len() as u32
    }

    /// Rounds that are over.
    pub fn round(&self) -> u32 {
        self.round as u32
    }

    /// The candidate with this index.
    pub fn candidate(&self, runner: usize) -> &Candidate {
        &self.runners[runner].candidate
    }

    /// The label of the candidate with this index.
    pub fn label(&self, runner: usize) -> &str {
        &self.runners[runner].label
    }

    /// Grades of the candidate with this index, in race order.
    pub fn passed(&self, runner: usize) -> &str {
        &self.runners[runner].passed
    }

    /// The positions that the race is run over, in race order.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// What each candidate has to answer now; empty when the race is over.
    pub fn legs(&self) -> Vec<Leg> {
        let Some(round) = self.rounds.get(self.round) else { return Vec::new() };
        let items = round.items as usize;
        self.racing()
            .map(|(runner, state)| Leg {
                runner,
                positions: self.order[state.passed.len().min(items)..items].to_vec(),
            })
            .collect()
    }

    /// Takes a leg's grades, one character an item.
    pub fn record(&mut self, runner: usize, passed: &str) {
        self.runners[runner].passed.push_str(passed);
    }

    /// Ends the round: the better half stays. A tie is for the cheaper candidate, which comes first.
    pub fn close_round(&mut self) -> Halved {
        let racing: Vec<usize> = self.racing().map(|(runner, _)| runner).collect();
        let scores: Vec<f64> = racing.iter().map(|&runner| self.score(runner)).collect();
        let mut ranked: Vec<usize> = ranking(&scores).into_iter().map(|place| racing[place]).collect();
        let (items, keep) = self.rounds.get(self.round).map_or((0, 1), |round| (round.items, round.keep));
        self.round += 1;
        let dropped = ranked.split_off((keep as usize).min(ranked.len()));
        for &runner in &dropped {
            self.runners[runner].standing = Standing::Dropped;
        }
        Halved {
            round: self.round as u32,
            items: items as u32,
            kept: self.labels(&ranked),
            dropped: self.labels(&dropped),
        }
    }

    /// The last candidate, once every round is over.
    pub fn finalist(&self) -> Option<usize> {
        (self.round >= self.rounds.len()).then(|| self.racing().map(|(runner, _)| runner).next())?
    }

    /// Notes where a candidate stands after the race.
    pub fn set_standing(&mut self, runner: usize, standing: Standing) {
        self.runners[runner].standing = standing;
    }

    /// The race for people, best first.
    pub fn view(&self) -> Vec<CandidateView> {
        let mut ranked: Vec<&Runner> = self.runners.iter().collect();
        ranked.sort_by_key(|runner| Reverse((runner.passed.len(), count(&runner.passed))));
        ranked.into_iter().map(Runner::view).collect()
    }

    /// The race for the record.
    pub fn entries(&self) -> Vec<RaceEntry> {
        self.runners.iter().map(|runner| self.entry(runner)).collect()
    }

    fn entry(&self, runner: &Runner) -> RaceEntry {
        let answered = runner.passed.len();
        RaceEntry {
            label: runner.label.clone(),
            change: runner.candidate.change.clone(),
            version: runner.candidate.version.digest(),
            rounds: self.rounds.iter().filter(|round| round.items as usize <= answered).count() as u32,
            items: answered as u32,
            passed: count(&runner.passed),
        }
    }

    fn score(&self, runner: usize) -> f64 {
        f64::from(count(&self.runners[runner].passed))
    }

    fn racing(&self) -> impl Iterator<Item = (usize, &Runner)> {
        self.runners.iter().enumerate().filter(|(_, runner)| runner.standing != Standing::Dropped)
    }

    fn labels(&self, runners: &[usize]) -> Vec<String> {
        runners.iter().map(|&runner| self.runners[runner].label.clone()).collect()
    }
}

impl Runner {
    fn view(&self) -> CandidateView {
        let (n, passed) = (self.passed.len() as u32, count(&self.passed));
        CandidateView {
            label: self.label.clone(),
            change: self.candidate.change.clone(),
            version: self.candidate.version.digest(),
            standing: self.standing,
            n,
            passed,
            interval: display_interval(passed, n),
        }
    }
}

/// The 95 % Wilson interval that is shown to people.
pub fn display_interval(passed: u32, n: u32) -> Interval {
    wilson(proportion(passed, n), Alpha::FIVE_PERCENT)
}

/// Counts as a proportion; more passes than items count as all of them.
pub fn proportion(passed: u32, n: u32) -> Proportion {
    let trials = u64::from(n);
    Proportion::new(u64::from(passed).min(trials), trials)
        .unwrap_or_else(|_| Proportion::of(std::iter::empty()))
}

/// How many of these grades are passes.
pub fn count(passed: &str) -> u32 {
    passed.bytes().filter(|&grade| grade == b'1').count() as u32
}

#[cfg(test)]
mod tests;
