//! The finalist meets the incumbent on items that did not choose it.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::evidence::{PairedEvidence, Verdict};
use empiric_schema::guard::GuardEvidence;
use empiric_schema::spec::Technique;
use empiric_schema::view::Standing;

use super::{Effects, Work, alpha};
use crate::dispatch::Halt;
use crate::gate::guards::judge_guards;
use crate::gate::{self, Grades, Outlook, select};

/// Parts in which a thrifty confirmation asks for its items.
const PARTS: usize = 3;

impl Work<'_> {
    pub(super) async fn confirm(&mut self, world: &impl Effects, finalist: usize) -> Result<(), Halt> {
        self.race.set_standing(finalist, Standing::Finalist);
        let (confirmed, files, outlook) = self.answers(world, finalist).await?;
        // What was not asked for is part of no measurement.
        self.confirm.truncate(confirmed.n() as usize);
        let (evidence, guards) = self.compare(&confirmed);
        let records = self.measure(finalist, &confirmed, files);
        world.record(&self.input.run, records).await?;
        self.decide_promotion(finalist, evidence, guards, outlook);
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
                confirmed.extend(&grades);
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
        // What ends early here could only not be better, and a distilled model need not be.
        if left == 0 || self.input.technique == Technique::Distil {
            return Outlook::Open;
        }
        let incumbent = select(&self.input.incumbent_passed, &self.confirm[..passed.len()]);
        gate::outlook(&incumbent, passed, left as u64, alpha(self.input))
    }

    /// The evidence over what was answered, and what the guards say of a finalist that is shown to be better.
    fn compare(&self, confirmed: &Grades) -> (PairedEvidence, Vec<GuardEvidence>) {
        let alpha = alpha(self.input);
        let incumbent = self.incumbent().at(&self.confirm);
        let clusters: Vec<u32> = self.confirm.iter().filter_map(|&position| self.cluster(position)).collect();
        let margin = self.input.spec.gate.guards.accuracy;
        let mut evidence = match clusters.len() == self.confirm.len() {
            _ if self.input.technique == Technique::Distil => {
                gate::compare_distilled(&incumbent, confirmed, margin, alpha)
            }
            true => gate::compare_clusters(
                &incumbent.passed,
                &confirmed.passed,
                &clusters,
                alpha,
                self.input.spec.improve.seed,
            ),
            false => gate::compare(&incumbent.passed, &confirmed.passed, alpha),
        };
        if evidence.verdict != Verdict::Pass {
            return (evidence, Vec::new());
        }
        let guards = judge_guards(&self.input.spec.gate.guards, &incumbent, confirmed, alpha);
        if guards.iter().any(|guard| guard.verdict != Verdict::Pass) {
            evidence.verdict = Verdict::Inconclusive;
        }
        (evidence, guards)
    }

    /// The incumbent's grades on dev.
    pub(super) fn incumbent(&self) -> Grades {
        Grades {
            passed: self.input.incumbent_passed.clone(),
            harmful: self.input.incumbent_harmful.clone(),
            abstained: self.input.incumbent_abstained.clone(),
            effort: self.input.incumbent_effort,
        }
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
        let raced = &self.raced[finalist];
        self.finalist_dev = Grades {
            passed: self.over_dev(self.race.passed(finalist), &confirmed.passed),
            harmful: self.over_dev(&raced.harmful, &confirmed.harmful),
            abstained: self.over_dev(&raced.abstained, &confirmed.abstained),
            effort: raced.effort.plus(confirmed.effort),
        };
        Ok(())
    }
}
