//! Points of one category, put together by their labels.

use empiric_schema::diagnosis::Category;
use empiric_schema::id::ItemId;

use super::density::labels;
use super::dot;
use super::kmeans::mean;

/// A failure with its vector.
#[derive(Debug, Clone)]
pub(crate) struct Point<'a> {
    pub(crate) id: &'a ItemId,
    /// What was asked.
    pub(crate) input: &'a str,
    pub(crate) category: Category,
    /// Of length 1.
    pub(crate) vector: Vec<f32>,
}

/// Failures of a category that are alike, or that are like no others.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) category: Category,
    /// Whether its points are like no others.
    pub(crate) is_noise: bool,
    /// The most typical first.
    pub(crate) points: Vec<Point<'a>>,
    /// Mean of the vectors, of length 1.
    pub(crate) centroid: Vec<f32>,
}

/// The groups of all categories in the categories' order, large ones first, noise last.
///
/// # Errors
/// As [`labels`].
pub(crate) fn groups(points: Vec<Point<'_>>, seed: u64) -> Result<Vec<Group<'_>>, String> {
    let mut all = Vec::new();
    for category in Category::ALL {
        let of_category: Vec<Point<'_>> =
            points.iter().filter(|point| point.category == category).cloned().collect();
        let vectors: Vec<Vec<f32>> = of_category.iter().map(|point| point.vector.clone()).collect();
        let labels = labels(&vectors, seed)?;
        let mut names: Vec<Option<usize>> = labels.clone();
        names.sort_unstable();
        names.dedup();
        let group = |name: Option<usize>| {
            let own = of_category.iter().zip(&labels).filter(|(_, label)| **label == name);
            Group::new(category, name.is_none(), own.map(|(point, _)| point.clone()).collect())
        };
        let mut groups: Vec<Group<'_>> = names.into_iter().map(group).collect();
        groups.sort_by_key(|group| (group.is_noise, std::cmp::Reverse(group.points.len())));
        all.extend(groups);
    }
    Ok(all)
}

impl<'a> Group<'a> {
    fn new(category: Category, is_noise: bool, mut points: Vec<Point<'a>>) -> Self {
        let centroid = mean(points.iter().map(|point| point.vector.as_slice())).unwrap_or_default();
        let length = dot(&centroid, &centroid).sqrt().max(f32::MIN_POSITIVE);
        let centroid: Vec<f32> = centroid.into_iter().map(|value| value / length).collect();
        // Of vectors of length 1, the one nearest the mean is also the medoid.
        let typical = |point: &Point<'_>| dot(&point.vector, &centroid);
        points.sort_by(|one, other| typical(other).total_cmp(&typical(one)).then(one.id.cmp(other.id)));
        Self { category, is_noise, points, centroid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(angle: f32) -> Vec<f32> {
        vec![angle.cos(), angle.sin()]
    }

    #[test]
    fn groups_are_by_category_and_the_most_typical_point_comes_first() {
        let ids: Vec<ItemId> = ["a", "b", "c", "d"].map(ItemId::new).into();
        let point = |place: usize, category, angle| Point {
            id: &ids[place],
            input: "",
            category,
            vector: unit(angle),
        };
        let points = vec![
            point(0, Category::Knowledge, 0.0),
            point(1, Category::Knowledge, 0.2),
            point(2, Category::Knowledge, 0.3),
            point(3, Category::Format, 0.0),
        ];
        let groups = groups(points, 1).unwrap();
        let shown: Vec<(Category, bool, Vec<&str>)> = groups
            .iter()
            .map(|group| {
                (group.category, group.is_noise, group.points.iter().map(|p| p.id.as_str()).collect())
            })
            .collect();
        let expected =
            vec![(Category::Format, true, vec!["d"]), (Category::Knowledge, true, vec!["b", "c", "a"])];
        assert_eq!(shown, expected);
        assert!((dot(&groups[1].centroid, &groups[1].centroid) - 1.0).abs() < 1e-6);
    }
}
