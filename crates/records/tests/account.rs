//! The account of a split: how it reads, and records that have none.

use ablate_records::{
    DataAccount, EvalMeasurement, LeftOut, LeftOutReason, Measurement, TrainMeasurement,
};
use serde_json::json;

fn account() -> DataAccount {
    DataAccount {
        name: "mine".into(),
        split: "train".into(),
        images: 800,
        boxes: 2003,
        background: 12,
        ..DataAccount::default()
    }
}

fn with_gaps() -> DataAccount {
    DataAccount {
        unlabelled: 5,
        clipped: 2,
        left_out: LeftOut {
            images: 3,
            annotations: 1,
            masks: 0,
            ..LeftOut::default()
        },
        reasons: vec![LeftOutReason {
            what: "image".into(),
            reason: "corrupt image".into(),
            count: 3,
            examples: vec!["a.png: corrupt image: no header".into()],
        }],
        ..account()
    }
}

#[test]
fn an_account_is_one_line() {
    assert_eq!(
        account().to_string(),
        "data mine, train: 800 images, 2003 boxes, 12 background"
    );
    assert_eq!(
        with_gaps().to_string(),
        "data mine, train: 800 images, 2003 boxes, 12 background (5 without a label file), 2 clipped; left out: 3 images, 1 annotation"
    );
    let one = DataAccount {
        images: 1,
        boxes: 1,
        ..account()
    };
    assert!(one.to_string().contains(": 1 image, 1 box, "));
    let crowded = DataAccount {
        ignored: 3,
        ..account()
    };
    assert_eq!(
        crowded.to_string(),
        "data mine, train: 800 images, 2003 boxes (3 ignored: crowds or difficult), 12 background"
    );
    assert_eq!(LeftOut::default().to_string(), "nothing");
    let lost = LeftOut {
        images: 2,
        boxes: 50,
        annotations: 1,
        ..LeftOut::default()
    };
    assert_eq!(
        (lost.to_string().as_str(), lost.total()),
        ("2 images with 50 boxes, 1 annotation", 3)
    );
    let orphans = LeftOut {
        label_files: 2,
        ..LeftOut::default()
    };
    assert_eq!(
        (orphans.to_string().as_str(), orphans.total()),
        ("2 label files", 2)
    );
}

#[test]
fn an_account_of_a_clean_split_is_short_and_comes_back() {
    assert_eq!(
        serde_json::to_value(account()).unwrap(),
        json!({ "name": "mine", "split": "train", "images": 800, "boxes": 2003, "background": 12 })
    );
    for account in [account(), with_gaps()] {
        let text = serde_json::to_string(&account).unwrap();
        assert_eq!(serde_json::from_str::<DataAccount>(&text).unwrap(), account);
    }
}

#[test]
fn records_of_earlier_versions_have_none_and_are_read() {
    let train = json!({
        "stage": "train", "epochs": [], "train_s": 1.0, "images_per_s": 2.0, "best_epoch": 0,
        "best_weights": "best", "last_weights": "last", "train_images": 8, "val_images": 2,
    });
    let eval = json!({
        "stage": "eval", "split": "val", "images": 2, "instances": 3, "coco": {}, "per_class": [],
        "seconds": 1.0,
    });
    let read = |value: &serde_json::Value| -> Measurement {
        serde_json::from_value(value.clone()).unwrap()
    };
    let Measurement::Train(trained) = read(&train) else {
        panic!("{train}");
    };
    let Measurement::Eval(evaluated) = read(&eval) else {
        panic!("{eval}");
    };
    assert_eq!((trained.data.len(), &evaluated.data), (0, &None));
    // Without an account they are written as they were.
    let written = serde_json::to_value(Measurement::Train(trained.clone())).unwrap();
    assert_eq!(written.get("data"), None);

    for measurement in [
        Measurement::Train(TrainMeasurement {
            data: vec![account(), with_gaps()],
            ..trained
        }),
        Measurement::Eval(EvalMeasurement {
            data: Some(with_gaps()),
            ..evaluated
        }),
    ] {
        let text = serde_json::to_string(&measurement).unwrap();
        assert_eq!(
            serde_json::from_str::<Measurement>(&text).unwrap(),
            measurement
        );
    }
}
