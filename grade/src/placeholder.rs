//! `{{expected}}` in an assertion's value stands for each of the item's accepted answers.

use empiric_schema::data::Expected;

const PLACE: &str = "{{expected}}";

/// The value with each accepted answer in its place; the value alone where it has no place for one.
pub(super) fn fill(value: &str, expected: &Expected) -> Vec<String> {
    fill_with(value, expected, str::to_owned)
}

/// As [`fill`], with the accepted answers rewritten first.
pub(super) fn fill_with(value: &str, expected: &Expected, rewrite: impl Fn(&str) -> String) -> Vec<String> {
    if !value.contains(PLACE) {
        return vec![value.to_owned()];
    }
    let answers = expected.alternatives().iter();
    answers.map(|answer| value.replace(PLACE, &rewrite(answer))).collect()
}

/// Values as a reason shows them: `a` or `b`.
pub(super) fn any_of(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    quoted.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accepted_answer_gives_a_value() {
        let expected = Expected::Any(vec!["6".into(), "six".into()]);
        assert_eq!(fill("{{expected}} am", &expected), ["6 am", "six am"]);
        assert_eq!(fill("plain", &expected), ["plain"]);
    }
}
