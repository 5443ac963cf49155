//! The task, its promise and the data.

use super::Checker;
use crate::spec::diagnostic::{ErrorCode, nearest};
use crate::spec::project::{Bound, Criterion, DataSpec, ScopeSpec, Task};
use crate::spec::raw::{Listed, RawCriterion, RawData, RawScope, RawTask, Text};
use crate::spec::tree::Node;

impl Checker<'_> {
    pub(super) fn scope(&mut self, raw: Option<RawScope>) -> Option<ScopeSpec> {
        let raw = raw?;
        let task = raw.task.and_then(|task| self.task(task, raw.labels));
        let success = raw.success.and_then(|success| self.success(success));
        Some(ScopeSpec { task: task?, success: success? })
    }

    fn task(&mut self, task: RawTask, labels: Option<Listed<Text>>) -> Option<Task> {
        let task = match (task, labels) {
            (RawTask::Classify, Some(labels)) => return self.labels(labels),
            (RawTask::Classify, None) => {
                let message = "a classification task needs labels";
                let problem = self.problem(ErrorCode::Labels, "/scope/task", message);
                self.report(problem.expected("`labels: [spam, ham]` beside `task`"));
                return None;
            }
            (task, Some(_)) => {
                let message = format!("the task `{}` takes no labels", plain(task).name());
                let problem = self.problem(ErrorCode::Labels, "/scope/labels", message);
                let help = "take `labels` out, or write `task: classify`";
                self.report(problem.expected("`labels` with `task: classify` alone").help(help));
                return None;
            }
            (task, None) => plain(task),
        };
        Some(task)
    }

    fn labels(&mut self, labels: Listed<Text>) -> Option<Task> {
        let whole = labels.iter().all(Option::is_some);
        let named: Vec<Option<String>> = labels.into_iter().map(|label| Some(label?.0)).collect();
        self.unique("/scope/labels/#", "label", &named);
        let labels: Vec<String> = named.into_iter().flatten().collect();
        if let Some(at) = labels.iter().position(|label| label.trim().is_empty()) {
            let place = format!("/scope/labels/{at}");
            let problem = self.problem(ErrorCode::Labels, &place, "a label is empty");
            self.report(problem.expected("a word that the model can answer"));
        }
        if whole && labels.len() < 2 {
            let message = format!("a classification task has {} label", labels.len());
            let problem = self.problem(ErrorCode::Labels, "/scope/labels", message);
            self.report(problem.expected("at least two labels"));
            return None;
        }
        Some(Task::Classify { labels })
    }

    fn success(&mut self, raw: Listed<RawCriterion>) -> Option<Vec<Criterion>> {
        let whole = raw.len();
        let mut criteria: Vec<Criterion> = Vec::new();
        for (at, criterion) in raw.into_iter().enumerate() {
            let Some(criterion) = criterion.and_then(|raw| self.criterion(at, &raw)) else {
                continue;
            };
            let same =
                |other: &&Criterion| (other.metric, other.bound) == (criterion.metric, criterion.bound);
            if criteria.iter().find(same).is_some() {
                let place = format!("/scope/success/{at}/metric");
                let message = format!("`{}` is bounded twice on one side", criterion.metric);
                let problem = self.problem(ErrorCode::Criterion, &place, message);
                self.report(problem.expected("one bound for each side of a metric"));
            }
            criteria.push(criterion);
        }
        (criteria.len() == whole).then_some(criteria)
    }

    fn criterion(&mut self, at: usize, raw: &RawCriterion) -> Option<Criterion> {
        let metric = raw.metric?;
        let (bound, value) = match (raw.at_least, raw.at_most) {
            (Some(value), None) => (Bound::AtLeast, value),
            (None, Some(value)) => (Bound::AtMost, value),
            (Some(_), Some(_)) => {
                let place = format!("/scope/success/{at}/at_most");
                let message = format!("`{metric}` has both `at_least` and `at_most`");
                let problem = self.problem(ErrorCode::Criterion, &place, message);
                let help = "write two criteria if both bounds are meant";
                self.report(problem.expected("one of the two").help(help));
                return None;
            }
            (None, None) => {
                self.unbounded(at, metric.name());
                return None;
            }
        };
        let (key, always_holds) = match bound {
            Bound::AtLeast => ("at_least", value <= 0.0),
            Bound::AtMost => ("at_most", value >= 1.0),
        };
        if always_holds {
            let place = format!("/scope/success/{at}/{key}");
            let message = format!("`{key}: {value}` always holds");
            let problem = self.problem(ErrorCode::Criterion, &place, message);
            self.report(problem.expected("a bound that a system can miss"));
            return None;
        }
        Some(Criterion { metric, bound, value })
    }

    /// Reported only where the file has neither key: a bound with a wrong value is reported already.
    fn unbounded(&mut self, at: usize, metric: &str) {
        let place = format!("/scope/success/{at}");
        if self.has_key(&place, "at_least") || self.has_key(&place, "at_most") {
            return;
        }
        let message = format!("`{metric}` has no bound");
        let problem = self.problem(ErrorCode::Criterion, &format!("{place}/metric"), message);
        self.report(problem.expected("`at_least: 0.70` or `at_most: 0.02` beside `metric`"));
    }

    pub(super) fn data(&mut self, raw: Option<RawData>) -> Option<DataSpec> {
        let raw = raw?;
        let named = [("train", raw.train.clone()), ("dev", raw.dev.clone()), ("test", raw.test.clone())];
        self.shared_splits(&named);
        let [train, dev, test] =
            named.map(|(key, text)| (text.is_some(), self.source(&format!("/data/{key}"), text)));
        let listed = raw.documents.unwrap_or_default();
        let count = listed.len();
        let documents: Vec<_> = (0..count)
            .zip(listed)
            .filter_map(|(at, text)| self.source(&format!("/data/documents/{at}"), text))
            .collect();
        let whole = documents.len() == count && train.0 == train.1.is_some();
        let (dev, test) = (dev.1?, test.1?);
        whole.then_some(DataSpec { train: train.1, dev, test, documents })
    }

    /// A split that is measured on must not be seen elsewhere.
    fn shared_splits(&mut self, splits: &[(&str, Option<String>)]) {
        for (at, (key, text)) in splits.iter().enumerate() {
            let same = |(_, other): &&(&str, Option<String>)| text.is_some() && other == text;
            if let Some((other, _)) = splits[..at].iter().find(same) {
                let message = format!("`{key}` and `{other}` are the same file");
                let place = format!("/data/{key}");
                let problem = self.problem(ErrorCode::SharedSplit, &place, message);
                let help = "an item that was seen before says nothing about new ones";
                self.report(problem.expected("a file of its own for each split").help(help));
            }
        }
    }

    /// Whether the mapping at the pointer has the key in the file, perhaps misspelt: then a
    /// problem of the key is reported already.
    pub(super) fn has_key(&self, pointer: &str, key: &str) -> bool {
        let keys = self.root.find(pointer).map(Node::keys).unwrap_or_default();
        keys.into_iter().any(|found| nearest(found, [key]).is_some())
    }
}

fn plain(task: RawTask) -> Task {
    match task {
        RawTask::Answer => Task::Answer,
        RawTask::Classify => Task::Classify { labels: Vec::new() },
        RawTask::Extract => Task::Extract,
        RawTask::Generate => Task::Generate,
    }
}
