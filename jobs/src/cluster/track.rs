//! Clusters that continue those of the iteration before.

use std::collections::HashSet;

use empiric_schema::diagnosis::Cluster;
use empiric_schema::id::ItemId;

use super::group::Group;
use super::{OTHER, dot};

/// Centroids nearer than this cosine are of one cluster.
const SAME: f32 = 0.8;

/// The name of a group and what it continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) name: String,
    /// Items of the cluster that it continues that no longer fail.
    pub(crate) fixed: u32,
    /// Whether it continues one.
    pub(crate) continues: bool,
}

/// Names for the groups, in their order: that of the cluster of the same category whose centroid is nearest,
/// each given once, else a new one. `failing` are all items that fail now.
pub(crate) fn follow(
    groups: &[Group<'_>],
    previous: &[Cluster],
    failing: &HashSet<&ItemId>,
) -> Vec<Followed> {
    let mut continued: Vec<Option<usize>> = groups.iter().map(|group| same_noise(group, previous)).collect();
    for (group, cluster) in pairs(groups, previous) {
        if continued[group].is_none() && !continued.contains(&Some(cluster)) {
            continued[group] = Some(cluster);
        }
    }
    let mut last = previous.iter().filter_map(|cluster| number(&cluster.name)).max().unwrap_or(0);
    let mut name = |group: &Group<'_>, continued: Option<usize>| match continued.map(|place| &previous[place])
    {
        Some(cluster) => {
            Followed { name: cluster.name.clone(), fixed: fixed(cluster, failing), continues: true }
        }
        None if group.is_noise => Followed { name: OTHER.to_owned(), fixed: 0, continues: false },
        None => {
            last += 1;
            Followed { name: format!("k{last}"), fixed: 0, continues: false }
        }
    };
    groups.iter().zip(continued).map(|(group, continued)| name(group, continued)).collect()
}

/// Pairs of groups and clusters that may be one, the nearest first.
fn pairs(groups: &[Group<'_>], previous: &[Cluster]) -> Vec<(usize, usize)> {
    let mut near = Vec::new();
    for (place, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_noise) {
        for (other, cluster) in previous.iter().enumerate() {
            let cosine = dot(&group.centroid, &cluster.centroid);
            if cluster.category == group.category && cluster.name != OTHER && cosine > SAME {
                near.push((cosine, place, other));
            }
        }
    }
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().map(|(_, place, other)| (place, other)).collect()
}

/// The noise of a category continues its noise, wherever its mean lies.
fn same_noise(group: &Group<'_>, previous: &[Cluster]) -> Option<usize> {
    let same = |cluster: &Cluster| cluster.name == OTHER && cluster.category == group.category;
    if group.is_noise { previous.iter().position(same) } else { None }
}

fn fixed(cluster: &Cluster, failing: &HashSet<&ItemId>) -> u32 {
    cluster.items.iter().filter(|item| !failing.contains(item)).count() as u32
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix('k')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use empiric_schema::diagnosis::Category;

    use super::*;

    fn cluster(name: &str, category: Category, centroid: [f32; 2], items: &[&str]) -> Cluster {
        Cluster {
            name: name.into(),
            terms: Vec::new(),
            category,
            items: items.iter().map(|id| ItemId::new(*id)).collect(),
            fixed: 0,
            centroid: centroid.into(),
        }
    }

    fn group(category: Category, is_noise: bool, centroid: [f32; 2]) -> Group<'static> {
        Group { category, is_noise, points: Vec::new(), centroid: centroid.into() }
    }

    #[test]
    fn near_clusters_of_a_category_keep_their_names_and_count_what_is_fixed() {
        let previous = [
            cluster("k1", Category::Knowledge, [1.0, 0.0], &["a", "b"]),
            cluster("k4", Category::Knowledge, [0.0, 1.0], &["c"]),
            cluster("other", Category::Knowledge, [0.6, 0.8], &["d", "e"]),
        ];
        let groups = [
            group(Category::Knowledge, false, [0.95, 0.31]),
            group(Category::Knowledge, false, [0.99, 0.14]),
            group(Category::Knowledge, false, [0.7, 0.71]),
            group(Category::Format, false, [0.0, 1.0]),
            group(Category::Knowledge, true, [-1.0, 0.0]),
            group(Category::Format, true, [1.0, 0.0]),
        ];
        let still = ItemId::new("b");
        let followed = follow(&groups, &previous, &HashSet::from([&still]));
        let shown: Vec<(&str, u32, bool)> =
            followed.iter().map(|f| (f.name.as_str(), f.fixed, f.continues)).collect();
        // The second is nearer to k1 than the first.
        let expected = [
            ("k5", 0, false),
            ("k1", 1, true),
            ("k6", 0, false),
            ("k7", 0, false),
            ("other", 2, true),
            ("other", 0, false),
        ];
        assert_eq!(shown, expected);
    }
}
