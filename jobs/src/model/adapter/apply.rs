//! Adds low-rank products to the base's outputs, each row's own adapter to each row.

use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor};

use super::load::Adapter;
use crate::model::error::ModelError;

/// A product of the base that one adapter may add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linears {
    /// Queries, keys and values side by side.
    QueryKeyValue,
    AttentionOutput,
    /// Gate and up projections side by side.
    GateUp,
    Down,
}

/// The update of one product, whose outputs may be several layers' side by side.
#[derive(Debug, Clone)]
pub(super) struct LowRank {
    /// All layers' A, side by side: `[in, updates * rank]`.
    pub(super) down: Tensor,
    pub(super) rank: usize,
    pub(super) updates: Vec<Update>,
}

/// One layer's share of an update.
#[derive(Debug, Clone)]
pub(super) struct Update {
    /// B with the scale in it: `[rank, out]`.
    pub(super) up: Tensor,
    /// Where its outputs begin in the fused product.
    pub(super) column: usize,
}

/// Which rows of a batch belong to which adapter.
#[derive(Debug, Default)]
pub(crate) struct Routes<'a>(Vec<Route<'a>>);

#[derive(Debug)]
struct Route<'a> {
    adapter: &'a Adapter,
    rows: Vec<u32>,
    total: usize,
}

impl<'a> Routes<'a> {
    /// Adapters of neighbouring rows, in order, each with its number of rows.
    pub(crate) fn new(rows: impl Iterator<Item = (Option<&'a Adapter>, usize)>) -> Self {
        let mut routes: Vec<Route<'a>> = Vec::new();
        let mut total = 0;
        for (adapter, count) in rows {
            let range = total as u32..(total + count) as u32;
            total += count;
            let Some(adapter) = adapter else { continue };
            match routes.iter_mut().find(|route| std::ptr::eq(route.adapter, adapter)) {
                Some(route) => route.rows.extend(range),
                None => routes.push(Route { adapter, rows: range.collect(), total: 0 }),
            }
        }
        routes.iter_mut().for_each(|route| route.total = total);
        Self(routes)
    }

    /// Adds the adapters' products of `input` (`[rows, in]`) to `output` (`[rows, out]`), where it lies.
    pub(crate) fn add(
        &self,
        layer: usize,
        linears: Linears,
        input: &Tensor,
        output: &Tensor,
    ) -> Result<(), ModelError> {
        for route in &self.0 {
            if let Some(low_rank) = route.adapter.update(layer, linears) {
                low_rank.add(route, input, output)?;
            }
        }
        Ok(())
    }

    /// As [`Self::add`] in the tensor library's own operations, on any device: returns the sum.
    pub(crate) fn added(
        &self,
        layer: usize,
        linears: Linears,
        input: &Tensor,
        output: Tensor,
    ) -> Result<Tensor, ModelError> {
        let mut output = output;
        for route in &self.0 {
            if let Some(low_rank) = route.adapter.update(layer, linears) {
                output = low_rank.added(route, input, output)?;
            }
        }
        Ok(output)
    }
}

impl LowRank {
    /// `input`: `[rows, in]`; `output` and what is returned: `[rows, out]`.
    fn added(&self, route: &Route<'_>, input: &Tensor, output: Tensor) -> Result<Tensor, ModelError> {
        let width = output.dim(1)?;
        if route.rows.len() == route.total {
            return Ok((output + self.delta(input, width)?)?);
        }
        let rows = Tensor::new(route.rows.as_slice(), input.device())?;
        let delta = self.delta(&input.index_select(&rows, 0)?, width)?;
        Ok(output.index_add(&rows, &delta, 0)?)
    }

    /// What all updates add to an output of this width, zeros between them: `[rows, in]` to `[rows, width]`.
    fn delta(&self, input: &Tensor, width: usize) -> candle_core::Result<Tensor> {
        let narrow = input.matmul(&self.down)?;
        let mut parts = Vec::with_capacity(2 * self.updates.len() + 1);
        let mut end = 0;
        for (index, update) in self.updates.iter().enumerate() {
            parts.extend(Self::zeros(&narrow, update.column - end)?);
            let share = narrow.narrow(1, index * self.rank, self.rank)?.contiguous()?;
            parts.push(share.matmul(&update.up)?);
            end = update.column + update.up.dim(1)?;
        }
        parts.extend(Self::zeros(&narrow, width - end)?);
        Tensor::cat(&parts, 1)
    }

    /// Columns without an update, where there are any.
    fn zeros(like: &Tensor, columns: usize) -> candle_core::Result<Option<Tensor>> {
        match columns {
            0 => Ok(None),
            _ => Tensor::zeros((like.dim(0)?, columns), like.dtype(), like.device()).map(Some),
        }
    }

    /// The same matrices on this device.
    pub(super) fn onto(&self, device: &Device) -> candle_core::Result<Self> {
        let moved = |update: &Update| Ok(Update { up: update.up.to_device(device)?, column: update.column });
        Ok(Self {
            down: self.down.to_device(device)?,
            rank: self.rank,
            updates: self.updates.iter().map(moved).collect::<candle_core::Result<_>>()?,
        })
    }

    fn add(&self, route: &Route<'_>, input: &Tensor, output: &Tensor) -> Result<(), ModelError> {
        let own = match route.rows.len() == route.total {
            true => input.clone(),
            false => input.index_select(&Tensor::new(route.rows.as_slice(), input.device())?, 0)?,
        };
        let narrow = own.matmul(&self.down)?;
        for (index, update) in self.updates.iter().enumerate() {
            let share = narrow.narrow(1, index * self.rank, self.rank)?.contiguous()?;
            let delta = share.matmul(&update.up)?;
            output.inplace_op2(&delta, &AddAt { rows: &route.rows, column: update.column })?;
        }
        Ok(())
    }
}

/// Adds a matrix to some rows of a larger one, from a column on.
struct AddAt<'a> {
    rows: &'a [u32],
    column: usize,
}

impl InplaceOp2 for AddAt<'_> {
    fn name(&self) -> &'static str {
        "add-at"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        delta: &CpuStorage,
        delta_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(target), CpuStorage::F32(delta)) = (target, delta) else {
            candle_core::bail!("add-at needs 32-bit floats");
        };
        let (width, columns) = (target_layout.shape().dims2()?.1, delta_layout.shape().dims2()?.1);
        let (Some((t0, t1)), Some((d0, d1))) =
            (target_layout.contiguous_offsets(), delta_layout.contiguous_offsets())
        else {
            candle_core::bail!("add-at needs contiguous inputs");
        };
        let target = &mut target[t0..t1];
        for (row, delta) in self.rows.iter().zip(delta[d0..d1].chunks_exact(columns)) {
            let place = &mut target[*row as usize * width + self.column..][..columns];
            place.iter_mut().zip(delta).for_each(|(place, delta)| *place += delta);
        }
        Ok(())
    }
}
