//! The classes of a file of weights beside those of a data set: a figure is of the class that it is
//! named by only if both have them in one order.

use std::path::Path;

use ablate_detection::dataset::Dataset;
use anyhow::{Result, bail};

/// Names of a list that are shown before the rest is only counted.
const MOST_NAMES: usize = 20;

/// Rejects weights of the data set's classes in another order. A file that does not say its classes
/// is taken.
///
/// # Errors
/// Both orders, and what to do.
pub fn check_order(file: &Path, trained: Option<&[String]>, data: &Dataset) -> Result<()> {
    let Some(trained) = trained.filter(|trained| *trained != data.classes) else {
        return Ok(());
    };
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    if sorted(trained) == sorted(&data.classes) {
        bail!(
            "{}: expected the classes in the order of data set {}, {}, found weights trained on {}: each figure would be of another class; \
             list the data set's classes in the order of the weights (`names`; in YOLO's format the numbers in the label files go with it)",
            file.display(),
            data.name,
            list(&data.classes),
            list(trained),
        );
    }
    Ok(())
}

/// What is to be said of weights whose classes are as many as the data set's, but not of the same
/// names; None if there is nothing.
pub fn other_names(file: &Path, trained: Option<&[String]>, data: &Dataset) -> Option<String> {
    let trained = trained.filter(|trained| trained.len() == data.classes.len())?;
    let pairs = || trained.iter().zip(&data.classes).enumerate();
    let differing = pairs().filter(|(_, (theirs, ours))| theirs != ours);
    let count = differing.clone().count();
    let (number, (theirs, ours)) = differing.clone().next()?;
    // A name that both have at different places was not renamed.
    let moved = differing.clone().find_map(|(number, (theirs, _))| {
        let place = data.classes.iter().position(|ours| ours == theirs)?;
        Some(format!(
            "; '{theirs}' is class {number} there and class {place} here"
        ))
    });
    Some(format!(
        "{}: trained on other names of classes than data set {} has, {count} of {} differ: class {number} is '{theirs}' there and '{ours}' here{}; \
         figures are right only if the classes mean the same",
        file.display(),
        data.name,
        trained.len(),
        moved.unwrap_or_default(),
    ))
}

/// `[a, b, c]`
fn list(names: &[String]) -> String {
    let rest = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(", … {more} more"),
    };
    let shown = &names[..names.len().min(MOST_NAMES)];
    format!("[{}{rest}]", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use ablate_detection::dataset::{DataSpec, Split};

    use super::*;

    fn names(words: &str) -> Vec<String> {
        words.split(' ').map(String::from).collect()
    }

    fn data(classes: &str) -> Dataset {
        let drawn = "format: shapes\nimages: {train: 1, val: 1, test: 1}\n";
        let spec = DataSpec::parse(drawn, Path::new("mine.yaml")).unwrap();
        let mut dataset = Dataset::open(&spec, Split::Val).unwrap();
        dataset.classes = names(classes);
        dataset
    }

    #[test]
    fn another_order_is_refused() {
        let (file, data) = (Path::new("best.safetensors"), data("c a b"));
        let check = |trained: Option<Vec<String>>| check_order(file, trained.as_deref(), &data);
        let error = check(Some(names("a b c"))).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "best.safetensors: expected the classes in the order of data set mine, [c, a, b], found weights trained on [a, b, c]"
            ),
            "{error}"
        );
        for trained in ["c a b", "a b d", "a b", "a b c d"] {
            check(Some(names(trained))).unwrap();
        }
        check(None).unwrap();
    }

    #[test]
    fn other_names_are_said() {
        let (file, data) = (Path::new("best.pt"), data("c a b"));
        let said = |trained: &str| other_names(file, Some(&names(trained)), &data);
        let one = said("c a bike").unwrap();
        assert!(
            one.contains("1 of 3 differ: class 2 is 'bike' there and 'b' here; figures"),
            "{one}"
        );
        let moved = said("a x b").unwrap();
        assert!(
            moved.contains("2 of 3 differ: class 0 is 'a' there and 'c' here; 'a' is class 0 there and class 1 here;"),
            "{moved}"
        );
        assert_eq!((said("c a b"), said("c a")), (None, None));
        assert_eq!(other_names(file, None, &data), None);
    }

    #[test]
    fn a_long_list_is_cut() {
        let many: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        assert!(
            list(&many).ends_with("18, 19, … 5 more]"),
            "{}",
            list(&many)
        );
    }
}
