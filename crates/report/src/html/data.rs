//! What the data sets held, and what was left out of them.

use serde::Serialize;

use super::table::{Group, Sheet, Td, Th, Tr};
use crate::rows::{Row, Rows};
use ablate_records::{DataAccount, LeftOutReason};

/// The block about the data.
#[derive(Serialize)]
pub struct Data<'a> {
    sheet: Sheet,
    /// Whether anything is missing of any split.
    lost: bool,
    gaps: Vec<Gaps<'a>>,
}

/// What is missing of a split, or to know of it.
#[derive(Serialize)]
struct Gaps<'a> {
    title: String,
    reasons: &'a [LeftOutReason],
}

/// The splits that the models were trained and evaluated on, each once; None if no record has an
/// account of one.
pub fn data<'a>(rows: &Rows<'a>) -> Option<Data<'a>> {
    let mut accounts: Vec<&DataAccount> = Vec::new();
    for account in rows.rows.iter().flat_map(of_row) {
        // Two accounts of one split are of data that changed, and both are shown.
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    let order = |split: &str| ["train", "val", "test"].iter().position(|of| *of == split);
    accounts.sort_by_key(|account| (&account.name, order(&account.split)));
    let lost = |account: &&DataAccount| !account.left_out.is_empty();
    // Where nothing is missing, there may be notes.
    let with_gaps = accounts
        .iter()
        .filter(|account| lost(account) || !account.reasons.is_empty());
    let gaps = with_gaps.map(|account| Gaps {
        title: format!(
            "{}, {}: {} left out",
            account.name, account.split, account.left_out
        ),
        reasons: &account.reasons,
    });
    (!accounts.is_empty()).then(|| Data {
        lost: accounts.iter().any(lost),
        gaps: gaps.collect(),
        sheet: sheet(&accounts),
    })
}

fn of_row<'a>(row: &Row<'a>) -> impl Iterator<Item = &'a DataAccount> {
    let trained = row.train().into_iter().flat_map(|train| &train.data);
    trained.chain(row.eval().and_then(|eval| eval.data.as_ref()))
}

fn sheet(accounts: &[&DataAccount]) -> Sheet {
    let heads = [
        ("Split", ""),
        ("Images", "that could be decoded"),
        ("Boxes", "ignored ones included"),
        (
            "Ignored",
            "crowds and difficult objects: no targets of training, ignored in evaluation",
        ),
        ("Background", "images without a box"),
        (
            "No label file",
            "background images for which none was found",
        ),
        (
            "Clipped",
            "boxes that reached over the border by more than a pixel",
        ),
        (
            "Left out",
            "not used: whole images, boxes of images that stay, masks of boxes that stay",
        ),
    ];
    let head = |(text, tip): (&str, &str)| Th {
        text: text.into(),
        tip: tip.into(),
    };
    let row = |account: &&DataAccount| Tr {
        name: account.name.clone(),
        baseline: false,
        front: false,
        cells: vec![
            Td {
                text: account.split.clone(),
                ..Td::default()
            },
            count(account.images),
            count(account.boxes),
            count(account.ignored),
            count(account.background),
            count(account.unlabelled),
            count(account.clipped),
            left_out(account),
        ],
    };
    Sheet {
        title: String::new(),
        first: "Data set",
        heads: heads.map(head).into(),
        groups: vec![Group {
            name: String::new(),
            rows: accounts.iter().map(row).collect(),
        }],
    }
}

fn count(count: usize) -> Td {
    Td::figure(count.to_string(), count as f64)
}

fn left_out(account: &DataAccount) -> Td {
    let left_out = account.left_out;
    Td {
        class: if left_out.is_empty() { "" } else { "lost" },
        ..Td::figure(left_out.to_string(), left_out.total() as f64)
    }
}
