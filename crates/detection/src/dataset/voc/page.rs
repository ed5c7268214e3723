//! The XML file of an image.

use std::path::Path;

use roxmltree::{Document, Node};

use super::super::Problems;
use super::super::error::in_words;
use super::super::folder::is_special;
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
    if is_special(xml) {
        return Err("unreadable annotation file: expected a file".into());
    }
    let text = ablate_files::read_xml(xml)
        .map_err(|error| format!("unreadable annotation file: {}", in_words(&error)))?;
    let document =
        Document::parse(&text).map_err(|error| format!("corrupt annotation file: {error}"))?;
    let mut page = Page::default();
    let root = document.root_element();
    let name = root.tag_name().name();
    if !name.eq_ignore_ascii_case("annotation") && objects(root).is_empty() {
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
    for object in objects(root) {
        let line_of = |node: Node| document.text_pos_at(node.range().start).row as usize;
        let line = line_of(object);
        match read_object(object, line) {
            Ok((object, odd)) => {
                page.objects.push(object);
                if let Some(reason) = odd {
                    page.problems.note(xml, Some(line), reason);
                }
            }
            Err(reason) => page.problems.annotation(xml, Some(line), reason),
        }
        for other in children(object, "bndbox").skip(1) {
            let reason =
                "second bndbox of an object, whose first is used; write an object for each";
            page.problems.annotation(xml, Some(line_of(other)), reason);
        }
    }
    Ok(page)
}

/// The objects, however deep some tools put them. Those inside of another one are its parts.
fn objects<'a, 'i>(root: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        match is(node, "object") {
            true => found.push(node),
            false => open.extend(node.children().rev()),
        }
    }
    found
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

/// An object, and what is odd about it if something is.
fn read_object(object: Node, line: usize) -> Result<(Object, Option<String>), String> {
    let mut names = children(object, "name").filter_map(text_of);
    let name = names.next().ok_or("object without a name")?;
    if let Some(other) = names.find(|other| *other != name) {
        return Err(format!("expected one name, found '{name}' and '{other}'"));
    }
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
    let (difficult, odd) = match child(object, "difficult").and_then(text_of) {
        None => (false, None),
        Some(text) => match text.to_ascii_lowercase().as_str() {
            "0" | "0.0" | "false" | "no" => (false, None),
            "1" | "1.0" | "true" | "yes" => (true, None),
            _ => {
                let odd = format!("difficult: expected 0 or 1, found '{text}'; taken for 0");
                (false, Some(odd))
            }
        },
    };
    let object = Object {
        line,
        like_shares: like_shares.then(|| format!("box ({xmin}, {ymin}, {xmax}, {ymax})")),
        name,
        corners: [xmin - 1.0, ymin - 1.0, xmax, ymax],
        difficult,
    };
    Ok((object, odd))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| is(*child, name))
}

/// Whether an element has this name, in any case of letters.
fn is(node: Node, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

fn text_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.text().map(str::trim).filter(|text| !text.is_empty())
}
