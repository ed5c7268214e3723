//! The XML file of an image.

use std::path::Path;

use roxmltree::{Document, Node};

use super::super::Problems;
use super::super::error::in_words;
use super::super::visible::visible;

/// The content of an XML file.
#[derive(Default)]
pub(super) struct Page {
    /// Width and height of the image, where it states them.
    pub size: Option<(usize, usize)>,
    pub objects: Vec<Object>,
    pub problems: Problems,
}

/// An object in it, in corners that count from 0.
pub(super) struct Object {
    pub line: usize,
    pub name: String,
    pub corners: [f64; 4],
    /// What it is called if its numbers look like shares of the image's size.
    pub like_shares: Option<String>,
    pub difficult: bool,
}

/// Reads a file, or says why it can't be used at all.
pub(super) fn read_page(xml: &Path) -> Result<Page, String> {
    let text = ablate_files::read_xml(xml)
        .map_err(|error| format!("unreadable annotation file: {}", in_words(&error)))?;
    let document =
        Document::parse(&text).map_err(|error| format!("corrupt annotation file: {error}"))?;
    let mut page = Page::default();
    let root = document.root_element();
    let name = root.tag_name().name();
    if !name.eq_ignore_ascii_case("annotation") && child(root, "object").is_none() {
        return Err(format!("expected an <annotation>, found a <{name}>"));
    }
    if let Some(size) = child(root, "size") {
        match read_size(size) {
            Ok(size) => page.size = size,
            Err(reason) => {
                let line = document.text_pos_at(size.range().start).row as usize;
                page.problems.note(xml, Some(line), reason);
            }
        }
    }
    for object in root.children().filter(|node| node.has_tag_name("object")) {
        let line = document.text_pos_at(object.range().start).row as usize;
        match read_object(object, line) {
            Ok(object) => page.objects.push(object),
            Err(reason) => page.problems.annotation(xml, Some(line), reason),
        }
    }
    Ok(page)
}

/// Width and height; None where they are not stated, of which 0 is a way.
fn read_size(size: Node) -> Result<Option<(usize, usize)>, String> {
    let number = |name: &str| match child(size, name).and_then(text_of) {
        None => Ok(0),
        Some(text) => match text.parse::<f64>() {
            Ok(number) if (0.0..1e9).contains(&number) && number.fract() == 0.0 => {
                Ok(number as usize)
            }
            _ => Err(format!(
                "size: {name}: expected a number of pixels, found '{text}'; whether the image is of another size is not known"
            )),
        },
    };
    let size = (number("width")?, number("height")?);
    Ok(Some(size).filter(|&(width, height)| width > 0 && height > 0))
}

fn read_object(object: Node, line: usize) -> Result<Object, String> {
    let name = child(object, "name")
        .and_then(text_of)
        .ok_or("object without a name")?;
    let name = visible(name.to_owned());
    let bndbox = child(object, "bndbox").ok_or("object without a bndbox")?;
    let number = |key: &str| -> Result<f64, String> {
        let text = child(bndbox, key)
            .and_then(text_of)
            .ok_or_else(|| format!("bndbox without {key}"))?;
        text.parse()
            .map_err(|_| format!("{key}: '{text}' is not a number"))
    };
    let [xmin, ymin, xmax, ymax] = [
        number("xmin")?,
        number("ymin")?,
        number("xmax")?,
        number("ymax")?,
    ];
    if xmax <= xmin || ymax <= ymin {
        return Err(format!(
            "{name}: box without area ({xmin}, {ymin}, {xmax}, {ymax})"
        ));
    }
    // As corners of pixels, which count from 1, such numbers lie within the first one.
    let like_shares = xmin.min(ymin) >= 0.0 && xmax.max(ymax) <= 1.0;
    Ok(Object {
        line,
        like_shares: like_shares.then(|| format!("box ({xmin}, {ymin}, {xmax}, {ymax})")),
        name,
        corners: [xmin - 1.0, ymin - 1.0, xmax, ymax],
        difficult: child(object, "difficult").and_then(text_of) == Some("1"),
    })
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.text().map(str::trim).filter(|text| !text.is_empty())
}
