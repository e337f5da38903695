//! Tables of text that read well without colour.

/// Lays out rows under headings; the first column begins at the left, numbers end at the right.
pub(crate) fn lay_out(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let lines = || std::iter::once(&headings).chain(rows);
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = lines().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> = (0..headings.len())
        .map(|column| {
            let mut cells = rows.iter().filter_map(|row| row.get(column));
            cells.all(|cell| is_number(cell))
        })
        .collect();
    let mut text = String::new();
    for (number, line) in lines().enumerate() {
        if number == 1 {
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            text.push_str(&rules.join("  "));
            text.push('\n');
        }
        let mut out = String::new();
        for ((cell, width), numeric) in line.iter().zip(&widths).zip(&numeric) {
            let cell = if *numeric { format!("{cell:>width$}") } else { format!("{cell:width$}") };
            out.push_str(&cell);
            out.push_str("  ");
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}

/// Whether a cell is a number, perhaps with a unit of bytes, or stands for none.
fn is_number(cell: &str) -> bool {
    let number = cell.trim_end_matches(|c: char| "KMGTiB ".contains(c));
    cell == "–" || number.parse::<f64>().is_ok()
}

/// Bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for larger in units.into_iter().skip(1) {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["frames → memory".to_owned(), "150".into()], vec!["s".into(), "5".into()]];
        assert_eq!(
            lay_out(&["class", "objects"], &rows),
            "class            objects\n\
             ───────────────  ───────\n\
             frames → memory      150\n\
             s                      5\n"
        );
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        let shown = [0, 1023, 1024, 1536, 1 << 20, (1 << 20) - 1, 5 << 40].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 MiB", "5.0 TiB"]);
    }
}
