//! Chooses the penalty of a regression.

use super::logistic::{LogisticRegression, Samples};
use crate::train::Random;

/// Penalties that are tried, the largest first: of equals the simpler model wins.
const PENALTIES: [f64; 6] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5];
const FOLDS: usize = 5;
/// Keeps the folds apart from other uses of a job's seed.
const STREAM: u64 = 0x666f_6c64;

/// The penalty with the least mean negative log-likelihood over five folds, and that loss. Folds are drawn by
/// seed, each with about the same share of every class.
pub fn choose_penalty(samples: &Samples<'_>, seed: u64) -> (f64, f64) {
    let folds = folds(samples, seed);
    let losses = PENALTIES.map(|penalty| (penalty, held_out_loss(samples, &folds, penalty)));
    let better = |best: (f64, f64), next: (f64, f64)| if next.1 < best.1 { next } else { best };
    losses.into_iter().reduce(better).unwrap_or((1.0, f64::INFINITY))
}

/// The fold of each sample.
fn folds(samples: &Samples<'_>, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..samples.classes.len()).collect();
    Random::new(seed, STREAM).shuffle(&mut order);
    order.sort_by_key(|place| samples.classes[*place]);
    let mut folds = vec![0; order.len()];
    for (index, place) in order.into_iter().enumerate() {
        folds[place] = index % FOLDS;
    }
    folds
}

fn held_out_loss(samples: &Samples<'_>, folds: &[usize], penalty: f64) -> f64 {
    let mut total = 0.0;
    for fold in 0..FOLDS.min(folds.len()) {
        let (held_out, rest): (Vec<usize>, Vec<usize>) =
            (0..folds.len()).partition(|place| folds[*place] == fold);
        let held_out = samples.at(&held_out);
        total +=
            LogisticRegression::fit(&samples.at(&rest), penalty).loss(&held_out) * held_out.rows.len() as f64;
    }
    total / folds.len().max(1) as f64
}
