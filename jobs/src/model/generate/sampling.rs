//! From logits to the next token.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use crate::model::error::ModelError;
use crate::model::logits;

/// How the next token is picked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Sampling {
    /// The likeliest token; the first of equals.
    #[default]
    Greedy,
    /// A random token.
    ///
    /// Each prompt has a random stream of its own, made from the seed and the prompt's tokens, and for the
    /// second of equal prompts another one than for the first, and so on. So an answer depends neither on
    /// the batch size nor on the order or company of the prompts.
    Seeded {
        /// Divides the logits; above 0. Below 1 likely tokens become likelier.
        temperature: f32,
        /// Only the fewest tokens that have this probability together are picked from (nucleus sampling,
        /// Holtzman et al. 2020); above 0, and 1 for all tokens.
        top_p: f32,
        /// Seed of all streams.
        seed: u64,
    },
}

impl Sampling {
    /// Refuses impossible settings.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        let Self::Seeded { temperature, top_p, .. } = *self else {
            return Ok(());
        };
        let wrong = |name, found: f32, expected| {
            Err(ModelError::Setting { name, found: found.to_string(), expected })
        };
        if !(temperature > 0.0 && temperature.is_finite()) {
            return wrong("temperature", temperature, "a number above 0");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return wrong("top_p", top_p, "a number above 0, at most 1");
        }
        Ok(())
    }

    /// A picker for each prompt.
    pub(super) fn pickers(&self, prompts: &[Vec<u32>]) -> Vec<Picker> {
        let Self::Seeded { temperature, top_p, seed } = *self else {
            return prompts.iter().map(|_| Picker::Greedy).collect();
        };
        let mut seen: HashMap<&[u32], u64> = HashMap::new();
        let mut pickers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let earlier = seen.entry(prompt).or_default();
            let random = Box::new(stream(seed, prompt, *earlier));
            pickers.push(Picker::Seeded { temperature, top_p, random });
            *earlier += 1;
        }
        pickers
    }
}

/// The random stream of a prompt that has so many equals before it.
fn stream(seed: u64, prompt: &[u32], earlier: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
    prompt.iter().for_each(|token| hash.update(token.to_le_bytes()));
    let mut random = ChaCha8Rng::from_seed(hash.finalize().into());
    random.set_stream(earlier);
    random
}

/// Picks tokens for one sequence.
#[derive(Debug)]
pub(super) enum Picker {
    Greedy,
    Seeded { temperature: f32, top_p: f32, random: Box<ChaCha8Rng> },
}

impl Picker {
    /// The place of the picked logit.
    pub(super) fn pick(&mut self, logits: &[f32]) -> usize {
        match self {
            Self::Greedy => logits::most_likely(logits),
            Self::Seeded { temperature, top_p, random } => {
                let weights = logits::weights(logits, *temperature);
                let point = uniform(random);
                draw(&nucleus(&weights, *top_p), point)
            }
        }
    }
}

/// A number from 0 to below 1, with all the 53 bits that fit.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
    (random.next_u64() >> 11) as f64 * SCALE
}

/// The fewest places whose weights have the share `top_p` of all weight, in their order, with their weights.
fn nucleus(weights: &[f32], top_p: f32) -> Vec<(usize, f64)> {
    let top_p = f64::from(top_p);
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    // All that weigh less than this have less than the share `1 - top_p` together.
    let least = (1.0 - top_p) * total / weights.len() as f64;
    let numbered = weights.iter().map(|weight| f64::from(*weight)).enumerate();
    let mut kept: Vec<(usize, f64)> = numbered.filter(|(_, weight)| *weight >= least).collect();
    if top_p < 1.0 {
        kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut sum = 0.0;
        let enough = kept.iter().position(|(_, weight)| {
            sum += weight;
            sum >= top_p * total
        });
        kept.truncate(enough.map_or(kept.len(), |last| last + 1));
        kept.sort_by_key(|(place, _)| *place);
    }
    kept
}

/// The place at this point (0 to below 1) of the weights laid one after another.
fn draw(weights: &[(usize, f64)], point: f64) -> usize {
    let mut left = point * weights.iter().map(|(_, weight)| weight).sum::<f64>();
    let hit = weights.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a trace behind the last weight.
    hit.or(weights.last()).map_or(0, |(place, _)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(weights: &[f32], top_p: f32) -> Vec<usize> {
        nucleus(weights, top_p).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn the_nucleus_is_the_fewest_likely_tokens() {
        let weights = [0.1, 0.4, 0.05, 0.3, 0.15];
        assert_eq!(places(&weights, 0.35), [1]);
        assert_eq!(places(&weights, 0.6), [1, 3]);
        assert_eq!(places(&weights, 0.9), [0, 1, 3, 4]);
        assert_eq!(places(&weights, 1.0), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn draws_have_the_tokens_frequencies() {
        let logits: Vec<f32> = [0.5f32, 0.2, 0.3].iter().map(|p| p.ln()).collect();
        let sampling = Sampling::Seeded { temperature: 1.0, top_p: 1.0, seed: 7 };
        let mut picker = sampling.pickers(&[vec![1, 2]]).remove(0);
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[picker.pick(&logits)] += 1);
        for (count, expected) in counts.into_iter().zip([5_000, 2_000, 3_000]) {
            assert!(i32::abs(count - expected) < 200, "{counts:?}");
        }
    }

    #[test]
    fn points_fall_where_the_weights_lie() {
        let weights = [(3, 1.0), (5, 2.0), (9, 1.0)];
        let at = |point| draw(&weights, point);
        assert_eq!([at(0.0), at(0.24), at(0.25), at(0.74), at(0.75), at(1.0)], [3, 3, 5, 5, 9, 9]);
    }

    #[test]
    fn equal_prompts_get_different_streams_and_others_do_not_matter() {
        let sampling = Sampling::Seeded { temperature: 1.0, top_p: 1.0, seed: 7 };
        let logits = [0.0f32; 1000];
        let draws = |prompts: &[Vec<u32>]| -> Vec<usize> {
            sampling.pickers(prompts).iter_mut().map(|picker| picker.pick(&logits)).collect()
        };
        let (a, b) = (vec![1], vec![2]);
        let [first, second, other] = draws(&[a.clone(), a.clone(), b.clone()])[..] else {
            panic!("three draws");
        };
        assert_ne!(first, second);
        assert_eq!(draws(&[b, a.clone(), a]), [other, first, second]);
    }

    #[test]
    fn a_random_stream_is_the_same_on_every_machine() {
        // Computed once from the definitions of SHA-256 and ChaCha8.
        let expected = [4_934_881_118_870_773_584, 11_688_982_849_953_528_572];
        let mut random = stream(1, &[1, 2, 3], 1);
        assert_eq!([random.next_u64(), random.next_u64()], expected);
    }

    #[test]
    fn impossible_settings_are_refused_in_words() {
        let check = |temperature, top_p| {
            Sampling::Seeded { temperature, top_p, seed: 0 }.check().unwrap_err().to_string()
        };
        assert_eq!(check(0.0, 1.0), "`temperature` is 0; expected a number above 0");
        assert_eq!(check(f32::NAN, 1.0), "`temperature` is NaN; expected a number above 0");
        assert_eq!(check(1.0, 1.5), "`top_p` is 1.5; expected a number above 0, at most 1");
    }
}
