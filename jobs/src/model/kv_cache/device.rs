//! Keys and values as tensors on a device.

use candle_core::Tensor;

/// The keys and values of all layers. A layer's tensors are replaced, never written to, so that a beginning
/// which sequences share lies on the device once, and a copy of a cache costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct DeviceMemory {
    layers: Vec<Option<KeysValues>>,
}

/// One layer's keys, rotated, and values: each `[kv_heads, positions, head_dim]`, contiguous. There may be
/// more positions than the cache counts, where some were forgotten.
#[derive(Debug, Clone)]
pub(crate) struct KeysValues {
    pub(crate) keys: Tensor,
    pub(crate) values: Tensor,
}

impl DeviceMemory {
    pub(super) fn new(layers: usize) -> Self {
        Self { layers: vec![None; layers] }
    }

    /// Puts new keys and values (each `[kv_heads, tokens, head_dim]`) behind the first `length` of a layer,
    /// and returns them all.
    pub(super) fn append(
        &mut self,
        layer: usize,
        length: usize,
        new: KeysValues,
    ) -> candle_core::Result<KeysValues> {
        let all = match &self.layers[layer] {
            Some(old) if length > 0 => KeysValues {
                keys: join(&old.keys, length, &new.keys)?,
                values: join(&old.values, length, &new.values)?,
            },
            _ => KeysValues { keys: new.keys.contiguous()?, values: new.values.contiguous()? },
        };
        self.layers[layer] = Some(all.clone());
        Ok(all)
    }
}

/// Matrix products on a device want contiguous keys and values, which only contiguous parts are joined to.
fn join(old: &Tensor, length: usize, new: &Tensor) -> candle_core::Result<Tensor> {
    Tensor::cat(&[old.narrow(1, 0, length)?.contiguous()?, new.contiguous()?], 1)
}
