//! Exact cosine between questions and the chunks of an index.
//!
//! One product of a vector with a matrix a question: for 50,000 chunks of 384 numbers about ten milliseconds.

use std::path::Path;
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use super::error::RetrieveError;
use super::ranking::{Scored, by_falling_score};
use crate::embed::{SentenceEncoder, VECTORS_TENSOR};

/// Vectors of the chunks, and the encoder that made them.
#[derive(Debug, Clone)]
pub struct Dense {
    encoder: Arc<SentenceEncoder>,
    dimensions: usize,
    /// `[chunks, dimensions]`, each row of length 1.
    values: Vec<f32>,
}

impl Dense {
    /// Reads the vectors of `chunks` chunks.
    ///
    /// # Errors
    /// The file is damaged, or belongs to another number of chunks or another encoder.
    pub fn open(path: &Path, chunks: usize, encoder: Arc<SentenceEncoder>) -> Result<Self, RetrieveError> {
        let malformed = |reason| RetrieveError::Vectors { path: path.to_owned(), reason };
        let bytes =
            std::fs::read(path).map_err(|source| RetrieveError::Read { path: path.to_owned(), source })?;
        let dimensions = encoder.config().hidden;
        let values = parse(&bytes, [chunks, dimensions]).map_err(malformed)?;
        Ok(Self { encoder, dimensions, values })
    }

    /// For each question all chunks by falling cosine, equals in their order.
    ///
    /// # Errors
    /// A question that the encoder cannot embed.
    pub fn ranked(&self, questions: &[&str]) -> Result<Vec<Vec<Scored>>, RetrieveError> {
        let vectors = self.encoder.embed(questions)?;
        Ok(vectors.rows().map(|question| self.ranked_by(question)).collect())
    }

    fn ranked_by(&self, question: &[f32]) -> Vec<Scored> {
        let chunks = self.values.chunks_exact(self.dimensions);
        by_falling_score(chunks.map(|chunk| dot(chunk, question)).collect())
    }
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The only tensor of a vectors file, if it has this shape and only numbers in it.
fn parse(bytes: &[u8], shape: [usize; 2]) -> Result<Vec<f32>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let tensor = file.tensor(VECTORS_TENSOR).map_err(|error| error.to_string())?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(format!(
            "it has {:?} of shape {:?}; the chunks and the encoder need F32 of shape {shape:?}",
            tensor.dtype(),
            tensor.shape()
        ));
    }
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(number).collect();
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err("it has a value that is not a number".to_owned()),
    }
}
