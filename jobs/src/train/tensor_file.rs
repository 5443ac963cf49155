//! Writes 32-bit tensors in the safetensors format, piece by piece and always in the same order.
//!
//! The format's own crate, which reads them back, writes metadata in random order.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

/// Values that are turned into bytes together.
const PIECE: usize = 1 << 14;

/// A tensor to write.
pub(crate) struct NamedValues<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Cow<'a, [f32]>,
}

/// Writes header and data.
pub(crate) fn write(
    output: &mut impl Write,
    metadata: &[(&str, &str)],
    tensors: &[NamedValues<'_>],
) -> io::Result<()> {
    let header = header(metadata, tensors);
    output.write_all(&(header.len() as u64).to_le_bytes())?;
    output.write_all(&header)?;
    tensors.iter().try_for_each(|tensor| bytes(&tensor.values, |piece| output.write_all(piece)))
}

/// The whole file in memory.
pub(crate) fn encode(metadata: &[(&str, &str)], tensors: &[NamedValues<'_>]) -> Vec<u8> {
    let size: usize = tensors.iter().map(|tensor| size_of_val(&*tensor.values)).sum();
    let mut file = Vec::with_capacity(size + 256 * (tensors.len() + 1));
    // Memory takes all that is written to it.
    write(&mut file, metadata, tensors).ok();
    file
}

fn header(metadata: &[(&str, &str)], tensors: &[NamedValues<'_>]) -> Vec<u8> {
    let mut header = Map::new();
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
    header.insert("__metadata__".to_owned(), Value::Object(metadata.collect()));
    let mut start = 0;
    for tensor in tensors {
        let end = start + size_of_val(&*tensor.values);
        let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]});
        header.insert(tensor.name.clone(), entry);
        start = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

/// The values' bytes, little end first, in pieces.
pub(crate) fn bytes<E>(values: &[f32], mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut buffer = Vec::with_capacity(PIECE * size_of::<f32>());
    for piece in values.chunks(PIECE) {
        buffer.clear();
        buffer.extend(piece.iter().flat_map(|value| value.to_le_bytes()));
        take(&buffer)?;
    }
    Ok(())
}

/// The values of bytes, little end first.
pub(crate) fn values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    #[test]
    fn the_formats_own_reader_finds_names_shapes_values_and_metadata() {
        let long: Vec<f32> = (0..PIECE * 2 + 6).map(|i| i as f32).collect();
        let tensors = [
            NamedValues { name: "b".into(), shape: vec![2, 1], values: vec![1.5, -2.0].into() },
            NamedValues { name: "a".into(), shape: vec![2, PIECE + 3], values: long.as_slice().into() },
        ];
        let file = encode(&[("format", "pt")], &tensors);
        let read = SafeTensors::deserialize(&file).unwrap();
        assert_eq!(read.tensor("b").unwrap().shape(), [2, 1]);
        assert_eq!(values(read.tensor("b").unwrap().data()), [1.5, -2.0]);
        assert_eq!(values(read.tensor("a").unwrap().data()), long);
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
    }
}
