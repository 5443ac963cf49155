//! Multinomial logistic regression with an L2 penalty on the weights, not on the intercepts.

use super::minimise::minimise;

/// Vectors with their classes.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    /// The vectors, all of one width.
    pub rows: Vec<&'a [f32]>,
    /// The class of each.
    pub classes: Vec<usize>,
    /// How many classes there are.
    pub count: usize,
}

impl<'a> Samples<'a> {
    /// Those at the places.
    pub(super) fn at(&self, places: &[usize]) -> Self {
        Self {
            rows: places.iter().map(|place| self.rows[*place]).collect(),
            classes: places.iter().map(|place| self.classes[*place]).collect(),
            count: self.count,
        }
    }

    fn width(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len())
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a [f32], usize)> + '_ {
        self.rows.iter().copied().zip(self.classes.iter().copied())
    }
}

/// A fitted model.
#[derive(Debug, Clone)]
pub struct LogisticRegression {
    /// `[classes, width + 1]`; the last of each row is the intercept.
    parameters: Vec<f64>,
    width: usize,
}

impl LogisticRegression {
    /// Minimises the mean negative log-likelihood plus `penalty / 2` times the squared weights.
    pub fn fit(samples: &Samples<'_>, penalty: f64) -> Self {
        let width = samples.width();
        let loss = |parameters: &[f64], gradient: &mut [f64]| loss(samples, penalty, parameters, gradient);
        let minimum = minimise(samples.count * (width + 1), loss);
        if !minimum.is_reached() {
            tracing::warn!(slope = minimum.slope, penalty, "the regression stopped short of its minimum");
        }
        Self { parameters: minimum.point, width }
    }

    /// The logarithm of each class's probability.
    pub fn log_probabilities(&self, row: &[f32]) -> Vec<f64> {
        log_softmax(scores(&self.parameters, self.width, row))
    }

    /// The likeliest class, the first of equals.
    pub fn predict(&self, row: &[f32]) -> usize {
        let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
        let all = self.log_probabilities(row).into_iter().enumerate();
        all.fold((0, f64::NEG_INFINITY), better).0
    }

    /// Mean negative log-likelihood of samples, in nats.
    pub fn loss(&self, samples: &Samples<'_>) -> f64 {
        let total: f64 = samples.pairs().map(|(row, class)| -self.log_probabilities(row)[class]).sum();
        total / samples.rows.len().max(1) as f64
    }

    /// Weights and intercept of a class.
    pub fn class(&self, class: usize) -> (&[f64], f64) {
        let row = &self.parameters[class * (self.width + 1)..][..=self.width];
        (&row[..self.width], row[self.width])
    }
}

fn scores(parameters: &[f64], width: usize, row: &[f32]) -> Vec<f64> {
    let score = |class: &[f64]| {
        let products = class[..width].iter().zip(row).map(|(weight, value)| weight * f64::from(*value));
        products.sum::<f64>() + class[width]
    };
    parameters.chunks_exact(width + 1).map(score).collect()
}

fn log_softmax(mut scores: Vec<f64>) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = top + scores.iter().map(|score| (score - top).exp()).sum::<f64>().ln();
    scores.iter_mut().for_each(|score| *score -= total);
    scores
}

fn loss(samples: &Samples<'_>, penalty: f64, parameters: &[f64], gradient: &mut [f64]) -> f64 {
    let (width, share) = (samples.width(), 1.0 / samples.rows.len().max(1) as f64);
    let mut value = 0.0;
    gradient.fill(0.0);
    for (row, class) in samples.pairs() {
        let logs = log_softmax(scores(parameters, width, row));
        value -= share * logs[class];
        for ((place, log), gradient) in logs.iter().enumerate().zip(gradient.chunks_exact_mut(width + 1)) {
            let error = share * (log.exp() - f64::from(u8::from(place == class)));
            gradient.iter_mut().zip(row).for_each(|(to, value)| *to += error * f64::from(*value));
            gradient[width] += error;
        }
    }
    let weights = parameters.chunks_exact(width + 1).zip(gradient.chunks_exact_mut(width + 1));
    for (weight, to) in weights.flat_map(|(row, to)| row[..width].iter().zip(&mut to[..width])) {
        value += penalty / 2.0 * weight * weight;
        *to += penalty * weight;
    }
    value
}
