//! What a record says of one aspect of its sweep: keys with their values.

use serde_json::Value;

use ablate_records::{By, Measurement, Outcome, Record, Stage};

/// Keys with their values, as a reader sees them.
pub type Aspect = fn(&Record) -> Vec<(String, String)>;

/// A value of a record's inputs, as short as a reader wants it.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) if is_hash(text) => text.chars().take(8).collect(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            // Half of them come from f32.
            .map_or(number.to_string(), |x| {
                format!("{}", (x * 1e6).round() / 1e6)
            }),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() >= 12 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// The entries of an object below these keys, nested ones by `outer.inner`.
fn entries(record: &Record, stage: Stage, key: &str) -> Vec<(String, String)> {
    let value = match record.stage == stage {
        true => &record.inputs[key],
        false => &Value::Null,
    };
    let mut found = Vec::new();
    let mut open = vec![(String::new(), value)];
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Object(object) => open.extend(object.iter().map(|(key, value)| {
                let name = match name.is_empty() {
                    true => key.clone(),
                    false => format!("{name}.{key}"),
                };
                (name, value)
            })),
            Value::Null if name.is_empty() => {}
            value => found.push((name, short(value))),
        }
    }
    found
}

/// Names of the data sets, and fingerprints of their splits.
pub fn data(record: &Record) -> Vec<(String, String)> {
    let Some(name) = &record.cell.dataset else {
        return Vec::new();
    };
    let mut found = match record.stage {
        Stage::Train => vec![("data set".to_string(), name.clone())],
        _ => Vec::new(),
    };
    let splits = entries(record, Stage::Train, "dataset").into_iter();
    found.extend(splits.map(|(split, print)| (format!("content of {split}"), print)));
    let evaluated = entries(record, Stage::Eval, "dataset").into_iter();
    found.extend(evaluated.map(|(_, print)| ("content of the evaluated split".into(), print)));
    found
}

/// Keys of the recipe, family by family where families have other values.
pub fn recipe(record: &Record) -> Vec<(String, String)> {
    let of_family = |(key, value)| (format!("{} {key}", record.cell.family), value);
    entries(record, Stage::Train, "recipe")
        .into_iter()
        .map(of_family)
        .collect()
}

pub fn image_size(record: &Record) -> Vec<(String, String)> {
    let sizes = record.cell.imgsz;
    let (of, size) = match record.stage {
        Stage::Cost => ("GFLOPs", sizes.cost),
        Stage::Latency => ("latency", sizes.latency),
        Stage::Train => ("training", sizes.train),
        // That of the training.
        _ => return Vec::new(),
    };
    vec![(of.into(), format!("{size} px"))]
}

pub fn first_weights(record: &Record) -> Vec<(String, String)> {
    let Outcome::Done {
        measurement: Measurement::Train(train),
    } = &record.outcome
    else {
        return Vec::new();
    };
    let file = train.weights.as_ref().map(|weights| weights.file.clone());
    vec![("from".into(), file.unwrap_or("random weights".into()))]
}

pub fn evaluation(record: &Record) -> Vec<(String, String)> {
    if record.stage != Stage::Eval {
        return Vec::new();
    }
    let split = ("split".to_string(), short(&record.inputs["split"]));
    // Anchor-based and anchor-free heads have other thresholds.
    let of_family = |(key, value)| (format!("{} {key}", record.cell.family), value);
    let nms = entries(record, Stage::Eval, "nms")
        .into_iter()
        .map(of_family);
    [split].into_iter().chain(nms).collect()
}

pub fn timing(record: &Record) -> Vec<(String, String)> {
    // What is named by other aspects.
    let others: &[&str] = match record.stage {
        Stage::Latency => &["model", "nc", "imgsz"],
        Stage::Detect => &["train", "split", "dataset", "resized", "nms"],
        _ => return Vec::new(),
    };
    let always = ["device", "cpu", "threads", "code", "dtype", "mode"];
    let Some(inputs) = record.inputs.as_object() else {
        return Vec::new();
    };
    let named = |key: &String| match record.stage {
        Stage::Detect => format!("detect {key}"),
        _ => key.clone(),
    };
    let by = match &record.outcome {
        Outcome::Done {
            measurement: Measurement::Latency(latency),
        } => Some(latency.by),
        Outcome::Done {
            measurement: Measurement::Detect(detect),
        } => Some(detect.whole.by),
        _ => None,
    };
    let by = by.map(|by| {
        let way = by.map_or("not recorded", By::name);
        (named(&"by".to_string()), way.to_string())
    });
    // Inputs name them only where they are not the first choice.
    let cell = &record.cell;
    let choices = [("dtype", &cell.dtype), ("mode", &cell.mode)];
    let choices = choices
        .into_iter()
        .filter(|_| record.stage == Stage::Latency)
        .map(|(key, value)| (key.to_string(), value.clone()));
    inputs
        .iter()
        .filter(|(key, _)| !others.contains(&key.as_str()) && !always.contains(&key.as_str()))
        .map(|(key, value)| (named(key), short(value)))
        .chain(by)
        .chain(choices)
        .collect()
}

pub fn machine(record: &Record) -> Vec<(String, String)> {
    let environment = &record.environment;
    let said = [
        ("device", record.cell.device.clone()),
        ("processor", environment.cpu.clone()),
        ("threads", environment.threads.to_string()),
        ("system", environment.os.clone()),
    ];
    let on_device = |what: &str| what != "device" || record.stage != Stage::Cost;
    said.into_iter()
        .filter(|(what, value)| !value.is_empty() && on_device(what))
        .map(|(what, value)| (what.into(), value))
        .collect()
}

/// Hashes of the sources.
pub fn code(record: &Record) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for stage in Stage::ALL {
        found.extend(entries(record, stage, "code"));
    }
    found
}
