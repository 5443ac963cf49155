//! Stretched rotary positions: models that read more than they were first trained on.

use serde::Deserialize;

use super::config::{LlamaConfig, field};
use super::error::ModelError;
use super::rope::frequencies;

/// How rotary frequencies are lowered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RopeScaling {
    /// Not at all.
    None,
    /// All by one factor (Chen et al. 2023, position interpolation).
    Linear {
        /// The divisor.
        factor: f32,
    },
    /// Long waves by the factor, short ones not, and those between by a share (Llama 3.1's release).
    Llama3 {
        /// The divisor of long waves.
        factor: f32,
        /// Waves longer than `original / low` are long.
        low: f32,
        /// Waves shorter than `original / high` are short.
        high: f32,
        /// Positions that the model was first trained on.
        original: f32,
    },
}

/// `rope_scaling`, or the newer `rope_parameters`, of `config.json`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawScaling {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
    /// Only in `rope_parameters`.
    pub(crate) rope_theta: Option<f32>,
}

impl RawScaling {
    pub(crate) fn parse(&self) -> Result<RopeScaling, ModelError> {
        match self.rope_type.as_deref() {
            None if self.factor.is_none() => Ok(RopeScaling::None),
            Some("default") => Ok(RopeScaling::None),
            Some("linear") => RopeScaling::linear(positive("factor", self.factor)?),
            Some("llama3") => self.llama3(),
            other => {
                let found = other.unwrap_or("missing");
                Err(field("rope_scaling.rope_type", found, "default, linear or llama3"))
            }
        }
    }

    fn llama3(&self) -> Result<RopeScaling, ModelError> {
        let low = positive("low_freq_factor", self.low_freq_factor)?;
        let high = positive("high_freq_factor", self.high_freq_factor)?;
        if high <= low {
            return Err(field("rope_scaling.high_freq_factor", high, format!("more than {low}")));
        }
        let original = self.original_max_position_embeddings;
        Ok(RopeScaling::Llama3 {
            factor: positive("factor", self.factor)?,
            low,
            high,
            original: positive("original_max_position_embeddings", original)?,
        })
    }
}

fn positive(key: &str, value: Option<f32>) -> Result<f32, ModelError> {
    match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        Some(value) => Err(field(&format!("rope_scaling.{key}"), value, "a positive number")),
        None => Err(field(&format!("rope_scaling.{key}"), "missing", "a positive number")),
    }
}

impl RopeScaling {
    /// One factor for all frequencies.
    pub(crate) fn linear(factor: f32) -> Result<Self, ModelError> {
        Ok(Self::Linear { factor: positive("factor", Some(factor))? })
    }

    /// The divisor of each frequency, `[head_dim / 2]`; nothing where there is no scaling.
    pub(crate) fn factors(self, config: &LlamaConfig) -> Option<Vec<f32>> {
        let plain = frequencies(config, None);
        match self {
            Self::None => None,
            Self::Linear { factor } => Some(vec![factor; plain.len()]),
            Self::Llama3 { factor, low, high, original } => {
                let divisor = |frequency: f32| {
                    let turns = original * frequency / std::f32::consts::TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    1.0 / ((1.0 - kept) / factor + kept)
                };
                Some(plain.into_iter().map(divisor).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tiny;

    fn parse(text: &str) -> Result<RopeScaling, ModelError> {
        serde_json::from_str::<RawScaling>(text).unwrap().parse()
    }

    #[test]
    fn llama3_lowers_long_waves_alone() {
        let scaling = parse(
            r#"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
                "original_max_position_embeddings":8192}"#,
        )
        .unwrap();
        let config = LlamaConfig { head_dim: 64, rope_base: 500_000.0, ..tiny::config() };
        let factors = scaling.factors(&config).unwrap();
        // By the published rule, in its own words: wavelengths against 8192 / 4 and 8192 / 1.
        for (i, factor) in factors.iter().enumerate() {
            let wave = std::f64::consts::TAU * 500_000f64.powf(2.0 * i as f64 / 64.0);
            let expected = if wave < 2048.0 {
                1.0
            } else if wave > 8192.0 {
                8.0
            } else {
                let smooth = (8192.0 / wave - 1.0) / 3.0;
                1.0 / ((1.0 - smooth) / 8.0 + smooth)
            };
            assert!((f64::from(*factor) - expected).abs() < 1e-3 * expected, "{i}: {factor} {expected}");
        }
        assert_eq!((factors[0], factors[31]), (1.0, 8.0));
        assert!(factors.iter().any(|factor| *factor > 1.01 && *factor < 7.99));
    }

    #[test]
    fn linear_divides_all_frequencies() {
        let config = tiny::config();
        let scaling = parse(r#"{"type":"linear","factor":4.0}"#).unwrap();
        assert_eq!(scaling.factors(&config), Some(vec![4.0; config.head_dim / 2]));
        assert_eq!(parse(r#"{"rope_type":"default"}"#).unwrap().factors(&config), None);
    }

    #[test]
    fn other_kinds_and_wrong_numbers_are_refused() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"rope_type":"yarn","factor":4}"#, "`rope_scaling.rope_type` is yarn");
        check(r#"{"factor":4}"#, "`rope_scaling.rope_type` is missing");
        check(r#"{"type":"linear","factor":0}"#, "`rope_scaling.factor` is 0");
        check(r#"{"type":"llama3","factor":8}"#, "`rope_scaling.low_freq_factor` is missing");
        check(
            r#"{"type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,
                "original_max_position_embeddings":8192}"#,
            "more than 4",
        );
    }
}
