//! A row of a label file: `class cx cy w h`, or a class and the points of a polygon.
//!
//! What has one meaning is taken (`0.0` is class 0); all else is refused with what would be right.

/// How far a share may lie outside 0..=1.
const TOLERANCE: f64 = 0.01;

/// A row of a label file, in shares of the image's size.
#[derive(Debug)]
pub(super) struct Row {
    pub class: usize,
    pub corners: [f64; 4],
    pub polygon: Option<Vec<[f64; 2]>>,
}

/// What the rows of a data set may hold.
pub(super) struct Grammar {
    /// Class names.
    pub classes: Vec<String>,
    /// How many numbers of keypoints follow a box in a pose data set; they are not read.
    pub keypoints: usize,
}

impl Grammar {
    /// A row, or why it is none.
    pub fn parse(&self, row: &str) -> Result<Row, String> {
        let words: Vec<&str> = row.split_whitespace().collect();
        let numbers: Vec<f64> = words.iter().map_while(|word| number(word)).collect();
        if let Some(word) = words.get(numbers.len()) {
            return Err(self.no_number(row, word));
        }
        let pose = self.keypoints > 0 && numbers.len() == 5 + self.keypoints;
        // A row of a pose data set with other numbers is one that lacks some, and no polygon.
        if self.keypoints > 0 && !pose && numbers.len() != 5 {
            let (wanted, found) = (5 + self.keypoints, numbers.len());
            return Err(format!(
                "expected a class, a box and {} numbers of keypoints (`kpt_shape`), {wanted} in all, found {found}",
                self.keypoints
            ));
        }
        let polygon = !pose && numbers.len() >= 7 && numbers.len() % 2 == 1;
        if numbers.len() != 5 && !polygon && !pose {
            return Err(wrong_count(&numbers));
        }
        let nc = self.classes.len();
        let class = numbers[0];
        if class.fract() != 0.0 || class < 0.0 || class >= nc as f64 {
            return Err(format!(
                "unknown class {}; known: 0 to {}",
                short(words[0]),
                nc - 1
            ));
        }
        let class = class as usize;
        let shares = if pose { &numbers[1..5] } else { &numbers[1..] };
        let range = -TOLERANCE..=1.0 + TOLERANCE;
        if let Some(at) = shares.iter().position(|share| !range.contains(share)) {
            return Err(format!(
                "expected shares of the image's size (0 to 1), found {}: the box lies outside or is in pixels",
                short(words[at + 1])
            ));
        }
        Ok(if polygon {
            polygon_row(class, shares)
        } else {
            box_row(class, shares)
        })
    }

    /// Why a row with this word in it is none: what people mean by it.
    fn no_number(&self, row: &str, word: &str) -> String {
        let row = row.trim();
        let name = |name: &str| {
            let rest = row.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '\t', ',', ';']))
        };
        let first_is_number = row.split_whitespace().next().and_then(number).is_some();
        // The longest, as `car` may be the start of `car wheel`.
        let named = self.classes.iter().enumerate();
        let named = named.filter(|(_, class)| !first_is_number && name(class));
        if let Some((class, name)) = named.max_by_key(|(_, name)| name.len()) {
            return format!("'{name}' is a class name; write its number {class}");
        }
        for (separator, plural) in [(',', "commas"), (';', "semicolons")] {
            if !row.contains(separator) {
                continue;
            }
            let apart: Vec<&str> = row
                .split(|c: char| c == separator || c.is_whitespace())
                .filter(|word| !word.is_empty())
                .collect();
            // `0,5` among blanks is a number with a decimal comma; as a separator, it would make
            // too many numbers.
            let decimals = separator == ',' && row.split_whitespace().count() >= 5;
            if decimals && !word.ends_with(',') {
                return format!("expected a decimal point, found a comma: '{}'", short(word));
            }
            if apart.iter().all(|word| number(word).is_some()) {
                let right = short(&apart.join(" "));
                return format!(
                    "expected numbers separated by blanks, found {plural}; write '{right}'"
                );
            }
        }
        format!("'{}' is not a number", short(word))
    }
}

/// The start of a text that may be anything, for a message.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let visible = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    let mut start: String = text.chars().take(MOST).map(visible).collect();
    if text.chars().nth(MOST).is_some() {
        start.push('…');
    }
    start
}

fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

fn wrong_count(numbers: &[f64]) -> String {
    let n = numbers.len();
    let wanted = "expected `class cx cy w h`, or a class and the points of a polygon";
    match numbers {
        [_, _, _, _, _, confidence] if (0.0..=1.0).contains(confidence) => {
            format!("{wanted}, found 6 numbers: a prediction's confidence is no part of a label")
        }
        _ => format!("{wanted}, found {n} numbers"),
    }
}

fn polygon_row(class: usize, shares: &[f64]) -> Row {
    let points: Vec<[f64; 2]> = shares.as_chunks::<2>().0.to_vec();
    let [xs, ys] = [0, 1].map(|axis| points.iter().map(move |point| point[axis]));
    let corners = [
        xs.clone().fold(1.0, f64::min),
        ys.clone().fold(1.0, f64::min),
        xs.fold(0.0, f64::max),
        ys.fold(0.0, f64::max),
    ];
    Row {
        class,
        corners,
        polygon: Some(points),
    }
}

