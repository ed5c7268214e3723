//! A table in LaTeX, for `booktabs` and `amssymb`.

use std::fmt::Write;

use super::sheet::{Heading, Item, Sheet};

/// A floating table with caption and label, and what it needs in a comment.
pub fn render(sheet: &Sheet, label: &str) -> String {
    let mut text = "% \\usepackage{booktabs,amssymb}\n".to_string();
    let alignment = sheet
        .headings
        .iter()
        .map(|heading| match heading.is_figure {
            true => 'r',
            false => 'l',
        });
    let alignment: String = ['l'].into_iter().chain(alignment).collect();
    let caption = [format!("{}.", sheet.title)];
    let caption: Vec<String> = caption
        .iter()
        .chain(&sheet.caption)
        .map(|s| escaped(s))
        .collect();
    let _ = writeln!(
        text,
        "\\begin{{table}}[t]\n\\centering\n\\small\n\\setlength{{\\tabcolsep}}{{4pt}}\n\\caption{{{}}}\n\\label{{tab:{}}}\n\\begin{{tabular}}{{{alignment}}}\n\\toprule",
        caption.join("\n  "),
        label,
    );
    let head = ["Model".to_string()]
        .into_iter()
        .chain(sheet.headings.iter().map(heading));
    let _ = writeln!(text, "{} \\\\", Vec::from_iter(head).join(" & "));
    // Families of one model each need no rules between them.
    let parts = sheet.groups.iter().any(|group| group.rows.len() > 1);
    for (place, group) in sheet.groups.iter().enumerate() {
        if parts || place == 0 {
            text += "\\midrule\n";
        }
        for (model, items) in &group.rows {
            let entries = items.iter().map(entry);
            let cells = Vec::from_iter([escaped(model)].into_iter().chain(entries));
            let _ = writeln!(text, "{} \\\\", cells.join(" & "));
        }
    }
    text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
}

fn heading(heading: &Heading) -> String {
    let text = escaped(&heading.text);
    match heading.unit {
        "" => text,
        unit => format!("{text} ({})", escaped(unit)),
    }
}

fn entry(item: &Item) -> String {
    match item {
        Item::Text(text) => escaped(text),
        Item::Figure { text, spread, best } => {
            let figure = number(text);
            let figure = match best {
                true => format!("\\textbf{{{figure}}}"),
                false => figure,
            };
            match spread {
                Some(spread) => format!("{figure} $\\pm$ {}", number(spread)),
                None => figure,
            }
        }
        Item::Change {
            sign,
            text,
            interval,
        } => {
            let change = format!("{} {}", escaped(sign), number(text));
            match interval {
                Some([low, high]) => {
                    format!(
                        "{change} {{\\footnotesize [{}, {}]}}",
                        number(low),
                        number(high)
                    )
                }
                None => change,
            }
        }
    }
}

/// With the minus, and the comma between thousands, of mathematics.
fn number(text: &str) -> String {
    let is_signed = text.starts_with(['−', '+', '±']);
    let grouped = is_grouped(text);
    let text = escaped(text);
    let text = match grouped {
        true => text.replace(',', "{,}"),
        false => text,
    };
    match is_signed {
        // Its sign is that of the number, without the space of an operator.
        true => format!("${}$", text.replace('$', "")),
        false => text,
    }
}

/// Whether its commas are those between thousands, not those of a list.
fn is_grouped(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_digit() || ",.+−".contains(c))
}

/// As text, in one line: no sign of it is LaTeX.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            // At the start of a row they would be arguments of the line break before it.
            '*' | '[' | ']' => out.extend(['{', c, '}']),
            '−' => out.push_str("$-$"),
            '±' => out.push_str("$\\pm$"),
            '×' => out.push_str("$\\times$"),
            '·' => out.push_str("$\\cdot$"),
            '≈' => out.push_str("$\\approx$"),
            '▲' => out.push_str("$\\blacktriangle$"),
            '▼' => out.push_str("$\\blacktriangledown$"),
            '△' => out.push_str("$\\vartriangle$"),
            '▽' => out.push_str("$\\triangledown$"),
            'Δ' => out.push_str("$\\Delta$"),
            '²' => out.push_str("$^2$"),
            '°' => out.push_str("$^\\circ$"),
            '∅' => out.push_str("$\\emptyset$"),
            '–' => out.push_str("--"),
            '…' => out.push_str("\\dots{}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
