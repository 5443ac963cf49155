//! Gradients against finite differences, for everything that can be trained.

use candle_core::Tensor;
use empiric_schema::job::Method;

use super::base::take;
use super::batch::Batch;
use super::build::build;
use super::gradients::{Gradients, Parameter};
use super::network::{Memory, Network};
use super::random::Random;
use super::tensors::{change, lend};
use super::tests::{chats, lora, model, untied, upper};
use crate::model::LoadedModel;

struct Setup {
    network: Network,
    parameters: Vec<Parameter>,
    batch: Batch,
    factor: f32,
}

/// The low-rank `b` begin at zero, where `a` has no gradient: they are moved away first.
fn setup(model: LoadedModel, method: &Method) -> Setup {
    let samples = chats(&model);
    let batch = Batch::new(&samples[..4]);
    let (network, parameters) = build(take(model.llama).unwrap(), method, 5).unwrap();
    let mut random = Random::new(8, 0);
    for parameter in parameters.0.iter().filter(|parameter| parameter.name.ends_with("lora_b")) {
        change(&parameter.value, |values| values.iter_mut().for_each(|v| *v = random.symmetric(0.2)))
            .unwrap();
    }
    let factor = 1.0 / batch.targets.len() as f32;
    Setup { network, parameters: parameters.0, batch, factor }
}

impl Setup {
    fn gradients(&self, memory: Memory) -> Gradients {
        let mut gradients = Gradients::new(self.parameters.len());
        self.network.learn_within(&self.batch, self.factor, memory, &mut gradients).unwrap();
        gradients
    }

    fn loss(&self) -> f64 {
        self.network.loss(&self.batch).unwrap() * f64::from(self.factor)
    }

    /// The slope of the loss when the parameter moves along `direction`, and its expectation.
    fn slopes(&self, value: &Tensor, gradient: &Tensor, direction: &[f32]) -> (f64, f64) {
        let start = lend(value).unwrap().to_vec();
        let moved = |by: f32| {
            let moved: Vec<f32> = start.iter().zip(direction).map(|(s, d)| s + by * d).collect();
            change(value, |values| values.copy_from_slice(&moved)).unwrap();
            self.loss()
        };
        let step = 4e-3;
        let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        change(value, |values| values.copy_from_slice(&start)).unwrap();
        let gradient = lend(gradient).unwrap();
        let expected = gradient.iter().zip(direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        (slope, expected)
    }

    fn check(&self) {
        let gradients = self.gradients(Memory::Keep);
        let mut random = Random::new(77, 0);
        for (slot, parameter) in self.parameters.iter().enumerate() {
            let gradient =
                gradients.get(slot).unwrap_or_else(|| panic!("{} has no gradient", parameter.name));
            assert_eq!(gradient.dims(), parameter.value.dims(), "{}", parameter.name);
            let norm = lend(gradient).unwrap().iter().map(|g| g * g).sum::<f32>().sqrt();
            assert!(norm > 1e-5, "{} has a gradient of {norm}", parameter.name);
            // Along the gradient, and along a direction that meets all values with random signs.
            let along: Vec<f32> = lend(gradient).unwrap().iter().map(|g| g / norm).collect();
            let count = along.len();
            let signs = along.iter().map(|g| g.signum() * random.symmetric(0.5).max(-0.1));
            let signs: Vec<f32> = signs.map(|s| s * 2.0 / (count as f32).sqrt()).collect();
            for direction in [along, signs] {
                let (slope, expected) = self.slopes(&parameter.value, gradient, &direction);
                let bound = 0.01 * expected.abs() + 2e-4;
                assert!((slope - expected).abs() < bound, "{}: {slope} {expected}", parameter.name);
            }
        }
    }
}

#[test]
fn low_rank_gradients_agree_with_finite_differences() {
    let setup = setup(model(2), &lora());
    assert_eq!(setup.parameters.len(), 2 * 4 * 2);
    setup.check();
}

#[test]
fn gradients_of_the_upper_blocks_agree_with_finite_differences() {
    let setup = setup(model(2), &upper());
    assert_eq!(setup.parameters.len(), 4 * 2);
    setup.check();
}

#[test]
fn gradients_of_all_weights_agree_with_finite_differences() {
    let setup = setup(model(2), &Method::Full);
    assert_eq!(setup.parameters.len(), 2 + 2 * 6);
    setup.check();
}

#[test]
fn a_head_of_its_own_has_its_own_gradient() {
    let setup = setup(untied(2), &Method::Full);
    assert!(setup.parameters.iter().any(|parameter| parameter.name == "head"));
    setup.check();
}

#[test]
fn each_of_the_seven_layers_has_gradients_in_the_first_block() {
    let setup = setup(model(4), &lora());
    let gradients = setup.gradients(Memory::Keep);
    for (slot, parameter) in setup.parameters.iter().enumerate() {
        if !parameter.name.starts_with("layers.0.") {
            continue;
        }
        let gradient = lend(gradients.get(slot).unwrap()).unwrap().to_vec();
        // Queries, keys and values are a third of the rows each, or their own columns.
        let parts: Vec<std::ops::Range<usize>> = match parameter.name.as_str() {
            "layers.0.qkv.lora_a" => (0..3).map(|i| i * 256..(i + 1) * 256).collect(),
            "layers.0.gate_up.lora_a" => (0..2).map(|i| i * 256..(i + 1) * 256).collect(),
            "layers.0.qkv.lora_b" => vec![0..64, 64..96, 96..128],
            "layers.0.gate_up.lora_b" => vec![0..96, 96..192],
            _ => std::iter::once(0..gradient.len()).collect(),
        };
        for part in parts {
            let largest = gradient[part.clone()].iter().fold(0.0f32, |top, g| top.max(g.abs()));
            assert!(largest > 1e-6, "{} {part:?}", parameter.name);
        }
    }
}

#[test]
fn computing_activations_again_gives_the_same_gradients() {
    let setup = setup(model(6), &lora());
    let (kept, again) = (setup.gradients(Memory::Keep), setup.gradients(Memory::Recompute));
    for slot in 0..setup.parameters.len() {
        let (kept, again) = (kept.get(slot).unwrap(), again.get(slot).unwrap());
        assert_eq!(*lend(kept).unwrap(), *lend(again).unwrap());
    }
}

#[test]
fn sequences_of_a_batch_do_not_see_each_other() {
    let model = model(2);
    let samples = chats(&model);
    let (network, _) = build(take(model.llama).unwrap(), &lora(), 5).unwrap();
    let alone: f64 = samples.iter().map(|sample| network.loss(&Batch::new([sample])).unwrap()).sum();
    let together = network.loss(&Batch::new(&samples)).unwrap();
    assert!((alone - together).abs() < 1e-4 * together, "{alone} {together}");
}