fn box_row(class: usize, shares: &[f64]) -> Row {
    let [cx, cy, w, h] = [shares[0], shares[1], shares[2], shares[3]];
    Row {
        class,
        corners: [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0],
        polygon: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar(keypoints: usize) -> Grammar {
        Grammar {
            classes: ["car", "car wheel"].map(String::from).to_vec(),
            keypoints,
        }
    }

    #[test]
    fn polygons_keep_their_points_and_have_a_bounding_box() {
        let row = grammar(0).parse("1 0.5 0.25 0.75 0.5 0.25 0.5").unwrap();
        assert_eq!((row.class, row.corners), (1, [0.25, 0.25, 0.75, 0.5]));
        assert_eq!(
            row.polygon.unwrap(),
            [[0.5, 0.25], [0.75, 0.5], [0.25, 0.5]]
        );
    }

    #[test]
    fn what_has_one_meaning_is_taken() {
        for row in [
            "1 0.5 0.5 0.5 0.5",
            "1.0 0.5 0.5 0.5 0.5",
            "\t+1e0  .5 5e-1 0.5 0.5 ",
        ] {
            let row = grammar(0).parse(row).unwrap();
            assert_eq!((row.class, row.corners), (1, [0.25, 0.25, 0.75, 0.75]));
        }
        assert_eq!(grammar(0).parse("-0 0.5 0.5 0.5 0.5").unwrap().class, 0);
    }

    #[test]
    fn the_keypoints_of_a_pose_data_set_are_no_polygon() {
        let row = "0 0.5 0.5 0.5 0.5 0.9 0.9 0.8 0.8";
        assert!(grammar(0).parse(row).unwrap().polygon.is_some());
        let pose = grammar(4).parse(row).unwrap();
        assert_eq!(pose.corners, [0.25, 0.25, 0.75, 0.75]);
        assert!(pose.polygon.is_none());
        // Without the points' visibility, as another tool writes them.
        let found = grammar(6).parse(row).unwrap_err();
        let expected = "6 numbers of keypoints (`kpt_shape`), 11 in all, found 9";
        assert!(found.ends_with(expected), "{found}");
        assert!(grammar(6).parse("0 0.5 0.5 0.5 0.5").is_ok());
    }

    #[test]
    fn bad_rows_say_what_is_right() {
        for (row, reason) in [
            ("0 0.5 0.5 0.1", "found 4 numbers"),
            (
                "0 0.5 0.5 0.1 0.1 0.1",
                "6 numbers: a prediction's confidence is no part of a label",
            ),
            ("0 0.5 0.5 0.1 0.1 7", "found 6 numbers"),
            ("0 0.5 0.5 0.1 0.1 0.1 0.1 0.1", "found 8 numbers"),
            ("2 0.5 0.5 0.1 0.1", "unknown class 2; known: 0 to 1"),
            ("0.5 0.5 0.5 0.1 0.1", "unknown class 0.5"),
            ("1e300 0.5 0.5 0.1 0.1", "unknown class 1e300"),
            (
                "99999999999999999999 0.5 0.5 0.1 0.1",
                "unknown class 99999999999999999999;",
            ),
            ("0 1e308 0.5 0.1 0.1", "found 1e308"),
            ("0 1e309 0.5 0.1 0.1", "'1e309' is not a number"),
            ("0 nan 0.5 0.1 0.1", "'nan' is not a number"),
            (
                "0 320 240 64 48",
                "found 320: the box lies outside or is in pixels",
            ),
            ("cat 0.5 0.5 0.1 0.1", "'cat' is not a number"),
            (
                "car 0.5 0.5 0.1 0.1",
                "'car' is a class name; write its number 0",
            ),
            (
                "car wheel 5 5 1 1",
                "'car wheel' is a class name; write its number 1",
            ),
            ("car,0.5,0.5,0.1,0.1", "'car' is a class name"),
            (
                "0,0.5,0.5,0.1,0.1",
                "separated by blanks, found commas; write '0 0.5 0.5 0.1 0.1'",
            ),
            (
                "0, 0.5, 0.5, 0.1, 0.1",
                "found commas; write '0 0.5 0.5 0.1 0.1'",
            ),
            (
                "0;0.5;0.5;0.1;0.1",
                "found semicolons; write '0 0.5 0.5 0.1 0.1'",
            ),
            (
                "0 0,5 0,5 0,1 0,1",
                "expected a decimal point, found a comma: '0,5'",
            ),
            ("0;0,5;0,5;0,1;0,1", "is not a number"),
            ("0 0.5 \0 0.1 0.1", "'\u{FFFD}' is not a number"),
        ] {
            let found = grammar(0).parse(row).unwrap_err();
            assert!(found.contains(reason), "{row}: {found}");
        }
        let long = grammar(0).parse(&"x".repeat(1 << 20)).unwrap_err();
        assert!(long.len() < 100, "{long}");
        // A class may be called as another one's number.
        let numbers = Grammar {
            classes: ["1", "0"].map(String::from).to_vec(),
            keypoints: 0,
        };
        assert_eq!(numbers.parse("1 0.5 0.5 0.1 0.1").unwrap().class, 1);
        let found = numbers.parse("1 0.5 x 0.1 0.1").unwrap_err();
        assert_eq!(found, "'x' is not a number");
    }
}
