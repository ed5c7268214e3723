//! Hashes of the sources that a measurement depends on, so that a record is of the code that made
//! it.
//!
//! What is hashed are the tokens of each file: uncommitted edits count; comments, docstrings and
//! the order of white space don't.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The parts by name, and the folders or files that each consists of.
pub const PARTS: [(&str, &[&str]); 5] = [
    ("kernels", &["crates/kernels/src", "crates/engine/src"]),
    ("model", &["crates/model/src"]),
    ("detection", &["crates/detection/src"]),
    ("training", &["crates/training/src"]),
    ("measure", &["crates/harness/src/measure"]),
];

/// Twelve hexadecimal digits of BLAKE3 over the files' paths and tokens, in order of their paths.
pub fn hash(root: &Path, places: &[&str]) -> String {
    let mut files = Vec::new();
    for place in places {
        collect(&root.join(place), &mut files);
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let path = file.strip_prefix(root).unwrap_or(&file);
        hasher.update(path.to_string_lossy().replace('\\', "/").as_bytes());
        let text = fs::read_to_string(&file).unwrap_or_default();
        let text = match file.extension() {
            Some(ending) if ending == "rs" => tokens(&text).unwrap_or(text),
            _ => text,
        };
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..12].to_owned()
}

/// All files below a path but tests.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match path.file_stem().is_some_and(|stem| stem == "tests") {
            true => {}
            false if path.is_dir() => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// A source file without comments, docstrings and layout; none if it does not parse.
fn tokens(text: &str) -> Option<String> {
    let stream: TokenStream = text.parse().ok()?;
    let mut out = String::with_capacity(text.len());
    write(stream, &mut out);
    Some(out)
}

fn write(stream: TokenStream, out: &mut String) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut rest = tokens.as_slice();
    loop {
        rest = match rest {
            [] => return,
            // `#[doc = "…"]` and `#![doc = "…"]`, which docstrings are tokens of.
            [hash, doc, after @ ..] if is(hash, '#') && is_doc(doc) => after,
            [hash, bang, doc, after @ ..] if is(hash, '#') && is(bang, '!') && is_doc(doc) => after,
            [TokenTree::Group(group), after @ ..] => {
                let [open, close] = match group.delimiter() {
                    Delimiter::Parenthesis => ["(", ")"],
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Bracket => ["[", "]"],
                    Delimiter::None => ["", ""],
                };
                out.push_str(open);
                write(group.stream(), out);
                out.push_str(close);
                after
            }
            // A trailing comma is layout.
            [comma] if is(comma, ',') => return,
            [token, after @ ..] => {
                out.push_str(&token.to_string());
                out.push(' ');
                after
            }
        };
    }
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_doc(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let mut inside = group.stream().into_iter();
    let word = inside.next();
    matches!(word, Some(TokenTree::Ident(word)) if word == "doc")
        && matches!(inside.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == '=')
}
