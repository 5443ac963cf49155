//! The job kind `baseline`: a classic model answers items, and its answers are graded as a system's are.

use empiric_schema::data::Item;
use empiric_schema::job::{BaselineMethod, BaselineParams, EncoderFiles, Findings, ItemResult, RESULTS_FILE};

use super::context::{Context, Done, json_lines, select, summarise};
use super::embed::embed;
use crate::baseline::{LogisticRegression, Samples, choose_penalty, majority, nearest};
use crate::embed::Vectors;
use crate::error::JobError;
use crate::grade::Grader;
use crate::items::read_items;
use crate::progress::ProgressFile;

/// Learns, answers, grades and leaves [`RESULTS_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "baseline", skip_all, fields(items = params.positions.len()))]
pub(crate) fn run(context: Context<'_>, params: &BaselineParams) -> Result<Done, JobError> {
    let train = read_items(context.input(&params.train)?)?;
    let all = read_items(context.input(&params.items)?)?;
    let items = select(&all, &params.positions)?;
    if train.is_empty() {
        return Err(JobError::Parameters("there are no items to learn from".to_owned()));
    }
    let grader = Grader::new(params.assertions.clone(), params.labels.clone())?;
    items.iter().try_for_each(|item| grader.check_item(item))?;
    let job = Baseline { context, params, train: &train, items: &items };
    let (answers, figures) = job.answers()?;
    job.leave(&grader, &answers, figures)
}

/// Figures by name.
type Figures = std::collections::BTreeMap<String, f64>;

/// A job with its data.
struct Baseline<'a> {
    context: Context<'a>,
    params: &'a BaselineParams,
    train: &'a [Item],
    items: &'a [&'a Item],
}

impl Baseline<'_> {
    fn answers(&self) -> Result<(Vec<String>, Figures), JobError> {
        match self.params.method {
            BaselineMethod::Majority => Ok((self.majority()?, Figures::new())),
            BaselineMethod::Supervised => {
                let files = self.params.encoder.as_ref().ok_or_else(|| {
                    let reason = "a supervised baseline needs an encoder: name an `embedder` in the spec";
                    JobError::Parameters(reason.to_owned())
                })?;
                let vectors = self.embed(files)?;
                let rows: Vec<&[f32]> = vectors.rows().collect();
                let (train, items) = rows.split_at(self.train.len());
                match self.params.labels.is_empty() {
                    true => Ok((self.nearest(train, items), Figures::new())),
                    false => self.regression(train, items),
                }
            }
        }
    }

    fn majority(&self) -> Result<Vec<String>, JobError> {
        let answers: Vec<&str> = match self.params.labels.is_empty() {
            true => self.train.iter().map(|item| item.expected.shown()).collect(),
            false => self.classes()?.into_iter().map(|class| self.params.labels[class].as_str()).collect(),
        };
        Ok(vec![majority(&answers).unwrap_or_default().to_owned(); self.items.len()])
    }

    fn nearest(&self, train: &[&[f32]], items: &[&[f32]]) -> Vec<String> {
        let answer =
            |row: &&[f32]| nearest(train, row).map_or("", |place| self.train[place].expected.shown());
        items.iter().map(|row| answer(row).to_owned()).collect()
    }

    fn regression(&self, train: &[&[f32]], items: &[&[f32]]) -> Result<(Vec<String>, Figures), JobError> {
        let classes = self.classes()?;
        let samples = Samples { rows: train.to_vec(), classes, count: self.params.labels.len() };
        let (penalty, loss) = choose_penalty(&samples, self.context.file.spec.seed);
        let model = LogisticRegression::fit(&samples, penalty);
        let answers = items.iter().map(|row| self.params.labels[model.predict(row)].clone()).collect();
        let figures = [("penalty", penalty), ("cross_validation_loss", loss)];
        Ok((answers, figures.map(|(name, value)| (name.to_owned(), value)).into()))
    }

    /// The place of each train item's label.
    fn classes(&self) -> Result<Vec<usize>, JobError> {
        let fold = |text: &str| text.trim().to_lowercase();
        let labels: Vec<String> = self.params.labels.iter().map(|label| fold(label)).collect();
        let class = |item: &Item| {
            let label = fold(item.expected.shown());
            labels.iter().position(|known| *known == label).ok_or_else(|| {
                let (id, shown, all) = (&item.id, item.expected.shown(), self.params.labels.join("`, `"));
                JobError::Parameters(format!("the item `{id}` expects `{shown}`, which is no label: `{all}`"))
            })
        };
        self.train.iter().map(class).collect()
    }

    /// The vectors of the items to learn from, then of those to answer.
    fn embed(&self, encoder: &EncoderFiles) -> Result<Vectors, JobError> {
        let train = self.train.iter().map(|item| item.input.as_str());
        let texts: Vec<&str> = train.chain(self.items.iter().map(|item| item.input.as_str())).collect();
        let mut progress = ProgressFile::open(self.context.folder)?;
        embed(self.context, encoder, &mut progress, &texts)
    }

    fn leave(&self, grader: &Grader, answers: &[String], figures: Figures) -> Result<Done, JobError> {
        let indexed = answers.iter().enumerate();
        let results: Vec<ItemResult> =
            indexed.map(|(index, answer)| self.result(grader, index, answer)).collect::<Result<_, _>>()?;
        let passed = results.iter().filter(|result| result.passed).count();
        let mut done = Done {
            message: format!("{passed} of {} items passed", results.len()),
            findings: Findings { evaluation: Some(summarise(&results)), figures, ..Findings::default() },
            ..Done::default()
        };
        self.context.leave(&mut done, RESULTS_FILE, &json_lines(&results), "application/jsonl")?;
        Ok(done)
    }

    fn result(&self, grader: &Grader, index: usize, answer: &str) -> Result<ItemResult, JobError> {
        let item = self.items[index];
        let grade = grader.grade(item, answer)?;
        Ok(ItemResult {
            id: item.id.clone(),
            position: self.params.positions[index],
            answer: answer.to_owned(),
            passed: grade.passed,
            harmful: grade.harmful,
            reason: grade.reason,
            passages: Vec::new(),
            calls: Vec::new(),
            prompt_tokens: 0,
            completion_tokens: 0,
        })
    }
}
