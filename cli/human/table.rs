//! Tables: columns as wide as their widest cell, the last one open.

use crate::terminal::{Paint, Tone};

/// One cell: its text and what its colour says.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// The text.
    pub(crate) text: String,
    /// Its meaning.
    pub(crate) tone: Tone,
}

impl Cell {
    /// A cell without a meaning of its own.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Normal }
    }
}

/// Lays rows out under a heading; `indent` spaces stand before each line.
pub(crate) fn table(heading: &[&str], rows: &[Vec<Cell>], indent: usize, paint: Paint) -> String {
    let heading: Vec<Cell> =
        heading.iter().map(|text| Cell { text: (*text).to_owned(), tone: Tone::Faint }).collect();
    let mut widths = vec![0; heading.len()];
    for row in std::iter::once(&heading).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let mut out = String::new();
    for row in std::iter::once(&heading).chain(rows) {
        out.push_str(&" ".repeat(indent));
        let last = row.len().saturating_sub(1);
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            out.push_str(&paint.tone(cell.tone, &cell.text));
            if at < last {
                out.push_str(&" ".repeat(width - cell.text.chars().count() + 2));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |host: &str, name: &str| vec![Cell::plain(host), Cell::plain(name)];
        let rows = [row("cp-1", "apiserver"), row("workstation", "x")];
        let text = table(&["HOST", "CERTIFICATE"], &rows, 2, Paint::Plain);
        assert_eq!(text, "  HOST         CERTIFICATE\n  cp-1         apiserver\n  workstation  x\n");
    }
}
