//! The finalist meets the incumbent on items that did not choose it.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::evidence::{PairedEvidence, Verdict};
use empiric_schema::view::Standing;

use super::{Effects, Work, alpha};
use crate::dispatch::Halt;
use crate::gate::{self, Grades, Outlook, select};

/// Parts in which a thrifty confirmation asks for its items.
const PARTS: usize = 3;

impl Work<'_> {
    pub(super) async fn confirm(&mut self, world: &impl Effects, finalist: usize) -> Result<(), Halt> {
        self.race.set_standing(finalist, Standing::Finalist);
        let (confirmed, files, outlook) = self.answers(world, finalist).await?;
        // What was not asked for is part of no measurement.
        self.confirm.truncate(confirmed.n() as usize);
        let (evidence, is_guarded) = self.compare(&confirmed);
        let records = self.measure(finalist, &confirmed, files);
        world.record(&self.input.run, records).await?;
        self.decide_promotion(finalist, evidence, is_guarded, outlook);
        if evidence.verdict == Verdict::Pass {
            self.complete(world, finalist, &confirmed).await?;
        }
        world.show(self.view("done"));
        Ok(())
    }

    /// The finalist's answers, part by part, until all are there or the rest cannot promote it.
    async fn answers(
        &mut self,
        world: &impl Effects,
        finalist: usize,
    ) -> Result<(Grades, Vec<ArtifactRef>, Outlook), Halt> {
        let (mut confirmed, mut outlook) = (Grades::default(), Outlook::Open);
        let before = self.files[finalist].len();
        for (number, part) in self.parts().into_iter().enumerate() {
            let label = self.part_label(finalist, number);
            let graded =
                self.evaluate(world, vec![(finalist, label, part)], "finalist against incumbent").await?;
            for (_, grades) in graded {
                confirmed.passed.push_str(&grades.passed);
                confirmed.harmful.push_str(&grades.harmful);
            }
            outlook = self.outlook(&confirmed.passed);
            if outlook != Outlook::Open {
                break;
            }
        }
        Ok((confirmed, self.files[finalist][before..].to_vec(), outlook))
    }

    fn parts(&self) -> Vec<Vec<u32>> {
        let size =
            if self.input.options.thrift { self.confirm.len().div_ceil(PARTS) } else { self.confirm.len() };
        self.confirm.chunks(size.max(1)).map(<[u32]>::to_vec).collect()
    }

    fn part_label(&self, finalist: usize, number: usize) -> String {
        let label = format!("iteration {}, finalist {}", self.input.number, self.race.label(finalist));
        if number == 0 { label } else { format!("{label}, part {}", number + 1) }
    }

    fn outlook(&self, passed: &str) -> Outlook {
        let left = self.confirm.len() - passed.len().min(self.confirm.len());
        if left == 0 {
            return Outlook::Open;
        }
        let incumbent = select(&self.input.incumbent_passed, &self.confirm[..passed.len()]);
        gate::outlook(&incumbent, passed, left as u64, alpha(self.input))
    }

    /// The evidence over what was answered, and whether the guard against harm spoke.
    fn compare(&self, confirmed: &Grades) -> (PairedEvidence, bool) {
        let alpha = alpha(self.input);
        let incumbent = select(&self.input.incumbent_passed, &self.confirm);
        let clusters: Vec<u32> = self.confirm.iter().filter_map(|&position| self.cluster(position)).collect();
        let mut evidence = match clusters.len() == self.confirm.len() {
            true => gate::compare_clusters(
                &incumbent,
                &confirmed.passed,
                &clusters,
                alpha,
                self.input.spec.improve.seed,
            ),
            false => gate::compare(&incumbent, &confirmed.passed, alpha),
        };
        let harmful = select(&self.input.incumbent_harmful, &self.confirm);
        let is_guarded =
            evidence.verdict == Verdict::Pass && gate::is_more_harmful(&harmful, &confirmed.harmful, alpha);
        if is_guarded {
            evidence.verdict = Verdict::Inconclusive;
        }
        (evidence, is_guarded)
    }

    fn cluster(&self, position: u32) -> Option<u32> {
        self.input.frozen.dev_clusters.get(position as usize).copied()
    }

    /// A promoted version needs grades on all of dev: it is the next incumbent.
    async fn complete(
        &mut self,
        world: &impl Effects,
        finalist: usize,
        confirmed: &Grades,
    ) -> Result<(), Halt> {
        let rest = self.race.order()[self.race.passed(finalist).len()..].to_vec();
        if !rest.is_empty() {
            let label = format!("iteration {}, rest of dev", self.input.number);
            let graded = self.evaluate(world, vec![(finalist, label, rest)], "rest of dev").await?;
            for (runner, grades) in graded {
                self.take(runner, &grades);
            }
        }
        self.finalist_dev = Grades {
            passed: self.over_dev(self.race.passed(finalist), &confirmed.passed),
            harmful: self.over_dev(&self.harmful[finalist], &confirmed.harmful),
        };
        Ok(())
    }
}
