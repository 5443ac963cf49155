//! The job kind `cluster`: failures of a category that are alike are put together and named.

use std::collections::{BTreeMap, HashMap, HashSet};

use empiric_schema::data::Item;
use empiric_schema::diagnosis::{Cluster, ItemDiagnosis};
use empiric_schema::id::ItemId;
use empiric_schema::job::{CLUSTERS_FILE, ClusterParams, Findings};

use super::context::{Context, Done, json_lines};
use super::embed::embed;
use crate::cluster::{Followed, Group, Point, follow, groups, top_terms};
use crate::embed::Vectors;
use crate::error::JobError;
use crate::items::{read_items, read_lines};
use crate::progress::ProgressFile;

/// Embeds failures, groups them, and leaves [`CLUSTERS_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "cluster", skip_all, fields(failures = tracing::field::Empty))]
pub(crate) fn run(context: Context<'_>, params: &ClusterParams) -> Result<Done, JobError> {
    let items = read_items(context.input(&params.items)?)?;
    let failures: Vec<ItemDiagnosis> =
        read_lines(context.input(&params.probes)?, "a line of a probe job's output", |_: &ItemDiagnosis| {
            Ok(())
        })?;
    tracing::Span::current().record("failures", failures.len());
    let previous: Vec<Cluster> = match &params.previous {
        Some(previous) => read_lines(context.input(previous)?, "a cluster", |_: &Cluster| Ok(()))?,
        None => Vec::new(),
    };
    let items = asked(&items, &failures)?;
    let vectors = embedded(context, params, &failures, &items)?;
    let points = points(&failures, &items, &vectors);
    let groups = groups(points, context.file.spec.seed).map_err(JobError::Panic)?;
    let failing: HashSet<&ItemId> = failures.iter().map(|failure| &failure.id).collect();
    let followed = follow(&groups, &previous, &failing);
    let figures = figures(&groups, &followed, &previous, &failing);
    let clusters = clusters(groups, followed);
    let mut done = Done {
        message: format!("{} failures in {} clusters", failures.len(), clusters.len()),
        findings: Findings { figures, ..Findings::default() },
        ..Done::default()
    };
    context.leave(&mut done, CLUSTERS_FILE, &json_lines(&clusters), "application/jsonl")?;
    Ok(done)
}

/// The items that failed, in the order of their diagnoses.
fn asked<'a>(items: &'a [Item], failures: &[ItemDiagnosis]) -> Result<Vec<&'a Item>, JobError> {
    let by_id: HashMap<&ItemId, &Item> = items.iter().map(|item| (&item.id, item)).collect();
    let find = |failure: &ItemDiagnosis| {
        let unknown = || {
            let reason = format!("the diagnoses are of other items: {} is not in the data", failure.id);
            JobError::Parameters(reason)
        };
        by_id.get(&failure.id).copied().ok_or_else(unknown)
    };
    failures.iter().map(find).collect()
}

/// Vectors of each input with the signature of its failure: the category and the reason.
fn embedded(
    context: Context<'_>,
    params: &ClusterParams,
    failures: &[ItemDiagnosis],
    items: &[&Item],
) -> Result<Vectors, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, failures.len() as u64, "text"))?;
    let text = |(failure, item): (&ItemDiagnosis, &&Item)| {
        format!("{}\n{}: {}", item.input, failure.category.words(), failure.why)
    };
    let texts: Vec<String> = failures.iter().zip(items).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    embed(context, &params.encoder, &mut progress, &texts)
}

fn points<'a>(failures: &'a [ItemDiagnosis], items: &[&'a Item], vectors: &Vectors) -> Vec<Point<'a>> {
    let point = |((failure, item), vector): ((&'a ItemDiagnosis, &&'a Item), &[f32])| Point {
        id: &failure.id,
        input: &item.input,
        category: failure.category,
        vector: vector.to_vec(),
    };
    failures.iter().zip(items).zip(vectors.rows()).map(point).collect()
}

fn clusters(groups: Vec<Group<'_>>, followed: Vec<Followed>) -> Vec<Cluster> {
    let inputs: Vec<Vec<&str>> =
        groups.iter().map(|group| group.points.iter().map(|point| point.input).collect()).collect();
    let terms = top_terms(&inputs);
    let cluster = |((group, followed), terms): ((Group<'_>, Followed), Vec<String>)| Cluster {
        name: followed.name,
        terms,
        category: group.category,
        items: group.points.iter().map(|point| point.id.clone()).collect(),
        fixed: followed.fixed,
        centroid: group.centroid,
    };
    groups.into_iter().zip(followed).zip(terms).map(cluster).collect()
}

fn figures(
    groups: &[Group<'_>],
    followed: &[Followed],
    previous: &[Cluster],
    failing: &HashSet<&ItemId>,
) -> BTreeMap<String, f64> {
    let noise = groups.iter().filter(|group| group.is_noise).map(|group| group.points.len()).sum::<usize>();
    let earlier: HashSet<&ItemId> = previous.iter().flat_map(|cluster| &cluster.items).collect();
    let figures = [
        ("clusters", groups.iter().filter(|group| !group.is_noise).count()),
        ("failures", groups.iter().map(|group| group.points.len()).sum()),
        ("noise", noise),
        ("continued", followed.iter().filter(|followed| followed.continues).count()),
        ("fixed", earlier.difference(failing).count()),
    ];
    figures.map(|(name, value)| (name.to_owned(), value as f64)).into()
}
