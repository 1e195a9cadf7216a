//! Tables as Go's tabwriter lays them out.

/// Lays out rows: every cell but a row's last one is padded to its column, at least `min` wide with `padding` spaces.
/// An empty last cell makes the one before it a padded one.
pub(super) fn table(rows: &[Vec<String>], min: usize, padding: usize) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (k, cell) in row.iter().take(row.len().saturating_sub(1)).enumerate() {
            if widths.len() <= k {
                widths.push(min);
            }
            widths[k] = widths[k].max(cell.chars().count() + padding);
        }
    }
    let mut text = String::new();
    for row in rows {
        for (k, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if k + 1 < row.len() {
                text.extend(std::iter::repeat_n(' ', widths[k] - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

/// A row of owned cells.
pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
