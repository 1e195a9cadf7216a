//! Tables: columns as wide as their widest cell, the last one open.

use crate::terminal::{Paint, Tone};

/// Lays rows out under a heading; `indent` spaces stand before each line.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>], indent: usize, paint: Paint) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lay = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = String::new();
    let heading = lay(&mut heading.iter().copied());
    out.push_str(&format!("{:indent$}{}\n", "", paint.tone(Tone::Faint, &heading)));
    for row in rows {
        out.push_str(&format!("{:indent$}{}\n", "", lay(&mut row.iter().map(String::as_str))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [vec!["cp-1".to_owned(), "apiserver".to_owned()], vec!["workstation".to_owned(), "x".to_owned()]];
        let text = table(&["HOST", "CERTIFICATE"], &rows, 2, Paint::Plain);
        assert_eq!(text, "  HOST         CERTIFICATE\n  cp-1         apiserver\n  workstation  x\n");
    }
}
