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
        let values = parse(&bytes, [chunks, encoder.config().hidden]).map_err(malformed)?;
        Ok(Self { encoder, values })
    }

    /// For each question all chunks by falling cosine, equals in their order.
    ///
    /// # Errors
    /// A question that the encoder cannot embed.
    pub fn ranked(&self, questions: &[&str]) -> Result<Vec<Vec<Scored>>, RetrieveError> {
        let vectors = self.encoder.embed(questions)?;
        Ok(vectors.rows().map(|question| nearest(&self.values, question)).collect())
    }
}

/// The rows of a matrix by falling cosine with a vector; all have length 1.
fn nearest(rows: &[f32], vector: &[f32]) -> Vec<Scored> {
    by_falling_score(rows.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Vectors;

    fn file(values: &[f32]) -> Vec<u8> {
        Vectors { dimensions: 2, values: values.to_vec(), tokens: 0 }.to_safetensors().unwrap()
    }

    #[test]
    fn rows_come_by_falling_cosine() {
        let ranked = nearest(&[1.0, 0.0, 0.6, 0.8, 0.0, 1.0], &[0.6, 0.8]);
        let found: Vec<(usize, f64)> =
            ranked.iter().map(|scored| (scored.place, (scored.score * 1e4).round() / 1e4)).collect();
        assert_eq!(found, [(1, 1.0), (2, 0.8), (0, 0.6)]);
    }

    #[test]
    fn vectors_are_read_as_they_were_written() {
        assert_eq!(parse(&file(&[1.0, 0.0, 0.6, 0.8]), [2, 2]).unwrap(), [1.0, 0.0, 0.6, 0.8]);
    }

    #[test]
    fn vectors_of_another_index_or_without_numbers_are_refused() {
        let whole = file(&[1.0, 0.0]);
        let reason = parse(&whole, [2, 2]).unwrap_err();
        assert!(reason.contains("F32 of shape [1, 2]; the chunks and the encoder need F32 of shape [2, 2]"));
        assert!(parse(&file(&[f32::NAN, 0.0]), [1, 2]).unwrap_err().contains("not a number"));
        assert!(parse(&whole[..whole.len() - 1], [1, 2]).is_err());
    }
}
