//! Which examples meet in which step, and how large the steps are.

use empiric_schema::job::Optimisation;

use super::random::Random;

/// The steps of a training, laid out before it begins.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    examples: usize,
    batch: usize,
    seed: u64,
    peak: f64,
    warmup_steps: u32,
    /// Steps of all epochs: what the rate is laid out over.
    laid_out: u32,
    /// Steps that are made at most.
    pub(crate) total: u32,
}

/// The shuffle of an epoch has this stream plus the epoch's number; lower streams make start values.
const EPOCH_STREAM: u64 = 1 << 32;

impl Schedule {
    pub(crate) fn new(optimisation: &Optimisation, examples: usize, seed: u64) -> Self {
        let batch = optimisation.batch as usize;
        let laid_out = (examples.div_ceil(batch) as u32).saturating_mul(optimisation.epochs);
        let total = match optimisation.max_steps {
            0 => laid_out,
            most => laid_out.min(most),
        };
        let warmup_steps = (f64::from(laid_out) * optimisation.warmup).ceil() as u32;
        Self { examples, batch, seed, peak: optimisation.learning_rate, warmup_steps, laid_out, total }
    }

    /// Steps of one pass over the examples. The last one may have fewer examples.
    pub(crate) fn epoch_steps(&self) -> u32 {
        self.examples.div_ceil(self.batch) as u32
    }

    /// The examples of a step (from 1), in an order that seed and epoch alone decide.
    pub(crate) fn examples(&self, step: u32) -> Vec<usize> {
        let (epoch, within) = ((step - 1) / self.epoch_steps(), (step - 1) % self.epoch_steps());
        let mut order: Vec<usize> = (0..self.examples).collect();
        Random::new(self.seed, EPOCH_STREAM + u64::from(epoch)).shuffle(&mut order);
        order.chunks(self.batch).nth(within as usize).unwrap_or_default().to_vec()
    }

    /// Examples that were learned from when this step is done, all epochs together.
    pub(crate) fn examples_after(&self, step: u32) -> usize {
        let (epochs, steps) = (step / self.epoch_steps(), step % self.epoch_steps());
        epochs as usize * self.examples + steps as usize * self.batch
    }

    /// The rate of a step (from 1): linear from 0 to the peak, then half a cosine to 0
    /// (Loshchilov and Hutter 2017, without restarts).
    pub(crate) fn rate(&self, step: u32) -> f64 {
        if step <= self.warmup_steps {
            return self.peak * f64::from(step) / f64::from(self.warmup_steps);
        }
        let (done, falling) = (step - 1 - self.warmup_steps, self.laid_out - self.warmup_steps);
        let progress = f64::from(done) / f64::from(falling);
        self.peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::optimisation;

    fn schedule(change: impl FnOnce(&mut Optimisation)) -> Schedule {
        let mut optimisation = optimisation();
        (optimisation.batch, optimisation.epochs, optimisation.warmup) = (4, 3, 0.25);
        optimisation.learning_rate = 1e-3;
        change(&mut optimisation);
        Schedule::new(&optimisation, 10, 7)
    }

    #[test]
    fn each_epoch_meets_every_example_once_in_its_own_order() {
        let schedule = schedule(|_| ());
        assert_eq!((schedule.total, schedule.epoch_steps()), (9, 3));
        let epoch =
            |first: u32| -> Vec<usize> { (first..first + 3).flat_map(|s| schedule.examples(s)).collect() };
        let orders = [epoch(1), epoch(4), epoch(7)];
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(orders[0], orders[1]);
        assert_eq!(schedule.examples(3).len(), 2);
        assert_eq!([1, 3, 4].map(|step| schedule.examples_after(step)), [4, 10, 14]);
    }

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_towards_zero() {
        let schedule = schedule(|_| ());
        let rates: Vec<f64> = (1..=9).map(|step| schedule.rate(step)).collect();
        assert_eq!(&rates[..3], &[1e-3 / 3.0, 2e-3 / 3.0, 1e-3]);
        assert_eq!(rates[3], 1e-3);
        assert!(rates[3..].windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");
        assert!(rates[8] < 1e-4 && rates[8] > 0.0);
    }

    #[test]
    fn fewer_steps_leave_the_rates_as_they_are() {
        let (whole, cut) = (schedule(|_| ()), schedule(|o| o.max_steps = 4));
        assert_eq!(cut.total, 4);
        assert_eq!(whole.rate(4), cut.rate(4));
    }

    #[test]
    fn without_warm_up_the_first_step_has_the_peak_rate() {
        assert_eq!(schedule(|o| o.warmup = 0.0).rate(1), 1e-3);
        assert_eq!(schedule(|o| o.warmup = 1.0).rate(9), 1e-3);
    }
}
