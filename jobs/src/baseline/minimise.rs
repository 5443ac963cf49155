//! L-BFGS with backtracking (Liu and Nocedal 1989; Nocedal and Wright 2006, algorithm 7.5) for smooth convex
//! functions.

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;
/// Steps that are made at most.
const MOST_STEPS: usize = 1000;
/// Halvings of one step.
const MOST_HALVINGS: usize = 40;
/// Share of the promised descent that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// No part of the gradient is larger at the minimum.
const TOLERANCE: f64 = 1e-7;

/// A step and the change of the gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Where the minimum was found.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    /// Largest part of the gradient there.
    pub(super) slope: f64,
}

impl Minimum {
    /// Whether the gradient vanishes there.
    pub(super) fn is_reached(&self) -> bool {
        self.slope <= TOLERANCE
    }
}

/// Minimises from zero. `function` gives the value and writes the gradient.
pub(super) fn minimise(size: usize, function: impl Fn(&[f64], &mut [f64]) -> f64) -> Minimum {
    let (mut point, mut gradient) = (vec![0.0; size], vec![0.0; size]);
    let mut value = function(&point, &mut gradient);
    let mut pairs: VecDeque<Pair> = VecDeque::new();
    for _ in 0..MOST_STEPS {
        if largest(&gradient) <= TOLERANCE {
            break;
        }
        let direction = direction(&gradient, &pairs);
        let Some(next) = search(&function, &point, value, &gradient, &direction) else {
            break;
        };
        remember(&mut pairs, &point, &gradient, &next);
        (point, value, gradient) = (next.point, next.value, next.gradient);
    }
    Minimum { slope: largest(&gradient), point }
}

struct Next {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// The first of ever shorter steps that descends enough; nothing where rounding leaves no descent.
fn search(
    function: &impl Fn(&[f64], &mut [f64]) -> f64,
    point: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
) -> Option<Next> {
    let promised = dot(gradient, direction);
    let mut length = 1.0;
    for _ in 0..MOST_HALVINGS {
        let moved: Vec<f64> = point.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        let mut gradient = vec![0.0; moved.len()];
        let found = function(&moved, &mut gradient);
        if found <= value + SUFFICIENT * length * promised {
            return Some(Next { point: moved, value: found, gradient });
        }
        length /= 2.0;
    }
    None
}

fn remember(pairs: &mut VecDeque<Pair>, point: &[f64], gradient: &[f64], next: &Next) {
    let difference =
        |new: &[f64], old: &[f64]| -> Vec<f64> { new.iter().zip(old).map(|(a, b)| a - b).collect() };
    let (step, change) = (difference(&next.point, point), difference(&next.gradient, gradient));
    let curvature = dot(&step, &change);
    // Only pairs that curve upwards keep every direction one of descent.
    if curvature > f64::EPSILON * dot(&change, &change) {
        pairs.push_back(Pair { step, change, curvature });
    }
    if pairs.len() > MEMORY {
        pairs.pop_front();
    }
}

/// The gradient through the remembered inverse Hessian, downwards.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = dot(&pair.step, &direction) / pair.curvature;
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    let scale = match pairs.back() {
        Some(pair) => pair.curvature / dot(&pair.change, &pair.change),
        None => 1.0 / dot(gradient, gradient).sqrt().max(1.0),
    };
    direction.iter_mut().for_each(|value| *value *= scale);
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = dot(&pair.change, &direction) / pair.curvature;
        add(&mut direction, share - back, &pair.step);
    }
    direction
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| f64::max(largest, value.abs()))
}
