use super::*;

fn samples<'a>(rows: &'a [Vec<f32>], classes: &[usize]) -> Samples<'a> {
    let count = classes.iter().max().map_or(0, |most| most + 1);
    Samples { rows: rows.iter().map(Vec::as_slice).collect(), classes: classes.to_vec(), count }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The zero of a falling function between two numbers.
fn bisect(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if function(middle) > 0.0 { low = middle } else { high = middle }
    }
    low
}

#[test]
fn a_separable_set_has_the_weight_of_its_own_equation() {
    let rows = [vec![-1.0], vec![-1.0], vec![1.0], vec![1.0]];
    for penalty in [1.0, 0.1, 1e-3] {
        let model = LogisticRegression::fit(&samples(&rows, &[0, 0, 1, 1]), penalty);
        // By symmetry class 1 has weight w, class 0 has -w, and nothing is gained by intercepts:
        // penalty * 2 w^2 / 2 + ln(1 + exp(-2 w)) is least where penalty * w = sigmoid(-2 w).
        let expected = bisect(|w| sigmoid(-2.0 * w) - penalty * w, 0.0, 100.0);
        let (weights, intercept) = model.class(1);
        assert!((weights[0] - expected).abs() < 1e-4 * expected, "{penalty}: {} {expected}", weights[0]);
        assert!(intercept.abs() < 1e-5);
        assert_eq!(rows.iter().map(|row| model.predict(row)).collect::<Vec<_>>(), [0, 0, 1, 1]);
    }
}

#[test]
fn without_a_signal_the_intercepts_are_the_shares() {
    let rows = vec![vec![0.0, 0.0]; 10];
    let model = LogisticRegression::fit(&samples(&rows, &[0, 0, 0, 0, 0, 1, 1, 1, 2, 2]), 0.1);
    let found = model.log_probabilities(&[0.0, 0.0]);
    for (log, share) in found.iter().zip([0.5f64, 0.3, 0.2]) {
        assert!((log.exp() - share).abs() < 1e-6, "{log} {share}");
    }
}

/// Points on a line whose class is drawn by a known curve.
fn noisy(seed: u64, count: usize) -> (Vec<Vec<f32>>, Vec<usize>) {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut draw = || {
        let x = 4.0 * uniform() - 2.0;
        (vec![x as f32], usize::from(uniform() < sigmoid(1.5 * x - 0.5)))
    };
    (0..count).map(|_| draw()).unzip()
}

#[test]
fn a_noisy_set_gives_back_the_curve_that_it_was_drawn_from() {
    let (rows, classes) = noisy(7, 20_000);
    let model = LogisticRegression::fit(&samples(&rows, &classes), 1e-6);
    let (zero, one) = (model.class(0), model.class(1));
    let (weight, intercept) = (one.0[0] - zero.0[0], one.1 - zero.1);
    // Three standard errors are about 0.08 at this size.
    assert!((weight - 1.5).abs() < 0.08 && (intercept + 0.5).abs() < 0.08, "{weight} {intercept}");
}

#[test]
fn a_fit_has_no_slope_left_in_any_direction() {
    let (rows, classes) = noisy(3, 200);
    let samples = samples(&rows, &classes);
    let model = LogisticRegression::fit(&samples, 0.05);
    // The gradient by its definition, apart from the code that fits.
    for class in 0..2 {
        let (weights, _) = model.class(class);
        let error = |row: &Vec<f32>, of: usize| {
            let probability = model.log_probabilities(row)[class].exp();
            probability - f64::from(u8::from(of == class))
        };
        let errors: Vec<f64> = rows.iter().zip(&classes).map(|(row, of)| error(row, *of)).collect();
        let along: f64 = errors.iter().zip(&rows).map(|(error, row)| error * f64::from(row[0])).sum();
        assert!((along / 200.0 + 0.05 * weights[0]).abs() < 1e-6);
        assert!((errors.iter().sum::<f64>() / 200.0).abs() < 1e-6);
    }
}

#[test]
fn cross_validation_prefers_a_large_penalty_for_noise_and_a_small_one_for_signal() {
    // Twenty columns of noise and labels that have nothing to do with them.
    let (noise, _) = noisy(11, 1200);
    let rows: Vec<Vec<f32>> = noise.chunks(20).map(|chunk| chunk.concat()).collect();
    let classes: Vec<usize> = (0..60).map(|place| place % 2).collect();
    let (penalty, loss) = choose_penalty(&samples(&rows, &classes), 1);
    assert_eq!(penalty, 1.0);
    assert!(loss > 0.65, "{loss}");
    let clear: Vec<Vec<f32>> = (0..60).map(|place| vec![if place % 2 == 0 { -1.0 } else { 1.0 }]).collect();
    let (penalty, loss) = choose_penalty(&samples(&clear, &classes), 1);
    assert_eq!(penalty, 1e-5);
    assert!(loss < 0.01, "{loss}");
    assert_eq!(choose_penalty(&samples(&rows, &classes), 2), choose_penalty(&samples(&rows, &classes), 2));
}

#[test]
fn the_nearest_row_and_the_commonest_text_are_found() {
    let rows: [&[f32]; 3] = [&[1.0, 0.0], &[0.6, 0.8], &[0.6, 0.8]];
    assert_eq!(nearest(&rows, &[0.0, 1.0]), Some(1));
    assert_eq!(nearest(&rows, &[0.9, 0.1]), Some(0));
    assert_eq!(nearest(&[], &[1.0]), None);
    assert_eq!(majority(&["b", "a", "a", "b", "c"]), Some("b"));
    assert_eq!(majority(&[]), None);
}
