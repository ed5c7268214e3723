//! All models that the catalog names: every family at its own scales with every variant.

use std::collections::BTreeSet;

use ablate_model::{
    Catalog, Graph, ModelName,
    spec::{Arg, Scaling, Table},
};

/// Which scales of a family.
#[derive(Clone, Copy, PartialEq)]
pub enum Scales {
    All,
    /// The first and the third: of most families n and m, which differ in more than width.
    Two,
    /// The first.
    Smallest,
}

/// A model that a test builds: narrow, so that the whole grid fits into minutes.
pub struct Model {
    pub name: ModelName,
    pub graph: Graph,
}

/// The baseline, and every variant alone.
pub fn singles(catalog: &Catalog) -> Vec<&str> {
    let variants = catalog.variants().map(|variant| variant.name.as_str());
    std::iter::once("baseline").chain(variants).collect()
}

/// Every family at its scales with each of the variants. A variant that refuses a family has to say
/// so by its name; those models are printed, and left out.
pub fn models<'a>(
    catalog: &'a Catalog,
    scales: Scales,
    variants: Vec<&'a str>,
) -> impl Iterator<Item = Model> + 'a {
    let families: Vec<&str> = catalog.families().map(String::as_str).collect();
    let wanted = families.into_iter().flat_map(move |family| {
        let mut of_family = catalog.scales(family);
        match scales {
            Scales::All => {}
            Scales::Two => of_family = of_family.into_iter().step_by(2).take(2).collect(),
            Scales::Smallest => of_family.truncate(1),
        }
        let variants = variants.clone();
        of_family.into_iter().flat_map(move |scale| {
            let name = ModelName::baseline(family, scale);
            let named = move |variant: &&str| name.clone().with_variants(variant).unwrap();
            variants.iter().map(named).collect::<Vec<_>>()
        })
    });
    let mut seen = BTreeSet::new();
    wanted.filter_map(move |name| match narrow(catalog, &name) {
        // Scales that differ in width alone are one network here.
        Ok(graph) => seen
            .insert(printed(&graph))
            .then_some(Model { name, graph }),
        Err(refusal) => {
            let explained = name
                .variants
                .iter()
                .any(|call| refusal.contains(&call.name));
            assert!(explained, "{name}: {refusal}");
            println!("left out: {refusal}");
            None
        }
    })
}

/// All of a network but its weights.
fn printed(graph: &Graph) -> String {
    let rows = graph.nodes.iter().map(|node| node.summary());
    let rows = rows.map(|row| format!("{} {} {} {}\n", row.from, row.n, row.module, row.arguments));
    rows.collect()
}

/// A model of three classes at its own depth, as narrow as its blocks allow.
pub fn narrow(catalog: &Catalog, name: &ModelName) -> Result<Graph, String> {
    let resolved = catalog.resolve(name).map_err(|e| e.to_string())?;
    let scaling = Scaling {
        width: match name.family.as_str() {
            // An attention's head has 64 channels, in YOLO12 32 of a quarter.
            "yolov10" | "yolo11" | "yolo26" => 0.125,
            "yolo12" => 0.25,
            // Its channels are divided instead: those inside its blocks are not the width's to scale.
            "yolov9" => 1.0,
            _ => 0.0625,
        },
        max_channels: None,
        ..resolved.scaling
    };
    let mut table = (catalog.patched(name, scaling)).map_err(|e| e.to_string())?;
    if name.family == "yolov9" {
        let wide = ["c", "e"].contains(&name.scale.as_str());
        divide(&mut table, if wide { 8 } else { 4 });
    }
    let fail = |error: ablate_model::graph::GraphError| format!("{name}: {error}");
    Graph::resolve(&table, scaling, 3).map_err(fail)
}

/// Divides all channels of the rows before the head: the numbers from 16 on.
pub fn divide(table: &mut Table, by: i64) {
    let last = table.head.len() - 1;
    let rows = table.backbone.iter_mut().chain(&mut table.head[..last]);
    rows.flat_map(|row| &mut row.args)
        .for_each(|arg| divide_arg(arg, by));
}

fn divide_arg(arg: &mut Arg, by: i64) {
    match arg {
        Arg::Int(channels) if *channels >= 16 => *channels /= by,
        Arg::List(args) => args.iter_mut().for_each(|arg| divide_arg(arg, by)),
        _ => {}
    }
}

/// Nothing is built: this tells within a second which variant does not fit, and is not explained.
#[test]
fn what_is_left_out_is_explained() {
    let catalog = Catalog::builtin();
    let models = models(&catalog, Scales::All, singles(&catalog));
    assert!(models.count() > 300);
}
