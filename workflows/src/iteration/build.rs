//! What a technique builds before its candidates race.

use empiric_schema::contract::JobOutcome;
use empiric_schema::decision::Decision;

use super::{Effects, Work, first_items, split};
use crate::dispatch::Halt;
use crate::gate::Grades;
use crate::race::Race;
use crate::technique::{self, Build, Built, Candidate, Plan, Product, Setting};

impl Work<'_> {
    /// Builds what the technique asks for, step by step, and lines up its candidates.
    pub(super) async fn prepare(&mut self, world: &impl Effects) -> Result<(), Halt> {
        let mut built = Built::new();
        loop {
            match technique::plan(self.input.technique, &self.setting(), &built) {
                Plan::Race(candidates) => {
                    self.line_up(candidates);
                    return Ok(());
                }
                Plan::Build(builds) => self.build(world, builds, &mut built).await?,
            }
        }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            spec: &self.input.spec,
            frozen: &self.input.frozen,
            incumbent: &self.input.incumbent,
            diagnosis: &self.input.diagnosis,
            tried: &self.input.tried,
            most: self.input.spec.improve.candidates as usize,
            // No technique that builds anything learns from pairs.
            pairs: 0,
        }
    }

    fn line_up(&mut self, candidates: Vec<Candidate>) {
        self.raced = vec![Grades::default(); candidates.len()];
        self.files = vec![Vec::new(); candidates.len()];
        let items = split(self.input).0;
        let first = first_items(self.input, candidates.len(), items.len());
        self.race = Race::new(candidates, items, first);
    }

    async fn build(
        &mut self,
        world: &impl Effects,
        builds: Vec<Build>,
        built: &mut Built,
    ) -> Result<(), Halt> {
        let number = self.input.number;
        let jobs =
            builds.iter().map(|build| (format!("iteration {number}, {}", build.label), build.kind.clone()));
        let outcomes = self.run_jobs(world, jobs.collect(), &activity(&builds)).await?;
        let mut told = Vec::new();
        for (build, outcome) in builds.into_iter().zip(outcomes) {
            told.push((build.label, figures(&outcome)));
            built.insert(build.name, Product { outputs: outcome.outputs, findings: outcome.findings });
        }
        let why = format!("`{}` needs it before its candidates can race", self.input.technique);
        self.decide(Decision::Build { technique: self.input.technique.name().to_owned(), jobs: told }, why);
        Ok(())
    }
}

/// For people: what is being built.
fn activity(builds: &[Build]) -> String {
    let labels: Vec<&str> = builds.iter().map(|build| build.label.as_str()).collect();
    format!("building: {}", labels.join("; "))
}

/// What a finished build says of itself.
fn figures(outcome: &JobOutcome) -> Vec<(String, f64)> {
    let findings = &outcome.findings;
    let mut figures: Vec<(String, f64)> =
        findings.figures.iter().map(|(name, value)| (name.clone(), *value)).collect();
    if let Some(training) = &findings.training {
        figures.push(("steps".to_owned(), f64::from(training.steps)));
        figures.push(("tokens".to_owned(), training.tokens as f64));
        figures.push(("loss".to_owned(), training.loss));
        figures.extend(training.dev_loss.map(|loss| ("dev_loss".to_owned(), loss)));
        let curve =
            training.looks.iter().map(|look| (format!("dev_loss after {}", look.examples), look.dev_loss));
        figures.extend(curve.filter(|_| training.looks.len() > 1));
    }
    figures
}
