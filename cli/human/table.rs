//! Tables: columns as wide as their widest cell, the last one open.
//!
//! Invariant: the colours of a table are its own; a cell's text brings none.

use certwright_engine::text::line;

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
    let rows: Vec<Vec<Cell>> = std::iter::once(&heading).chain(rows).map(|row| harmless(row)).collect();
    let mut widths = vec![0; heading.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let mut out = String::new();
    for row in &rows {
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

/// Cells that are one line each and as wide as they count.
fn harmless(row: &[Cell]) -> Vec<Cell> {
    row.iter().map(|cell| Cell { text: line(&cell.text), tone: cell.tone }).collect()
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

    #[test]
    fn a_cell_brings_no_colour_and_no_line_of_its_own() {
        let rows = [vec![Cell::plain("a\u{1b}[31mb\nc"), Cell::plain("d")]];
        let text = table(&["X", "Y"], &rows, 0, Paint::Plain);
        assert_eq!(text, "X                Y\na\\u{1b}[31mb\\nc  d\n");
    }
}
